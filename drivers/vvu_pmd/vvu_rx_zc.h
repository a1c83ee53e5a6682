/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive by reference: an mbuf's data is the frontend's buffer, which is used (given back)
 * when the mbuf is freed. What every variant of it does per frame, whatever the ring's format.
 *
 * A frame is copied all the same when it is small (what lending costs is more than its copy),
 * and when as many are out as may be.
 */
#ifndef VVU_PMD_RX_ZC_H
#define VVU_PMD_RX_ZC_H

#include <rte_mbuf.h>

#include "vvu_rx.h"
#include "vvu_zc.h"

/* Frames that were looked at and not yet taken. */
struct vvu_rx_zc_batch {
	uint8_t *header[VVU_BATCH];
	uint32_t frame_len[VVU_BATCH];
	uint16_t id[VVU_BATCH];
	bool lend[VVU_BATCH];
};

/* Frame number @i of a batch is @desc, which has been translated to @at. */
static __rte_always_inline void
vvu_rx_zc_add(struct vvu_queue *q, struct vvu_rx_zc_batch *batch, uint16_t i, uint8_t *at,
	      uint32_t desc_len, uint16_t id)
{
	struct vvu_zc *zc = q->zc;
	uint32_t frame_len = desc_len - VVU_NET_HEADER;

	batch->header[i] = at;
	batch->frame_len[i] = frame_len;
	batch->id[i] = id;
	batch->lend[i] = frame_len >= q->zc_min && vvu_zc_may_lend(zc) && !vvu_zc_is_lent(zc, id);
	/* At once: the next descriptor may say the same id. */
	if (batch->lend[i])
		vvu_zc_lend(zc, id);
	vvu_rx_prefetch(at);
}

/*
 * The buffer has neither head- nor tailroom: what is around the frame is the frontend's. It
 * has no IOVA: nothing has mapped the frontend's memory for a device's DMA.
 */
static __rte_always_inline void
vvu_rx_zc_attach(struct rte_mbuf *m, uint64_t rearm, uint8_t *frame, uint32_t len,
		 struct vvu_zc_slot *slot)
{
	struct rte_mbuf_ext_shared_info *shinfo = (struct rte_mbuf_ext_shared_info *)slot->priv;

	vvu_rx_mbuf_fill(m, rearm, len, len);
	m->data_off = 0;
	m->ol_flags = RTE_MBUF_F_EXTERNAL;
	m->buf_addr = frame;
	rte_mbuf_iova_set(m, RTE_BAD_IOVA);
	m->buf_len = len;
	m->shinfo = shinfo;
	rte_mbuf_ext_refcnt_set(shinfo, 1);
}

/* Offloads may write to the frame, for a checksum or a tag, and look at it more than once. */
static __rte_always_inline bool
vvu_rx_zc_copy(struct vvu_queue *q, struct rte_mbuf *m, const struct virtio_net_hdr_v1 *header,
	       const uint8_t *frame, uint32_t len)
{
	if (unlikely(!q->offload && (header->flags | header->gso_type) != 0)) {
		q->stats.bad_header++;
		return false;
	}
	vvu_rx_mbuf_fill(m, q->rearm, len, len);
	vvu_copy((uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM, frame, len,
		 q->uncached);
	return !q->offload || !vvu_rx_offload_due(q, header) || vvu_rx_offload(q, header, m) == 0;
}

/* The first @count of @found frames become packets, one entry of the ring each. */
static __rte_always_inline uint16_t
vvu_rx_zc_deliver(struct vvu_queue *q, struct vvu_rx_zc_batch *batch, uint16_t found,
		  uint16_t count, struct rte_mbuf **pkts)
{
	const uint64_t rearm = q->rearm;
	struct virtio_net_hdr_v1 header;
	struct vvu_zc *zc = q->zc;
	uint64_t bytes = 0, lent = 0;
	uint16_t done = 0, i;
	struct rte_mbuf *m;
	uint8_t *frame;

	for (i = 0; i < count; i++) {
		vvu_zc_push(zc, batch->id[i], 1);
		memcpy(&header, batch->header[i], sizeof(header));
		/* Not to be read again: the frontend may write to it. */
		rte_compiler_barrier();
		m = pkts[done];
		frame = batch->header[i] + VVU_NET_HEADER;
		if (likely(batch->lend[i] && !vvu_rx_offload_due(q, &header))) {
			vvu_rx_zc_attach(m, rearm, frame, batch->frame_len[i],
					 &zc->slot[batch->id[i]]);
			lent++;
		} else {
			if (batch->lend[i])
				vvu_zc_unlend(zc, batch->id[i]);
			if (!vvu_rx_zc_copy(q, m, &header, frame, batch->frame_len[i]))
				continue;
		}
		done++;
		bytes += batch->frame_len[i];
	}
	for (; i < found; i++) {
		if (batch->lend[i])
			vvu_zc_unlend(zc, batch->id[i]);
	}
	if (unlikely(done != count))
		rte_mempool_put_bulk(q->pool, (void **)&pkts[done], count - done);
	q->stats.packets += done;
	q->stats.bytes += bytes;
	q->stats.lent += lent;
	return done;
}

#endif
