/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chain of descriptors becomes an iovec array: what the walks of both ring formats share.
 * In a header so that a datapath has it in line.
 */
#ifndef VHOST_RELAY_WALK_H
#define VHOST_RELAY_WALK_H

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "split.h"

/* A driver must not put more into one chain (virtio 1.3, 2.7.4). */
#define CHAIN_BYTES_MAX (1ull << 32)

/* One descriptor in our order; a split ring's has no id, a packed ring's no next. */
struct descriptor {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
	uint16_t id;
};

struct walk {
	struct vhr_ring *ring;
	struct vhr_chain *chain;
	unsigned int descriptors;	/* seen so far, at most the ring's size */
	bool writable_seen;
};

/*
 * A descriptor of either format as it is in memory: the address; then from its low end length,
 * 32 bits, and 16 bits each of flags and next in a split ring, of id and flags in a packed one.
 */
struct raw_descriptor {
	uint64_t word[2];	/* little-endian */
};

/*
 * The only read of a descriptor. What is in the two words the compiler has to take as given, so
 * it does not look at shared memory again where it runs out of registers. No alignment is asked
 * of @src: an indirect table may lie anywhere.
 */
static inline struct raw_descriptor
copy_descriptor(const void *src)
{
	struct raw_descriptor raw;

	memcpy(&raw, src, sizeof(raw));
	__asm__ volatile("" : "+r"(raw.word[0]), "+r"(raw.word[1]));
	return raw;
}

/* Address of @gpa; *len is cut to what is contiguous. */
static inline void *
translate(struct walk *w, uint64_t gpa, uint64_t *len)
{
	return vhr_memory_gpa_find(w->ring->memory, &w->ring->region_hint, gpa, len);
}

/* The same for @len bytes or none. Buffers of a ring are mostly in one region. */
static inline void *
translate_whole(struct walk *w, uint64_t gpa, uint64_t len)
{
	void *va = vhr_memory_gpa_hint(w->ring->memory, w->ring->region_hint, gpa, len);
	uint64_t contiguous = len;

	if (va != NULL)
		return va;
	va = translate(w, gpa, &contiguous);
	return contiguous == len ? va : NULL;
}

static inline int
outside(struct walk *w, const char *what, const struct descriptor *desc, uint64_t gpa)
{
	vhr_ring_break(w->ring,
		       "chain %u: %s 0x%" PRIx64 " + length %u: 0x%" PRIx64
		       " is outside the memory table", w->chain->head, what, desc->addr, desc->len,
		       gpa);
	return -EPROTO;
}

static inline void
add_piece(struct vhr_chain *chain, bool writable, void *va, uint64_t len)
{
	chain->iov[chain->readable + chain->writable] =
		(struct iovec){ .iov_base = va, .iov_len = len };
	if (writable)
		chain->writable++;
	else
		chain->readable++;
}

/* Piece by piece, one for each region. Out of line: nearly no buffer is like that. */
static __attribute__((noinline)) int
add_pieces(struct walk *w, const struct descriptor *desc, bool writable)
{
	struct vhr_chain *chain = w->chain;
	uint64_t gpa = desc->addr, left = desc->len, len;

	for (; left != 0; gpa += len, left -= len) {
		void *va;

		len = left;
		va = translate(w, gpa, &len);
		if (va == NULL)
			return outside(w, "address", desc, gpa);
		if (chain->readable + chain->writable == chain->iov_max)
			return -E2BIG;
		add_piece(chain, writable, va, len);
	}
	return 0;
}

