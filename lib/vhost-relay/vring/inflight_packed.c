/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The record of a packed ring: copies of the descriptors under way, because a used descriptor
 * may overwrite one in the ring. Entries are in a list of free ones or in that of a request.
 *
 * A request is in the record when old_free_head has passed its entries: until then they are
 * free ones for whoever comes next, whatever is in them. It is out of it when the used
 * descriptor is visible: a record whose used_idx is ahead of old_used_idx is finished if the
 * ring has that descriptor, and rolled back if it has not. Used descriptors are made visible
 * one by one: of several, a crash could leave some visible and some not, and the two indices
 * cannot tell which. Index and wrap counter, new and old, change in one store, so that no
 * crash comes between them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inflight.h"
#include "packed.h"
#include "shared.h"

static void
store_used(struct vhr_inflight_packed *area, struct vhr_packed_position now,
	   struct vhr_packed_position old)
{
	uint64_t used = (uint64_t)now.idx | (uint64_t)old.idx << 16 | (uint64_t)now.wrap << 32 |
			(uint64_t)old.wrap << 40;

	store64(&area->used, used, __ATOMIC_RELEASE);
}

static struct vhr_packed_position
position_of(const struct vhr_ring *ring)
{
	return (struct vhr_packed_position){ ring->used_idx, ring->used_wrap };
}

static void
initialize(struct vhr_ring *ring)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_packed *area = in->area;
	uint16_t i;

	memset(area->desc, 0, in->entries * sizeof(area->desc[0]));
	for (i = 0; i < in->entries; i++) {
		in->entry[i].next = i + 1u;
		store16(&area->desc[i].next, i + 1u, __ATOMIC_RELAXED);
	}
	in->free_head = 0;
	store64(&area->features, 0, __ATOMIC_RELAXED);
	store16(&area->desc_num, in->entries, __ATOMIC_RELAXED);
	store16(&area->free_head, 0, __ATOMIC_RELAXED);
	store16(&area->old_free_head, 0, __ATOMIC_RELAXED);
	store_used(area, position_of(ring), position_of(ring));
	/* Until here the area is as new as before. */
	store16(&area->version, VHR_INFLIGHT_VERSION, __ATOMIC_RELEASE);
}

/* The header as it was when the ring started. */
struct header {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	uint16_t free_head, old_free_head;
	uint16_t used_idx, old_used_idx;
	uint8_t used_wrap, old_used_wrap;
};

static struct header
copy_header(const struct vhr_inflight_packed *area)
{
	uint64_t used = load64(&area->used, __ATOMIC_RELAXED);

	return (struct header){
		.features = load64(&area->features, __ATOMIC_RELAXED),
		.version = load16(&area->version, __ATOMIC_ACQUIRE),
		.desc_num = load16(&area->desc_num, __ATOMIC_RELAXED),
		.free_head = load16(&area->free_head, __ATOMIC_RELAXED),
		.old_free_head = load16(&area->old_free_head, __ATOMIC_RELAXED),
		.used_idx = (uint16_t)used,
		.old_used_idx = (uint16_t)(used >> 16),
		.used_wrap = (uint8_t)(used >> 32),
		.old_used_wrap = (uint8_t)(used >> 40),
	};
}

static int
check_header(struct vhr_ring *ring, const struct header *h)
{
	uint16_t entries = ring->inflight->entries;

	if (h->version != VHR_INFLIGHT_VERSION || h->features != 0) {
		vhr_ring_break(ring, "inflight area: version %u, features 0x%" PRIx64
			       ": not known", h->version, h->features);
		return -EPROTO;
	}
	if (h->desc_num != entries || h->free_head > entries || h->old_free_head > entries) {
		vhr_ring_break(ring,
			       "inflight area: desc_num %u, free_head %u, old_free_head %u, "
			       "queue_size %u", h->desc_num, h->free_head, h->old_free_head,
			       entries);
		return -EPROTO;
	}
	if (h->used_idx >= ring->size || h->old_used_idx >= ring->size || h->used_wrap > 1 ||
	    h->old_used_wrap > 1) {
		vhr_ring_break(ring,
			       "inflight area: used_idx %u, old_used_idx %u, wrap counters %u and "
			       "%u, ring of %u", h->used_idx, h->old_used_idx, h->used_wrap,
			       h->old_used_wrap, ring->size);
		return -EPROTO;
	}
	return 0;
}

