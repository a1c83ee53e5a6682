/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every receive variant does per frame, whatever the ring's format. In line: a variant
 * is this code with its parameters known when it is compiled.
 */
#ifndef VVU_PMD_RX_H
#define VVU_PMD_RX_H

#include <stddef.h>

#include <linux/virtio_net.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mempool.h>

#include "vhost-relay/vring/split.h"

#include "vvu_datapath.h"

/* A descriptor of fewer bytes holds no frame. */
#define VVU_RX_LEN_MIN	(VVU_NET_HEADER + RTE_ETHER_HDR_LEN)

/* What became of a chain. */
enum vvu_rx_result {
	VVU_RX_PACKET,
	VVU_RX_DROPPED,	/* taken from the ring, counted */
	VVU_RX_STOP,	/* left in the ring: no mbuf, or the ring is broken */
};

/*
 * No offload was negotiated, so the driver MUST have set flags and gso_type to zero
 * (virtio 1.3, 5.1.6.2.1); such a frame is not what it seems.
 */
static __rte_always_inline bool
vvu_rx_header_is_plain(const uint8_t *header)
{
	uint16_t flags_and_gso_type;

	memcpy(&flags_and_gso_type, header, sizeof(flags_and_gso_type));
	return flags_and_gso_type == 0;
}

/*
 * Have the first lines of a frame on their way. To read: to have them for writing, so that the
 * frontend finds no copy here when it fills the buffer again, was measured to cost a frontend
 * that is the limit a tenth of its rate.
 */
static __rte_always_inline void
vvu_rx_prefetch(const uint8_t *header)
{
	vvu_prefetch_header(header);
	rte_prefetch0(header + VVU_NET_HEADER);
}

static __rte_always_inline void
vvu_rx_mbuf_fill(struct rte_mbuf *m, uint64_t rearm, uint32_t pkt_len, uint16_t data_len)
{
	uintptr_t fresh = (uintptr_t)m + offsetof(struct rte_mbuf, data_off);

	*(uint64_t *)fresh = rearm;
	m->ol_flags &= RTE_MBUF_F_EXTERNAL;
	m->packet_type = 0;
	m->pkt_len = pkt_len;
	m->data_len = data_len;
}

/* Raw mbufs for @want packets, or as many of them as the pool still has, halved. */
static __rte_always_inline uint16_t
vvu_rx_take_mbufs(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t want)
{
	if (likely(rte_mempool_get_bulk(q->pool, (void **)pkts, want) == 0))
		return want;
	q->stats.no_mbuf++;
	do {
		want /= 2;
	} while (want > 0 && rte_mempool_get_bulk(q->pool, (void **)pkts, want) != 0);
	return want;
}

/* Whether vvu_rx_offload() has anything to do with this frame. */
static __rte_always_inline bool
vvu_rx_offload_due(const struct vvu_queue *q, const struct virtio_net_hdr_v1 *header)
{
	return (q->offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0 ||
	       (header->flags | header->gso_type) != 0;
}

/*
 * Make of the copy of a header what @m says of the frame it holds, and strip its VLAN tag
 * where that is asked for. Not 0: @m is to be dropped, which is counted.
 */
int vvu_rx_offload(struct vvu_queue *q, const struct virtio_net_hdr_v1 *header,
		   struct rte_mbuf *m);

/*
 * @count frames, each behind its header at @header, become packets. Returns how many mbufs
 * were filled: a frame whose header is wrong is counted and left out.
 */
static __rte_always_inline uint16_t
vvu_rx_deliver(struct vvu_queue *q, uint8_t *const *header, const uint32_t *frame_len,
	       uint16_t count, struct rte_mbuf **pkts, const bool offload)
{
	struct virtio_net_hdr_v1 copy;
	const uint64_t rearm = q->rearm;
	uint64_t bytes = 0;
	uint16_t done = 0, i;
	struct rte_mbuf *m;

	for (i = 0; i < count; i++) {
		if (offload) {
			memcpy(&copy, header[i], sizeof(copy));
			/* Not to be read again: the frontend may write to it. */
			rte_compiler_barrier();
		} else if (unlikely(!vvu_rx_header_is_plain(header[i]))) {
			q->stats.bad_header++;
			continue;
		}
		m = pkts[done];
		vvu_rx_mbuf_fill(m, rearm, frame_len[i], frame_len[i]);
		vvu_copy((uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM,
			 header[i] + VVU_NET_HEADER, frame_len[i], q->uncached);
		if (offload && vvu_rx_offload_due(q, &copy) && vvu_rx_offload(q, &copy, m) != 0)
			continue;
		done++;
		bytes += frame_len[i];
	}
	if (unlikely(done != count))
		rte_mempool_put_bulk(q->pool, (void **)&pkts[done], count - done);
	q->stats.packets += done;
	q->stats.bytes += bytes;
	return done;
}

/*
 * Slow path: a chain that was walked, with @walked as the result of the walk: nothing, or that
 * which broke the ring, is VVU_RX_STOP. That leaves it in the ring; else it is the caller's to
 * give back.
 */
enum vvu_rx_result vvu_rx_chain(struct vvu_queue *q, const struct vhr_chain *chain, int walked,
				struct rte_mbuf **pkt);

/* The announcement that is due on this queue: 1 packet, or 0 for want of an mbuf. */
uint16_t vvu_rx_rarp(struct vvu_queue *q, struct rte_mbuf **pkts);

#endif
