/* SPDX-License-Identifier: BSD-3-Clause */
/* What both directions of the datapath do per packet. */
#ifndef VVU_PMD_DATAPATH_H
#define VVU_PMD_DATAPATH_H

#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_prefetch.h>

#include "vhost-relay/vring/split.h"

#include "vvu_copy.h"
#include "vvu_queue.h"

/* Packets looked at before the first is copied. */
#define VVU_BATCH 64u

/* A descriptor as it was at one moment, in the host's order. */
struct vvu_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
};

static __rte_always_inline struct vvu_desc
vvu_desc_read(const struct vring_desc *desc)
{
	struct vvu_desc copy;

	copy.addr = rte_le_to_cpu_64(__atomic_load_n(&desc->addr, __ATOMIC_RELAXED));
	copy.len = rte_le_to_cpu_32(__atomic_load_n(&desc->len, __ATOMIC_RELAXED));
	copy.flags = rte_le_to_cpu_16(__atomic_load_n(&desc->flags, __ATOMIC_RELAXED));
	return copy;
}

static __rte_always_inline uint16_t
vvu_avail_read(const struct vring_avail *avail, uint16_t slot)
{
	return rte_le_to_cpu_16(__atomic_load_n(&avail->ring[slot], __ATOMIC_RELAXED));
}

/*
 * One 8-byte store; the ring's elements are only 4-byte aligned. None where the element is
 * there already, as in every round of a driver that takes its buffers in order: the line
 * then stays with the driver.
 */
static __rte_always_inline void
vvu_used_write(struct vring_used *used, uint16_t slot, uint16_t head, uint32_t len)
{
	uint64_t element = rte_cpu_to_le_64((uint64_t)len << 32 | head);
	uint64_t there;

	memcpy(&there, &used->ring[slot], sizeof(there));
	if (there != element)
		memcpy(&used->ring[slot], &element, sizeof(element));
}

/* Address of [gpa, gpa + len) when it lies in one region, else NULL. */
static __rte_always_inline uint8_t *
vvu_translate(struct vvu_queue *q, uint64_t gpa, uint32_t len)
{
	uint64_t offset = gpa - q->region_gpa;

	if (likely(offset < q->region_size && len <= q->region_size - offset))
		return q->region_va + offset;
	return vvu_queue_translate_slow(q, gpa, len);
}

/*
 * The header's line, where it is not the frame's. To read, in both directions: a header mostly
 * stays what it is, so both sides may keep a copy of its line.
 */
static __rte_always_inline void
vvu_prefetch_header(const uint8_t *header)
{
	if (((uintptr_t)header ^ (uintptr_t)(header + VVU_NET_HEADER)) >= RTE_CACHE_LINE_SIZE)
		rte_prefetch0(header);
}

/*
 * Split ring: the first @count taken entries are done: give them back in one step and call the
 * frontend if it wants to be called.
 */
static __rte_always_inline void
vvu_split_publish(struct vvu_queue *q, struct vhr_ring *ring, uint16_t count)
{
	ring->last_avail += count;
	vhr_split_publish(ring, count);
	if (unlikely(vhr_split_should_call(ring))) {
		vhr_ring_call(ring);
		q->stats.calls++;
	}
}

#endif
