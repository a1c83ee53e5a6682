/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive from a packed ring by reference. */
#ifndef VVU_PMD_RX_PACKED_ZC_H
#define VVU_PMD_RX_PACKED_ZC_H

#include "vvu_rx_packed.h"
#include "vvu_rx_zc.h"
#include "vvu_zc_ring.h"

/* Fast path: takes what it returns; *delivered and *ended as in vvu_rx_packed_plain(). */
static __rte_always_inline uint16_t
vvu_rx_packed_zc_plain(struct vvu_queue *q, struct vhr_ring *ring, uint16_t want,
		       struct rte_mbuf **pkts, uint16_t *delivered, bool *ended,
		       const vvu_rx_packed_gather_fn gather)
{
	struct vvu_rx_packed_batch batch;
	uint16_t id[VVU_BATCH], found, taken, i;

	*delivered = 0;
	found = gather(q, ring, want, q->room, &batch);
	*ended = batch.exhausted;
	if (unlikely(found == 0))
		return 0;
	taken = vvu_rx_take_mbufs(q, pkts, found);
	*ended |= taken != found;
	for (i = 0; i < taken; i++)
		id[i] = vvu_packed_id(batch.word[i]);
	*delivered = vvu_rx_zc_deliver(q, batch.header, batch.frame_len, id, taken, pkts);
	vhr_packed_take(ring, taken);
	return taken;
}

/* The next list, whatever it is. */
static __rte_noinline enum vvu_rx_result
vvu_rx_packed_zc_list(struct vvu_queue *q, struct vhr_ring *ring, struct rte_mbuf **pkt)
{
	enum vvu_rx_result result;
	struct vhr_chain chain;
	uint16_t id, entries;
	int walked;

	walked = vvu_rx_packed_walk(q, ring, &chain, &id, &entries);
	result = vvu_rx_zc_chain(q, &chain, walked, id, pkt);
	if (result != VVU_RX_STOP) {
		vhr_packed_take(ring, entries);
		vvu_zc_push(q->zc, id, entries);
	}
	return result;
}

/*
 * Small frames, with and without offloads, while nothing waits to be given back: copied, and
 * given back at once. Adds to *seen and *delivered; false: the burst has ended.
 */
static __rte_always_inline bool
vvu_rx_packed_zc_small(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts,
		       uint16_t *seen, uint16_t *delivered, const vvu_rx_packed_gather_fn gather)
{
	const uint32_t longest = vvu_rx_zc_small(q);
	struct vhr_ring *ring = q->ring;
	uint16_t want, got, n, taken = 0;
	bool ended = false;

	if (longest < RTE_ETHER_HDR_LEN)
		return true;
	while (*seen < nb_pkts) {
		want = vvu_packed_straight(ring, nb_pkts - *seen);
		n = vvu_rx_packed_plain(q, ring, want, longest, &pkts[*delivered], &got, &ended,
					false, q->offload, gather);
		taken += n;
		*seen += n;
		*delivered += got;
		if (n != want)
			break;
	}
	if (taken > 0)
		vvu_packed_call(q, ring, taken);
	return !ended;
}

static __rte_always_inline uint16_t
vvu_rx_packed_zc(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts,
		 const vvu_rx_packed_gather_fn gather)
{
	uint16_t seen = 0, delivered = 0, want, got, n;
	const uint64_t lent = q->stats.lent;
	struct vhr_ring *ring = q->ring;
	enum vvu_rx_result result;
	bool ended = false;

	vvu_zc_collect(q->zc);
	if (q->zc->copying) {
		vvu_zc_packed_settle(q, ring, q->zc);
		ended = vvu_zc_is_idle(q->zc) &&
			!vvu_rx_packed_zc_small(q, pkts, nb_pkts, &seen, &delivered, gather);
	}
	while (seen < nb_pkts && !ended) {
		/* What is out is not available a second time. */
		want = RTE_MIN(vvu_packed_ahead(ring, nb_pkts - seen),
			       (uint16_t)(ring->size - ring->out));
		if (unlikely(want == 0))
			break;
		n = vvu_rx_packed_zc_plain(q, ring, want, &pkts[delivered], &got, &ended, gather);
		seen += n;
		delivered += got;
		if (likely(n == want))
			continue;
		if (ended)
			break;
		result = vvu_rx_packed_zc_list(q, ring, &pkts[delivered]);
		if (result == VVU_RX_STOP)
			break;
		seen++;
		if (result == VVU_RX_PACKET)
			delivered++;
	}
	if (likely(ring->ready))
		vvu_zc_packed_settle(q, ring, q->zc);
	if (delivered > 0)
		q->zc->copying = q->stats.lent == lent;
	return delivered;
}

#endif
