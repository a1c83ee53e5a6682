/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The descriptor list of a packed ring, from the driver's memory into an iovec array. A list is
 * one indirect descriptor, or entries in the order of the ring, around its end, of which all
 * but the last have NEXT; the last one has the buffer id (virtio 1.3, 2.8.6).
 */
#include <endian.h>

#include "inflight.h"
#include "packed.h"
#include "shared.h"
#include "walk.h"

/* Where the descriptors of a list come from. */
struct list {
	struct walk walk;
	bool recorded;		/* the inflight area, else the ring */
	uint16_t at;		/* next one */
	uint16_t num;		/* fetched so far */
	uint16_t limit;
};

/* Into place: a structure that is copied is stored in small parts and loaded in one, and waits. */
static inline void
decode(struct raw_descriptor raw, struct descriptor *desc)
{
	uint64_t second = le64toh(raw.word[1]);

	desc->addr = le64toh(raw.word[0]);
	desc->len = (uint32_t)second;
	desc->id = (uint16_t)(second >> 32);
	desc->flags = (uint16_t)(second >> 48);
}

static int
fetch(struct list *list, struct descriptor *desc)
{
	struct vhr_ring *ring = list->walk.ring;
	struct vring_packed_desc copy;
	struct raw_descriptor raw;

	if (list->num == list->limit) {
		vhr_ring_break(ring, "chain %u: more than %u descriptors, %u of %u are not used",
			       list->walk.chain->head, list->limit, ring->out, ring->size);
		return -EPROTO;
	}
	if (list->recorded) {
		vhr_inflight_packed_recall(ring->inflight, &list->at, &copy);
		memcpy(&raw, &copy, sizeof(raw));
	} else {
		raw = copy_descriptor(&ring->packed_desc[list->at]);
		if (ring->inflight != NULL) {
			memcpy(&copy, &raw, sizeof(copy));
			vhr_inflight_packed_note(ring->inflight, list->num == 0, &copy);
		}
		list->at = list->at + 1u == ring->size ? 0 : list->at + 1;
	}
	list->num++;
	list->walk.chain->entries++;
	decode(raw, desc);
	return 0;
}

/* The entries of a table follow each other; of their flags only WRITE counts (2.8.7). */
static int
walk_indirect(struct walk *w, const struct descriptor *table)
{
	struct indirect in;
	uint32_t i;
	int ret = open_indirect(w, table, &in);

	for (i = 0; ret == 0 && i < in.entries; i++) {
		struct raw_descriptor raw;
		struct descriptor desc;

		ret = copy_indirect(w, &in, i, &raw);
		if (ret < 0)
			return ret;
		decode(raw, &desc);
		ret = check_indirect_entry(w, &desc);
		if (w->chain->table_is_readable)
			desc.flags &= (uint16_t)~VRING_DESC_F_WRITE;
		if (ret == 0)
			ret = add_buffer(w, &desc);
	}
	return ret;
}

/* To the end of the list also when there is no room for its buffers: the id is there. */
static int
walk_list(struct list *list, uint16_t *id)
{
	struct walk *w = &list->walk;
	struct descriptor desc;
	int ret, full = 0;

	do {
		ret = fetch(list, &desc);
		if (ret < 0)
			return ret;
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			if (list->num > 1) {
				vhr_ring_break(w->ring, "chain %u: indirect descriptor in a list",
					       w->chain->head);
				return -EPROTO;
			}
			full = walk_indirect(w, &desc);
		} else if (full == 0) {
			full = add_buffer(w, &desc);
		}
		if (full < 0 && full != -E2BIG)
			return full;
	} while (desc.flags & VRING_DESC_F_NEXT);
	*id = desc.id;
	return full;
}

int
vhr_packed_walk(struct vhr_ring *ring, struct vhr_chain *chain, uint16_t *id, uint16_t *num)
{
	struct list list = {
		.walk = walk_begin(ring, chain),
		.at = ring->last_avail,
		.limit = ring->size - ring->out,
	};
	int ret;

	chain->head = ring->last_avail;
	ret = walk_list(&list, id);
	if (ret < 0 && ret != -E2BIG)
		return ret;
	*num = list.num;
	if (*id < ring->size)
		return ret;
	vhr_ring_break(ring, "chain %u: buffer id %u, ring of %u", chain->head, *id, ring->size);
	return -EPROTO;
}

int
vhr_packed_walk_record(struct vhr_ring *ring, uint16_t head, uint16_t num,
		       struct vhr_chain *chain)
{
	struct list list = {
		.walk = walk_begin(ring, chain),
		.recorded = true,
		.at = head,
		.limit = num,
	};
	uint16_t id;
	int ret;

	chain->head = head;
	ret = walk_list(&list, &id);
	if ((ret < 0 && ret != -E2BIG) || list.num == num)
		return ret;
	vhr_ring_break(ring, "inflight area: entry %u has %u descriptors, %u are linked", head,
		       num, list.num);
	return -EPROTO;
}
