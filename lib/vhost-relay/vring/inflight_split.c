/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The record of a split ring. A request is in it from the store of "inflight" in
 * vhr_inflight_split_take() on, and out of it when the used ring's index has passed it: the
 * rest of vhr_inflight_split_published() only makes the record say so, and is done again from
 * the list of the batch when a crash comes between.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "inflight.h"
#include "shared.h"

static void
initialize(struct vhr_ring *ring)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_split *area = in->area;

	memset(area->desc, 0, in->entries * sizeof(area->desc[0]));
	store64(&area->features, 0, __ATOMIC_RELAXED);
	store16(&area->desc_num, in->entries, __ATOMIC_RELAXED);
	store16(&area->last_batch_head, 0, __ATOMIC_RELAXED);
	store16(&area->used_idx, ring->used_idx, __ATOMIC_RELAXED);
	/* Until here the area is as new as before. */
	store16(&area->version, VHR_INFLIGHT_VERSION, __ATOMIC_RELEASE);
	in->last_batch_head = 0;
}

/* The used ring's index went on, the record may not have: of the last @count pushed. */
static int
finish_batch(struct vhr_ring *ring, uint16_t head, uint16_t count)
{
	struct vhr_inflight_split *area = ring->inflight->area;
	uint16_t i;

	for (i = 0; i < count; i++) {
		if (head >= ring->size) {
			vhr_ring_break(ring, "inflight area: batch entry %u, ring of %u", head,
				       ring->size);
			return -EPROTO;
		}
		store8(&area->desc[head].inflight, 0, __ATOMIC_RELAXED);
		head = load16(&area->desc[head].next, __ATOMIC_RELAXED);
	}
	store16(&area->used_idx, ring->used_idx, __ATOMIC_RELEASE);
	return 0;
}

static int
collect(struct vhr_ring *ring)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_split *area = in->area;
	unsigned int i;

	for (i = 0; i < in->entries; i++) {
		uint8_t inflight = load8(&area->desc[i].inflight, __ATOMIC_RELAXED);

		if (inflight == 0)
			continue;
		if (inflight != 1 || i >= ring->size) {
			vhr_ring_break(ring, "inflight area: entry %u has inflight %u, ring of %u",
				       i, inflight, ring->size);
			return -EPROTO;
		}
		in->busy[i] = true;
		in->resubmit[in->resubmit_num++] = (struct vhr_resubmit){
			.counter = load64(&area->desc[i].counter, __ATOMIC_RELAXED),
			.head = (uint16_t)i,
		};
	}
	vhr_inflight_sort(in);
	return 0;
}

int
vhr_inflight_split_start(struct vhr_ring *ring)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_split *area = in->area;
	uint64_t features = load64(&area->features, __ATOMIC_RELAXED);
	uint16_t version = load16(&area->version, __ATOMIC_ACQUIRE);
	uint16_t desc_num = load16(&area->desc_num, __ATOMIC_RELAXED);
	uint16_t head = load16(&area->last_batch_head, __ATOMIC_RELAXED);
	uint16_t used_idx = load16(&area->used_idx, __ATOMIC_RELAXED);
	uint16_t count = (uint16_t)(ring->used_idx - used_idx);

	if (version == 0) {
		initialize(ring);
		return 0;
	}
	if (version != VHR_INFLIGHT_VERSION || features != 0) {
		vhr_ring_break(ring, "inflight area: version %u, features 0x%" PRIx64
			       ": not known", version, features);
		return -EPROTO;
	}
	if (desc_num != in->entries || head >= desc_num) {
		vhr_ring_break(ring,
			       "inflight area: desc_num %u, last_batch_head %u, queue_size %u",
			       desc_num, head, in->entries);
		return -EPROTO;
	}
	if (count > ring->size) {
		vhr_ring_break(ring,
			       "inflight area: used_idx %u, the used ring's is %u, ring of %u",
			       used_idx, ring->used_idx, ring->size);
		return -EPROTO;
	}
	if (count != 0 && finish_batch(ring, head, count) < 0)
		return -EPROTO;
	if (collect(ring) < 0)
		return -EPROTO;
	in->last_batch_head = head;
	/* Heads are taken in the order of the available ring, so these are the ones ahead. */
	ring->last_avail = (uint16_t)(ring->used_idx + in->resubmit_num);
	return 1;
}

int
vhr_inflight_split_take(struct vhr_ring *ring, uint16_t head)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_split_desc *desc = &((struct vhr_inflight_split *)in->area)->desc[head];

	if (in->busy[head]) {
		vhr_ring_break(ring, "descriptor %u is available and under way", head);
		return -EPROTO;
	}
	in->busy[head] = true;
	store64(&desc->counter, in->counter++, __ATOMIC_RELAXED);
	store8(&desc->inflight, 1, __ATOMIC_RELEASE);
	return 0;
}

void
vhr_inflight_split_push(struct vhr_ring *ring, uint16_t head)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_split *area = in->area;

	store16(&area->desc[head].next, in->last_batch_head, __ATOMIC_RELAXED);
	/*
	 * After the last batch was accounted for, and with its own link in place: as long as
	 * used_idx lags behind, the list from here on is what counts.
	 */
	store16(&area->last_batch_head, head, __ATOMIC_RELEASE);
	in->last_batch_head = head;
	in->batch[ring->pushed] = head;
}

void
vhr_inflight_split_published(struct vhr_ring *ring, uint16_t count)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_split *area = in->area;
	uint16_t i;

	for (i = 0; i < count; i++) {
		in->busy[in->batch[i]] = false;
		store8(&area->desc[in->batch[i]].inflight, 0, __ATOMIC_RELEASE);
	}
	store16(&area->used_idx, ring->used_idx, __ATOMIC_RELEASE);
}
