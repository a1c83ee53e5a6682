/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests one at a time, whatever the ring's format. */
#include <errno.h>

#include "queue.h"

/*
 * A head taken but not yet published as used is with us, and a driver has no more heads than
 * the ring has descriptors: one that makes more available uses one twice.
 */
static bool
too_many_out(struct vhr_ring *ring)
{
	uint16_t out = (uint16_t)(ring->last_avail - ring->used_idx);

	if (out < ring->size)
		return false;
	vhr_ring_break(ring, "request %u is available while %u are not used, ring of %u",
		       ring->last_avail, out, ring->size);
	return true;
}

static int
split_pop(struct vhr_ring *ring, struct vhr_taken *taken, struct vhr_chain *chain)
{
	int ret;

	/* The driver's index is in a cache line that it writes: look once per batch. */
	if (ring->avail_seen == ring->last_avail && vhr_split_available(ring) == 0)
		return ring->broken ? -EPROTO : 0;
	if (too_many_out(ring))
		return -EPROTO;
	ret = vhr_split_head(ring, 0, &chain->head);
	if (ret < 0)
		return ret;
	ret = vhr_split_walk(ring, chain);
	if (ret < 0 && ret != -E2BIG)
		return ret;
	taken->id = chain->head;
	taken->num = 1;
	ring->last_avail++;
	return ret < 0 ? ret : 1;
}

int
vhr_queue_pop(struct vhr_ring *ring, struct vhr_taken *taken, struct vhr_chain *chain)
{
	if (ring->broken)
		return -EPROTO;
	return split_pop(ring, taken, chain);
}

void
vhr_queue_push(struct vhr_ring *ring, const struct vhr_taken *taken, uint32_t len)
{
	if (ring->broken)
		return;
	vhr_split_put_used(ring, ring->pushed, taken->id, len);
	ring->pushed++;
}

void
vhr_queue_flush(struct vhr_ring *ring)
{
	uint16_t count = ring->pushed;

	if (count == 0 || ring->broken)
		return;
	ring->pushed = 0;
	vhr_split_publish(ring, count);
	if (vhr_split_should_call(ring))
		vhr_ring_call(ring);
}

bool
vhr_queue_want_kicks(struct vhr_ring *ring, bool want)
{
	/* Entries that one look counted and nobody took since are no news to the driver. */
	bool left = ring->avail_seen != ring->last_avail;

	return vhr_split_want_kicks(ring, want) || (want && left);
}
