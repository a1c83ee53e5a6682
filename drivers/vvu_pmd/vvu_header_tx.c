/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "vvu_header.h"

#define KNOWN_FLAGS	(RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK | \
			 RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG | \
			 RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6)
#define TCP_CWR		0x80

/* What is to be done with a packet. */
struct plan {
	const uint8_t *head;	/* the packet's first bytes */
	uint8_t copy[VVU_FRAME_HEAD];
	uint32_t head_len;
	bool vlan;
	bool ip_checksum;
	bool l4_checksum;
	bool l4_software;	/* the frontend does not take open checksums */
	uint8_t ip;		/* 4, 6; 0: the IP header is not looked at */
	uint8_t l4;
	uint8_t gso_type;	/* VIRTIO_NET_HDR_GSO_... */
	uint16_t l4_len;
	uint32_t l4_bytes;	/* without padding of the frame */
};

static uint32_t
l4_header_min(uint8_t l4)
{
	return l4 == IPPROTO_TCP ? sizeof(struct rte_tcp_hdr) : sizeof(struct rte_udp_hdr);
}

static uint16_t
checksum_offset(uint8_t l4)
{
	return l4 == IPPROTO_TCP ? offsetof(struct rte_tcp_hdr, cksum) :
		offsetof(struct rte_udp_hdr, dgram_cksum);
}

/* The frame is what the flags and lengths say. */
static int
check_ip(const struct rte_mbuf *m, struct plan *plan)
{
	struct vvu_frame frame;

	if (!vvu_frame_parse_ip(plan->head + m->l2_len, plan->head_len - m->l2_len,
				m->pkt_len - m->l2_len, &frame) ||
	    frame.ip != plan->ip || frame.l3_len != m->l3_len)
		return -EINVAL;
	if (plan->l4 != 0 && (frame.l4 != plan->l4 || frame.l4_len == 0))
		return -EINVAL;
	plan->l4_len = frame.l4_len;
	plan->l4_bytes = frame.l4_bytes;
	return 0;
}

/* How UDP is cut is the frontend's to say: both kinds are never offered together. */
static int
choose_gso(const struct rte_mbuf *m, uint64_t features, struct plan *plan)
{
	const uint8_t *tcp = plan->head + m->l2_len + m->l3_len;
	const bool v4 = plan->ip == 4;

	if (plan->l4 == IPPROTO_TCP) {
		plan->gso_type = v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
		if ((features & VVU_F(v4 ? VIRTIO_NET_F_GUEST_TSO4 : VIRTIO_NET_F_GUEST_TSO6)) == 0)
			return -ENOTSUP;
		/* Only the first segment may have CWR (virtio 1.3, 5.1.6.4.1). */
		if ((tcp[13] & TCP_CWR) == 0)
			return 0;
		plan->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		return features & VVU_F(VIRTIO_NET_F_GUEST_ECN) ? 0 : -ENOTSUP;
	}
	if (features & VVU_F(v4 ? VVU_NET_F_GUEST_USO4 : VVU_NET_F_GUEST_USO6))
		plan->gso_type = VVU_NET_GSO_UDP_L4;
	else if (features & VVU_F(VIRTIO_NET_F_GUEST_UFO))
		plan->gso_type = VIRTIO_NET_HDR_GSO_UDP;
	else
		return -ENOTSUP;
	return 0;
}

static int
check_segmentation(const struct rte_mbuf *m, uint64_t features, struct plan *plan)
{
	const uint32_t headers = m->l2_len + m->l3_len + m->l4_len;

	/* All that is there gets cut, so all of it has to be the packet's. */
	if (m->tso_segsz == 0 || m->l4_len != plan->l4_len || m->pkt_len <= headers ||
	    m->pkt_len != m->l2_len + m->l3_len + plan->l4_bytes)
		return -EINVAL;
	/* One segment needs no cutting. */
	if (m->pkt_len - headers <= m->tso_segsz)
		return 0;
	return choose_gso(m, features, plan);
}

/* The protocol that is to be summed up or cut; -ENOTSUP where there is no such offload. */
static int
find_l4(const struct rte_mbuf *m, struct plan *plan)
{
	switch (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) {
	case RTE_MBUF_F_TX_TCP_CKSUM:
		plan->l4 = IPPROTO_TCP;
		break;
	case RTE_MBUF_F_TX_UDP_CKSUM:
		plan->l4 = IPPROTO_UDP;
		break;
	case RTE_MBUF_F_TX_SCTP_CKSUM:
		return -ENOTSUP;
	default:
		break;
	}
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
		plan->l4 = IPPROTO_TCP;
	else if (m->ol_flags & RTE_MBUF_F_TX_UDP_SEG)
		plan->l4 = IPPROTO_UDP;
	plan->l4_checksum = plan->l4 != 0;
	return 0;
}

