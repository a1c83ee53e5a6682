/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both directions do with a packed ring (virtio 1.3, 2.8): descriptors are read and used
 * ones written in batches that do not go over the end of the ring.
 *
 * Of a descriptor's 16 bytes the second half, length, id and flags, is one aligned word: one
 * load says that it is available and what it is, and one store makes it a used one.
 */
#ifndef VVU_PMD_PACKED_H
#define VVU_PMD_PACKED_H

#include "vhost-relay/vring/packed.h"

#include "vvu_datapath.h"

#define VVU_PACKED_ID_SHIFT	32
#define VVU_PACKED_FLAGS_SHIFT	48
#define VVU_PACKED_FLAGS(flags)	((uint64_t)(flags) << VVU_PACKED_FLAGS_SHIFT)
/* Flags by which a plain available descriptor is known. */
#define VVU_PACKED_CHECKED \
	VVU_PACKED_FLAGS(VHR_PACKED_MARKS | VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | \
			 VRING_DESC_F_INDIRECT)

static __rte_always_inline uint64_t *
vvu_packed_word(struct vring_packed_desc *desc)
{
	return (uint64_t *)(void *)&desc->len;
}

/* What it says is read after it is seen to be available. */
static __rte_always_inline uint64_t
vvu_packed_word_read(struct vring_packed_desc *desc)
{
	return rte_le_to_cpu_64(__atomic_load_n(vvu_packed_word(desc), __ATOMIC_ACQUIRE));
}

static __rte_always_inline uint64_t
vvu_packed_addr_read(const struct vring_packed_desc *desc)
{
	return rte_le_to_cpu_64(__atomic_load_n(&desc->addr, __ATOMIC_RELAXED));
}

static __rte_always_inline uint16_t
vvu_packed_id(uint64_t word)
{
	return word >> VVU_PACKED_ID_SHIFT;
}

/* The flags under VVU_PACKED_CHECKED of a plain one of this lap. */
static __rte_always_inline uint64_t
vvu_packed_expected(const struct vhr_ring *ring, uint16_t write)
{
	return VVU_PACKED_FLAGS(vhr_packed_avail_flags(ring->avail_wrap) | write);
}

/*
 * Whether an entry that is not as expected is one that the driver has not made available yet.
 * From the same reading: looking again costs a driver that is just writing there the line, and
 * may find what the gather did not.
 */
static __rte_always_inline bool
vvu_packed_is_ahead(uint64_t there, uint64_t expected)
{
	return ((there ^ expected) & VVU_PACKED_FLAGS(VHR_PACKED_MARKS)) != 0;
}

/* How many of @want entries, one batch at most, are ahead before the ring's end, to take. */
static __rte_always_inline uint16_t
vvu_packed_ahead(const struct vhr_ring *ring, uint16_t want)
{
	want = RTE_MIN(want, (uint16_t)VVU_BATCH);
	return RTE_MIN(want, (uint16_t)(ring->size - ring->last_avail));
}

/* The same, to take and to give. */
static __rte_always_inline uint16_t
vvu_packed_straight(const struct vhr_ring *ring, uint16_t want)
{
	return RTE_MIN(vvu_packed_ahead(ring, want), (uint16_t)(ring->size - ring->used_idx));
}

/* @count single entries were taken and given back, none over the end of the ring. */
static __rte_always_inline void
vvu_packed_advance(struct vhr_ring *ring, uint16_t count)
{
	ring->last_avail += count;
	if (ring->last_avail == ring->size) {
		ring->last_avail = 0;
		ring->avail_wrap = !ring->avail_wrap;
	}
	ring->used_idx += count;
	if (ring->used_idx == ring->size) {
		ring->used_idx = 0;
		ring->used_wrap = !ring->used_wrap;
	}
}

/*
 * Write used descriptors from used_idx on, @word[i] with the flags @flags. The driver sees
 * them all with the first, which is written last.
 */
static __rte_always_inline void
vvu_packed_give(struct vhr_ring *ring, const uint64_t *word, uint16_t count, uint16_t flags)
{
	const uint64_t marks = VVU_PACKED_FLAGS(vhr_packed_used_flags(ring->used_wrap) | flags);
	struct vring_packed_desc *desc = &ring->packed_desc[ring->used_idx];
	uint16_t i;

	for (i = 1; i < count; i++)
		__atomic_store_n(vvu_packed_word(&desc[i]), rte_cpu_to_le_64(word[i] | marks),
				 __ATOMIC_RELAXED);
	__atomic_store_n(vvu_packed_word(desc), rte_cpu_to_le_64(word[0] | marks),
			 __ATOMIC_RELEASE);
}

/* Give back @n entries that were taken with vhr_packed_take(), none over the end of the ring. */
static __rte_always_inline void
vvu_packed_give_taken(struct vhr_ring *ring, const uint64_t *word, uint16_t n)
{
	struct vhr_packed_position next;

	if (n == 0)
		return;
	vvu_packed_give(ring, word, n, 0);
	next = vhr_packed_advance(ring->used_idx, ring->used_wrap, n, ring->size);
	ring->used_idx = next.idx;
	ring->used_wrap = next.wrap;
	ring->out -= n;
}

/* Lists that were taken, and are to be given back in batches. */
struct vvu_packed_done {
	uint16_t num;
	uint64_t word[VVU_BATCH];	/* used descriptors of single entries, without flags */
};

static __rte_always_inline void
vvu_packed_done_flush(struct vhr_ring *ring, struct vvu_packed_done *done)
{
	vvu_packed_give_taken(ring, done->word, done->num);
	done->num = 0;
}

/* The next list to give back, of @entries of the ring; to be followed by a flush. */
static __rte_always_inline void
vvu_packed_done_add(struct vhr_ring *ring, struct vvu_packed_done *done, uint16_t id,
		    uint16_t entries)
{
	if (unlikely(entries != 1)) {
		vvu_packed_done_flush(ring, done);
		vhr_packed_fill(ring, id, 0);
		vhr_packed_publish(ring, entries, 0);
		return;
	}
	done->word[done->num++] = (uint64_t)id << VVU_PACKED_ID_SHIFT;
	if (done->num == VVU_BATCH || ring->used_idx + done->num == ring->size)
		vvu_packed_done_flush(ring, done);
}

/* @entries of the ring were given back since the last time: call if that is wanted. */
static __rte_always_inline void
vvu_packed_call(struct vvu_queue *q, struct vhr_ring *ring, uint32_t entries)
{
	if (unlikely(vhr_packed_should_call(ring, RTE_MIN(entries, (uint32_t)ring->size)))) {
		vhr_ring_call(ring);
		q->stats.calls++;
	}
}

#endif
