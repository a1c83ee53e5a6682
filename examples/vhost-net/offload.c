/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf_ptype.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "offload.h"

#define RX_OFFLOADS (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | \
		     RTE_ETH_RX_OFFLOAD_TCP_LRO)
#define TX_OFFLOADS (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
		     RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO)
/* A header that offload_finish() copies: Ethernet with tags, IP with options, TCP. */
#define HEADER_MAX 256u

static bool is_frontend(const struct rte_eth_dev_info *info)
{
	return strcmp(info->driver_name, "net_vvu") == 0;
}

uint64_t offload_rx(const struct rte_eth_dev_info *info)
{
	return is_frontend(info) ? info->rx_offload_capa & RX_OFFLOADS : 0;
}

uint64_t offload_tx(const struct rte_eth_dev_info *info)
{
	const uint64_t sums = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
		RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	uint64_t capa = info->tx_offload_capa & TX_OFFLOADS;

	/* net_tap cuts with rte_gso, which knows no IPv6 in DPDK 22.11. */
	if (!is_frontend(info))
		capa &= ~RTE_ETH_TX_OFFLOAD_TCP_TSO;
	/* With half of them some kinds of frames would be missing. */
	return (capa & sums) == sums ? capa : 0;
}

void offload_received(struct rte_mbuf *mbuf)
{
	const bool large = (mbuf->ol_flags & RTE_MBUF_F_RX_LRO) != 0;
	uint64_t flags = 0;

	if ((mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE) {
		if ((mbuf->packet_type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP)
			flags = large ? RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM :
				RTE_MBUF_F_TX_TCP_CKSUM;
		else
			flags = RTE_MBUF_F_TX_UDP_CKSUM;
		if (RTE_ETH_IS_IPV4_HDR(mbuf->packet_type))
			flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
		else
			flags |= RTE_MBUF_F_TX_IPV6;
	}
	mbuf->ol_flags = (mbuf->ol_flags & (RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT)) | flags;
}

bool offload_possible(const struct rte_mbuf *mbuf, uint64_t tx_offloads)
{
	uint64_t needed = RTE_ETH_TX_OFFLOAD_TCP_CKSUM;

	if (mbuf->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
		needed |= RTE_ETH_TX_OFFLOAD_TCP_TSO;
	return (tx_offloads & needed) == needed;
}

uint32_t offload_frame_len(const struct rte_mbuf *mbuf)
{
	uint32_t len;

	if (!(mbuf->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
		return mbuf->pkt_len;
	len = (uint32_t)mbuf->l2_len + mbuf->l3_len + mbuf->l4_len + mbuf->tso_segsz;
	return RTE_MIN(len, mbuf->pkt_len);
}

/* Header and a part of the payload as a frame of its own. */
static struct rte_mbuf *copy_part(const struct rte_mbuf *mbuf, struct rte_mempool *pool,
				  uint32_t headers, uint32_t at, uint32_t len)
{
	struct rte_mbuf *copy = rte_pktmbuf_alloc(pool);
	const void *data;
	char *to;

	if (!copy)
		return NULL;
	copy->port = mbuf->port;
	to = rte_pktmbuf_append(copy, (uint16_t)(headers + len));
	if (!to) {
		rte_pktmbuf_free(copy);
		return NULL;
	}
	data = rte_pktmbuf_read(mbuf, 0, headers, to);
	if (data != to)
		memcpy(to, data, headers);
	data = rte_pktmbuf_read(mbuf, at, len, to + headers);
	if (len && data != to + headers)
		memcpy(to + headers, data, len);
	return copy;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum);
}

/* Lengths of a segment, which has the whole packet's. */
static void set_lengths(struct rte_mbuf *frame, const struct rte_mbuf *mbuf, uint16_t index)
{
	struct rte_ipv4_hdr *v4 = rte_pktmbuf_mtod_offset(frame, void *, mbuf->l2_len);
	struct rte_ipv6_hdr *v6 = (void *)v4;
	uint16_t bytes = (uint16_t)(frame->pkt_len - mbuf->l2_len);

	if (mbuf->ol_flags & RTE_MBUF_F_TX_IPV6) {
		v6->payload_len = rte_cpu_to_be_16((uint16_t)(bytes - sizeof(*v6)));
		return;
	}
	v4->total_length = rte_cpu_to_be_16(bytes);
	/* RFC 6864: each that may be fragmented has one of its own. */
	v4->packet_id = rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(v4->packet_id) + index));
}

static void set_checksums(struct rte_mbuf *frame, const struct rte_mbuf *mbuf)
{
	const bool v4 = !(mbuf->ol_flags & RTE_MBUF_F_TX_IPV6);
	const bool tcp = (mbuf->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM;
	uint8_t *ip = rte_pktmbuf_mtod_offset(frame, uint8_t *, mbuf->l2_len);
	struct rte_ipv4_hdr *v4_header = (struct rte_ipv4_hdr *)ip;
	uint8_t *l4 = ip + mbuf->l3_len;
	unaligned_uint16_t *field = (unaligned_uint16_t *)(l4 +
		(tcp ? offsetof(struct rte_tcp_hdr, cksum) :
		 offsetof(struct rte_udp_hdr, dgram_cksum)));
	/* By the IP header: behind it there may be padding. */
	uint32_t bytes = v4 ? rte_be_to_cpu_16(v4_header->total_length) :
		sizeof(struct rte_ipv6_hdr) +
			rte_be_to_cpu_16(((struct rte_ipv6_hdr *)ip)->payload_len);
	uint32_t sum;

	bytes = RTE_MIN(bytes, frame->pkt_len - mbuf->l2_len);
	bytes -= RTE_MIN(bytes, (uint32_t)mbuf->l3_len);
	*field = 0;
	sum = (uint32_t)rte_raw_cksum(v4 ? ip + 12 : ip + 8, v4 ? 8 : 32) +
		rte_cpu_to_be_16((uint16_t)bytes) +
		rte_cpu_to_be_16(tcp ? IPPROTO_TCP : IPPROTO_UDP) + rte_raw_cksum(l4, bytes);
	*field = (uint16_t)~fold(sum);
	/* RFC 768: zero says that there is none; for TCP both zeroes are the same. */
	if (*field == 0)
		*field = 0xffff;
	if (v4) {
		v4_header->hdr_checksum = 0;
		v4_header->hdr_checksum = (rte_be16_t)~rte_raw_cksum(ip, mbuf->l3_len);
	}
}

static void advance_tcp(struct rte_mbuf *frame, const struct rte_mbuf *mbuf, uint32_t done,
			bool first, bool last)
{
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(frame, struct rte_tcp_hdr *,
							  mbuf->l2_len + mbuf->l3_len);

	tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + done);
	/* RFC 3168, 6.1.2: the window is reduced once; and what ends, ends with the last. */
	if (!first)
		tcp->tcp_flags &= (uint8_t)~RTE_TCP_CWR_FLAG;
	if (!last)
		tcp->tcp_flags &= (uint8_t) ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
}

unsigned int offload_finish(struct rte_mbuf *mbuf, struct rte_mempool *pool,
			    struct rte_mbuf *frames[OFFLOAD_SEGMENTS_MAX])
{
	const bool segments = (mbuf->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
	uint32_t headers = (uint32_t)mbuf->l2_len + mbuf->l3_len + mbuf->l4_len;
	uint32_t payload, size, at, len;
	unsigned int n = 0;

	if (headers <= HEADER_MAX && headers <= mbuf->pkt_len &&
	    (!segments || mbuf->tso_segsz != 0)) {
		payload = mbuf->pkt_len - headers;
		size = segments ? mbuf->tso_segsz : RTE_MAX(payload, 1u);
		for (at = 0; at < payload || n == 0; at += len, n++) {
			len = RTE_MIN(size, payload - at);
			if (n == OFFLOAD_SEGMENTS_MAX)
				break;
			frames[n] = copy_part(mbuf, pool, headers, headers + at, len);
			if (!frames[n])
				break;
			if (segments) {
				advance_tcp(frames[n], mbuf, at, at == 0, at + len == payload);
				set_lengths(frames[n], mbuf, (uint16_t)n);
			}
			set_checksums(frames[n], mbuf);
		}
		if (at < payload) {
			rte_pktmbuf_free_bulk(frames, n);
			n = 0;
		}
	}
	rte_pktmbuf_free(mbuf);
	return n;
}
