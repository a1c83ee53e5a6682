/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit to a split ring: the frontend's receive queue (virtio 1.3, 5.1.6.4).
 *
 * A packet of one mbuf into one plain descriptor that holds it takes the fast path; all else
 * goes one by one through vvu_tx_packet().
 */
#ifndef VVU_PMD_TX_SPLIT_H
#define VVU_PMD_TX_SPLIT_H

#include "vvu_header.h"
#include "vvu_tx.h"

extern const struct vvu_tx_format vvu_tx_format_split;

/* Find room for up to @want packets of one mbuf in plain descriptors. */
static __rte_always_inline uint16_t
vvu_tx_split_scan(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t first, uint16_t want,
		  struct rte_mbuf **pkts, uint8_t **room, const bool offload)
{
	const struct vring_avail *avail = ring->avail;
	const struct vring_desc *table = ring->desc;
	struct vring_used *used = ring->used;
	const uint16_t mask = ring->size - 1;
	uint16_t next_avail = ring->last_avail + first;
	uint16_t next_used = ring->used_idx + first;
	struct vvu_desc desc;
	uint16_t head, i;
	uint32_t need;

	for (i = 0; i < want; i++) {
		head = vvu_avail_read(avail, (uint16_t)(next_avail + i) & mask);
		if (unlikely(head > mask || pkts[i]->nb_segs != 1))
			break;
		if (offload && (pkts[i]->ol_flags & VVU_TX_REQUESTS) != 0)
			break;
		desc = vvu_desc_read(&table[head]);
		need = pkts[i]->data_len + VVU_NET_HEADER;
		if (unlikely(desc.flags != VRING_DESC_F_WRITE || need > desc.len))
			break;
		room[i] = vvu_translate(q, desc.addr, need);
		if (unlikely(room[i] == NULL))
			break;
		vvu_tx_prefetch(room[i]);
		vvu_used_write(used, (uint16_t)(next_used + i) & mask, head, need);
	}
	return i;
}

/*
 * One packet into as many plain descriptors as it takes, from the one @first after last_avail;
 * *taken is how many.
 */
static __rte_noinline enum vvu_tx_result
vvu_tx_split_merge(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t first,
		   uint16_t available, const struct rte_mbuf *m, uint16_t *taken,
		   const bool offload)
{
	const uint16_t mask = ring->size - 1;
	uint16_t next_avail = ring->last_avail + first;
	uint16_t next_used = ring->used_idx + first;
	uint16_t head[VVU_TX_MERGE_MAX], i = 0;
	struct vvu_tx_parts parts;
	struct vvu_desc desc;
	uint32_t left, len;

	if (!vvu_tx_may_part(q, m, offload))
		return VVU_TX_OTHER;
	for (left = m->pkt_len + VVU_NET_HEADER; left > 0; left -= len, i++) {
		/* What takes most of a ring may never find that much of it free. */
		if (i == VVU_TX_MERGE_MAX || (first + i == available && i > ring->size / 2))
			return VVU_TX_OTHER;
		if (first + i == available) {
			q->stats.no_descriptor++;
			return VVU_TX_STOP;
		}
		head[i] = vvu_avail_read(ring->avail, (uint16_t)(next_avail + i) & mask);
		if (unlikely(head[i] > mask))
			return VVU_TX_OTHER;
		desc = vvu_desc_read(&ring->desc[head[i]]);
		if (unlikely(desc.flags != VRING_DESC_F_WRITE ||
			     desc.len < (i == 0 ? VVU_NET_HEADER : 1)))
			return VVU_TX_OTHER;
		len = RTE_MIN(left, desc.len);
		parts.at[i] = vvu_translate(q, desc.addr, desc.len);
		parts.len[i] = len;
		if (unlikely(parts.at[i] == NULL))
			return VVU_TX_OTHER;
		vvu_tx_prefetch(parts.at[i]);
	}
	parts.num = i;
	vvu_tx_fill_parts(q, m, &parts);
	for (i = 0; i < parts.num; i++)
		vvu_used_write(ring->used, (uint16_t)(next_used + i) & mask, head[i], parts.len[i]);
	*taken = i;
	return VVU_TX_SENT;
}

static __rte_always_inline uint16_t
vvu_tx_split(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts, const bool offload)
{
	struct vhr_ring *ring = q->ring;
	uint16_t taken = 0, done = 0, available, want, entries, n;
	uint8_t *room[VVU_BATCH];
	enum vvu_tx_result result;

	available = vhr_split_available(ring);
	while (done < nb_pkts && taken < available) {
		want = RTE_MIN(RTE_MIN((uint16_t)(nb_pkts - done), (uint16_t)VVU_BATCH),
			       (uint16_t)(available - taken));
		n = vvu_tx_split_scan(q, ring, taken, want, &pkts[done], room, offload);
		vvu_tx_fill(q, &pkts[done], room, n);
		taken += n;
		done += n;
		if (likely(n == want))
			continue;
		q->slow_burst = true;
		result = vvu_tx_split_merge(q, ring, taken, available, pkts[done], &entries,
					    offload);
		if (result == VVU_TX_OTHER)
			result = vvu_tx_packet(q, &vvu_tx_format_split, taken, pkts[done],
					       &entries);
		if (result == VVU_TX_STOP)
			break;
		taken += entries;
		done++;
	}
	if (unlikely(done < nb_pkts && taken == available))
		q->stats.no_descriptor++;
	if (likely(taken > 0))
		vvu_split_publish(q, ring, taken);
	return done;
}

#endif