/* A completion that the crash was in the middle of: all of it, or nothing of it. */
static void
settle(struct vhr_ring *ring, struct header *h)
{
	struct vhr_inflight_packed *area = ring->inflight->area;
	struct vhr_packed_position now = { h->used_idx, h->used_wrap };
	struct vhr_packed_position old = { h->old_used_idx, h->old_used_wrap };
	uint16_t marks = load16(&ring->packed_desc[old.idx].flags, __ATOMIC_ACQUIRE) &
			 VHR_PACKED_MARKS;
	bool moved = now.idx != old.idx || now.wrap != old.wrap;

	/* What is still available there has not been used. */
	if (moved && marks != vhr_packed_avail_flags(old.wrap)) {
		store16(&area->old_free_head, h->free_head, __ATOMIC_RELEASE);
		store_used(area, now, now);
		old = now;
	} else {
		h->free_head = h->old_free_head;
		store16(&area->free_head, h->free_head, __ATOMIC_RELEASE);
		store_used(area, old, old);
	}
	ring->used_idx = old.idx;
	ring->used_wrap = old.wrap;
}

/* Entries of the free list are not under way, whatever they say. */
static int
collect_free(struct vhr_ring *ring, uint16_t head, bool *seen, unsigned int *total)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_packed *area = in->area;

	in->free_head = head;
	while (head != in->entries) {
		uint16_t next;

		if (head > in->entries || seen[head]) {
			vhr_ring_break(ring, "inflight area: free entry %u, %s", head,
				       head > in->entries ? "there is none" : "a loop");
			return -EPROTO;
		}
		seen[head] = true;
		++*total;
		next = load16(&area->desc[head].next, __ATOMIC_RELAXED);
		store8(&area->desc[head].inflight, 0, __ATOMIC_RELAXED);
		in->entry[head].next = next;
		head = next;
	}
	return 0;
}

/* The list of the request at entry @head. */
static int
collect_list(struct vhr_ring *ring, uint16_t head, bool *seen, unsigned int *total)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_packed *area = in->area;
	uint16_t num = load16(&area->desc[head].num, __ATOMIC_RELAXED);
	uint16_t last = load16(&area->desc[head].last, __ATOMIC_RELAXED);
	uint16_t at = head, n, id;
	bool complete = false;

	for (n = 1; n <= num && at < in->entries && !seen[at]; n++) {
		seen[at] = true;
		++*total;
		complete = n == num;
		if (complete)
			break;
		in->entry[at].next = load16(&area->desc[at].next, __ATOMIC_RELAXED);
		at = in->entry[at].next;
	}
	if (!complete || at != last || ring->out + num > ring->size) {
		vhr_ring_break(ring, "inflight area: entry %u, num %u, last %u: no list of entries",
			       head, num, last);
		return -EPROTO;
	}
	id = load16(&area->desc[last].id, __ATOMIC_RELAXED);
	if (id >= ring->size || in->busy[id]) {
		vhr_ring_break(ring, "inflight area: entry %u, buffer id %u, ring of %u", head, id,
			       ring->size);
		return -EPROTO;
	}
	in->busy[id] = true;
	in->head_of[id] = head;
	in->entry[head].last = last;
	in->entry[head].num = num;
	in->entry[head].id = id;
	in->resubmit[in->resubmit_num++] = (struct vhr_resubmit){
		.counter = load64(&area->desc[head].counter, __ATOMIC_RELAXED),
		.head = head,
	};
	ring->out = (uint16_t)(ring->out + num);
	return 0;
}

static int
collect(struct vhr_ring *ring, uint16_t free_head)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_packed *area = in->area;
	bool *seen = calloc(in->entries, sizeof(*seen));
	unsigned int i, total = 0;
	int ret = 0;

	if (seen == NULL) {
		vhr_ring_break(ring, "no memory for a record of requests, ring of %u", ring->size);
		return -EPROTO;
	}
	ret = collect_free(ring, free_head, seen, &total);
	for (i = 0; ret == 0 && i < in->entries; i++) {
		uint8_t inflight = load8(&area->desc[i].inflight, __ATOMIC_RELAXED);

		if (seen[i] || inflight == 0)
			continue;
		if (inflight != 1) {
			vhr_ring_break(ring, "inflight area: entry %u has inflight %u", i,
				       inflight);
			ret = -EPROTO;
		} else {
			ret = collect_list(ring, (uint16_t)i, seen, &total);
		}
	}
	if (ret == 0 && total != in->entries) {
		vhr_ring_break(ring,
			       "inflight area: %u of %u entries are neither free nor under way",
			       in->entries - total, in->entries);
		ret = -EPROTO;
	}
	free(seen);
	return ret;
}

