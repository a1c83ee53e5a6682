/* SPDX-License-Identifier: BSD-3-Clause */
#include "requests.h"

#include <errno.h>
#include <stddef.h>

void vvu_requests_clear(struct vvu_requests *requests)
{
	requests->first = 0;
	requests->count = 0;
}

bool vvu_requests_full(const struct vvu_requests *requests)
{
	return requests->count == VVU_MAX_REQUESTS;
}

int vvu_requests_push(struct vvu_requests *requests, const struct vvu_request *request)
{
	if (vvu_requests_full(requests))
		return -ENOSPC;
	requests->entry[(requests->first + requests->count) % VVU_MAX_REQUESTS] = *request;
	requests->count++;
	return 0;
}

const struct vvu_request *vvu_requests_head(const struct vvu_requests *requests)
{
	return requests->count != 0 ? &requests->entry[requests->first] : NULL;
}

void vvu_requests_pop(struct vvu_requests *requests)
{
	if (requests->count == 0)
		return;
	requests->first = (requests->first + 1) % VVU_MAX_REQUESTS;
	requests->count--;
}
