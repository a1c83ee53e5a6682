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

/* What a crash left of one request. */
struct vhr_resubmit {
	uint64_t counter;
	uint16_t head;
};

/* One ring's record, while the ring runs; our own copy of what we rely on. */
struct vhr_inflight {
	void *area;			/* shared */
	uint16_t entries;		/* of it; at least the ring's size */
	uint64_t counter;		/* of the next request */
	struct vhr_resubmit *resubmit;	/* in the order of their counters */
	unsigned int resubmit_num;
	unsigned int resubmit_next;
	bool *busy;			/* by head: taken, and not yet published as used */
	uint16_t *batch;		/* split: heads pushed, not yet published */
	uint16_t last_batch_head;	/* split */
};

/* Bytes of one queue's part of an area. */
uint64_t vhr_inflight_stride(bool packed, uint16_t entries);

/* A record for a ring of @size entries over its part of an area; NULL: no memory. */
struct vhr_inflight *vhr_inflight_new(void *area, uint16_t entries, uint16_t size);
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

/* Put ring->inflight->resubmit into order and go on counting behind it. */
void vhr_inflight_sort(struct vhr_inflight *inflight);

#endif
