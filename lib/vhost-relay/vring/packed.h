/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device side of a packed virtqueue (virtio 1.3, 2.8). A device that takes requests one at a
 * time uses it through queue.h; a datapath that works in bursts, as it is.
 *
 * The driver's available descriptors and our used ones are in one ring: we take from
 * last_avail on and give from used_idx on, which never passes it. Everything in shared memory
 * is read once, copied, checked and then used. Ring lock held for every call.
 */
#ifndef VHOST_RELAY_PACKED_H
#define VHOST_RELAY_PACKED_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"
#include "split.h"

/* A place in the ring, and the lap it belongs to. */
struct vhr_packed_position {
	uint16_t idx;
	bool wrap;
};

static inline struct vhr_packed_position
vhr_packed_advance(uint16_t idx, bool wrap, uint16_t num, uint16_t size)
{
	uint32_t next = (uint32_t)idx + num;

	if (next < size)
		return (struct vhr_packed_position){ (uint16_t)next, wrap };
	return (struct vhr_packed_position){ (uint16_t)(next - size), !wrap };
}

/* Bits 7 and 15 of a descriptor's flags: available, and used, in the lap @wrap. */
static inline uint16_t
vhr_packed_avail_flags(bool wrap)
{
	return wrap ? 1u << VRING_PACKED_DESC_F_AVAIL : 1u << VRING_PACKED_DESC_F_USED;
}

static inline uint16_t
vhr_packed_used_flags(bool wrap)
{
	return wrap ? 1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED : 0;
}

#define VHR_PACKED_MARKS (1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED)

/* Is there a list of descriptors at last_avail? */
bool vhr_packed_available(const struct vhr_ring *ring);

/*
 * Walk the list at last_avail into chain->iov; its buffer id and the ring entries it takes are
 * in @id and @num also when the result is -E2BIG. Nothing is taken yet. -EPROTO breaks the
 * ring: see vhr_split_walk(), and an id that is not below the ring's size, more entries than
 * the driver can have made available, an indirect descriptor among others.
 * With a record (inflight.h), the descriptors are noted in it.
 */
int vhr_packed_walk(struct vhr_ring *ring, struct vhr_chain *chain, uint16_t *id, uint16_t *num);
/* The same for a request that a crash left: entry @head of the record, of @num entries. */
int vhr_packed_walk_record(struct vhr_ring *ring, uint16_t head, uint16_t num,
			   struct vhr_chain *chain);
/* What was walked is taken. */
void vhr_packed_take(struct vhr_ring *ring, uint16_t num);

/*
 * A used descriptor at used_idx: write what it says, then make it visible, which moves
 * used_idx on by the @num entries of the request.
 */
void vhr_packed_fill(struct vhr_ring *ring, uint16_t id, uint32_t len);
void vhr_packed_publish(struct vhr_ring *ring, uint16_t num, uint32_t len);
/*
 * A whole used descriptor @ahead (1 to the ring's size) entries behind used_idx. The driver
 * comes to it when what is before it was published: so several that belong together are
 * seen at once, if the first is published last (virtio 1.3, 2.8.14).
 */
void vhr_packed_put_used(struct vhr_ring *ring, uint16_t ahead, uint16_t id, uint32_t len);

/* Does the driver want a call for the last @entries ring entries given back? */
bool vhr_packed_should_call(struct vhr_ring *ring, uint16_t entries);
/* As vhr_split_want_kicks(); true when a list is available. */
bool vhr_packed_want_kicks(struct vhr_ring *ring, bool want);

#endif
