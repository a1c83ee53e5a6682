/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive by reference: an mbuf's data is the frontend's buffer, which is used (given back)
 * when the mbuf is freed. What every variant of it does per frame, whatever the ring's format.
 *
 * A frame is copied all the same when it is small (what lending costs is more than its copy),
 * and when as many are out as may be. While none is lent and nothing waits to be given back, small
 * frames take the path that they take without zero copy.
 */
#ifndef VVU_PMD_RX_ZC_H
#define VVU_PMD_RX_ZC_H

#include <rte_mbuf.h>

#include "vvu_rx.h"
#include "vvu_zc.h"

/* Frames of up to so many bytes are never lent; fewer than RTE_ETHER_HDR_LEN: all may be. */
static __rte_always_inline uint32_t
vvu_rx_zc_small(const struct vvu_queue *q)
{
	return RTE_MIN(q->zc_min - 1, q->room);
}

/*
 * The buffer has neither head- nor tailroom: what is around the frame is the frontend's. It
 * has no IOVA: nothing has mapped the frontend's memory for a device's DMA.
 */
static __rte_always_inline void
vvu_rx_zc_attach(struct rte_mbuf *m, uint64_t rearm, uint8_t *at, uint16_t len,
		 struct rte_mbuf_ext_shared_info *shinfo)
{
	vvu_rx_mbuf_fill(m, rearm, len, len);
	m->data_off = 0;
	m->ol_flags = RTE_MBUF_F_EXTERNAL;
	m->buf_addr = at;
	rte_mbuf_iova_set(m, RTE_BAD_IOVA);
	m->buf_len = len;
	m->shinfo = shinfo;
}

/* The entry @id, @num descriptors of the ring, goes out; so many mbufs get attached to it. */
static __rte_always_inline struct rte_mbuf_ext_shared_info *
vvu_rx_zc_lend(struct vvu_zc *zc, uint16_t id, uint16_t num, uint16_t mbufs)
{
	struct rte_mbuf_ext_shared_info *shinfo;

	vvu_zc_lend(zc, id, num);
	shinfo = (struct rte_mbuf_ext_shared_info *)zc->slot[id].priv;
	rte_mbuf_ext_refcnt_set(shinfo, mbufs);
	return shinfo;
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

/*
 * @count frames, each behind its header at @header and an entry of the ring, @id, become packets.
 * Returns how many mbufs were filled, as vvu_rx_deliver() does.
 */
static __rte_always_inline uint16_t
vvu_rx_zc_deliver(struct vvu_queue *q, uint8_t *const *header, const uint32_t *frame_len,
		  const uint16_t *id, uint16_t count, struct rte_mbuf **pkts)
{
	const uint64_t rearm = q->rearm;
	struct virtio_net_hdr_v1 copy;
	struct vvu_zc *zc = q->zc;
	uint64_t bytes = 0, lent = 0;
	uint16_t done = 0, i;
	uint8_t *frame;

	for (i = 0; i < count; i++) {
		vvu_zc_push(zc, id[i], 1);
		memcpy(&copy, header[i], sizeof(copy));
		/* Not to be read again: the frontend may write to it. */
		rte_compiler_barrier();
		frame = header[i] + VVU_NET_HEADER;
		if (likely(frame_len[i] >= q->zc_min && !vvu_rx_offload_due(q, &copy) &&
			   vvu_zc_may_lend(zc, id[i], 1))) {
			vvu_rx_zc_attach(pkts[done], rearm, frame, frame_len[i],
					 vvu_rx_zc_lend(zc, id[i], 1, 1));
			lent++;
		} else if (!vvu_rx_zc_copy(q, pkts[done], &copy, frame, frame_len[i])) {
			continue;
		}
		done++;
		bytes += frame_len[i];
	}
	if (unlikely(done != count))
		rte_mempool_put_bulk(q->pool, (void **)&pkts[done], count - done);
	q->stats.packets += done;
	q->stats.bytes += bytes;
	q->stats.lent += lent;
	return done;
}

/*
 * As vvu_rx_chain(), of the entry @id, and by reference where that is possible and pays. The
 * entry is not pushed yet.
 */
enum vvu_rx_result vvu_rx_zc_chain(struct vvu_queue *q, const struct vhr_chain *chain, int walked,
				   uint16_t id, struct rte_mbuf **pkt);

#endif
