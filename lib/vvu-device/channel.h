/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The backend request channel: the socket that came with SET_BACKEND_REQ_FD, requests of
 * the driver on their way to the frontend, and the frontend's answers on their way back.
 */
#ifndef VVU_DEVICE_CHANNEL_H
#define VVU_DEVICE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost-proto/codec.h"

struct vvu_device;

#define VVU_CHANNEL_MAX_REQUESTS 64u
/* Every back-end message that passes is answered by a u64. */
#define VVU_CHANNEL_MAX_REPLY (VHU_HEADER_SIZE + sizeof(uint64_t))

/* A request that asked for an answer, in the order the driver sent them. */
struct vvu_channel_request {
	uint32_t id;
	bool answered;
	uint64_t result;
};

struct vvu_channel {
	int fd; /* -1: not open */
	struct vvu_channel_request entry[VVU_CHANNEL_MAX_REQUESTS];
	unsigned int first;
	unsigned int count;
	uint8_t buf[VVU_CHANNEL_MAX_REPLY];
	size_t have;
	size_t total; /* 0 until the header is complete */
};

/* Forget all requests; the socket is closed. */
void vvu_channel_clear(struct vvu_channel *channel);
/* Handler of SET_BACKEND_REQ_FD; see resources.h. */
int vvu_channel_open(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
		     struct vhu_reason *reason);
/* The socket goes; requests without an answer are answered with an error. */
void vvu_channel_close(struct vvu_device *device);
/*
 * A decoded request of the driver. 0, or -errno with @reason: it was dropped. A dropped
 * request that asked for an answer gets a non-zero one, unless there are too many such.
 */
int vvu_channel_request(struct vvu_device *device, const struct vhu_msg *msg,
			struct vhu_reason *reason);
/*
 * The driver's request with this header could not even be decoded; answer it with an error
 * if it asked for an answer.
 */
void vvu_channel_reject(struct vvu_device *device, const struct vhu_header *hdr);
/* Hand answers that are due to the driver. -errno with @reason: rxq cannot take them. */
int vvu_channel_flush(struct vvu_device *device, struct vhu_reason *reason);

size_t vvu_channel_want(const struct vvu_device *device);
/* -errno with @reason: the frontend broke a rule. */
int vvu_channel_input(struct vvu_device *device, const void *buf, size_t len,
		      struct vhu_reason *reason);

#endif
