/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a ring is ready, and the lock discipline around every change of it.
 *
 * A ring is ready when it is started, enabled (always so without feature bit 30), its size
 * and addresses are known, all three parts lie in the memory table, features have been
 * acknowledged, and nothing broke it. Messages arrive in any order, so readiness is never
 * inferred from one of them but computed anew after each (vhost-user, "Ring states").
 */
#include <inttypes.h>
#include <stdlib.h>

#include "../vring/inflight.h"
#include "../vring/queue.h"
#include "internal.h"

static const struct vhr_memory empty_memory;

static void
lock(struct vhr_session *s, unsigned int index)
{
	if (s->ops.ring_lock != NULL)
		s->ops.ring_lock(s->priv, index);
}

static void
unlock(struct vhr_session *s, unsigned int index)
{
	if (s->ops.ring_unlock != NULL)
		s->ops.ring_unlock(s->priv, index);
}

/* The ring's part of the inflight area, if there is one. False: the ring is broken. */
static bool
attach_record(struct vhr_session *s, struct vhr_ring *ring)
{
	const struct vhr_inflight_area *area = &s->inflight;
	uint16_t entries = area->queue_size;
	uint64_t stride = vhr_inflight_stride(ring->packed, entries);
	uint64_t start = 0;

	if (area->base == NULL || ring->index >= area->num_queues)
		return true;
	if (ring->size > entries) {
		start = stride * area->num_queues;
		entries = vhr_inflight_spare(s);
		stride = vhr_inflight_stride(ring->packed, entries);
		if (ring->size > entries || start + stride * area->num_queues > area->size) {
			vhr_ring_break(ring, "inflight area: queue_size %u, ring of %u",
				       area->queue_size, ring->size);
			return false;
		}
	}
	if (start + stride * area->num_queues > area->size) {
		vhr_ring_break(ring, "inflight area: %" PRIu64 " bytes, expected %" PRIu64
			       " for %u queues of %u", area->size, stride * area->num_queues,
			       area->num_queues, area->queue_size);
		return false;
	}
	ring->inflight = vhr_inflight_new(ring->packed, area->base + start + ring->index * stride,
					  entries, ring->size);
	if (ring->inflight != NULL)
		return true;
	vhr_ring_break(ring, "no memory for a record of requests, ring of %u", ring->size);
	return false;
}

static void
detach_record(struct vhr_ring *ring)
{
	vhr_inflight_free(ring->inflight);
	ring->inflight = NULL;
}

/* The first time since its start that the ring may be touched. */
static void
start_running(struct vhr_session *s, struct ring_slot *slot)
{
	struct vhr_ring *ring = &slot->ring;
	int resumed = 0;

	slot->running = true;
	vhr_ring_set_base(ring, slot->base_set, slot->base);
	if (!attach_record(s, ring))
		return;
	if (ring->inflight != NULL)
		resumed = ring->packed ? vhr_inflight_packed_start(ring) :
					 vhr_inflight_split_start(ring);
	if (resumed < 0) {
		/* What a frontend may ask for is where it told us to begin. */
		vhr_ring_set_base(ring, slot->base_set, slot->base);
		return;
	}
	/* A record knows better where the ring was than a frontend whose backend crashed. */
	if (resumed == 0 && !vhr_ring_check_base(ring, slot->base))
		return;
	ring->avail_seen = ring->last_avail;
	ring->pushed = 0;
	ring->signalled_used = ring->used_idx;
	ring->signalled_valid = false;
	/* Whoever served the ring before us may have left it without kicks. */
	ring->kicks_wanted = false;
	vhr_queue_want_kicks(ring, true);
	/* A crash between the used ring and the call leaves the driver waiting for it. */
	if (resumed > 0)
		vhr_ring_call(ring);
}

static bool
may_run(const struct vhr_session *s, const struct vhr_ring *ring)
{
	bool enabled = ring->enabled || !(s->features & BIT(VHU_F_PROTOCOL_FEATURES));

	return s->features_set && ring->started && enabled && ring->desc != NULL && !ring->broken;
}

static void
refresh(struct vhr_session *s, struct ring_slot *slot)
{
	struct vhr_ring *ring = &slot->ring;

	if (may_run(s, ring) && !slot->running)
		start_running(s, slot);
	ring->ready = may_run(s, ring);
	slot->ready_seen = ring->ready;
	if (s->ops.ring_changed != NULL)
		s->ops.ring_changed(s->priv, ring);
}

struct vhr_ring *
vhr_ring_begin(struct vhr_session *s, unsigned int index)
{
	lock(s, index);
	return &s->slot[index].ring;
}

void
vhr_ring_end(struct vhr_session *s, unsigned int index)
{
	refresh(s, &s->slot[index]);
	unlock(s, index);
}