static int
make_plan(const struct rte_mbuf *m, uint64_t features, struct plan *plan)
{
	const uint64_t flags = m->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
	const uint64_t segmentation = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG;
	uint32_t needed = RTE_ETHER_HDR_LEN;
	int ret;

	plan->l4 = 0;
	plan->ip = 0;
	plan->gso_type = VIRTIO_NET_HDR_GSO_NONE;
	if ((flags & ~KNOWN_FLAGS) != 0 || (flags & segmentation) == segmentation)
		return -ENOTSUP;
	plan->vlan = (flags & RTE_MBUF_F_TX_VLAN) != 0;
	plan->ip_checksum = (flags & RTE_MBUF_F_TX_IP_CKSUM) != 0;
	ret = find_l4(m, plan);
	if (ret != 0)
		return ret;
	if (plan->l4 != 0 || plan->ip_checksum) {
		plan->ip = flags & RTE_MBUF_F_TX_IPV6 ? 6 : 4;
		if (plan->ip == 6 && (plan->ip_checksum || (flags & RTE_MBUF_F_TX_IPV4)))
			return -EINVAL;
		if (m->l2_len < RTE_ETHER_HDR_LEN)
			return -EINVAL;
		needed = m->l2_len + m->l3_len;
		if (plan->l4 != 0)
			needed += l4_header_min(plan->l4);
	}
	plan->head = vvu_frame_head(m, plan->copy, &plan->head_len);
	if (plan->head == NULL || needed > plan->head_len)
		return -EINVAL;
	if (plan->ip != 0)
		ret = check_ip(m, plan);
	if (ret != 0 || plan->l4 == 0)
		return ret;
	if (flags & segmentation)
		ret = check_segmentation(m, features, plan);
	plan->l4_software = (features & VVU_F(VIRTIO_NET_F_GUEST_CSUM)) == 0;
	return ret;
}

int
vvu_header_check(const struct rte_mbuf *m, uint64_t features)
{
	struct plan plan;

	if ((m->ol_flags & VVU_TX_REQUESTS) == 0)
		return 0;
	return make_plan(m, features, &plan);
}

/*
 * Sum of the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1), not inverted. Of a packet that
 * is to be cut it is that of the whole: the frontend's stack takes the difference.
 */
static uint16_t
pseudo_header_sum(const struct plan *plan, const uint8_t *ip)
{
	const uint32_t addresses = plan->ip == 4 ? 8 : 32;
	const uint8_t tail[4] = { plan->l4_bytes >> 8, plan->l4_bytes & 0xff, 0, plan->l4 };
	uint32_t sum;

	sum = rte_raw_cksum(ip + (plan->ip == 4 ? 12 : 8), addresses);
	sum += rte_raw_cksum(tail, sizeof(tail));
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum);
}

/* The checksum of the mbufs' data, whose field has whatever it has. */
static uint16_t
full_checksum(const struct rte_mbuf *m, const struct plan *plan, uint16_t pseudo, uint16_t field)
{
	uint32_t sum = vvu_frame_sum(m, m->l2_len + m->l3_len, plan->l4_bytes);

	sum += (uint32_t)pseudo + (uint16_t)~field;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + sum;
	/* RFC 768: zero says that there is none; for TCP both zeroes are the same. */
	return (uint16_t)sum == 0xffff ? 0xffff : (uint16_t)~sum;
}

static void
write_l4_checksum(const struct rte_mbuf *m, const struct plan *plan, uint8_t *ip,
		  struct vvu_tx_head *head)
{
	uint8_t *field = ip + m->l3_len + checksum_offset(plan->l4);
	uint16_t sum = pseudo_header_sum(plan, ip), there;

	if (plan->l4_software) {
		memcpy(&there, field, sizeof(there));
		sum = full_checksum(m, plan, sum, there);
	} else {
		head->header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		head->header.csum_start = rte_cpu_to_le_16(ip + m->l3_len - head->bytes);
		head->header.csum_offset = rte_cpu_to_le_16(checksum_offset(plan->l4));
	}
	memcpy(field, &sum, sizeof(sum));
}

static void
write_ip_checksum(const struct rte_mbuf *m, uint8_t *ip)
{
	const uint16_t none = 0;
	uint16_t sum;

	memcpy(ip + 10, &none, sizeof(none));
	sum = (uint16_t)~rte_raw_cksum(ip, m->l3_len);
	memcpy(ip + 10, &sum, sizeof(sum));
}

/* Behind the addresses (IEEE 802.1Q, 9.6). */
static void
write_vlan_tag(const struct rte_mbuf *m, uint8_t *frame)
{
	const uint8_t tag[RTE_VLAN_HLEN] = {
		RTE_ETHER_TYPE_VLAN >> 8, RTE_ETHER_TYPE_VLAN & 0xff,
		m->vlan_tci >> 8, m->vlan_tci & 0xff,
	};

	memcpy(frame + 2 * RTE_ETHER_ADDR_LEN, tag, sizeof(tag));
}

int
vvu_header_transmit(const struct rte_mbuf *m, uint64_t features, struct vvu_tx_head *head)
{
	const uint32_t addresses = 2 * RTE_ETHER_ADDR_LEN;
	struct plan plan;
	uint32_t tag;
	uint8_t *ip;
	int ret;

	ret = make_plan(m, features, &plan);
	if (ret != 0)
		return ret;
	tag = plan.vlan ? RTE_VLAN_HLEN : 0;
	head->skip = RTE_ETHER_HDR_LEN;
	if (plan.ip != 0)
		head->skip = m->l2_len + m->l3_len;
	if (plan.l4 != 0)
		head->skip += l4_header_min(plan.l4);
	head->len = head->skip + tag;
	memset(&head->header, 0, sizeof(head->header));
	head->header.num_buffers = rte_cpu_to_le_16(1);
	memcpy(head->bytes, plan.head, addresses);
	memcpy(head->bytes + addresses + tag, plan.head + addresses, head->skip - addresses);
	if (plan.vlan)
		write_vlan_tag(m, head->bytes);
	ip = head->bytes + tag + m->l2_len;
	if (plan.ip_checksum)
		write_ip_checksum(m, ip);
	if (plan.l4_checksum)
		write_l4_checksum(m, &plan, ip, head);
	if (plan.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		head->header.gso_type = plan.gso_type;
		head->header.gso_size = rte_cpu_to_le_16(m->tso_segsz);
		head->header.hdr_len =
			rte_cpu_to_le_16(tag + m->l2_len + m->l3_len + m->l4_len);
	}
	return 0;
}
