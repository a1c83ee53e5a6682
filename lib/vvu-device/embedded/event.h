/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptors in the device's epoll set. A source is a member of whatever it belongs to
 * and lives as long as the device: an event taken from the kernel before its source was
 * dropped in the same round finds fd == -1, or reads -EAGAIN from the new descriptor.
 */
#ifndef VVU_EMBEDDED_EVENT_H
#define VVU_EMBEDDED_EVENT_H

#include <stdint.h>

struct vvu_emb;

struct emb_source {
	int fd;			/* -1: not in the set */
	uint32_t events;	/* EPOLL...; hang-ups are reported even with 0 */
	unsigned int index;	/* for the handler */
	void (*ready)(struct vvu_emb *emb, struct emb_source *source, uint32_t events);
};

void emb_source_init(struct emb_source *source, unsigned int index,
		     void (*ready)(struct vvu_emb *, struct emb_source *, uint32_t));
/* Put @fd into the set, or change what is waited for. 0 or -errno of epoll_ctl(). */
int emb_source_watch(int epoll_fd, struct emb_source *source, int fd, uint32_t events);
/* Take it out; does not close the descriptor. */
void emb_source_drop(int epoll_fd, struct emb_source *source);

#endif
