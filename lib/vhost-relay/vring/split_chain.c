/* SPDX-License-Identifier: BSD-3-Clause */
/* The descriptor chain of a split ring, from the driver's memory into an iovec array. */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "split.h"

/* A driver must not put more into one chain (virtio 1.3, 2.7.4). */
#define CHAIN_BYTES_MAX (1ull << 32)

struct descriptor {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
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
static void
fetch(const void *src, struct descriptor *desc)
{
	struct vring_desc copy;

	memcpy(&copy, src, sizeof(copy));
	__asm__ volatile("" ::: "memory");
	desc->addr = le64toh(copy.addr);
	desc->len = le32toh(copy.len);
	desc->flags = le16toh(copy.flags);
	desc->next = le16toh(copy.next);
}

static int
outside(struct walk *w, const char *what, const struct descriptor *desc, uint64_t gpa)
{
	vhr_ring_break(w->ring,
		       "chain %u: %s 0x%" PRIx64 " + length %u: 0x%" PRIx64
		       " is outside the memory table", w->chain->head, what, desc->addr, desc->len,
		       gpa);
	return -EPROTO;
}

static int
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
static int
count_descriptor(struct walk *w)
{
	if (w->descriptors++ < w->ring->size)
		return 0;
	vhr_ring_break(w->ring, "chain %u: more than %u descriptors", w->chain->head,
		       w->ring->size);
	return -EPROTO;
}

/* Entry @i of an indirect table, which may cross regions like any other buffer. */
static int
fetch_indirect(struct walk *w, const struct descriptor *table, uint32_t i, struct descriptor *desc)
{
	uint64_t gpa = table->addr + (uint64_t)i * sizeof(struct vring_desc);
	uint8_t bytes[sizeof(struct vring_desc)];
	uint64_t done, len = sizeof(bytes);
	const void *va = vhr_memory_gpa(w->ring->memory, gpa, &len);

	if (va != NULL && len == sizeof(bytes)) {
		fetch(va, desc);
		return 0;
	}
	for (done = 0; done < sizeof(bytes); done += len) {
		len = sizeof(bytes) - done;
		va = vhr_memory_gpa(w->ring->memory, gpa + done, &len);
		if (va == NULL)
			return outside(w, "indirect table", table, gpa + done);
		memcpy(bytes + done, va, len);
	}
	fetch(bytes, desc);
	return 0;
}

static int
walk_indirect(struct walk *w, const struct descriptor *table)
{
	uint32_t entries = table->len / sizeof(struct vring_desc), i = 0;
	struct vhr_ring *ring = w->ring;
	struct descriptor desc;
	int ret;

	if (!ring->indirect) {
		vhr_ring_break(ring, "chain %u: indirect descriptor, not negotiated",
			       w->chain->head);
		return -EPROTO;
	}
	/* virtio 1.3, 2.7.5.3.1: no NEXT next to INDIRECT. */
	if (table->flags & VRING_DESC_F_NEXT) {
		vhr_ring_break(ring, "chain %u: indirect descriptor with a next one",
			       w->chain->head);
		return -EPROTO;
	}
	if (entries == 0 || table->len % sizeof(struct vring_desc) != 0 || entries > ring->size) {
		vhr_ring_break(ring, "chain %u: indirect table of %u bytes, ring of %u",
			       w->chain->head, table->len, ring->size);
		return -EPROTO;
	}
	for (;;) {
		ret = count_descriptor(w);
		if (ret < 0)
			return ret;
		ret = fetch_indirect(w, table, i, &desc);
		if (ret < 0)
			return ret;
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			vhr_ring_break(ring, "chain %u: indirect descriptor in an indirect table",
				       w->chain->head);
			return -EPROTO;
		}
		ret = add_buffer(w, &desc);
		if (ret < 0 || !(desc.flags & VRING_DESC_F_NEXT))
			return ret;
		if (desc.next >= entries) {
			vhr_ring_break(ring, "chain %u: next %u, indirect table of %u",
				       w->chain->head, desc.next, entries);
			return -EPROTO;
		}
		i = desc.next;
	}
}

int
vhr_split_walk(struct vhr_ring *ring, struct vhr_chain *chain)
{
	struct walk w = { .ring = ring, .chain = chain };
	uint16_t i = chain->head;
	struct descriptor desc;
	int ret;

	chain->readable = 0;
	chain->writable = 0;
	chain->readable_bytes = 0;
	chain->writable_bytes = 0;
	if (i >= ring->size) {
		vhr_ring_break(ring, "chain head %u, ring of %u", i, ring->size);
		return -EPROTO;
	}
	for (;;) {
		fetch(&ring->desc[i], &desc);
		if (desc.flags & VRING_DESC_F_INDIRECT)
			return walk_indirect(&w, &desc);
		ret = count_descriptor(&w);
		if (ret < 0)
			return ret;
		ret = add_buffer(&w, &desc);
		if (ret < 0 || !(desc.flags & VRING_DESC_F_NEXT))
			return ret;
		if (desc.next >= ring->size) {
			vhr_ring_break(ring, "chain %u: next %u, ring of %u", chain->head,
				       desc.next, ring->size);
			return -EPROTO;
		}
		i = desc.next;
	}
}
