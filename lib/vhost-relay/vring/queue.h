/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests of a ring one at a time, for devices that complete them out of order. Hides the
 * ring's format (split or packed, ring->packed) and keeps the inflight record (vhost-user,
 * "Inflight I/O tracking") where the frontend gave one: what a crash left unfinished comes
 * out of vhr_queue_pop() again, in the order in which it was first taken, before anything new.
 *
 * Ring lock held for every call. To pop, ring->ready is checked by the caller; what was popped
 * belongs to the caller until it is pushed, whatever happens to the ring: one that is disabled
 * meanwhile still takes completions, one that stops has been drained by then (ops->ring_stop),
 * one that broke or lost its memory drops them (the record keeps such a request for the next
 * start of the ring).
 *
 * With a record, ops->ring_stop has one more duty: what vhr_queue_left() counts was taken in an
 * earlier life and no longer is in the available ring, so it has to be popped and finished too.
 * That is the one pop that is allowed while the ring is not ready.
 */
#ifndef VHOST_RELAY_QUEUE_H
#define VHOST_RELAY_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"
#include "split.h"

/* What the ring has to be told again when the request is done. */
struct vhr_taken {
	uint16_t id;	/* split: head descriptor; packed: buffer id */
	uint16_t num;	/* ring entries that the chain took: split 1 */
};

/*
 * Take the next request and walk its chain into @chain->iov (see vhr_split_walk()). 1; 0:
 * there is none; -EPROTO: the ring is broken (or was); -E2BIG: taken, @taken is valid and must
 * be pushed, but its buffers are more than chain->iov_max and @chain holds the first ones.
 * At most ring->size requests are with the caller at a time: a driver that makes more
 * available breaks the ring. chain->head names the request in messages: its descriptor, or of
 * a packed ring its place.
 */
int vhr_queue_pop(struct vhr_ring *ring, struct vhr_taken *taken, struct vhr_chain *chain);
/*
 * Request done, @len bytes written into its writable buffers. The driver sees it at the latest
 * after vhr_queue_flush(), which calls the frontend if it wants to be called.
 */
void vhr_queue_push(struct vhr_ring *ring, const struct vhr_taken *taken, uint32_t len);
void vhr_queue_flush(struct vhr_ring *ring);

/* Requests of an earlier life that vhr_queue_pop() will hand out first. */
unsigned int vhr_queue_left(const struct vhr_ring *ring);

/* Ask for kicks, or not; true when there is something to pop already: look again. */
bool vhr_queue_want_kicks(struct vhr_ring *ring, bool want);

#endif