static inline int
add_buffer(struct walk *w, const struct descriptor *desc)
{
	struct vhr_chain *chain = w->chain;
	bool writable = (desc->flags & VRING_DESC_F_WRITE) != 0;
	uint64_t len = desc->len;
	void *va;

	if (!writable && w->writable_seen) {
		vhr_ring_break(w->ring, "chain %u: readable descriptor after a writable one",
			       chain->head);
		return -EPROTO;
	}
	if (len > CHAIN_BYTES_MAX - chain->readable_bytes - chain->writable_bytes) {
		vhr_ring_break(w->ring, "chain %u: more than 4 GiB in total", chain->head);
		return -EPROTO;
	}
	w->writable_seen = writable;
	if (writable)
		chain->writable_bytes += len;
	else
		chain->readable_bytes += len;
	va = translate_whole(w, desc->addr, len);
	if (va == NULL || chain->readable + chain->writable == chain->iov_max || len == 0)
		return add_pieces(w, desc, writable);
	add_piece(chain, writable, va, len);
	return 0;
}

/* Each descriptor counts, whether it holds a buffer or not; so a loop ends here. */
static inline int
count_descriptor(struct walk *w)
{
	if (w->descriptors++ < w->ring->size)
		return 0;
	vhr_ring_break(w->ring, "chain %u: more than %u descriptors", w->chain->head,
		       w->ring->size);
	return -EPROTO;
}

/* An indirect table. It may cross regions, as any buffer. */
struct indirect {
	const struct descriptor *table;
	const uint8_t *va;	/* NULL: it does */
	uint32_t entries;
};

/* Entry @i, of which a part is in another region. */
static inline int
copy_indirect_pieces(struct walk *w, const struct indirect *in, uint32_t i,
		     struct raw_descriptor *raw)
{
	uint64_t gpa = in->table->addr + (uint64_t)i * sizeof(*raw);
	uint64_t done, len;

	for (done = 0; done < sizeof(*raw); done += len) {
		const void *va;

		len = sizeof(*raw) - done;
		va = translate(w, gpa + done, &len);
		if (va == NULL)
			return outside(w, "indirect table", in->table, gpa + done);
		memcpy((uint8_t *)raw + done, va, len);
	}
	/* As in copy_descriptor(): from here on it is what it is. */
	__asm__ volatile("" ::: "memory");
	return 0;
}

static inline int
copy_indirect(struct walk *w, const struct indirect *in, uint32_t i, struct raw_descriptor *raw)
{
	if (in->va == NULL)
		return copy_indirect_pieces(w, in, i, raw);
	*raw = copy_descriptor(in->va + (size_t)i * sizeof(*raw));
	return 0;
}

/* What both formats ask of a descriptor that points to a table. */
static inline int
open_indirect(struct walk *w, const struct descriptor *table, struct indirect *in)
{
	struct vhr_ring *ring = w->ring;

	in->table = table;
	in->entries = table->len / sizeof(struct raw_descriptor);
	if (!ring->indirect) {
		vhr_ring_break(ring, "chain %u: indirect descriptor, not negotiated",
			       w->chain->head);
		return -EPROTO;
	}
	/* No NEXT next to INDIRECT: virtio 1.3, "Indirect Descriptors" of 2.7 and of 2.8. */
	if (table->flags & VRING_DESC_F_NEXT) {
		vhr_ring_break(ring, "chain %u: indirect descriptor with a next one",
			       w->chain->head);
		return -EPROTO;
	}
	if (in->entries == 0 || table->len % sizeof(struct raw_descriptor) != 0 ||
	    in->entries > ring->size) {
		vhr_ring_break(ring, "chain %u: indirect table of %u bytes, ring of %u",
			       w->chain->head, table->len, ring->size);
		return -EPROTO;
	}
	in->va = translate_whole(w, table->addr, table->len);
	return 0;
}

/* ... and of an entry of the table. */
static inline int
check_indirect_entry(struct walk *w, const struct descriptor *desc)
{
	if (!(desc->flags & VRING_DESC_F_INDIRECT))
		return 0;
	vhr_ring_break(w->ring, "chain %u: indirect descriptor in an indirect table",
		       w->chain->head);
	return -EPROTO;
}

static inline struct walk
walk_begin(struct vhr_ring *ring, struct vhr_chain *chain)
{
	chain->readable = 0;
	chain->writable = 0;
	chain->entries = 0;
	chain->readable_bytes = 0;
	chain->writable_bytes = 0;
	return (struct walk){ .ring = ring, .chain = chain };
}

#endif
