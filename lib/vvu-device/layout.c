/* SPDX-License-Identifier: BSD-3-Clause */
#include "layout.h"

#include <errno.h>
#include <stddef.h>

#include "vhost-proto/codec.h"

#define HUGE_PAGE (2ull << 20)
/*
 * One dirty-log bit covers 4096 bytes, so a log takes 1/32768 of the guest-physical range.
 * 1/1024 leaves room for two logs during a resize and for the holes of a sparse address
 * space. Inflight areas depend on queues, not on memory; they get the same share.
 */
#define AREA_SHARE 1024
#define LOG_MIN (64ull << 10)
#define INFLIGHT_MIN (256ull << 10)

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t page_round_up(uint64_t bytes)
{
	return (bytes + VVU_PAGE_SIZE - 1) & ~(VVU_PAGE_SIZE - 1);
}

int vvu_layout_init(struct vvu_bar_layout *layout, uint64_t bar_size, uint32_t max_vhost_queues,
		    bool page_per_vq, struct vhu_reason *reason)
{
	uint64_t memory_end;

	if (max_vhost_queues == 0 || max_vhost_queues > VHU_MAX_VRINGS) {
		vhu_reason_set(reason, "max_vhost_queues %u is not 1..%u", max_vhost_queues,
			       VHU_MAX_VRINGS);
		return -EINVAL;
	}
	if (bar_size < VVU_BAR_SIZE_MIN || (bar_size & (bar_size - 1)) != 0) {
		vhu_reason_set(reason, "BAR size 0x%llx is not a power of two of at least 0x%llx",
			       (unsigned long long)bar_size, VVU_BAR_SIZE_MIN);
		return -EINVAL;
	}

	layout->bar_size = bar_size;
	layout->kick.length = VVU_PAGE_SIZE;
	layout->kick.offset = bar_size - layout->kick.length;
	layout->doorbell_multiplier = page_per_vq ? (uint32_t)VVU_PAGE_SIZE : 4;
	layout->doorbell.length = page_round_up((uint64_t)VVU_NUM_DOORBELLS(max_vhost_queues) *
						layout->doorbell_multiplier);
	layout->doorbell.offset = layout->kick.offset - layout->doorbell.length;
	layout->inflight.length = larger(bar_size / AREA_SHARE, INFLIGHT_MIN);
	layout->inflight.offset = layout->doorbell.offset - layout->inflight.length;

	memory_end = layout->inflight.offset - larger(bar_size / AREA_SHARE, LOG_MIN);
	/* A window of whole huge pages; what is left over serves the log. */
	if (memory_end > HUGE_PAGE)
		memory_end &= ~(HUGE_PAGE - 1);
	layout->memory.offset = 0;
	layout->memory.length = memory_end;
	layout->log.offset = memory_end;
	layout->log.length = layout->inflight.offset - memory_end;
	return 0;
}

const struct vvu_range *vvu_layout_shm(const struct vvu_bar_layout *layout, uint8_t shmid)
{
	switch (shmid) {
	case VVU_SHMID_MEMORY:
		return &layout->memory;
	case VVU_SHMID_LOG:
		return &layout->log;
	case VVU_SHMID_INFLIGHT:
		return &layout->inflight;
	default:
		return NULL;
	}
}
