/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive from a packed ring: the frontend's transmit queue (virtio 1.3, 5.1.6.2).
 *
 * As from a split ring, one plain descriptor with header and frame takes the fast path. How
 * many there are is not known before each is looked at.
 */
#ifndef VVU_PMD_RX_PACKED_H
#define VVU_PMD_RX_PACKED_H

#include <errno.h>

#include "vvu_packed.h"
#include "vvu_rx.h"

/* Frames that were looked at and not yet taken. */
struct vvu_rx_packed_batch {
	uint8_t *header[VVU_BATCH];
	uint32_t frame_len[VVU_BATCH];
	uint64_t word[VVU_BATCH];	/* the used descriptor, without flags */
	bool exhausted;			/* the next entry is not available */
};

/*
 * Look at the entries from the one @i up to @want, all before the end of the ring, as far as
 * they are available, plain, and hold frames of at most @longest bytes. Returns how many, with
 * the @i that were looked at before.
 */
static __rte_always_inline uint16_t
vvu_rx_packed_gather_from(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t i,
			  uint16_t want, uint32_t longest, struct vvu_rx_packed_batch *batch)
{
	struct vring_packed_desc *desc = &ring->packed_desc[ring->last_avail];
	const uint64_t expected = vvu_packed_expected(ring, 0);
	const uint32_t span = longest - RTE_ETHER_HDR_LEN;
	uint64_t there;
	uint32_t len;
	uint8_t *at;

	batch->exhausted = false;
	for (; i < want; i++) {
		there = vvu_packed_word_read(&desc[i]);
		len = (uint32_t)there;
		if (unlikely((there & VVU_PACKED_CHECKED) != expected ||
			     vvu_packed_id(there) >= ring->size || len - VVU_RX_LEN_MIN > span)) {
			batch->exhausted = vvu_packed_is_ahead(there, expected);
			break;
		}
		at = vvu_translate(q, vvu_packed_addr_read(&desc[i]), len);
		if (unlikely(at == NULL))
			break;
		vvu_rx_prefetch(at);
		batch->header[i] = at;
		batch->frame_len[i] = len - VVU_NET_HEADER;
		batch->word[i] = (uint64_t)vvu_packed_id(there) << VVU_PACKED_ID_SHIFT;
	}
	return i;
}

static __rte_always_inline uint16_t
vvu_rx_packed_gather(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t want,
		     uint32_t longest, struct vvu_rx_packed_batch *batch)
{
	return vvu_rx_packed_gather_from(q, ring, 0, want, longest, batch);
}

/* vvu_rx_packed_gather(), or one that does the same faster. */
typedef uint16_t (*vvu_rx_packed_gather_fn)(struct vvu_queue *q, const struct vhr_ring *ring,
					    uint16_t want, uint32_t longest,
					    struct vvu_rx_packed_batch *batch);

/*
 * Fast path. Returns how many entries were taken and given back; *delivered of them became
 * packets. *ended: there is nothing to go on with, because the entries end here or because the
 * pool has too few mbufs, so that the rest stays in the ring.
 */
static __rte_always_inline uint16_t
vvu_rx_packed_plain(struct vvu_queue *q, struct vhr_ring *ring, uint16_t want, uint32_t longest,
		    struct rte_mbuf **pkts, uint16_t *delivered, bool *ended, const bool in_order,
		    const bool offload, const vvu_rx_packed_gather_fn gather)
{
	struct vvu_rx_packed_batch batch;
	uint16_t plain, taken;

	*delivered = 0;
	plain = gather(q, ring, want, longest, &batch);
	*ended = batch.exhausted;
	if (plain == 0)
		return 0;
	taken = vvu_rx_take_mbufs(q, pkts, plain);
	*ended |= taken != plain;
	if (unlikely(taken == 0))
		return 0;
	*delivered = vvu_rx_deliver(q, batch.header, batch.frame_len, taken, pkts, offload);
	/*
	 * In order, the id of the last one says that all up to it are used. Their lengths need
	 * not be told, for nothing was written to them (virtio 1.3, 2.8.9).
	 */
	if (in_order)
		vvu_packed_give(ring, &batch.word[taken - 1], 1, 0);
	else
		vvu_packed_give(ring, batch.word, taken, 0);
	vvu_packed_advance(ring, taken);
	return taken;
}

