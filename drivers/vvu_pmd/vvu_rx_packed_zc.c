/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive from a packed ring by reference. */
#include "vvu_burst.h"
#include "vvu_rx_packed.h"
#include "vvu_rx_zc.h"
#include "vvu_zc_ring.h"

/* How many of @want entries may be taken before the ring's end. */
static __rte_always_inline uint16_t
straight(const struct vhr_ring *ring, uint16_t want)
{
	want = RTE_MIN(want, (uint16_t)VVU_BATCH);
	want = RTE_MIN(want, (uint16_t)(ring->size - ring->last_avail));
	/* A driver has no more than this: what is out is not available a second time. */
	return RTE_MIN(want, (uint16_t)(ring->size - ring->out));
}

/* As vvu_rx_packed_gather(), into a batch. *exhausted: the next entry is not available. */
static __rte_always_inline uint16_t
gather(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t want,
       struct vvu_rx_zc_batch *batch, bool *exhausted)
{
	struct vring_packed_desc *desc = &ring->packed_desc[ring->last_avail];
	const uint64_t expected = vvu_packed_expected(ring, 0);
	const uint32_t span = q->room - RTE_ETHER_HDR_LEN;
	uint64_t there;
	uint32_t len;
	uint16_t i;
	uint8_t *at;

	*exhausted = false;
	for (i = 0; i < want; i++) {
		there = vvu_packed_word_read(&desc[i]);
		len = (uint32_t)there;
		if (unlikely((there & VVU_PACKED_CHECKED) != expected ||
			     vvu_packed_id(there) >= ring->size || len - VVU_RX_LEN_MIN > span)) {
			*exhausted = vvu_packed_is_ahead(there, expected);
			break;
		}
		at = vvu_translate(q, vvu_packed_addr_read(&desc[i]), len);
		if (unlikely(at == NULL))
			break;
		vvu_rx_zc_add(q, batch, i, at, len, vvu_packed_id(there));
	}
	return i;
}

/* Fast path: takes what it returns; *delivered and *ended as in vvu_rx_packed_plain(). */
static __rte_always_inline uint16_t
receive_plain(struct vvu_queue *q, struct vhr_ring *ring, uint16_t want, struct rte_mbuf **pkts,
	      uint16_t *delivered, bool *ended)
{
	struct vvu_rx_zc_batch batch;
	uint16_t found, taken;

	*delivered = 0;
	found = gather(q, ring, want, &batch, ended);
	if (unlikely(found == 0))
		return 0;
	taken = vvu_rx_take_mbufs(q, pkts, found);
	*ended |= taken != found;
	*delivered = vvu_rx_zc_deliver(q, &batch, found, taken, pkts);
	vhr_packed_take(ring, taken);
	return taken;
}

/* The next list, whatever it is; copied. */
static __rte_noinline enum vvu_rx_result
receive_chain(struct vvu_queue *q, struct vhr_ring *ring, struct rte_mbuf **pkt)
{
	enum vvu_rx_result result;
	uint16_t id, entries;

	result = vvu_rx_packed_walk(q, ring, pkt, &id, &entries);
	if (result != VVU_RX_STOP) {
		vhr_packed_take(ring, entries);
		vvu_zc_push(q->zc, id, entries);
	}
	return result;
}

uint16_t
vvu_rx_burst_packed_zc(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	uint16_t seen = 0, delivered = 0, want, got, n;
	struct vhr_ring *ring = q->ring;
	enum vvu_rx_result result;
	bool ended;

	vvu_zc_collect(q->zc);
	while (seen < nb_pkts) {
		want = straight(ring, nb_pkts - seen);
		if (unlikely(want == 0))
			break;
		n = receive_plain(q, ring, want, &pkts[delivered], &got, &ended);
		seen += n;
		delivered += got;
		if (likely(n == want))
			continue;
		if (ended)
			break;
		result = receive_chain(q, ring, &pkts[delivered]);
		if (result == VVU_RX_STOP)
			break;
		seen++;
		if (result == VVU_RX_PACKET)
			delivered++;
	}
	if (likely(ring->ready))
		vvu_zc_packed_settle(q, ring, q->zc);
	return delivered;
}
