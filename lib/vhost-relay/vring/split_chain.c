/* SPDX-License-Identifier: BSD-3-Clause */
/* The descriptor chain of a split ring, from the driver's memory into an iovec array. */
#include <endian.h>

#include "walk.h"

static struct descriptor
decode(const struct vring_desc *copy)
{
	return (struct descriptor){
		.addr = le64toh(copy->addr),
		.len = le32toh(copy->len),
		.flags = le16toh(copy->flags),
		.next = le16toh(copy->next),
	};
}

static int
walk_indirect(struct walk *w, const struct descriptor *table)
{
	struct descriptor desc;
	uint32_t entries, i = 0;
	int ret = check_indirect(w, table, &entries);

	while (ret == 0) {
		struct vring_desc copy;

		ret = count_descriptor(w);
		if (ret < 0)
			return ret;
		ret = copy_indirect(w, table, i, &copy);
		if (ret < 0)
			return ret;
		desc = decode(&copy);
		ret = check_indirect_entry(w, &desc);
		if (ret < 0)
			return ret;
		ret = add_buffer(w, &desc);
		if (ret < 0 || !(desc.flags & VRING_DESC_F_NEXT))
			return ret;
		if (desc.next >= entries) {
			vhr_ring_break(w->ring, "chain %u: next %u, indirect table of %u",
				       w->chain->head, desc.next, entries);
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
		struct vring_desc copy;

		copy_descriptor(&copy, &ring->desc[i]);
		desc = decode(&copy);
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
