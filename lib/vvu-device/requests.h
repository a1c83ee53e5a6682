/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests the driver has not answered yet, in the order it got them. A back-end handles
 * messages in order, so the only reply that fits is one to the oldest request.
 */
#ifndef VVU_DEVICE_REQUESTS_H
#define VVU_DEVICE_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#define VVU_MAX_REQUESTS 64u

enum vvu_expect {
	VVU_EXPECT_DATA, /* the message has a reply of its own */
	VVU_EXPECT_ACK, /* a REPLY_ACK u64 that the frontend asked for */
	VVU_EXPECT_SWALLOW, /* one that only the device asked for */
};

struct vvu_request {
	uint32_t id;
	uint64_t seq; /* of the message, counted over all from the frontend */
	enum vvu_expect expect;
	/* Fields of the request that its reply has to repeat */
	uint32_t size; /* of the payload */
	uint32_t index; /* ring */
	uint32_t config_offset;
};

struct vvu_requests {
	struct vvu_request entry[VVU_MAX_REQUESTS];
	unsigned int first;
	unsigned int count;
};

void vvu_requests_clear(struct vvu_requests *requests);
bool vvu_requests_full(const struct vvu_requests *requests);
/* -ENOSPC when full. */
int vvu_requests_push(struct vvu_requests *requests, const struct vvu_request *request);
/* The oldest, NULL when there is none. */
const struct vvu_request *vvu_requests_head(const struct vvu_requests *requests);
void vvu_requests_pop(struct vvu_requests *requests);

#endif
