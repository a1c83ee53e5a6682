/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests one at a time, whatever the ring's format. */
#include <errno.h>

#include "inflight.h"
#include "packed.h"
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

/* Broken, or (a frontend may send any address at any time) nowhere in its memory. */
static bool
unusable(const struct vhr_ring *ring)
{
	return ring->broken || ring->desc == NULL;
}

/* Walk the chain of a head that is taken, or about to be. */
static int
split_walk(struct vhr_ring *ring, uint16_t head, struct vhr_taken *taken, struct vhr_chain *chain)
{
	int ret;

	chain->head = head;
	ret = vhr_split_walk(ring, chain);
	if (ret < 0 && ret != -E2BIG)
		return ret;
	taken->id = head;
	taken->num = 1;
	return ret < 0 ? ret : 1;
}

static int
split_pop(struct vhr_ring *ring, struct vhr_taken *taken, struct vhr_chain *chain)
{
	uint16_t head;
	int ret;

	/* The driver's index is in a cache line that it writes: look once per batch. */
	if (ring->avail_seen == ring->last_avail && vhr_split_available(ring) == 0)
		return ring->broken ? -EPROTO : 0;
	if (too_many_out(ring))
		return -EPROTO;
	ret = vhr_split_head(ring, 0, &head);
	if (ret < 0)
		return ret;
	ret = split_walk(ring, head, taken, chain);
	if (ret < 0 && ret != -E2BIG)
		return ret;
	if (ring->inflight != NULL && vhr_inflight_split_take(ring, head) < 0)
		return -EPROTO;
	ring->last_avail++;
	return ret;
}

static int
packed_pop(struct vhr_ring *ring, struct vhr_taken *taken, struct vhr_chain *chain)
{
	int ret;

	if (!vhr_packed_available(ring))
		return 0;
	ret = vhr_packed_walk(ring, chain, &taken->id, &taken->num);
	if (ret < 0 && ret != -E2BIG)
		return ret;
	if (ring->inflight != NULL &&
	    vhr_inflight_packed_take(ring, taken->id, taken->num) < 0)
		return -EPROTO;
	vhr_packed_take(ring, taken->num);
	return ret < 0 ? ret : 1;
}

/* last_avail is behind these since the ring started. */
static int
resubmit(struct vhr_ring *ring, struct vhr_taken *taken, struct vhr_chain *chain)
{
	struct vhr_inflight *in = ring->inflight;
	uint16_t head = in->resubmit[in->resubmit_next].head;
	int ret;

	if (ring->packed) {
		taken->id = in->entry[head].id;
		taken->num = in->entry[head].num;
		ret = vhr_packed_walk_record(ring, head, taken->num, chain);
		if (ret == 0)
			ret = 1;
	} else {
		ret = split_walk(ring, head, taken, chain);
	}
	if (ret == 1 || ret == -E2BIG)
		in->resubmit_next++;
	return ret;
}

int
vhr_queue_pop(struct vhr_ring *ring, struct vhr_taken *taken, struct vhr_chain *chain)
{
	if (unusable(ring))
		return ring->broken ? -EPROTO : 0;
	if (vhr_queue_left(ring) != 0)
		return resubmit(ring, taken, chain);
	return ring->packed ? packed_pop(ring, taken, chain) : split_pop(ring, taken, chain);
}

unsigned int
vhr_queue_left(const struct vhr_ring *ring)
{
	const struct vhr_inflight *in = ring->inflight;

	return in == NULL ? 0 : in->resubmit_num - in->resubmit_next;
}

static void
packed_push(struct vhr_ring *ring, const struct vhr_taken *taken, uint32_t len)
{
	vhr_packed_fill(ring, taken->id, len);
	if (ring->inflight != NULL)
		vhr_inflight_packed_push(ring, taken->id, taken->num);
	vhr_packed_publish(ring, taken->num, len);
	if (ring->inflight != NULL)
		vhr_inflight_packed_published(ring, taken->id);
	/* More than all of them make no difference to whether the driver wants a call. */
	ring->pushed = ring->pushed + taken->num < ring->size ? ring->pushed + taken->num :
								ring->size;
}

void
vhr_queue_push(struct vhr_ring *ring, const struct vhr_taken *taken, uint32_t len)
{
	if (unusable(ring))
		return;
	if (ring->packed) {
		packed_push(ring, taken, len);
		return;
	}
	if (ring->inflight != NULL)
		vhr_inflight_split_push(ring, taken->id);
	vhr_split_put_used(ring, ring->pushed, taken->id, len);
	ring->pushed++;
}

void
vhr_queue_flush(struct vhr_ring *ring)
{
	uint16_t count = ring->pushed;

	if (count == 0 || unusable(ring))
		return;
	ring->pushed = 0;
	if (ring->packed) {
		if (vhr_packed_should_call(ring, count))
			vhr_ring_call(ring);
		return;
	}
	vhr_split_publish(ring, count);
	if (ring->inflight != NULL)
		vhr_inflight_split_published(ring, count);
	if (vhr_split_should_call(ring))
		vhr_ring_call(ring);
}

bool
vhr_queue_want_kicks(struct vhr_ring *ring, bool want)
{
	bool left = vhr_queue_left(ring) != 0;

	if (unusable(ring))
		return false;
	if (ring->packed)
		return vhr_packed_want_kicks(ring, want) || (want && left);
	/* Entries that one look counted and nobody took since are no news to the driver. */
	left |= ring->avail_seen != ring->last_avail;
	return vhr_split_want_kicks(ring, want) || (want && left);
}
