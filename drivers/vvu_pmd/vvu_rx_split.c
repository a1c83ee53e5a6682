/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive from a split ring: the frontend's transmit queue (virtio 1.3, 5.1.6.2).
 *
 * A chain of one plain descriptor that holds header and frame, as current drivers make it,
 * takes the fast path; everything else goes one by one through the library's chain walk,
 * which also finds what is wrong with a bad one and breaks the ring.
 */
#include <errno.h>

#include <ethdev_driver.h>
#include <linux/virtio_net.h>
#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "vvu_datapath.h"
#include "vvu_ethdev.h"
#include "vvu_port.h"

/* What became of a chain. */
enum rx_result {
	RX_PACKET,
	RX_DROPPED,	/* taken from the ring, counted */
	RX_STOP,	/* left in the ring: no mbuf, or the ring is broken */
};

/*
 * No offload was negotiated, so the driver MUST have set flags and gso_type to zero
 * (virtio 1.3, 5.1.6.2.1); such a frame is not what it seems.
 */
static __rte_always_inline bool
header_is_plain(const uint8_t *header)
{
	uint16_t flags_and_gso_type;

	memcpy(&flags_and_gso_type, header, sizeof(flags_and_gso_type));
	return flags_and_gso_type == 0;
}

static __rte_always_inline void
mbuf_fill(struct rte_mbuf *m, uint64_t rearm, uint32_t pkt_len, uint16_t data_len)
{
	uintptr_t fresh = (uintptr_t)m + offsetof(struct rte_mbuf, data_off);

	*(uint64_t *)fresh = rearm;
	m->ol_flags &= RTE_MBUF_F_EXTERNAL;
	m->packet_type = 0;
	m->pkt_len = pkt_len;
	m->data_len = data_len;
}

/*
 * Look at up to @want entries from the one @first after last_avail, as far as they are
 * plain; where each frame is goes to @frame. The used elements are written already: the
 * driver sees them when they are published. Returns how many.
 */
static __rte_always_inline uint16_t
gather(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t first, uint16_t want,
       uint8_t **frame, uint32_t *frame_len)
{
	const struct vring_avail *avail = ring->avail;
	const struct vring_desc *table = ring->desc;
	struct vring_used *used = ring->used;
	const uint16_t mask = ring->size - 1;
	const uint32_t min = VVU_NET_HEADER + RTE_ETHER_HDR_LEN;
	const uint32_t span = q->room - RTE_ETHER_HDR_LEN;
	uint16_t next_avail = ring->last_avail + first;
	uint16_t next_used = ring->used_idx + first;
	struct vvu_desc desc;
	uint16_t head, i;
	uint8_t *header;

	for (i = 0; i < want; i++) {
		head = vvu_avail_read(avail, (uint16_t)(next_avail + i) & mask);
		if (unlikely(head > mask))
			break;
		desc = vvu_desc_read(&table[head]);
		if (unlikely(desc.flags != 0 || desc.len - min > span))
			break;
		header = vvu_translate(q, desc.addr, desc.len);
		if (unlikely(header == NULL))
			break;
		vvu_prefetch_buffer(header);
		frame[i] = header;
		frame_len[i] = desc.len - VVU_NET_HEADER;
		vvu_used_write(used, (uint16_t)(next_used + i) & mask, head, 0);
	}
	return i;
}

/* Raw mbufs for @want packets, or as many of them as the pool still has, halved. */
static __rte_always_inline uint16_t
take_mbufs(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t want)
{
	if (likely(rte_mempool_get_bulk(q->pool, (void **)pkts, want) == 0))
		return want;
	q->stats.no_mbuf++;
	do {
		want /= 2;
	} while (want > 0 && rte_mempool_get_bulk(q->pool, (void **)pkts, want) != 0);
	return want;
}

/*
 * Fast path. Returns how many entries were taken; *delivered of them became packets. Where
 * the pool has too few mbufs, *starved is set and the rest stays in the ring.
 */
static __rte_always_inline uint16_t
receive_plain(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t first, uint16_t want,
	      struct rte_mbuf **pkts, uint16_t *delivered, bool *starved)
{
	uint8_t *frame[VVU_BATCH];
	uint32_t frame_len[VVU_BATCH];
	const uint64_t rearm = q->rearm;
	uint16_t plain, taken, done = 0, i;
	uint64_t bytes = 0;
	struct rte_mbuf *m;