int
vhr_inflight_packed_start(struct vhr_ring *ring)
{
	struct vhr_inflight *in = ring->inflight;
	struct header h = copy_header(in->area);
	struct vhr_packed_position avail;

	if (h.version == 0) {
		initialize(ring);
		return 0;
	}
	if (check_header(ring, &h) < 0)
		return -EPROTO;
	settle(ring, &h);
	ring->out = 0;
	if (collect(ring, h.free_head) < 0)
		return -EPROTO;
	vhr_inflight_sort(in);
	/* Lists are taken in the order of the ring, so these are the ones ahead. */
	avail = vhr_packed_advance(ring->used_idx, ring->used_wrap, ring->out, ring->size);
	ring->last_avail = avail.idx;
	ring->avail_wrap = avail.wrap;
	return 1;
}

void
vhr_inflight_packed_note(struct vhr_inflight *in, bool first, const struct vring_packed_desc *desc)
{
	uint16_t at = first ? in->free_head : in->entry[in->noted].next;
	struct vhr_inflight_packed_desc *entry =
		&((struct vhr_inflight_packed *)in->area)->desc[at];

	/* Little-endian like the ring. */
	entry->addr = desc->addr;
	entry->len = desc->len;
	entry->flags = desc->flags;
	entry->id = desc->id;
	in->noted = at;
}

int
vhr_inflight_packed_take(struct vhr_ring *ring, uint16_t id, uint16_t num)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_packed *area = in->area;
	uint16_t head = in->free_head, last = in->noted;
	struct vhr_inflight_packed_desc *first = &area->desc[head];

	if (in->busy[id]) {
		vhr_ring_break(ring, "buffer id %u is available and under way", id);
		return -EPROTO;
	}
	in->busy[id] = true;
	in->head_of[id] = head;
	in->entry[head].last = last;
	in->entry[head].num = num;
	in->entry[head].id = id;
	in->free_head = in->entry[last].next;
	store16(&first->num, num, __ATOMIC_RELAXED);
	store16(&first->last, last, __ATOMIC_RELAXED);
	store64(&first->counter, in->counter++, __ATOMIC_RELAXED);
	store8(&first->inflight, 1, __ATOMIC_RELEASE);
	store16(&area->free_head, in->free_head, __ATOMIC_RELEASE);
	store16(&area->old_free_head, in->free_head, __ATOMIC_RELEASE);
	return 0;
}

void
vhr_inflight_packed_recall(const struct vhr_inflight *in, uint16_t *at,
			   struct vring_packed_desc *desc)
{
	struct vhr_inflight_packed_desc copy;

	memcpy(&copy, &((struct vhr_inflight_packed *)in->area)->desc[*at], sizeof(copy));
	__asm__ volatile("" ::: "memory");
	desc->addr = copy.addr;
	desc->len = copy.len;
	desc->id = copy.id;
	desc->flags = copy.flags;
	*at = in->entry[*at].next;
}

void
vhr_inflight_packed_push(struct vhr_ring *ring, uint16_t id, uint16_t num)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_packed *area = in->area;
	uint16_t head = in->head_of[id], last = in->entry[head].last;

	in->entry[last].next = in->free_head;
	store16(&area->desc[last].next, in->free_head, __ATOMIC_RELEASE);
	in->free_head = head;
	store16(&area->free_head, head, __ATOMIC_RELEASE);
	store_used(area, vhr_packed_advance(ring->used_idx, ring->used_wrap, num, ring->size),
		   position_of(ring));
}

void
vhr_inflight_packed_published(struct vhr_ring *ring, uint16_t id)
{
	struct vhr_inflight *in = ring->inflight;
	struct vhr_inflight_packed *area = in->area;

	in->busy[id] = false;
	store8(&area->desc[in->head_of[id]].inflight, 0, __ATOMIC_RELEASE);
	store16(&area->old_free_head, in->free_head, __ATOMIC_RELEASE);
	store_used(area, position_of(ring), position_of(ring));
}
