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
 * they are available and plain. Returns how many, with the @i that were looked at before.
 */
static __rte_always_inline uint16_t
vvu_rx_packed_gather_from(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t i,
			  uint16_t want, struct vvu_rx_packed_batch *batch)
{
	struct vring_packed_desc *desc = &ring->packed_desc[ring->last_avail];
	const uint64_t expected = vvu_packed_expected(ring, 0);
	const uint32_t span = q->room - RTE_ETHER_HDR_LEN;
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
		     struct vvu_rx_packed_batch *batch)
{
	return vvu_rx_packed_gather_from(q, ring, 0, want, batch);
}

/* vvu_rx_packed_gather(), or one that does the same faster. */
typedef uint16_t (*vvu_rx_packed_gather_fn)(struct vvu_queue *q, const struct vhr_ring *ring,
					    uint16_t want, struct vvu_rx_packed_batch *batch);

/*
 * Fast path. Returns how many entries were taken and given back; *delivered of them became
 * packets. *ended: there is nothing to go on with, because the entries end here or because the
 * pool has too few mbufs, so that the rest stays in the ring.
 */
static __rte_always_inline uint16_t
vvu_rx_packed_plain(struct vvu_queue *q, struct vhr_ring *ring, uint16_t want,
		    struct rte_mbuf **pkts, uint16_t *delivered, bool *ended, const bool in_order,
		    const bool offload, const vvu_rx_packed_gather_fn gather)
{
	struct vvu_rx_packed_batch batch;
	uint16_t plain, taken;

	*delivered = 0;
	plain = gather(q, ring, want, &batch);
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

/* Slow path: the next list, whatever it is. *entries is how many of the ring it took. */
static __rte_noinline enum vvu_rx_result
vvu_rx_packed_chain(struct vvu_queue *q, struct vhr_ring *ring, struct rte_mbuf **pkt,
		    uint16_t *entries)
{
	struct vhr_chain chain = {
		.iov = q->iov,
		.iov_max = VVU_CHAIN_IOV,
		.table_is_readable = true,
	};
	enum vvu_rx_result result;
	uint16_t id;
	int ret;

	ret = vhr_packed_walk(ring, &chain, &id, entries);
	if (ret != 0 && ret != -E2BIG)
		return VVU_RX_STOP;
	result = vvu_rx_chain(q, &chain, ret, pkt);
	if (result == VVU_RX_STOP)
		return result;
	vhr_packed_take(ring, *entries);
	vhr_packed_fill(ring, id, 0);
	vhr_packed_publish(ring, *entries, 0);
	return result;
}

static __rte_always_inline uint16_t
vvu_rx_packed(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts, const bool in_order,
	      const bool offload, const vvu_rx_packed_gather_fn gather)
{
	struct vhr_ring *ring = q->ring;
	uint16_t seen = 0, delivered = 0, want, entries, got, n;
	uint32_t taken = 0;
	enum vvu_rx_result result;
	bool ended;

	/* Frames that are dropped count: a burst ends also if there are none but such. */
	while (seen < nb_pkts) {
		want = vvu_packed_straight(ring, nb_pkts - seen);
		n = vvu_rx_packed_plain(q, ring, want, &pkts[delivered], &got, &ended, in_order,
					offload, gather);
		taken += n;
		seen += n;
		delivered += got;
		if (likely(n == want))
			continue;
		if (ended)
			break;
		result = vvu_rx_packed_chain(q, ring, &pkts[delivered], &entries);
		if (result == VVU_RX_STOP)
			break;
		taken += entries;
		seen++;
		if (result == VVU_RX_PACKET)
			delivered++;
	}
	if (likely(taken > 0))
		vvu_packed_call(q, ring, taken);
	return delivered;
}

#endif
