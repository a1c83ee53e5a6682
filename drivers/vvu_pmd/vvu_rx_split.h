/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive from a split ring: the frontend's transmit queue (virtio 1.3, 5.1.6.2).
 *
 * A chain of one plain descriptor that holds header and frame, as current drivers make it,
 * takes the fast path; everything else goes one by one through the library's chain walk,
 * which also finds what is wrong with a bad one and breaks the ring.
 */
#ifndef VVU_PMD_RX_SPLIT_H
#define VVU_PMD_RX_SPLIT_H

#include <errno.h>

#include "vvu_rx.h"

/*
 * Look at up to @want entries from the one @first after last_avail, as far as they are plain and
 * hold frames of at most @longest bytes; where each one's header is goes to @header. The used
 * elements are written already, the driver sees them when they are published; unless @heads, where
 * the number of each one goes, is not NULL. Returns how many.
 */
static __rte_always_inline uint16_t
vvu_rx_split_gather(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t first, uint16_t want,
		    uint32_t longest, uint8_t **header, uint32_t *frame_len, uint16_t *heads)
{
	const struct vring_avail *avail = ring->avail;
	const struct vring_desc *table = ring->desc;
	struct vring_used *used = ring->used;
	const uint16_t mask = ring->size - 1;
	const uint32_t span = longest - RTE_ETHER_HDR_LEN;
	uint16_t next_avail = ring->last_avail + first;
	uint16_t next_used = ring->used_idx + first;
	struct vvu_desc desc;
	uint16_t head, i;
	uint8_t *at;

	for (i = 0; i < want; i++) {
		head = vvu_avail_read(avail, (uint16_t)(next_avail + i) & mask);
		if (unlikely(head > mask))
			break;
		desc = vvu_desc_read(&table[head]);
		if (unlikely(desc.flags != 0 || desc.len - VVU_RX_LEN_MIN > span))
			break;
		at = vvu_translate(q, desc.addr, desc.len);
		if (unlikely(at == NULL))
			break;
		vvu_rx_prefetch(at);
		header[i] = at;
		frame_len[i] = desc.len - VVU_NET_HEADER;
		if (heads != NULL)
			heads[i] = head;
		else
			vvu_used_write(used, (uint16_t)(next_used + i) & mask, head, 0);
	}
	return i;
}

/*
 * Fast path. Returns how many entries were taken; *delivered of them became packets. Where
 * the pool has too few mbufs, *starved is set and the rest stays in the ring.
 */
static __rte_always_inline uint16_t
vvu_rx_split_plain(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t first, uint16_t want,
		   uint32_t longest, struct rte_mbuf **pkts, uint16_t *delivered, bool *starved,
		   const bool offload)
{
	uint8_t *header[VVU_BATCH];
	uint32_t frame_len[VVU_BATCH];
	uint16_t plain, taken;

	*delivered = 0;
	plain = vvu_rx_split_gather(q, ring, first, want, longest, header, frame_len, NULL);
	if (unlikely(plain == 0))
		return 0;
	taken = vvu_rx_take_mbufs(q, pkts, plain);
	*starved = taken != plain;
	*delivered = vvu_rx_deliver(q, header, frame_len, taken, pkts, offload);
	return taken;
}

/* Slow path: the entry @taken after last_avail, whatever it is. */
static __rte_noinline enum vvu_rx_result
vvu_rx_split_chain(struct vvu_queue *q, struct vhr_ring *ring, uint16_t taken,
		   struct rte_mbuf **pkt)
{
	struct vhr_chain chain = { .iov = q->iov, .iov_max = VVU_CHAIN_IOV };
	enum vvu_rx_result result;

	if (vhr_split_head(ring, taken, &chain.head) != 0)
		return VVU_RX_STOP;
	result = vvu_rx_chain(q, &chain, vhr_split_walk(ring, &chain), pkt);
	if (result != VVU_RX_STOP)
		vhr_split_put_used(ring, taken, chain.head, 0);
	return result;
}

static __rte_always_inline uint16_t
vvu_rx_split(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts, const bool offload)
{
	struct vhr_ring *ring = q->ring;
	uint16_t taken = 0, delivered = 0, want, got, n;
	bool starved = false;
	enum vvu_rx_result result;

	nb_pkts = RTE_MIN(nb_pkts, vhr_split_available(ring));
	while (taken < nb_pkts) {
		want = RTE_MIN((uint16_t)(nb_pkts - taken), (uint16_t)VVU_BATCH);
		n = vvu_rx_split_plain(q, ring, taken, want, q->room, &pkts[delivered], &got,
				       &starved, offload);
		taken += n;
		delivered += got;
		if (likely(n == want))
			continue;
		if (starved)
			break;
		result = vvu_rx_split_chain(q, ring, taken, &pkts[delivered]);
		if (result == VVU_RX_STOP)
			break;
		taken++;
		if (result == VVU_RX_PACKET)
			delivered++;
	}
	if (likely(taken > 0))
		vvu_split_publish(q, ring, taken);
	return delivered;
}

#endif
