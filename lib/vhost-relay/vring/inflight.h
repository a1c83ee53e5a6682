/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The record of requests under way, in memory that the frontend keeps, so that whoever serves
 * the ring after a crash can finish them (vhost-user, "Inflight I/O tracking").
 *
 * Layouts are those of the vhost-user text; all fields are little-endian, as everything is
 * that passes between a frontend and a virtio-vhost-user driver. Stores are in an order in
 * which a crash between any two of them leaves a record that can be finished: this is the
 * order of the text, and where the text has several stores at once, see the .c files.
 *
 * The frontend may write the area at any time. What is decided from it is copied and checked
 * first, and while a ring runs nothing is read back from it but the descriptors of requests
 * that a crash left. Ring lock held for every call.
 */
#ifndef VHOST_RELAY_INFLIGHT_H
#define VHOST_RELAY_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "ring.h"

#define VHR_INFLIGHT_VERSION	1u
#define VHR_INFLIGHT_ALIGN	64u	/* of the queues' parts among each other */

struct vhr_inflight_split_desc {
	uint8_t inflight;	/* 0 or 1 */
	uint8_t padding[5];
	__u16 next;		/* in the list of a batch of used heads */
	__u64 counter;		/* order in which heads were taken */
};

struct vhr_inflight_split {
	__u64 features;		/* 0 */
	__u16 version;		/* 0: not initialized */
	__u16 desc_num;
	__u16 last_batch_head;	/* newest of the last batch */
	__u16 used_idx;		/* of the used ring when the last batch was accounted for */
	struct vhr_inflight_split_desc desc[];
};

_Static_assert(sizeof(struct vhr_inflight_split_desc) == 16, "split entry");
_Static_assert(offsetof(struct vhr_inflight_split_desc, next) == 6, "next");
_Static_assert(offsetof(struct vhr_inflight_split_desc, counter) == 8, "counter");
_Static_assert(sizeof(struct vhr_inflight_split) == 16, "split header");
_Static_assert(offsetof(struct vhr_inflight_split, version) == 8, "version");
_Static_assert(offsetof(struct vhr_inflight_split, desc_num) == 10, "desc_num");
_Static_assert(offsetof(struct vhr_inflight_split, last_batch_head) == 12, "last_batch_head");
_Static_assert(offsetof(struct vhr_inflight_split, used_idx) == 14, "used_idx");

struct vhr_inflight_packed_desc {
	uint8_t inflight;	/* of the first entry of a list: 0 or 1 */
	uint8_t padding;
	__u16 next;		/* in the list of a request, or of free entries */
	__u16 last;		/* of the first entry: last one of its list */
	__u16 num;		/* of the first entry: length of its list */
	__u64 counter;		/* of the first entry: order in which lists were taken */
	__u16 id;		/* the descriptor itself: a used one may overwrite it in the ring */
	__u16 flags;
	__u32 len;
	__u64 addr;
};

struct vhr_inflight_packed {
	__u64 features;		/* 0 */
	__u16 version;		/* 0: not initialized */
	__u16 desc_num;
	__u16 free_head;	/* first free entry; desc_num: none */
	__u16 old_free_head;	/* ... without what is under way */
	union {
		struct {
			__u16 used_idx;
			__u16 old_used_idx;
			uint8_t used_wrap_counter;
			uint8_t old_used_wrap_counter;
			uint8_t padding[2];
		};
		__u64 used;	/* these four in one store */
	};
	uint8_t padding2[8];
	struct vhr_inflight_packed_desc desc[];
};

_Static_assert(sizeof(struct vhr_inflight_packed_desc) == 32, "packed entry");
_Static_assert(offsetof(struct vhr_inflight_packed_desc, next) == 2, "next");
_Static_assert(offsetof(struct vhr_inflight_packed_desc, last) == 4, "last");
_Static_assert(offsetof(struct vhr_inflight_packed_desc, num) == 6, "num");
_Static_assert(offsetof(struct vhr_inflight_packed_desc, counter) == 8, "counter");
_Static_assert(offsetof(struct vhr_inflight_packed_desc, id) == 16, "id");
_Static_assert(offsetof(struct vhr_inflight_packed_desc, flags) == 18, "flags");
_Static_assert(offsetof(struct vhr_inflight_packed_desc, len) == 20, "len");
_Static_assert(offsetof(struct vhr_inflight_packed_desc, addr) == 24, "addr");
_Static_assert(sizeof(struct vhr_inflight_packed) == 32, "packed header");
_Static_assert(offsetof(struct vhr_inflight_packed, free_head) == 12, "free_head");
_Static_assert(offsetof(struct vhr_inflight_packed, old_free_head) == 14, "old_free_head");
_Static_assert(offsetof(struct vhr_inflight_packed, used_idx) == 16, "used_idx");
_Static_assert(offsetof(struct vhr_inflight_packed, old_used_idx) == 18, "old_used_idx");
_Static_assert(offsetof(struct vhr_inflight_packed, used_wrap_counter) == 20, "wrap");
_Static_assert(offsetof(struct vhr_inflight_packed, old_used_wrap_counter) == 21, "old wrap");

