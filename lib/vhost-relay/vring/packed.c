/* SPDX-License-Identifier: BSD-3-Clause */
/* Positions, completion and event suppression of the packed ring. */
#include "packed.h"
#include "shared.h"

#define EVENT_FLAGS	0x3u	/* the other bits of the field are reserved */
#define EVENT_WRAP	(1u << VRING_PACKED_EVENT_F_WRAP_CTR)

bool
vhr_packed_available(const struct vhr_ring *ring)
{
	uint16_t flags = load16(&ring->packed_desc[ring->last_avail].flags, __ATOMIC_ACQUIRE);

	return (flags & VHR_PACKED_MARKS) == vhr_packed_avail_flags(ring->avail_wrap);
}

void
vhr_packed_take(struct vhr_ring *ring, uint16_t num)
{
	struct vhr_packed_position next = vhr_packed_advance(ring->last_avail, ring->avail_wrap,
							     num, ring->size);

	ring->last_avail = next.idx;
	ring->avail_wrap = next.wrap;
	ring->out = (uint16_t)(ring->out + num);
}

void
vhr_packed_fill(struct vhr_ring *ring, uint16_t id, uint32_t len)
{
	struct vring_packed_desc *desc = &ring->packed_desc[ring->used_idx];

	desc->id = htole16(id);
	desc->len = htole32(len);
}

/* WRITE says that the length means something (virtio 1.3, 2.8.4). */
static uint16_t
used_flags(bool wrap, uint32_t len)
{
	return vhr_packed_used_flags(wrap) | (len != 0 ? VRING_DESC_F_WRITE : 0);
}

void
vhr_packed_put_used(struct vhr_ring *ring, uint16_t ahead, uint16_t id, uint32_t len)
{
	struct vhr_packed_position at = vhr_packed_advance(ring->used_idx, ring->used_wrap, ahead,
							   ring->size);
	struct vring_packed_desc *desc = &ring->packed_desc[at.idx];

	desc->id = htole16(id);
	desc->len = htole32(len);
	store16(&desc->flags, used_flags(at.wrap, len), __ATOMIC_RELEASE);
}

void
vhr_packed_publish(struct vhr_ring *ring, uint16_t num, uint32_t len)
{
	struct vring_packed_desc *desc = &ring->packed_desc[ring->used_idx];
	struct vhr_packed_position next = vhr_packed_advance(ring->used_idx, ring->used_wrap, num,
							     ring->size);

	store16(&desc->flags, used_flags(ring->used_wrap, len), __ATOMIC_RELEASE);
	ring->used_idx = next.idx;
	ring->used_wrap = next.wrap;
	ring->out = (uint16_t)(ring->out - num);
}

bool
vhr_packed_should_call(struct vhr_ring *ring, uint16_t entries)
{
	bool valid = ring->signalled_valid;
	uint16_t flags, event;
	int at;

	ring->signalled_valid = true;
	/*
	 * What was just given back must be visible before we look at what the driver asks for,
	 * or both sides could miss each other (virtio 1.3, 2.8.14).
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flags = load16(&ring->driver_event->flags, __ATOMIC_ACQUIRE) & EVENT_FLAGS;
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !ring->event_idx)
		return true;
	if (!valid || entries >= ring->size)
		return true;
	/* Counted from the beginning of the lap that used_idx is in. */
	event = load16(&ring->driver_event->off_wrap, __ATOMIC_RELAXED);
	at = event & ~EVENT_WRAP;
	if (((event & EVENT_WRAP) != 0) != ring->used_wrap)
		at -= ring->size;
	return at >= ring->used_idx - entries && at < ring->used_idx;
}

bool
vhr_packed_want_kicks(struct vhr_ring *ring, bool want)
{
	uint16_t flags = VRING_PACKED_EVENT_FLAG_ENABLE;

	if (!want && !ring->kicks_wanted)
		return false;
	ring->kicks_wanted = want;
	if (!want) {
		store16(&ring->device_event->flags, VRING_PACKED_EVENT_FLAG_DISABLE,
			__ATOMIC_RELAXED);
		return false;
	}
	if (ring->event_idx) {
		flags = VRING_PACKED_EVENT_FLAG_DESC;
		store16(&ring->device_event->off_wrap,
			ring->last_avail | (ring->avail_wrap ? EVENT_WRAP : 0), __ATOMIC_RELAXED);
	}
	store16(&ring->device_event->flags, flags, __ATOMIC_RELEASE);
	/* The wish must be visible before we look for the last time. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return vhr_packed_available(ring);
}
