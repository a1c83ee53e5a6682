/* SPDX-License-Identifier: BSD-3-Clause */
/* Indices, completion and notification suppression of the split ring. */
#include <endian.h>
#include <errno.h>

#include "shared.h"
#include "split.h"

/* The two event fields lie behind the rings (virtio 1.3, 2.7.6 and 2.7.8). */
static inline __virtio16 *
used_event(const struct vhr_ring *ring)
{
	return &ring->avail->ring[ring->size];
}

static inline __virtio16 *
avail_event(const struct vhr_ring *ring)
{
	return (__virtio16 *)&ring->used->ring[ring->size];
}

uint16_t
vhr_split_available(struct vhr_ring *ring)
{
	uint16_t idx = load16(&ring->avail->idx, __ATOMIC_ACQUIRE);
	uint16_t count = (uint16_t)(idx - ring->last_avail);

	if (count <= ring->size) {
		ring->avail_seen = idx;
		return count;
	}
	vhr_ring_break(ring, "avail idx %u is %u ahead of %u, ring of %u", idx, count,
		       ring->last_avail, ring->size);
	return 0;
}

int
vhr_split_head(struct vhr_ring *ring, uint16_t n, uint16_t *head)
{
	uint16_t slot = (uint16_t)(ring->last_avail + n) & (uint16_t)(ring->size - 1u);
	uint16_t id = load16(&ring->avail->ring[slot], __ATOMIC_RELAXED);

	if (id < ring->size) {
		*head = id;
		return 0;
	}
	vhr_ring_break(ring, "avail ring[%u]: descriptor %u, ring of %u", slot, id, ring->size);
	return -EPROTO;
}

void
vhr_split_put_used(struct vhr_ring *ring, uint16_t n, uint16_t head, uint32_t len)
{
	uint16_t slot = (uint16_t)(ring->used_idx + n) & (uint16_t)(ring->size - 1u);
	struct vring_used_elem *elem = &ring->used->ring[slot];

	elem->id = htole32(head);
	elem->len = htole32(len);
}

void
vhr_split_publish(struct vhr_ring *ring, uint16_t count)
{
	uint16_t idx = (uint16_t)(ring->used_idx + count);

	/*
	 * Used entries may be published many times between two looks at used_event. Once
	 * the index has gone past where we last looked, all the way round, the distance
	 * says nothing any more.
	 */
	if ((uint16_t)(idx - ring->signalled_used) < count)
		ring->signalled_valid = false;
	ring->used_idx = idx;
	store16(&ring->used->idx, idx, __ATOMIC_RELEASE);
}

bool
vhr_split_should_call(struct vhr_ring *ring)
{
	uint16_t event, before = ring->signalled_used;
	bool valid = ring->signalled_valid;

	/*
	 * The index just published must be visible before we look at what the driver asks
	 * for, or both sides could miss each other (virtio 1.3, 2.7.7.2).
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!ring->event_idx)
		return !(load16(&ring->avail->flags, __ATOMIC_RELAXED) &
			 VRING_AVAIL_F_NO_INTERRUPT);

	event = load16(used_event(ring), __ATOMIC_RELAXED);
	ring->signalled_used = ring->used_idx;
	ring->signalled_valid = true;
	return !valid || vring_need_event(event, ring->used_idx, before);
}

bool
vhr_split_want_kicks(struct vhr_ring *ring, bool want)
{
	uint16_t seen = ring->last_avail;

	if (!want && !ring->kicks_wanted)
		return false;
	ring->kicks_wanted = want;
	/* What is not ahead of last_avail was seen before something else was taken. */
	if ((uint16_t)(ring->avail_seen - seen) <= ring->size)
		seen = ring->avail_seen;
	if (ring->event_idx)
		/*
		 * There is no "never" here: an index that the driver has just passed is the
		 * one it takes longest to come to again.
		 */
		store16(avail_event(ring), want ? seen : (uint16_t)(seen - 1), __ATOMIC_RELAXED);
	else
		store16(&ring->used->flags, want ? 0 : VRING_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
	if (!want)
		return false;
	/* The wish must be visible before we look for the last time (virtio 1.3, 2.7.10). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load16(&ring->avail->idx, __ATOMIC_ACQUIRE) != seen;
}
