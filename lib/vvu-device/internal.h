/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this directory share, and nobody else includes (unit tests apart). */
#ifndef VVU_DEVICE_INTERNAL_H
#define VVU_DEVICE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "connection.h"
#include "device.h"
#include "negotiation.h"
#include "requests.h"
#include "vhost-proto/codec.h"

#define VVU_MAX_REGIONS 256u /* memory regions in force */
#define VVU_MAX_MAPS 512u /* all mappings, those that wait to be released included */

/* One mapping of any shmid. */
struct vvu_map {
	struct vvu_mapping where; /* its fd is -1: the host keeps the file */
	uint64_t dev;
	uint64_t ino;
	uint64_t page; /* bytes, of the file */
	struct vhu_mem_region region; /* VVU_SHMID_MEMORY: as the frontend gave it */
	uint64_t seq; /* message that brought it */
	/*
	 * 0: in force. Else a message replaced it, and the driver's answer to a message
	 * counted here or later says that the driver has let go of it.
	 */
	uint64_t retired;
	int order; /* VVU_SHMID_MEMORY: place in the table */
	/*
	 * VVU_SHMID_MEMORY: how often ADD_MEM_REG brought it, and the message of the last
	 * time but the first. QEMU before 8.0 adds and removes each region once for every
	 * queue pair.
	 */
	unsigned int uses;
	uint64_t again_seq;
	bool offered; /* VVU_SHMID_INFLIGHT: created, not set yet */
};

struct vvu_ring {
	int kick_fd;
	int call_fd;
	int err_fd;
	/* SET_VRING_KICK was seen and no answer to a later GET_VRING_BASE or RESET_DEVICE. */
	bool running;
	uint64_t kick_seq; /* of the last SET_VRING_KICK */
};

/* A message on its way from the socket, as far as it has been read. */
struct vvu_input {
	uint8_t buf[VHU_MAX_MESSAGE];
	size_t have;
	size_t total; /* 0 until the header is complete */
	int fds[VHU_MAX_FDS];
	unsigned int nfds;
};

struct vvu_device {
	const struct vvu_host_ops *ops;
	void *host;
	uint32_t max_queues;
	uint8_t uuid[16];
	struct vvu_bar_layout layout;
	bool align_window;

	enum vvu_state state;
	uint32_t status;
	uint32_t epoch;

	/* One connection's; cleared when the next begins. */
	struct vvu_negotiation neg;
	struct vvu_requests requests;
	struct vvu_channel channel;
	struct vvu_input input;
	uint64_t seq; /* of the last message from the frontend; never 0 then */
	uint64_t reset_seq; /* of the last RESET_DEVICE, 0: none */
	uint64_t table_seq; /* of the last SET_MEM_TABLE, 0: none */
	/* One message that rxq had no buffer for. */
	uint8_t pending[VHU_MAX_MESSAGE];
	size_t pending_len;
	uint64_t pending_seq; /* 0: it is no request of the frontend */

	struct vvu_ring rings[VHU_MAX_VRINGS];
	int log_fd;
	struct vvu_map maps[VVU_MAX_MAPS];
	unsigned int nmaps;
	int next_order;

	uint64_t connections;
	uint64_t messages_from_frontend;
	uint64_t messages_from_driver;
	uint64_t driver_messages_dropped;
	struct vhu_reason last_disconnect;
};

void vvu_log(struct vvu_device *device, enum vvu_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void vvu_trace(struct vvu_device *device, enum vhu_space space, const struct vhu_msg *msg,
	       const char *from);
void vvu_poll_changed(struct vvu_device *device);

/* A peer broke a rule: frontend gone, @reason kept and logged. */
void vvu_disconnect(struct vvu_device *device, const struct vhu_reason *reason);

#endif
