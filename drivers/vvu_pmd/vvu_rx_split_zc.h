/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive from a split ring by reference. */
#ifndef VVU_PMD_RX_SPLIT_ZC_H
#define VVU_PMD_RX_SPLIT_ZC_H

#include "vvu_rx_split.h"
#include "vvu_rx_zc.h"
#include "vvu_zc_ring.h"

/* Fast path: takes what it returns; *delivered and *starved as in vvu_rx_split_plain(). */
static __rte_always_inline uint16_t
vvu_rx_split_zc_plain(struct vvu_queue *q, struct vhr_ring *ring, uint16_t want,
		      struct rte_mbuf **pkts, uint16_t *delivered, bool *starved)
{
	uint8_t *header[VVU_BATCH];
	uint32_t frame_len[VVU_BATCH];
	uint16_t heads[VVU_BATCH], found, taken;

	*delivered = 0;
	found = vvu_rx_split_gather(q, ring, 0, want, q->room, header, frame_len, heads);
	if (unlikely(found == 0))
		return 0;
	taken = vvu_rx_take_mbufs(q, pkts, found);
	*starved = taken != found;
	*delivered = vvu_rx_zc_deliver(q, header, frame_len, heads, taken, pkts);
	ring->last_avail += taken;
	return taken;
}

/* The next entry, whatever it is. */
static __rte_noinline enum vvu_rx_result
vvu_rx_split_zc_chain(struct vvu_queue *q, struct vhr_ring *ring, struct rte_mbuf **pkt)
{
	struct vhr_chain chain = { .iov = q->iov, .iov_max = VVU_CHAIN_IOV };
	enum vvu_rx_result result;

	if (vhr_split_head(ring, 0, &chain.head) != 0)
		return VVU_RX_STOP;
	result = vvu_rx_zc_chain(q, &chain, vhr_split_walk(ring, &chain), chain.head, pkt);
	if (result != VVU_RX_STOP) {
		vvu_zc_push(q->zc, chain.head, 1);
		ring->last_avail++;
	}
	return result;
}

/*
 * Small frames, with and without offloads, while nothing waits to be given back: copied, and
 * given back at once. Returns how many entries were taken; *delivered and *starved as in
 * vvu_rx_split_plain().
 */
static __rte_always_inline uint16_t
vvu_rx_split_zc_small(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts,
		      uint16_t *delivered, bool *starved)
{
	const uint32_t longest = vvu_rx_zc_small(q);
	struct vhr_ring *ring = q->ring;
	uint16_t taken = 0, want, got, n;

	if (longest < RTE_ETHER_HDR_LEN)
		return 0;
	while (taken < nb_pkts) {
		want = RTE_MIN((uint16_t)(nb_pkts - taken), (uint16_t)VVU_BATCH);
		n = vvu_rx_split_plain(q, ring, taken, want, longest, &pkts[*delivered], &got,
				       starved, q->offload);
		taken += n;
		*delivered += got;
		if (n != want)
			break;
	}
	if (taken > 0)
		vvu_split_publish(q, ring, taken);
	return taken;
}

static __rte_always_inline uint16_t
vvu_rx_split_zc(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	uint16_t taken = 0, delivered = 0, available, want, got, n;
	const uint64_t lent = q->stats.lent;
	struct vhr_ring *ring = q->ring;
	struct vvu_zc *zc = q->zc;
	enum vvu_rx_result result;
	bool starved = false;

	vvu_zc_collect(zc);
	if (zc->copying)
		vvu_zc_split_settle(q, ring, zc);
	available = vhr_split_available(ring);
	if (unlikely(available > vvu_zc_room(zc))) {
		vhr_ring_break(ring, "%u entries are available while %u are not used, ring of %u",
			       available, zc->last - zc->first, ring->size);
		return 0;
	}
	nb_pkts = RTE_MIN(nb_pkts, available);
	if (zc->copying && vvu_zc_is_idle(zc))
		taken = vvu_rx_split_zc_small(q, pkts, nb_pkts, &delivered, &starved);
	while (taken < nb_pkts && !starved) {
		want = RTE_MIN((uint16_t)(nb_pkts - taken), (uint16_t)VVU_BATCH);
		n = vvu_rx_split_zc_plain(q, ring, want, &pkts[delivered], &got, &starved);
		taken += n;
		delivered += got;
		if (likely(n == want) || starved)
			continue;
		result = vvu_rx_split_zc_chain(q, ring, &pkts[delivered]);
		if (result == VVU_RX_STOP)
			break;
		taken++;
		if (result == VVU_RX_PACKET)
			delivered++;
	}
	if (likely(ring->ready))
		vvu_zc_split_settle(q, ring, zc);
	if (delivered > 0)
		zc->copying = q->stats.lent == lent;
	return delivered;
}

#endif
