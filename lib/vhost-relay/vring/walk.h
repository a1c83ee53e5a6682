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

#define DESCRIPTOR_BYTES 16u
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
 * The only read of a descriptor. The barrier keeps the compiler from looking at shared
 * memory again where it runs out of registers. No alignment is asked of @src: an indirect
 * table may lie anywhere.
 */
static inline void
copy_descriptor(void *copy, const void *src)
{
	memcpy(copy, src, DESCRIPTOR_BYTES);
	__asm__ volatile("" ::: "memory");
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

static inline int
add_buffer(struct walk *w, const struct descriptor *desc)
{
	struct vhr_chain *chain = w->chain;
	bool writable = (desc->flags & VRING_DESC_F_WRITE) != 0;
	uint64_t gpa = desc->addr, left = desc->len;

	if (!writable && w->writable_seen) {
		vhr_ring_break(w->ring, "chain %u: readable descriptor after a writable one",
			       chain->head);
		return -EPROTO;
	}
	if (left > CHAIN_BYTES_MAX - chain->readable_bytes - chain->writable_bytes) {
		vhr_ring_break(w->ring, "chain %u: more than 4 GiB in total", chain->head);
		return -EPROTO;
	}
	w->writable_seen = writable;
	if (writable)
		chain->writable_bytes += left;
	else
		chain->readable_bytes += left;
	while (left != 0) {
		unsigned int n = chain->readable + chain->writable;
		uint64_t len = left;
		void *va = vhr_memory_gpa(w->ring->memory, gpa, &len);

		if (va == NULL)
			return outside(w, "address", desc, gpa);
		if (n == chain->iov_max)
			return -E2BIG;
		chain->iov[n] = (struct iovec){ .iov_base = va, .iov_len = len };
		if (writable)
			chain->writable++;
		else
			chain->readable++;
		gpa += len;
		left -= len;
	}
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

/* The 16 bytes of entry @i of an indirect table, which may cross regions like any buffer. */
static inline int
copy_indirect(struct walk *w, const struct descriptor *table, uint32_t i, void *entry)
{
	uint64_t gpa = table->addr + (uint64_t)i * DESCRIPTOR_BYTES;
	uint64_t done, len = DESCRIPTOR_BYTES;
	const void *va = vhr_memory_gpa(w->ring->memory, gpa, &len);

	if (va != NULL && len == DESCRIPTOR_BYTES) {
		copy_descriptor(entry, va);
		return 0;
	}
	for (done = 0; done < DESCRIPTOR_BYTES; done += len) {
		len = DESCRIPTOR_BYTES - done;
		va = vhr_memory_gpa(w->ring->memory, gpa + done, &len);
		if (va == NULL)
			return outside(w, "indirect table", table, gpa + done);
		memcpy((uint8_t *)entry + done, va, len);
	}
	/* The same for bytes in two regions. */
	__asm__ volatile("" ::: "memory");
	return 0;
}

/* What both formats ask of a descriptor that points to a table; its length is in @entries. */
static inline int
check_indirect(struct walk *w, const struct descriptor *table, uint32_t *entries)
{
	struct vhr_ring *ring = w->ring;

	*entries = table->len / DESCRIPTOR_BYTES;
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
	if (*entries == 0 || table->len % DESCRIPTOR_BYTES != 0 || *entries > ring->size) {
		vhr_ring_break(ring, "chain %u: indirect table of %u bytes, ring of %u",
			       w->chain->head, table->len, ring->size);
		return -EPROTO;
	}
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
	chain->readable_bytes = 0;
	chain->writable_bytes = 0;
	return (struct walk){ .ring = ring, .chain = chain };
}

#endif