void
vhr_ring_stop(struct vhr_session *s, unsigned int index)
{
	struct ring_slot *slot = &s->slot[index];

	if (!slot->ring.started)
		return;
	if (s->ops.ring_stop != NULL)
		s->ops.ring_stop(s->priv, index);
	vhr_ring_begin(s, index);
	if (slot->running) {
		slot->base = vhr_ring_base(&slot->ring);
		slot->base_set = true;
	}
	slot->ring.started = false;
	slot->running = false;
	detach_record(&slot->ring);
	vhr_ring_end(s, index);
}

void
vhr_rings_reset(struct vhr_session *s, bool gone)
{
	unsigned int i;

	for (i = 0; i < s->num_rings; i++) {
		struct ring_slot *slot = &s->slot[i];
		struct vhr_ring *ring = &slot->ring;

		vhr_ring_stop(s, i);
		vhr_ring_begin(s, i);
		ring->enabled = false;
		ring->broken = false;
		ring->broken_reason.text[0] = '\0';
		ring->size = 0;
		ring->last_avail = 0;
		ring->used_idx = 0;
		ring->avail_wrap = false;
		ring->used_wrap = false;
		ring->out = 0;
		slot->base = 0;
		slot->base_set = false;
		ring->addr_set = false;
		ring->kick_none = false;
		if (gone) {
			ring->call_none = true;
			ring->features = 0;
			ring->event_idx = false;
			ring->indirect = false;
			ring->packed = false;
		}
		slot->num_set = false;
		vhr_ring_translate(s, slot);
		vhr_ring_end(s, i);
	}
	s->inflight = (struct vhr_inflight_area){ 0 };
}

void
vhr_rings_set_memory(struct vhr_session *s, const struct vhr_memory *memory)
{
	const struct vhr_memory *old = s->memory;
	unsigned int i;

	if (memory == NULL)
		memory = &empty_memory;
	for (i = 0; i < s->num_rings; i++)
		vhr_ring_begin(s, i);
	for (i = 0; i < s->num_rings; i++) {
		s->slot[i].ring.memory = memory;
		vhr_ring_translate(s, &s->slot[i]);
	}
	s->memory = memory;
	for (i = 0; i < s->num_rings; i++)
		vhr_ring_end(s, i);
	if (old != NULL && old != &empty_memory)
		free((void *)(uintptr_t)old);
}

void
vhr_rings_update_features(struct vhr_session *s)
{
	unsigned int i;

	for (i = 0; i < s->num_rings; i++) {
		struct vhr_ring *ring = vhr_ring_begin(s, i);

		ring->features = s->features;
		ring->event_idx = (s->features & BIT(VIRTIO_RING_F_EVENT_IDX)) != 0;
		ring->indirect = (s->features & BIT(VIRTIO_RING_F_INDIRECT_DESC)) != 0;
		if (!(s->features & BIT(VHU_F_PROTOCOL_FEATURES)))
			ring->enabled = true;
		/* No ring runs when this changes. */
		if (ring->packed != vhr_may_be_packed(s)) {
			ring->packed = vhr_may_be_packed(s);
			vhr_ring_translate(s, &s->slot[i]);
		}
		vhr_ring_end(s, i);
	}
}

void
vhr_rings_update_translation(struct vhr_session *s)
{
	unsigned int i;

	for (i = 0; i < s->num_rings; i++) {
		vhr_ring_begin(s, i);
		vhr_ring_translate(s, &s->slot[i]);
		vhr_ring_end(s, i);
	}
}

void
vhr_rings_tell(struct vhr_session *s)
{
	unsigned int i;

	for (i = 0; i < s->num_rings; i++) {
		struct ring_slot *slot = &s->slot[i];

		if (slot->ready_told == slot->ready_seen)
			continue;
		slot->ready_told = slot->ready_seen;
		if (s->ops.ring_ready != NULL)
			s->ops.ring_ready(s->priv, i, slot->ready_told);
	}
}

void
vhr_rings_find_broken(struct vhr_session *s)
{
	unsigned int i;

	for (i = 0; i < s->num_rings; i++) {
		struct ring_slot *slot = &s->slot[i];
		struct vhu_reason why;
		bool broken;

		if (slot->broken_told)
			continue;
		lock(s, i);
		broken = slot->ring.broken;
		why = slot->ring.broken_reason;
		slot->ready_seen = slot->ring.ready;
		unlock(s, i);
		if (!broken)
			continue;
		slot->broken_told = true;
		vhu_reason_set(&s->reason, "ring %u is broken: %s", i, why.text);
		vhr_log(s, VHR_LOG_WARNING, "%s", s->reason.text);
	}
	vhr_rings_tell(s);
}

unsigned int
vhr_rings_started(const struct vhr_session *s)
{
	unsigned int i, n = 0;

	for (i = 0; i < s->num_rings; i++)
		n += s->slot[i].ring.started;
	return n;
}
