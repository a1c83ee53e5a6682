/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages that a frontend of any kind of device sends. All set @reason when they fail; the
 * errors are those of control_query() and control_command().
 */
#ifndef FRONTEND_SESSION_H
#define FRONTEND_SESSION_H

#include "area.h"
#include "control.h"

int session_get_u64(struct control *control, uint32_t id, uint64_t *value,
		    struct vhu_reason *reason);
/* @fd: -1 where the message has none. */
int session_set_u64(struct control *control, uint32_t id, uint64_t value, int fd,
		    struct vhu_reason *reason);
int session_set_state(struct control *control, uint32_t id, unsigned int index, uint32_t num,
		      struct vhu_reason *reason);
/* SET_MEM_TABLE with the area as its one region. */
int session_share(struct control *control, const struct area *area, struct vhu_reason *reason);

struct session_ring {
	unsigned int index;
	uint32_t size;
	uint32_t base;
	struct vhu_vring_addr address;	/* @index in it is set here */
	int kick_fd, call_fd, err_fd;
};

/* Set a ring up, and enable it. */
int session_start_ring(struct control *control, const struct session_ring *ring,
		       struct vhu_reason *reason);

#endif