	*delivered = 0;
	plain = gather(q, ring, first, want, frame, frame_len);
	if (unlikely(plain == 0))
		return 0;
	taken = take_mbufs(q, pkts, plain);
	*starved = taken != plain;
	for (i = 0; i < taken; i++) {
		if (unlikely(!header_is_plain(frame[i]))) {
			q->stats.bad_header++;
			continue;
		}
		m = pkts[done++];
		mbuf_fill(m, rearm, frame_len[i], frame_len[i]);
		vvu_copy((uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM, frame[i] + VVU_NET_HEADER,
			 frame_len[i]);
		bytes += frame_len[i];
	}
	if (unlikely(done != taken))
		rte_mempool_put_bulk(q->pool, (void **)&pkts[done], taken - done);
	q->stats.packets += done;
	q->stats.bytes += bytes;
	*delivered = done;
	return taken;
}

/* Copy @len bytes out of @iov; *at is how far *iov's first entry is used up already. */
static void
copy_from_iov(uint8_t *dst, uint32_t len, const struct iovec **iov, size_t *at)
{
	size_t part;

	while (len > 0) {
		part = RTE_MIN((size_t)len, (*iov)->iov_len - *at);
		memcpy(dst, (const uint8_t *)(*iov)->iov_base + *at, part);
		dst += part;
		len -= part;
		*at += part;
		if (*at == (*iov)->iov_len) {
			(*iov)++;
			*at = 0;
		}
	}
}

/* The frame of @len bytes at *iov in one mbuf or, where that is allowed, in several. */
static struct rte_mbuf *
mbufs_from_iov(struct vvu_queue *q, uint32_t len, const struct iovec *iov, size_t at)
{
	struct rte_mbuf *head = NULL, **link = &head, *m;
	uint32_t left = len, part;
	uint16_t segments = 0;

	while (left > 0) {
		if (rte_mempool_get(q->pool, (void **)&m) != 0) {
			q->stats.no_mbuf++;
			if (head != NULL)
				head->nb_segs = segments;
			rte_pktmbuf_free(head);
			return NULL;
		}
		part = RTE_MIN(left, RTE_MIN(q->room, (uint32_t)UINT16_MAX));
		mbuf_fill(m, q->rearm, part, part);
		copy_from_iov(rte_pktmbuf_mtod(m, uint8_t *), part, &iov, &at);
		*link = m;
		link = &m->next;
		left -= part;
		segments++;
	}
	head->pkt_len = len;
	head->nb_segs = segments;
	return head;
}

/* Slow path: the entry @taken after last_avail, whatever it is. */
static __rte_noinline enum rx_result
receive_chain(struct vvu_queue *q, struct vhr_ring *ring, uint16_t taken, struct rte_mbuf **pkt)
{
	struct vhr_chain chain = { .iov = q->iov, .iov_max = VVU_CHAIN_IOV };
	uint8_t header[VVU_NET_HEADER];
	const struct iovec *iov = q->iov;
	enum rx_result result = RX_DROPPED;
	uint64_t frame_len;
	size_t at = 0;
	int ret;

	if (vhr_split_head(ring, taken, &chain.head) != 0)
		return RX_STOP;
	ret = vhr_split_walk(ring, &chain);
	if (ret != 0 && ret != -E2BIG)
		return RX_STOP;
	frame_len = chain.readable_bytes - VVU_NET_HEADER;
	if (ret == -E2BIG || chain.writable != 0) {
		q->stats.bad_chain++;
	} else if (chain.readable_bytes < VVU_NET_HEADER + RTE_ETHER_HDR_LEN) {
		q->stats.truncated++;
	} else if (frame_len > (q->scatter ? VVU_MAX_FRAME : q->room)) {
		q->stats.oversize++;
	} else {
		copy_from_iov(header, sizeof(header), &iov, &at);
		if (!header_is_plain(header)) {
			q->stats.bad_header++;
		} else {
			*pkt = mbufs_from_iov(q, frame_len, iov, at);
			if (*pkt == NULL)
				return RX_STOP;
			q->stats.packets++;
			q->stats.bytes += frame_len;
			result = RX_PACKET;
		}
	}
	q->stats.slow_chains++;
	vhr_split_put_used(ring, taken, chain.head, 0);
	return result;
}

/*
 * SEND_RARP: announce the frontend's address to whoever is behind this port, on behalf of
 * a guest that cannot (vhost-user: VHOST_USER_SEND_RARP).
 */
static __rte_noinline uint16_t
make_rarp(struct vvu_queue *q, struct rte_mbuf **pkts)
{
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;
	struct rte_mbuf *m;

	if (q->room < RTE_ETHER_MIN_LEN)
		return 0;
	m = rte_pktmbuf_alloc(q->pool);
	if (m == NULL) {
		q->stats.no_mbuf++;
		return 0;
	}
	/* Padded to what a wire would carry, without the frame check sequence. */
	m->data_len = RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN;
	m->pkt_len = m->data_len;
	m->port = q->port->port_id;
	eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	memset(eth, 0, m->data_len);
	memset(&eth->dst_addr, 0xff, RTE_ETHER_ADDR_LEN);
	memcpy(&eth->src_addr, q->rarp_mac, RTE_ETHER_ADDR_LEN);
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_RARP);
	arp = (struct rte_arp_hdr *)(eth + 1);
	arp->arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = RTE_ETHER_ADDR_LEN;
	arp->arp_plen = sizeof(rte_be32_t);
	arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REVREQUEST);
	memcpy(&arp->arp_data.arp_sha, q->rarp_mac, RTE_ETHER_ADDR_LEN);
	memcpy(&arp->arp_data.arp_tha, q->rarp_mac, RTE_ETHER_ADDR_LEN);
	q->rarp_due = false;
	q->stats.rarp++;
	pkts[0] = m;
	return 1;
}

uint16_t
vvu_rx_burst_split(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct vvu_queue *q = queue;
	uint16_t taken = 0, delivered = 0, want, got, n;
	bool starved = false;
	enum rx_result result;
	struct vhr_ring *ring;

	if (!vvu_queue_enter(q))
		return 0;
	ring = q->ring;
	if (unlikely(q->rarp_due) && nb_pkts > 0)
		delivered = make_rarp(q, pkts);
	nb_pkts = RTE_MIN((uint16_t)(nb_pkts - delivered), vhr_split_available(ring));
	while (taken < nb_pkts) {
		want = RTE_MIN((uint16_t)(nb_pkts - taken), (uint16_t)VVU_BATCH);
		n = receive_plain(q, ring, taken, want, &pkts[delivered], &got, &starved);
		taken += n;
		delivered += got;
		if (likely(n == want))
			continue;
		if (starved)
			break;
		result = receive_chain(q, ring, taken, &pkts[delivered]);
		if (result == RX_STOP)
			break;
		taken++;
		if (result == RX_PACKET)
			delivered++;
	}
	if (likely(taken > 0))
		vvu_publish(q, ring, taken);
	vvu_queue_leave(q);
	return delivered;
}
