/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What depends on a ring's format, split or packed: the lengths and alignments of its parts,
 * and the encoding of the place where it goes on.
 */
#include <endian.h>
#include <inttypes.h>

#include "internal.h"

#define PACKED_IDX	0x7fffu
#define PACKED_WRAP	0x8000u
/* Both wrap counters are 1 before the first lap (virtio 1.3, 2.8.1). */
#define PACKED_FIRST	0x80008000u

/*
 * Split: bits 0-15 the next available entry, free running. Packed: bits 0-14 and 15 the next
 * available entry and its wrap counter, 16-30 and 31 the same of the next used one.
 */
uint32_t
vhr_ring_base(const struct vhr_ring *ring)
{
	if (!ring->packed)
		return ring->last_avail;
	return (uint32_t)ring->last_avail | (uint32_t)ring->avail_wrap << 15 |
	       (uint32_t)ring->used_idx << 16 | (uint32_t)ring->used_wrap << 31;
}

void
vhr_ring_set_base(struct vhr_ring *ring, bool set, uint32_t base)
{
	uint32_t used;

	if (!ring->packed) {
		/*
		 * The frontend tells where we take (SET_VRING_BASE); where we give is in the
		 * used ring, and the frontend's driver goes by that.
		 */
		ring->last_avail = (uint16_t)base;
		ring->used_idx = le16toh(__atomic_load_n((const uint16_t *)&ring->used->idx,
							 __ATOMIC_ACQUIRE));
		return;
	}
	if (!set)
		base = PACKED_FIRST;
	/* Some frontends have only the first half; a stopped ring has nothing under way. */
	used = base >> 16 != 0 ? base >> 16 : base;
	ring->last_avail = base & PACKED_IDX;
	ring->avail_wrap = (base & PACKED_WRAP) != 0;
	ring->used_idx = used & PACKED_IDX;
	ring->used_wrap = (used & PACKED_WRAP) != 0;
	ring->out = ring->last_avail - ring->used_idx;
	if (ring->avail_wrap != ring->used_wrap)
		ring->out += ring->size;
}

bool
vhr_ring_check_base(struct vhr_ring *ring, uint32_t base)
{
	uint16_t outstanding = (uint16_t)(ring->last_avail - ring->used_idx);

	if (ring->packed) {
		if (ring->last_avail < ring->size && ring->used_idx < ring->size &&
		    ring->out <= ring->size)
			return true;
		vhr_ring_break(ring, "base 0x%08x, packed ring of %u", base, ring->size);
		return false;
	}
	if (base > UINT16_MAX) {
		vhr_ring_break(ring, "base 0x%x, expected 16 bits", base);
		return false;
	}
	if (outstanding <= ring->size)
		return true;
	vhr_ring_break(ring, "base %u is %u ahead of used idx %u, ring of %u",
		       ring->last_avail, outstanding, ring->used_idx, ring->size);
	return false;
}

/* One part of a ring, @len bytes at @addr, contiguous and aligned also on our side. */
static void *
translate_part(struct vhr_session *s, struct ring_slot *slot, const char *what, uint64_t addr,
	       uint64_t len, uint64_t align)
{
	void *va;

	/* vhost-user, "Ring addresses": guest-physical with GPA_ADDRESSES, else the user's. */
	if (s->protocol_features & BIT(VHU_PROTOCOL_F_GPA_ADDRESSES))
		va = vhr_memory_gpa_range(slot->ring.memory, addr, len);
	else
		va = vhr_memory_uva(slot->ring.memory, addr, len);
	if (va == NULL) {
		vhu_reason_set(&slot->untranslated,
			       "SET_VRING_ADDR: ring %u: %s 0x%" PRIx64 " + length %" PRIu64
			       " is not in one memory region", slot->ring.index, what, addr, len);
		return NULL;
	}
	/* The region itself may start at an odd address. */
	if ((uintptr_t)va % align != 0) {
		vhu_reason_set(&slot->untranslated,
			       "SET_VRING_ADDR: ring %u: %s 0x%" PRIx64
			       " is in a memory region that is not aligned to %" PRIu64,
			       slot->ring.index, what, addr, align);
		return NULL;
	}
	return va;
}

void
vhr_ring_translate(struct vhr_session *s, struct ring_slot *slot)
{
	struct vhr_ring *ring = &slot->ring;
	uint64_t size = ring->size;

	ring->desc = NULL;
	ring->avail = NULL;
	ring->used = NULL;
	slot->untranslated.text[0] = '\0';
	if (!ring->addr_set || !slot->num_set)
		return;
	/* Lengths with the event fields, virtio 1.3, 2.7 and 2.8.10. */
	ring->avail = ring->packed ?
		      translate_part(s, slot, "driver event area", ring->addr.avail, 4, 4) :
		      translate_part(s, slot, "available ring", ring->addr.avail, 6 + 2 * size, 2);
	ring->used = ring->packed ?
		     translate_part(s, slot, "device event area", ring->addr.used, 4, 4) :
		     translate_part(s, slot, "used ring", ring->addr.used, 6 + 8 * size, 4);
	if (ring->avail != NULL && ring->used != NULL)
		ring->desc = translate_part(s, slot, ring->packed ? "descriptor ring" :
							"descriptor table",
					    ring->addr.desc, 16 * size, 16);
}

bool
vhr_ring_check_format(struct vhr_session *s, const struct ring_slot *slot)
{
	const struct vhr_ring *ring = &slot->ring;
	bool packed = s->features_set && vhr_may_be_packed(s);
	const struct {
		const char *name;
		uint64_t value;
		unsigned int align;	/* virtio 1.3, 2.7 and 2.8.10 */
	} parts[] = {
		{ "desc", ring->addr.desc, 16 },
		{ "avail", ring->addr.avail, packed ? 4 : 2 },
		{ "used", ring->addr.used, 4 },
	};
	unsigned int i;

	if (slot->num_set && (ring->size & (ring->size - 1)) != 0 && !vhr_may_be_packed(s)) {
		vhu_reason_set(&s->reason,
			       "SET_FEATURES: ring %u: size %u, expected a power of two",
			       ring->index, ring->size);
		return false;
	}
	for (i = 0; ring->addr_set && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].value % parts[i].align == 0)
			continue;
		vhu_reason_set(&s->reason,
			       "SET_VRING_ADDR: ring %u: %s 0x%" PRIx64 " is not aligned to %u",
			       ring->index, parts[i].name, parts[i].value, parts[i].align);
		return false;
	}
	return true;
}
