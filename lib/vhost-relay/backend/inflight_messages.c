/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages about the record of requests under way. GET_INFLIGHT_FD asks how large an area has
 * to be; the device makes it. SET_INFLIGHT_FD says where in shared memory 3 the area is; a ring
 * takes its part of it when it starts running.
 */
#include <inttypes.h>

#include "../vring/inflight.h"
#include "internal.h"

static enum vhr_verdict
check_numbers(struct vhr_session *s, const struct vhu_msg *request)
{
	const char *name = vhu_message_name(VHU_SPACE_FRONTEND, request->hdr.request);
	const struct vhu_inflight *inflight = &request->inflight;
	uint16_t size = inflight->queue_size;

	if (inflight->num_queues == 0 || inflight->num_queues > s->num_rings) {
		vhu_reason_set(&s->reason, "%s: num_queues %u, the device has %u", name,
			       inflight->num_queues, s->num_rings);
		return VHR_ILLEGAL;
	}
	if (size == 0 || size > s->config.max_ring_size ||
	    ((size & (size - 1)) != 0 && !vhr_may_be_packed(s))) {
		vhu_reason_set(&s->reason, "%s: queue_size %u, expected %s up to %u", name, size,
			       vhr_may_be_packed(s) ? "a number" : "a power of two",
			       s->config.max_ring_size);
		return VHR_ILLEGAL;
	}
	return VHR_DONE;
}

static uint64_t
area_size(bool packed, const struct vhu_inflight *inflight)
{
	return vhr_inflight_stride(packed, inflight->queue_size) * inflight->num_queues;
}

static uint64_t
spare_size(const struct vhr_session *s, bool packed, const struct vhu_inflight *inflight)
{
	uint16_t spare = vhr_inflight_spare(s);

	return inflight->queue_size < spare ?
		       vhr_inflight_stride(packed, spare) * inflight->num_queues : 0;
}

enum vhr_verdict
vhr_get_inflight_fd(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	enum vhr_verdict verdict = check_numbers(s, request);
	uint64_t size;

	if (verdict != VHR_DONE)
		return verdict;
	/* Before SET_FEATURES: room for both formats. */
	size = area_size(vhr_may_be_packed(s), &request->inflight);
	size += spare_size(s, vhr_may_be_packed(s), &request->inflight);
	if (size > s->vvu.inflight_size)
		size = area_size(vhr_may_be_packed(s), &request->inflight);
	if (size > s->vvu.inflight_size) {
		/* Without an area the frontend goes on, and nothing is recorded. */
		vhr_log(s, VHR_LOG_WARNING,
			"GET_INFLIGHT_FD: %" PRIu64 " bytes for %u queues of %u: shared memory 3 "
			"has %" PRIu64, size, request->inflight.num_queues,
			request->inflight.queue_size, s->vvu.inflight_size);
		size = 0;
	}
	vhu_reply_init(reply, request, sizeof(reply->inflight));
	reply->inflight = (struct vhu_inflight){
		.mmap_size = size,
		.num_queues = request->inflight.num_queues,
		.queue_size = request->inflight.queue_size,
	};
	return VHR_DONE;
}

static bool
same_area(const struct vhr_inflight_area *a, const struct vhr_inflight_area *b)
{
	return a->base == b->base && a->size == b->size && a->num_queues == b->num_queues &&
	       a->queue_size == b->queue_size;
}

enum vhr_verdict
vhr_set_inflight_fd(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	const struct vhu_inflight *inflight = &request->inflight;
	enum vhr_verdict verdict = check_numbers(s, request);
	struct vhr_inflight_area area;
	uint64_t needed;
	unsigned int i;

	if (verdict != VHR_DONE)
		return verdict;
	/* The packed one is larger; what the format needs is checked again when a ring starts. */
	needed = area_size(s->features_set && vhr_may_be_packed(s), inflight);
	if (inflight->mmap_size < needed) {
		vhu_reason_set(&s->reason,
			       "SET_INFLIGHT_FD: mmap_size %" PRIu64 ", expected %" PRIu64
			       " for %u queues of %u", inflight->mmap_size, needed,
			       inflight->num_queues, inflight->queue_size);
		return VHR_ILLEGAL;
	}
	if (inflight->mmap_offset > s->vvu.inflight_size ||
	    inflight->mmap_size > s->vvu.inflight_size - inflight->mmap_offset) {
		vhu_reason_set(&s->reason,
			       "SET_INFLIGHT_FD: mmap_offset 0x%" PRIx64 " + mmap_size 0x%" PRIx64
			       " leaves shared memory 3 of 0x%" PRIx64 " bytes",
			       inflight->mmap_offset, inflight->mmap_size, s->vvu.inflight_size);
		return VHR_ILLEGAL;
	}
	area = (struct vhr_inflight_area){
		.base = (uint8_t *)s->vvu.inflight + inflight->mmap_offset,
		.size = inflight->mmap_size,
		.num_queues = inflight->num_queues,
		.queue_size = inflight->queue_size,
	};
	if ((uintptr_t)area.base % sizeof(uint64_t) != 0) {
		vhu_reason_set(&s->reason,
			       "SET_INFLIGHT_FD: mmap_offset 0x%" PRIx64 " is not aligned to %u",
			       inflight->mmap_offset, (unsigned int)sizeof(uint64_t));
		return VHR_ILLEGAL;
	}
	if (same_area(&area, &s->inflight))
		return VHR_DONE;
	/* What a ring has done without the area, or with another, is not in this one. */
	for (i = 0; i < s->num_rings; i++) {
		if (!s->slot[i].running || (i >= area.num_queues && i >= s->inflight.num_queues))
			continue;
		vhu_reason_set(&s->reason, "SET_INFLIGHT_FD: ring %u runs%s", i,
			       s->slot[i].ring.inflight != NULL ? " with another area" : "");
		/* The old area goes with the answer, whatever it is: no ring may have it then. */
		return s->slot[i].ring.inflight != NULL ? VHR_ILLEGAL : VHR_FAILED;
	}
	s->inflight = area;
	return VHR_DONE;
}
