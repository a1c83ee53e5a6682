/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Driver side of a virtqueue (virtio 1.3, 2.7 and 2.8) for requests that complete in any order.
 * A request has a slot, from 0 to @slots - 1, which is its identity for the device. What the
 * device writes is checked against what it was given.
 */
#ifndef BLKLOAD_VQ_H
#define BLKLOAD_VQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost-proto/codec.h"

#include "frontend/area.h"

struct vq_buffer {
	const void *at;
	uint32_t len;
	bool writable;
};

struct vq_config {
	unsigned int size;		/* entries of the ring */
	unsigned int slots;
	unsigned int buffers;		/* of one request at most */
	bool event_idx;
	bool indirect;
};

struct vq;

struct vq_ops {
	/* Make the empty rings in @area. -ENOSPC. */
	int (*init)(struct vq *vq);
	/* Put a request into the ring; not yet visible. There is room for all slots. */
	void (*add)(struct vq *vq, unsigned int slot, const struct vq_buffer *buffer,
		    unsigned int buffers);
	/* Make visible what was added; does the device want a kick? */
	bool (*publish)(struct vq *vq);
	/*
	 * The slots of up to @max requests that are done. How many; -EPROTO: what the device
	 * wrote makes no sense, with vq->reason.
	 */
	int (*reap)(struct vq *vq, uint16_t *slot, unsigned int max);
	/* Ask for calls, or not; true when something is done already: look again. */
	bool (*want_calls)(struct vq *vq, bool want);
	/* Addresses for SET_VRING_ADDR; what base a new ring has, and one that is drained. */
	void (*address)(const struct vq *vq, struct vhu_vring_addr *address);
	uint32_t first_base;
	uint32_t (*base)(const struct vq *vq);
};

struct vq {
	const struct vq_ops *ops;
	struct vq_config config;
	struct area *area;
	unsigned int per_request;	/* ring entries that a slot has */
	unsigned int in_flight;
	bool *busy;			/* by slot */
	struct vring_desc *table;	/* indirect: config.buffers entries for each slot */
	uint16_t added;			/* not visible yet: split requests, packed entries */
	struct vhu_reason reason;
	union {
		struct {
			struct vring_desc *desc;
			struct vring_avail *avail;
			struct vring_used *used;
			uint16_t avail_idx;	/* visible, free running */
			uint16_t last_used;
		} split;
		struct {
			struct vring_packed_desc *desc;
			struct vring_packed_desc_event *driver;
			struct vring_packed_desc_event *device;
			uint16_t *entries;	/* by slot: ring entries that it took */
			uint16_t next;		/* where the next request goes */
			uint16_t first_flags;	/* of the first entry added, kept back */
			uint16_t first;
			uint16_t next_used;
			bool wrap;
			bool used_wrap;
		} packed;
	};
};

extern const struct vq_ops vq_split_ops;
extern const struct vq_ops vq_packed_ops;

/* Bytes of an area that a queue takes at most. */
size_t vq_bytes(const struct vq_config *config);
/* -EINVAL: the ring is too small for all slots; -ENOMEM; -ENOSPC: @area is full. */
int vq_init(struct vq *vq, const struct vq_ops *ops, const struct vq_config *config,
	    struct area *area);
void vq_free(struct vq *vq);

/* ---- for the two kinds ---- */

/* Fill the indirect table of a slot; its guest-physical address. */
uint64_t vq_fill_table(struct vq *vq, unsigned int slot, const struct vq_buffer *buffer,
		       unsigned int buffers, bool packed);
/* A request with this slot is done: 0, or -EPROTO when there is none. */
int vq_done(struct vq *vq, unsigned int slot);

#endif
