/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf_ptype.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "vvu_header.h"

/* Kinds of frames of several segments: what was to be negotiated, and what they hold. */
static const struct gso_kind {
	uint8_t type;
	uint8_t feature;
	uint8_t ip;		/* 0: either */
	uint8_t l4;
} gso_kinds[] = {
	{ VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_F_HOST_TSO4, 4, IPPROTO_TCP },
	{ VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_F_HOST_TSO6, 6, IPPROTO_TCP },
	{ VIRTIO_NET_HDR_GSO_UDP, VIRTIO_NET_F_HOST_UFO, 0, IPPROTO_UDP },
	{ VVU_NET_GSO_UDP_L4, VVU_NET_F_HOST_USO, 0, IPPROTO_UDP },
};

static const struct gso_kind *
find_gso_kind(uint8_t type)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(gso_kinds); i++) {
		if (gso_kinds[i].type == type)
			return &gso_kinds[i];
	}
	return NULL;
}

/* The header by itself, and against what was negotiated (virtio 1.3, 5.1.6.2.1). */
static int
check_header(const struct virtio_net_hdr_v1 *header, uint64_t features,
	     const struct gso_kind **kind)
{
	const uint8_t type = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	const bool ecn = (header->gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0;

	*kind = NULL;
	/* RSC_INFO is a device's word; other bits that have no meaning are to be ignored. */
	if ((header->flags & VIRTIO_NET_HDR_F_RSC_INFO) != 0)
		return -EPROTO;
	if ((header->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)) != 0 &&
	    (features & VVU_F(VIRTIO_NET_F_CSUM)) == 0)
		return -EPROTO;
	if (type == VIRTIO_NET_HDR_GSO_NONE)
		return ecn ? -EPROTO : 0;
	*kind = find_gso_kind(type);
	if (*kind == NULL || (features & VVU_F((*kind)->feature)) == 0)
		return -EPROTO;
	if (ecn && ((*kind)->l4 != IPPROTO_TCP || (features & VVU_F(VIRTIO_NET_F_HOST_ECN)) == 0))
		return -EPROTO;
	if (header->gso_size == 0 || (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0)
		return -EPROTO;
	return 0;
}

/* Whether the open checksum is that of the TCP or UDP header the frame has. */
static bool
checksum_is_l4(const struct vvu_frame *frame, uint16_t start, uint16_t offset)
{
	if (frame->l4_len == 0 || start != frame->l2_len + frame->l3_len)
		return false;
	if (frame->l4 == IPPROTO_TCP)
		return offset == offsetof(struct rte_tcp_hdr, cksum);
	return offset == offsetof(struct rte_udp_hdr, dgram_cksum);
}

static void
write_bytes(struct rte_mbuf *m, uint32_t at, const uint8_t *bytes, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < len; i++, at++) {
		while (at >= m->data_len) {
			at -= m->data_len;
			m = m->next;
		}
		*rte_pktmbuf_mtod_offset(m, uint8_t *, at) = bytes[i];
	}
}

/* What the frontend left to its device: the sum from @start to the end of the frame. */
static void
complete_checksum(struct rte_mbuf *m, uint16_t start, uint16_t offset)
{
	uint16_t sum = (uint16_t)~vvu_frame_sum(m, start, m->pkt_len - start);

	/* Of the two zeroes the one that UDP does not take for "none" (RFC 768). */
	if (sum == 0)
		sum = 0xffff;
	write_bytes(m, start + offset, (const uint8_t *)&sum, sizeof(sum));
}

static bool
application_wants(uint64_t offloads, uint8_t l4)
{
	return (offloads & (l4 == IPPROTO_TCP ? RTE_ETH_RX_OFFLOAD_TCP_CKSUM :
			    RTE_ETH_RX_OFFLOAD_UDP_CKSUM)) != 0;
}

static void
describe(struct rte_mbuf *m, const struct vvu_frame *frame)
{
	m->l2_len = frame->l2_len;
	m->l3_len = frame->l3_len;
	m->l4_len = frame->l4_len;
	m->packet_type = RTE_PTYPE_L2_ETHER;
	if (frame->ip == 4)
		m->packet_type |= RTE_PTYPE_L3_IPV4_EXT_UNKNOWN;
	else
		m->packet_type |= RTE_PTYPE_L3_IPV6_EXT_UNKNOWN;
	m->packet_type |= frame->l4 == IPPROTO_TCP ? RTE_PTYPE_L4_TCP : RTE_PTYPE_L4_UDP;
}

static int
receive_segments(const struct virtio_net_hdr_v1 *header, const struct gso_kind *kind,
		 const struct vvu_frame *frame, uint64_t offloads, struct rte_mbuf *m)
{
	const uint16_t start = rte_le_to_cpu_16(header->csum_start);
	const uint16_t offset = rte_le_to_cpu_16(header->csum_offset);

	if (frame->l4 != kind->l4 || (kind->ip != 0 && frame->ip != kind->ip) ||
	    !checksum_is_l4(frame, start, offset))
		return -EPROTO;
	/* All that is there gets cut into segments, so all of it has to be the packet's. */
	if (frame->l2_len + frame->l3_len + frame->l4_bytes != m->pkt_len ||
	    frame->l4_bytes == frame->l4_len)
		return -EPROTO;
	if ((offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) == 0)
		return -EMSGSIZE;
	describe(m, frame);
	m->tso_segsz = rte_le_to_cpu_16(header->gso_size);
	m->ol_flags |= RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
	return 0;
}

static int
receive_open_checksum(const struct virtio_net_hdr_v1 *header, const struct vvu_frame *frame,
		      uint64_t offloads, struct rte_mbuf *m)
{
	const uint16_t start = rte_le_to_cpu_16(header->csum_start);
	const uint16_t offset = rte_le_to_cpu_16(header->csum_offset);

	/* SCTP has a CRC, which no header describes. */
	if (frame->l4 == IPPROTO_SCTP && start == frame->l2_len + frame->l3_len)
		return -EPROTO;
	if (!checksum_is_l4(frame, start, offset) || !application_wants(offloads, frame->l4)) {
		complete_checksum(m, start, offset);
		return 0;
	}
	describe(m, frame);
	m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	return 0;
}

int
vvu_header_receive(const struct virtio_net_hdr_v1 *header, uint64_t features, uint64_t offloads,
		   struct rte_mbuf *m)
{
	const uint32_t start = rte_le_to_cpu_16(header->csum_start);
	const uint32_t offset = rte_le_to_cpu_16(header->csum_offset);
	const struct gso_kind *kind;
	uint8_t copy[VVU_FRAME_HEAD];
	struct vvu_frame frame;
	const uint8_t *head;
	uint32_t len;
	int ret;

	ret = check_header(header, features, &kind);
	if (ret != 0)
		return ret;
	/* A hint that may not be relied upon; but one that is longer than the frame is a lie. */
	if (rte_le_to_cpu_16(header->hdr_len) > m->pkt_len)
		return -EPROTO;
	if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 &&
	    (start < RTE_ETHER_HDR_LEN || start + offset + sizeof(uint16_t) > m->pkt_len))
		return -EPROTO;
	if ((header->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID)) == 0)
		return 0;
	head = vvu_frame_head(m, copy, &len);
	if (head == NULL)
		return -EPROTO;
	vvu_frame_parse(head, len, m->pkt_len, &frame);
	if (kind != NULL)
		return receive_segments(header, kind, &frame, offloads, m);
	if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
		return receive_open_checksum(header, &frame, offloads, m);
	if (frame.l4_len != 0 && application_wants(offloads, frame.l4)) {
		describe(m, &frame);
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	}
	return 0;
}
