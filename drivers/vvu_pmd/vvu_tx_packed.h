/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit to a packed ring: the frontend's receive queue (virtio 1.3, 5.1.6.4).
 *
 * As with a split ring, a packet of one mbuf into one plain descriptor takes the fast path.
 * There is no short form for a driver that has its buffers used in order: the length of each
 * has to be told.
 */
#ifndef VVU_PMD_TX_PACKED_H
#define VVU_PMD_TX_PACKED_H

#include "vvu_header.h"
#include "vvu_packed.h"
#include "vvu_tx.h"

extern const struct vvu_tx_format vvu_tx_format_packed;

/*
 * Find room for up to @want packets of one mbuf in plain descriptors before the end of the
 * ring; the used descriptor of each, without flags, goes to @word. *exhausted: the next entry
 * is not available.
 */
static __rte_always_inline uint16_t
vvu_tx_packed_scan(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t want,
		   struct rte_mbuf **pkts, uint8_t **room, uint64_t *word, bool *exhausted,
		   const bool offload)
{
	struct vring_packed_desc *desc = &ring->packed_desc[ring->last_avail];
	const uint64_t expected = vvu_packed_expected(ring, VRING_DESC_F_WRITE);
	uint64_t there;
	uint32_t need;
	uint16_t i;

	*exhausted = false;
	for (i = 0; i < want; i++) {
		there = vvu_packed_word_read(&desc[i]);
		need = pkts[i]->data_len + VVU_NET_HEADER;
		if (unlikely((there & VVU_PACKED_CHECKED) != expected ||
			     vvu_packed_id(there) >= ring->size || need > (uint32_t)there ||
			     pkts[i]->nb_segs != 1)) {
			*exhausted = vvu_packed_is_ahead(there, expected);
			break;
		}
		if (offload && (pkts[i]->ol_flags & VVU_TX_REQUESTS) != 0)
			break;
		room[i] = vvu_translate(q, vvu_packed_addr_read(&desc[i]), need);
		if (unlikely(room[i] == NULL))
			break;
		vvu_tx_prefetch(room[i]);
		word[i] = (uint64_t)vvu_packed_id(there) << VVU_PACKED_ID_SHIFT | need;
	}
	return i;
}

/*
 * One packet into as many plain descriptors as it takes, all before the end of the ring; *taken
 * is how many.
 */
static __rte_noinline enum vvu_tx_result
vvu_tx_packed_merge(struct vvu_queue *q, struct vhr_ring *ring, const struct rte_mbuf *m,
		    uint16_t *taken, const bool offload)
{
	struct vring_packed_desc *desc = &ring->packed_desc[ring->last_avail];
	const uint64_t expected = vvu_packed_expected(ring, VRING_DESC_F_WRITE);
	const uint16_t straight = vvu_packed_straight(ring, VVU_TX_MERGE_MAX);
	uint64_t there, word[VVU_TX_MERGE_MAX];
	struct vvu_tx_parts parts;
	uint32_t left, len;
	uint16_t i = 0;

	if (!vvu_tx_may_part(q, m, offload))
		return VVU_TX_OTHER;
	for (left = m->pkt_len + VVU_NET_HEADER; left > 0; left -= len, i++) {
		if (i == straight)
			return VVU_TX_OTHER;
		there = vvu_packed_word_read(&desc[i]);
		if (vvu_packed_is_ahead(there, expected) && i <= ring->size / 2) {
			q->stats.no_descriptor++;
			return VVU_TX_STOP;
		}
		if (unlikely((there & VVU_PACKED_CHECKED) != expected ||
			     vvu_packed_id(there) >= ring->size ||
			     (uint32_t)there < (i == 0 ? VVU_NET_HEADER : 1)))
			return VVU_TX_OTHER;
		len = RTE_MIN(left, (uint32_t)there);
		parts.at[i] = vvu_translate(q, vvu_packed_addr_read(&desc[i]), (uint32_t)there);
		parts.len[i] = len;
		if (unlikely(parts.at[i] == NULL))
			return VVU_TX_OTHER;
		vvu_tx_prefetch(parts.at[i]);
		word[i] = (uint64_t)vvu_packed_id(there) << VVU_PACKED_ID_SHIFT | len;
	}
	parts.num = i;
	vvu_tx_fill_parts(q, m, &parts);
	vvu_packed_give(ring, word, i, VRING_DESC_F_WRITE);
	vvu_packed_advance(ring, i);
	*taken = i;
	return VVU_TX_SENT;
}

static __rte_always_inline uint16_t
vvu_tx_packed(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts, const bool offload)
{
	struct vhr_ring *ring = q->ring;
	uint16_t done = 0, want, entries, n;
	uint8_t *room[VVU_BATCH];
	uint64_t word[VVU_BATCH];
	enum vvu_tx_result result;
	uint32_t taken = 0;
	bool exhausted;

	while (done < nb_pkts) {
		want = vvu_packed_straight(ring, nb_pkts - done);
		n = vvu_tx_packed_scan(q, ring, want, &pkts[done], room, word, &exhausted,
				       offload);
		if (likely(n > 0)) {
			vvu_tx_fill(q, &pkts[done], room, n);
			vvu_packed_give(ring, word, n, VRING_DESC_F_WRITE);
			vvu_packed_advance(ring, n);
			taken += n;
			done += n;
		}
		if (likely(n == want))
			continue;
		if (exhausted) {
			q->stats.no_descriptor++;
			break;
		}
		q->slow_burst = true;
		result = vvu_tx_packed_merge(q, ring, pkts[done], &entries, offload);
		if (result == VVU_TX_OTHER)
			result = vvu_tx_packet(q, &vvu_tx_format_packed, 0, pkts[done], &entries);
		if (result == VVU_TX_STOP)
			break;
		taken += entries;
		done++;
	}
	if (likely(taken > 0))
		vvu_packed_call(q, ring, taken);
	return done;
}

#endif
