/* SPDX-License-Identifier: BSD-3-Clause */
/* Give entries of a ring back to the driver when frames of it are lent. Ring lock held. */
#ifndef VVU_PMD_ZC_RING_H
#define VVU_PMD_ZC_RING_H

#include "vvu_datapath.h"
#include "vvu_packed.h"
#include "vvu_zc.h"

/* Write used elements from number used_idx + @n on, not yet visible. Returns the new @n. */
static __rte_always_inline uint16_t
vvu_zc_split_put(struct vhr_ring *ring, struct vvu_zc *zc, uint16_t n)
{
	const uint16_t mask = ring->size - 1;
	struct vvu_zc_entry entry;

	while (vvu_zc_next_used(zc, &entry))
		vvu_used_write(ring->used, (uint16_t)(ring->used_idx + n++) & mask, entry.id, 0);
	return n;
}

/* All that can be used now, after vvu_zc_collect(). */
static __rte_always_inline void
vvu_zc_split_settle(struct vvu_queue *q, struct vhr_ring *ring, struct vvu_zc *zc)
{
	uint16_t n = vvu_zc_split_put(ring, zc, 0);

	if (unlikely(vvu_zc_is_blocked(zc))) {
		vvu_zc_reorder(zc);
		n = vvu_zc_split_put(ring, zc, n);
	}
	if (n == 0)
		return;
	vhr_split_publish(ring, n);
	if (unlikely(vhr_split_should_call(ring))) {
		vhr_ring_call(ring);
		q->stats.calls++;
	}
}

/* Give entries back until one is out. Returns how many descriptors of the ring they had. */
static __rte_always_inline uint32_t
vvu_zc_packed_give(struct vhr_ring *ring, struct vvu_zc *zc)
{
	struct vvu_packed_done done;
	struct vvu_zc_entry entry;
	uint32_t given = 0;

	done.num = 0;
	while (vvu_zc_next_used(zc, &entry)) {
		given += entry.num;
		vvu_packed_done_add(ring, &done, entry.id, entry.num);
	}
	vvu_packed_done_flush(ring, &done);
	return given;
}

static __rte_always_inline void
vvu_zc_packed_settle(struct vvu_queue *q, struct vhr_ring *ring, struct vvu_zc *zc)
{
	uint32_t given = vvu_zc_packed_give(ring, zc);

	if (unlikely(vvu_zc_is_blocked(zc))) {
		vvu_zc_reorder(zc);
		given += vvu_zc_packed_give(ring, zc);
	}
	if (given != 0)
		vvu_packed_call(q, ring, given);
}

#endif
