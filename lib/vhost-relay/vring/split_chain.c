/* SPDX-License-Identifier: BSD-3-Clause */
/* The descriptor chain of a split ring, from the driver's memory into an iovec array. */
#include <endian.h>

#include "walk.h"

/* Into place, as in packed_chain.c. */
static inline void
decode(struct raw_descriptor raw, struct descriptor *desc)
{
	uint64_t second = le64toh(raw.word[1]);

	desc->addr = le64toh(raw.word[0]);
	desc->len = (uint32_t)second;
	desc->flags = (uint16_t)(second >> 32);
	desc->next = (uint16_t)(second >> 48);
}

static int
walk_indirect(struct walk *w, const struct descriptor *table)
{
	struct indirect in;
	struct descriptor desc;
	uint32_t i = 0;
	int ret = open_indirect(w, table, &in);

	while (ret == 0) {
		struct raw_descriptor raw;

		ret = count_descriptor(w);
		if (ret < 0)
			return ret;
		ret = copy_indirect(w, &in, i, &raw);
		if (ret < 0)
			return ret;
		decode(raw, &desc);
		ret = check_indirect_entry(w, &desc);
		if (ret < 0)
			return ret;
		ret = add_buffer(w, &desc);
		if (ret < 0 || !(desc.flags & VRING_DESC_F_NEXT))
			return ret;
		if (desc.next >= in.entries) {
			vhr_ring_break(w->ring, "chain %u: next %u, indirect table of %u",
				       w->chain->head, desc.next, in.entries);
			return -EPROTO;
		}
		i = desc.next;
	}
	return ret;
}

int
vhr_split_walk(struct vhr_ring *ring, struct vhr_chain *chain)
{
	struct walk w = walk_begin(ring, chain);
	uint16_t i = chain->head;
	int ret;

	if (i >= ring->size) {
		vhr_ring_break(ring, "chain head %u, ring of %u", i, ring->size);
		return -EPROTO;
	}
	for (;;) {
		struct descriptor desc;

		decode(copy_descriptor(&ring->desc[i]), &desc);
		chain->entries++;
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