/* How far a burst is. */
struct vvu_rx_packed_progress {
	uint16_t seen;		/* lists of descriptors: frames, and what was dropped */
	uint16_t delivered;
	uint32_t taken;		/* entries of the ring */
};

/* Slow path: the list at last_avail, whatever it is, for vvu_rx_chain(). It is not taken yet. */
static __rte_always_inline int
vvu_rx_packed_walk(struct vvu_queue *q, struct vhr_ring *ring, struct vhr_chain *chain,
		   uint16_t *id, uint16_t *entries)
{
	*chain = (struct vhr_chain){
		.iov = q->iov,
		.iov_max = VVU_CHAIN_IOV,
		.table_is_readable = true,
	};
	return vhr_packed_walk(ring, chain, id, entries);
}

/* Whether the next list is a single entry, with a table of its own. */
static __rte_always_inline bool
vvu_rx_packed_is_table(const struct vhr_ring *ring)
{
	uint64_t there = vvu_packed_word_read(&ring->packed_desc[ring->last_avail]);

	return (there & VVU_PACKED_CHECKED) ==
	       (vvu_packed_expected(ring, 0) | VVU_PACKED_FLAGS(VRING_DESC_F_INDIRECT));
}

/*
 * Slow path: the next list, and those behind it that have a table each, as a driver sends
 * frames of several parts. Such are given back together: to write between the entries that
 * the driver is filling, once per frame, costs both sides the line each time.
 * False: there is nothing to go on with.
 */
static __rte_noinline bool
vvu_rx_packed_lists(struct vvu_queue *q, struct vhr_ring *ring, struct rte_mbuf **pkts,
		    uint16_t nb_pkts, struct vvu_rx_packed_progress *at)
{
	struct vvu_packed_done done;
	enum vvu_rx_result result;
	struct vhr_chain chain;
	uint16_t id, entries;
	int walked;

	done.num = 0;
	do {
		walked = vvu_rx_packed_walk(q, ring, &chain, &id, &entries);
		result = vvu_rx_chain(q, &chain, walked, &pkts[at->delivered]);
		if (result == VVU_RX_STOP)
			break;
		vhr_packed_take(ring, entries);
		at->taken += entries;
		at->seen++;
		if (result == VVU_RX_PACKET)
			at->delivered++;
		vvu_packed_done_add(ring, &done, id, entries);
	} while (at->seen < nb_pkts && vvu_rx_packed_is_table(ring));
	vvu_packed_done_flush(ring, &done);
	return result != VVU_RX_STOP;
}

static __rte_always_inline uint16_t
vvu_rx_packed(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts, const bool in_order,
	      const bool offload, const vvu_rx_packed_gather_fn gather)
{
	struct vvu_rx_packed_progress at = { 0 };
	struct vhr_ring *ring = q->ring;
	uint16_t want, got, n;
	bool ended;

	/* Frames that are dropped count: a burst ends also if there are none but such. */
	while (at.seen < nb_pkts) {
		want = vvu_packed_straight(ring, nb_pkts - at.seen);
		n = vvu_rx_packed_plain(q, ring, want, q->room, &pkts[at.delivered], &got, &ended,
					in_order, offload, gather);
		at.taken += n;
		at.seen += n;
		at.delivered += got;
		if (likely(n == want))
			continue;
		if (ended || !vvu_rx_packed_lists(q, ring, pkts, nb_pkts, &at))
			break;
	}
	if (likely(at.taken > 0))
		vvu_packed_call(q, ring, at.taken);
	return at.delivered;
}

#endif