/* What a crash left of one request. */
struct vhr_resubmit {
	uint64_t counter;
	uint16_t head;		/* split: descriptor; packed: entry of the record */
};

/* Packed: our copy of how entries are linked. */
struct vhr_inflight_entry {
	uint16_t next;
	uint16_t last;		/* the rest: of the first entry of a list */
	uint16_t num;
	uint16_t id;
};

/* One ring's record, while the ring runs; our own copy of what we rely on. */
struct vhr_inflight {
	void *area;			/* shared */
	uint16_t entries;		/* of it; at least the ring's size */
	uint64_t counter;		/* of the next request */
	struct vhr_resubmit *resubmit;	/* in the order of their counters */
	unsigned int resubmit_num;
	unsigned int resubmit_next;
	bool *busy;			/* by head, or buffer id: taken, and not yet used */
	uint16_t *batch;		/* split: heads pushed, not yet published */
	uint16_t last_batch_head;	/* split */
	struct vhr_inflight_entry *entry;	/* packed; NULL: split */
	uint16_t *head_of;		/* packed: first entry by buffer id */
	uint16_t free_head;		/* packed */
	uint16_t noted;			/* packed: entry of the last descriptor noted */
};

/* Bytes of one queue's part of an area. */
uint64_t vhr_inflight_stride(bool packed, uint16_t entries);

/* A record for a ring of @size entries over its part of an area; NULL: no memory. */
struct vhr_inflight *vhr_inflight_new(bool packed, void *area, uint16_t entries, uint16_t size);
/* NULL is fine. */
void vhr_inflight_free(struct vhr_inflight *inflight);

/*
 * A ring starts, ring->used_idx being what the used ring says: initialize an area that is
 * new (0); or finish what a crash left half done, find the requests under way, and set
 * ring->last_avail behind them (1). -EPROTO: the area makes no sense, the ring is broken.
 */
int vhr_inflight_split_start(struct vhr_ring *ring);
/*
 * @head is taken. -EPROTO: it is under way already, the ring is broken: a record of both
 * has no room.
 */
int vhr_inflight_split_take(struct vhr_ring *ring, uint16_t head);
/* @head is done; to be called before its used element is visible. */
void vhr_inflight_split_push(struct vhr_ring *ring, uint16_t head);
/* The last @count pushed are visible now. */
void vhr_inflight_split_published(struct vhr_ring *ring, uint16_t count);

/*
 * The same for a packed ring, whose used_idx, used_wrap, last_avail, avail_wrap and out are
 * what the area says where it is not new.
 */
int vhr_inflight_packed_start(struct vhr_ring *ring);
/* A descriptor of the list at last_avail, @first or the next one. Not yet recorded. */
void vhr_inflight_packed_note(struct vhr_inflight *inflight, bool first,
			      const struct vring_packed_desc *desc);
/* The list that was noted, with buffer id @id and @num descriptors, is taken. -EPROTO. */
int vhr_inflight_packed_take(struct vhr_ring *ring, uint16_t id, uint16_t num);
/* A descriptor of a list that a crash left: a copy of entry *@at, which moves on. */
void vhr_inflight_packed_recall(const struct vhr_inflight *inflight, uint16_t *at,
				struct vring_packed_desc *desc);
/* Around the store that makes a used descriptor visible: before, and after. */
void vhr_inflight_packed_push(struct vhr_ring *ring, uint16_t id, uint16_t num);
void vhr_inflight_packed_published(struct vhr_ring *ring, uint16_t id);

/* Put ring->inflight->resubmit into order and go on counting behind it. */
void vhr_inflight_sort(struct vhr_inflight *inflight);

#endif
