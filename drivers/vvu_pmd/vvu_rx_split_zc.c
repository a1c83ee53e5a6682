/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive from a split ring by reference. */
#include "vvu_burst.h"
#include "vvu_rx_split.h"
#include "vvu_rx_zc.h"
#include "vvu_zc_ring.h"

/* As vvu_rx_split_gather(), but no used element is written yet. */
static __rte_always_inline uint16_t
gather(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t want,
       struct vvu_rx_zc_batch *batch)
{
	const struct vring_avail *avail = ring->avail;
	const struct vring_desc *table = ring->desc;
	const uint16_t mask = ring->size - 1;
	const uint32_t span = q->room - RTE_ETHER_HDR_LEN;
	struct vvu_desc desc;
	uint16_t head, i;
	uint8_t *at;

	for (i = 0; i < want; i++) {
		head = vvu_avail_read(avail, (uint16_t)(ring->last_avail + i) & mask);
		if (unlikely(head > mask))
			break;
		desc = vvu_desc_read(&table[head]);
		if (unlikely(desc.flags != 0 || desc.len - VVU_RX_LEN_MIN > span))
			break;
		at = vvu_translate(q, desc.addr, desc.len);
		if (unlikely(at == NULL))
			break;
		vvu_rx_zc_add(q, batch, i, at, desc.len, head);
	}
	return i;
}

/* Fast path: takes what it returns; *delivered and *starved as in vvu_rx_split_plain(). */
static __rte_always_inline uint16_t
receive_plain(struct vvu_queue *q, struct vhr_ring *ring, uint16_t want, struct rte_mbuf **pkts,
	      uint16_t *delivered, bool *starved)
{
	struct vvu_rx_zc_batch batch;
	uint16_t found, taken;

	*delivered = 0;
	found = gather(q, ring, want, &batch);
	if (unlikely(found == 0))
		return 0;
	taken = vvu_rx_take_mbufs(q, pkts, found);
	*starved = taken != found;
	*delivered = vvu_rx_zc_deliver(q, &batch, found, taken, pkts);
	ring->last_avail += taken;
	return taken;
}

/* The next entry, whatever it is; copied. */
static __rte_noinline enum vvu_rx_result
receive_chain(struct vvu_queue *q, struct vhr_ring *ring, struct rte_mbuf **pkt)
{
	struct vhr_chain chain = { .iov = q->iov, .iov_max = VVU_CHAIN_IOV };
	enum vvu_rx_result result;
	int ret;

	if (vhr_split_head(ring, 0, &chain.head) != 0)
		return VVU_RX_STOP;
	ret = vhr_split_walk(ring, &chain);
	if (ret != 0 && ret != -E2BIG)
		return VVU_RX_STOP;
	result = vvu_rx_chain(q, &chain, ret, pkt);
	if (result != VVU_RX_STOP) {
		vvu_zc_push(q->zc, chain.head, 1);
		ring->last_avail++;
	}
	return result;
}

uint16_t
vvu_rx_burst_split_zc(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	uint16_t taken = 0, delivered = 0, available, want, got, n;
	struct vhr_ring *ring = q->ring;
	struct vvu_zc *zc = q->zc;
	enum vvu_rx_result result;
	bool starved = false;

	vvu_zc_collect(zc);
	available = vhr_split_available(ring);
	if (unlikely(available > vvu_zc_room(zc))) {
		vhr_ring_break(ring, "%u entries are available while %u are not used, ring of %u",
			       available, zc->last - zc->first, ring->size);
		return 0;
	}
	nb_pkts = RTE_MIN(nb_pkts, available);
	while (taken < nb_pkts) {
		want = RTE_MIN((uint16_t)(nb_pkts - taken), (uint16_t)VVU_BATCH);
		n = receive_plain(q, ring, want, &pkts[delivered], &got, &starved);
		taken += n;
		delivered += got;
		if (likely(n == want))
			continue;
		if (starved)
			break;
		result = receive_chain(q, ring, &pkts[delivered]);
		if (result == VVU_RX_STOP)
			break;
		taken++;
		if (result == VVU_RX_PACKET)
			delivered++;
	}
	if (likely(ring->ready))
		vvu_zc_split_settle(q, ring, zc);
	return delivered;
}
