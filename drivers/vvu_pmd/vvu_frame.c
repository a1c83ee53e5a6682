/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "vvu_frame.h"

/* Extension headers before the transport header; more is not worth following. */
#define EXTENSIONS_MAX 8
#define VLAN_TAGS_MAX 2

static uint16_t
be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Returns the type of what is in the frame; *@at is where it begins. */
static uint16_t
parse_ether(const uint8_t *head, uint32_t head_len, uint32_t *at)
{
	uint16_t type = be16(head + 2 * RTE_ETHER_ADDR_LEN);
	unsigned int tags;

	*at = RTE_ETHER_HDR_LEN;
	for (tags = 0; tags < VLAN_TAGS_MAX && head_len - *at >= RTE_VLAN_HLEN; tags++) {
		if (type != RTE_ETHER_TYPE_VLAN && type != RTE_ETHER_TYPE_QINQ)
			break;
		type = be16(head + *at + 2);
		*at += RTE_VLAN_HLEN;
	}
	return type;
}

static bool
parse_ipv4(const uint8_t *ip, uint32_t head_len, uint32_t frame_len, struct vvu_frame *frame)
{
	uint32_t total;

	if (head_len < sizeof(struct rte_ipv4_hdr))
		return false;
	frame->l3_len = (ip[0] & 0xf) * 4;
	total = be16(ip + 2);
	if (frame->l3_len < sizeof(struct rte_ipv4_hdr) || frame->l3_len > head_len ||
	    total < frame->l3_len || total > frame_len)
		return false;
	frame->ip = 4;
	frame->l4 = ip[9];
	/* MF, or an offset (RFC 791, 3.1) */
	frame->fragment = (be16(ip + 6) & 0x3fff) != 0;
	frame->l4_bytes = total - frame->l3_len;
	return true;
}

static bool
parse_ipv6(const uint8_t *ip, uint32_t head_len, uint32_t frame_len, struct vvu_frame *frame)
{
	uint32_t at = sizeof(struct rte_ipv6_hdr), end, len;
	unsigned int i;
	uint8_t next;

	if (head_len < at)
		return false;
	end = at + be16(ip + 4);
	if (end > frame_len)
		return false;
	next = ip[6];
	for (i = 0; i < EXTENSIONS_MAX; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT)
			break;
		if (at + 8 > RTE_MIN(head_len, end))
			return false;
		if (next == IPPROTO_FRAGMENT) {
			frame->fragment = true;
			len = 8;
		} else {
			len = 8 * (ip[at + 1] + 1u);
		}
		next = ip[at];
		at += len;
		if (at > RTE_MIN(head_len, end))
			return false;
	}
	frame->ip = 6;
	frame->l4 = next;
	frame->l3_len = at;
	frame->l4_bytes = end - at;
	return true;
}

static void
parse_l4(const uint8_t *ip, uint32_t head_len, struct vvu_frame *frame)
{
	const uint8_t *l4 = ip + frame->l3_len;
	uint32_t there = RTE_MIN(head_len - frame->l3_len, frame->l4_bytes), len;

	if (frame->l4 == IPPROTO_UDP && there >= sizeof(struct rte_udp_hdr))
		frame->l4_len = sizeof(struct rte_udp_hdr);
	if (frame->l4 == IPPROTO_TCP && there >= sizeof(struct rte_tcp_hdr)) {
		len = (l4[12] >> 4) * 4;
		if (len >= sizeof(struct rte_tcp_hdr) && len <= there)
			frame->l4_len = len;
	}
}

bool
vvu_frame_parse_ip(const uint8_t *ip, uint32_t head_len, uint32_t frame_len,
		   struct vvu_frame *frame)
{
	bool known = false;

	memset(frame, 0, sizeof(*frame));
	if (head_len == 0)
		return false;
	if (ip[0] >> 4 == 4)
		known = parse_ipv4(ip, head_len, frame_len, frame);
	else if (ip[0] >> 4 == 6)
		known = parse_ipv6(ip, head_len, frame_len, frame);
	if (!known)
		memset(frame, 0, sizeof(*frame));
	else if (!frame->fragment)
		parse_l4(ip, head_len, frame);
	return known;
}

void
vvu_frame_parse(const uint8_t *head, uint32_t head_len, uint32_t frame_len,
		struct vvu_frame *frame)
{
	uint16_t type;
	uint32_t at;

	memset(frame, 0, sizeof(*frame));
	if (head_len < RTE_ETHER_HDR_LEN)
		return;
	type = parse_ether(head, head_len, &at);
	if (!vvu_frame_parse_ip(head + at, head_len - at, frame_len - at, frame))
		return;
	if (type == (frame->ip == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6))
		frame->l2_len = at;
	else
		memset(frame, 0, sizeof(*frame));
}

const uint8_t *
vvu_frame_head(const struct rte_mbuf *m, uint8_t copy[VVU_FRAME_HEAD], uint32_t *len)
{
	const uint8_t *head;

	*len = RTE_MIN(m->pkt_len, VVU_FRAME_HEAD);
	head = rte_pktmbuf_read(m, 0, *len, copy);
	if (head == NULL || head == copy || !RTE_MBUF_HAS_EXTBUF(m))
		return head;
	memcpy(copy, head, *len);
	/* What was looked at is what is used. */
	rte_compiler_barrier();
	return copy;
}

uint16_t
vvu_frame_sum(const struct rte_mbuf *m, uint32_t at, uint32_t len)
{
	uint32_t sum = 0, part;
	bool odd = false;
	uint16_t piece;

	for (; at >= m->data_len && m->next != NULL; m = m->next)
		at -= m->data_len;
	for (; len > 0 && m != NULL; m = m->next, at = 0) {
		part = RTE_MIN(len, m->data_len - at);
		piece = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, const uint8_t *, at), part);
		/* RFC 1071, 2 (B): swapped bytes make a swapped sum. */
		sum += odd ? rte_bswap16(piece) : piece;
		odd ^= part & 1;
		len -= part;
	}
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum);
}
