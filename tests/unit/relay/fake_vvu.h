/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device layer made for tests: the functions of vvu/vvu.h over plain queues. Messages go
 * through the codec in both directions, as bytes, so that sizes are checked like on rxq.
 */
#ifndef FAKE_VVU_H
#define FAKE_VVU_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost-relay/vvu/vvu.h"
#include "vvu-device/layout.h"

#define FAKE_QUEUES	8u
#define FAKE_WINDOW	(1u << 20)
#define FAKE_INFLIGHT	(64u << 10)
#define FAKE_RXQ	4096u
#define FAKE_SENT	256u

struct fake_rx {
	uint8_t bytes[VHU_MAX_MESSAGE];
	size_t len;
	int error;		/* what receive returns instead, with no message */
};

struct fake_vvu {
	/* What the device shows. */
	uint32_t status;
	uint32_t epoch;
	bool needs_reset;
	bool keeps_frontend_up;	/* does not clear FRONTEND_UP when told to disconnect */
	bool no_vectors;
	bool no_epoch;
	bool no_inflight;	/* shows no shared memory 3 */
	bool txq_full;
	int send_error;
	int status_error;
	unsigned int open_failures;	/* of the next opens */
	uint32_t max_vhost_queues;

	/* What was done to it. */
	bool is_open;
	unsigned int opens, closes, bus_closes;
	unsigned int ups, downs;	/* writes of BACKEND_UP */
	unsigned int doorbells[2 * FAKE_QUEUES + 1];
	int kick_fds[FAKE_QUEUES];
	bool kick_bound[FAKE_QUEUES];
	int config_fd, rxq_fd;

	struct fake_rx *rx[FAKE_RXQ];
	unsigned int rx_head, rx_tail;
	struct {
		enum vhu_space space;
		struct vhu_msg msg;
	} sent[FAKE_SENT];
	unsigned int num_sent;

	uint8_t *window;
	uint8_t *inflight;	/* shared memory 3 */
};

extern struct fake_vvu fake;

/* A bus whose close is counted. */
struct vhr_bus *fake_bus(void);
void fake_reset(void);
void fake_free(void);

/* Put a message, or bytes that may not be one, into rxq, with its interrupt. */
void fake_push(enum vhu_space space, const struct vhu_msg *msg);
void fake_push_bytes(const void *bytes, size_t len);
void fake_push_error(int error);
void fake_signal(int fd);

/* A frontend connects (if BACKEND_UP is set: returns whether it could), or goes away. */
bool fake_connect(void);
void fake_hang_up(void);

#endif
