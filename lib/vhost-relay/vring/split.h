/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device side of a split virtqueue (virtio 1.3, 2.7): safe chain walk, completion,
 * notification suppression. Everything in shared memory is read once, copied, checked and
 * then used. Ring lock held for every call; ring->ready checked by the caller.
 */
#ifndef VHOST_RELAY_SPLIT_H
#define VHOST_RELAY_SPLIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "ring.h"

/*
 * Number of entries the driver has made available and we have not taken. When the driver's
 * index is more than the ring's size ahead, the ring is broken and 0 is returned.
 */
uint16_t vhr_split_available(struct vhr_ring *ring);

/* Head descriptor of entry last_avail + @n (@n < vhr_split_available()). -EPROTO breaks. */
int vhr_split_head(struct vhr_ring *ring, uint16_t n, uint16_t *head);

struct vhr_chain {
	uint16_t head;
	unsigned int readable;		/* leading iov entries: the device reads */
	unsigned int writable;		/* the rest: the device writes */
	uint16_t entries;		/* descriptors of the ring; an indirect table is one */
	uint64_t readable_bytes;
	uint64_t writable_bytes;
	struct iovec *iov;		/* the caller's array */
	unsigned int iov_max;
	/*
	 * The caller's: this ring is only read from, and entries of a packed ring's indirect
	 * table are readable whatever they say. DPDK's virtio driver leaves WRITE in the entry of
	 * the header, in all versions with packed rings.
	 */
	bool table_is_readable;
};

/*
 * Walk the chain at @chain->head into chain->iov. A buffer that crosses memory regions
 * becomes several entries. -EPROTO breaks the ring: more descriptors than the ring has (a
 * loop), next out of range, readable after writable, nested or ill-sized indirect table,
 * indirect not negotiated, an address outside the memory table, a total beyond 4 GiB.
 * -E2BIG: more than iov_max entries; the ring is not broken, the caller decides.
 */
int vhr_split_walk(struct vhr_ring *ring, struct vhr_chain *chain);

/*
 * Write used element number used_idx + @n (not yet visible) and, in publish, make @count
 * of them visible to the driver and move used_idx on.
 */
void vhr_split_put_used(struct vhr_ring *ring, uint16_t n, uint16_t head, uint32_t len);
void vhr_split_publish(struct vhr_ring *ring, uint16_t count);

/* After publish: does the driver want a call? By flags or used_event. */
bool vhr_split_should_call(struct vhr_ring *ring);

/*
 * Tell the driver whether we want kicks. Enabling asks for a kick at the next entry that
 * the last vhr_split_available() did not count, and returns true when there is one
 * already: look again instead of sleeping. So call that first, also in a datapath that
 * otherwise counts by itself. Entries that were counted and left are the caller's to
 * remember: a receive ring that lacks one more buffer waits for just that one.
 */
bool vhr_split_want_kicks(struct vhr_ring *ring, bool want);

#endif
