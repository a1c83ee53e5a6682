/* SPDX-License-Identifier: BSD-3-Clause */
/* What a frontend's virtio-net header says, against its frame: receive of net_vvu. */
#include <errno.h>

#include "header_fixture.h"

#define NEEDS_CSUM	1
#define DATA_VALID	2
#define RSC_INFO	4
#define TCPV4		1
#define UDP_FRAGMENTS	3
#define TCPV6		4
#define UDP_SEGMENTS	5
#define ECN		0x80

#define CSUM		(1ull << 0)
#define HOST_TSO4	(1ull << 11)
#define HOST_TSO6	(1ull << 12)
#define HOST_ECN	(1ull << 13)
#define HOST_UFO	(1ull << 14)
#define HOST_USO	(1ull << 56)
#define ALL		(CSUM | HOST_TSO4 | HOST_TSO6 | HOST_ECN | HOST_UFO | HOST_USO)

#define APP_CHECKSUM	(RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define APP_ALL		(APP_CHECKSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO)

struct header {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

static int
receive(struct rte_mbuf *m, struct header h, uint64_t features, uint64_t offloads)
{
	const struct virtio_net_hdr_v1 header = {
		.flags = h.flags,
		.gso_type = h.gso_type,
		.hdr_len = rte_cpu_to_le_16(h.hdr_len),
		.gso_size = rte_cpu_to_le_16(h.gso_size),
		.csum_start = rte_cpu_to_le_16(h.csum_start),
		.csum_offset = rte_cpu_to_le_16(h.csum_offset),
	};

	return vvu_header_receive(&header, features, offloads, m);
}

static const struct header open_tcp4 = { NEEDS_CSUM, 0, 54, 0, L4_AT4, TCP_SUM };
static const struct header open_udp4 = { NEEDS_CSUM, 0, 42, 0, L4_AT4, UDP_SUM };
static const struct header open_tcp6 = { NEEDS_CSUM, 0, 74, 0, L4_AT6, TCP_SUM };
static const struct header open_udp6 = { NEEDS_CSUM, 0, 62, 0, L4_AT6, UDP_SUM };

static const struct kind {
	const char *name;
	const uint8_t *frame;
	uint32_t len;
	const struct header *header;
	uint16_t pseudo, sum;
	uint32_t ptype;
	uint16_t l3_len, l4_len;
	uint8_t gso_type;
	uint64_t feature;
} kinds[] = {
	{ "TCP/IPv4", tcp4, sizeof(tcp4), &open_tcp4, PSEUDO_TCP4, SUM_TCP4,
	  RTE_PTYPE_L3_IPV4_EXT_UNKNOWN | RTE_PTYPE_L4_TCP, 20, 20, TCPV4, HOST_TSO4 },
	{ "UDP/IPv4", udp4, sizeof(udp4), &open_udp4, PSEUDO_UDP4, SUM_UDP4,
	  RTE_PTYPE_L3_IPV4_EXT_UNKNOWN | RTE_PTYPE_L4_UDP, 20, 8, UDP_SEGMENTS, HOST_USO },
	{ "TCP/IPv6", tcp6, sizeof(tcp6), &open_tcp6, PSEUDO_TCP6, SUM_TCP6,
	  RTE_PTYPE_L3_IPV6_EXT_UNKNOWN | RTE_PTYPE_L4_TCP, 40, 20, TCPV6, HOST_TSO6 },
	{ "UDP/IPv6", udp6, sizeof(udp6), &open_udp6, PSEUDO_UDP6, SUM_UDP6,
	  RTE_PTYPE_L3_IPV6_EXT_UNKNOWN | RTE_PTYPE_L4_UDP, 40, 8, UDP_FRAGMENTS, HOST_UFO },
};

/* The frame as a driver sends it: the sum of the pseudo header is in it. */
static struct rte_mbuf *
open_packet(struct packet *p, const struct kind *kind, const uint32_t *cuts, unsigned int num)
{
	const uint32_t at = kind->header->csum_start + kind->header->csum_offset;
	uint8_t frame[128];

	memcpy(frame, kind->frame, kind->len);
	frame[at] = kind->pseudo >> 8;
	frame[at + 1] = kind->pseudo & 0xff;
	return packet_make(p, frame, kind->len, cuts, num);
}

/* What is told of the headers in front of the data. */
static void
expect_parsed(const struct rte_mbuf *m, const struct kind *k)
{
	if (m->l2_len != 14 || m->l3_len != k->l3_len || m->l4_len != k->l4_len ||
	    m->packet_type != (RTE_PTYPE_L2_ETHER | k->ptype))
		fail_msg("%s: lengths %u, %u, %u, type 0x%x", k->name, m->l2_len, m->l3_len,
			 m->l4_len, m->packet_type);
}

static void
header_of_zeroes_says_nothing(void **state)
{
	struct packet p;
	struct rte_mbuf *m = packet_plain(&p, tcp4, sizeof(tcp4));

	(void)state;
	assert_int_equal(receive(m, (struct header){ 0 }, ALL, APP_ALL), 0);
	assert_int_equal(m->ol_flags, 0);
	assert_int_equal(m->tx_offload, 0);
	assert_memory_equal(p.data[0], tcp4, sizeof(tcp4));
}

static void
bits_without_a_meaning_are_ignored(void **state)
{
	struct packet p;
	struct rte_mbuf *m = packet_plain(&p, tcp4, sizeof(tcp4));

	(void)state;
	assert_int_equal(receive(m, (struct header){ .flags = 0xf8 }, ALL, APP_ALL), 0);
	assert_int_equal(m->ol_flags, 0);
}

static void
open_checksum_stays_open_for_who_asked(void **state)
{
	const struct kind *k;
	struct packet p;
	struct rte_mbuf *m;

	(void)state;
	for (k = kinds; k < kinds + RTE_DIM(kinds); k++) {
		m = open_packet(&p, k, NULL, 0);
		assert_int_equal(receive(m, *k->header, CSUM, APP_CHECKSUM), 0);
		assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_NONE);
		expect_parsed(m, k);
		assert_int_equal(packet_be16(m, k->header->csum_start + k->header->csum_offset),
				 k->pseudo);
	}
}

static void
open_checksum_is_computed_for_who_did_not_ask(void **state)
{
	const struct kind *k;
	struct packet p;
	struct rte_mbuf *m;

	(void)state;
	for (k = kinds; k < kinds + RTE_DIM(kinds); k++) {
		m = open_packet(&p, k, NULL, 0);
		assert_int_equal(receive(m, *k->header, CSUM, 0), 0);
		assert_int_equal(m->ol_flags, 0);
		assert_int_equal(packet_be16(m, k->header->csum_start + k->header->csum_offset),
				 k->sum);
	}
}

static void
who_asked_for_tcp_gets_udp_computed(void **state)
{
	struct packet p;
	struct rte_mbuf *m = open_packet(&p, &kinds[1], NULL, 0);

	(void)state;
	assert_int_equal(receive(m, open_udp4, CSUM, RTE_ETH_RX_OFFLOAD_TCP_CKSUM), 0);
	assert_int_equal(packet_be16(m, L4_AT4 + UDP_SUM), SUM_UDP4);
	assert_int_equal(m->ol_flags, 0);
}

static void
checksum_over_pieces_is_that_of_the_whole(void **state)
{
	/* Odd pieces, and the field itself in two. */
	static const uint32_t cuts[][3] = { { 15, 35, 51 }, { 33, 34, 57 }, { 1, 2, 50 } };
	struct packet p;
	struct rte_mbuf *m;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(cuts); i++) {
		m = open_packet(&p, &kinds[0], cuts[i], 3);
		assert_int_equal(receive(m, open_tcp4, CSUM, 0), 0);
		assert_int_equal(packet_be16(m, L4_AT4 + TCP_SUM), SUM_TCP4);
	}
}

static void
checksum_of_zero_is_written_as_ones(void **state)
{
	struct packet p;
	struct rte_mbuf *m = open_packet(&p, &kinds[1], NULL, 0);

	(void)state;
	/* A payload that makes the sum ffff. */
	p.data[0][42] = 0x58;
	p.data[0][43] = 0x6f;
	assert_int_equal(receive(m, open_udp4, CSUM, 0), 0);
	assert_int_equal(packet_be16(m, L4_AT4 + UDP_SUM), 0xffff);
}

static void
checksum_that_is_not_the_frames_own_is_computed(void **state)
{
	/* As for an inner packet: only the driver knows what is summed up; here "cd". */
	const struct header inner = { NEEDS_CSUM, 0, 0, 0, 56, 0 };
	struct packet p;
	struct rte_mbuf *m = packet_plain(&p, tcp4, sizeof(tcp4));

	(void)state;
	assert_int_equal(receive(m, inner, CSUM, APP_ALL), 0);
	assert_int_equal(m->ol_flags, 0);
	/* ~0x6364 */
	assert_int_equal(packet_be16(m, 56), 0x9c9b);
}

static void
vlan_tag_belongs_to_the_link_layer(void **state)
{
	static const uint8_t tagged[] = { ETHER, 0x81, 0, 0, 5, IPV4(44, 6, 0x26c9), TCP(0x10),
					  ABCD };
	struct packet p;
	struct rte_mbuf *m = packet_plain(&p, tagged, sizeof(tagged));
	struct header h = open_tcp4;

	(void)state;
	h.csum_start += 4;
	assert_int_equal(receive(m, h, CSUM, APP_CHECKSUM), 0);
	assert_int_equal(m->l2_len, 18);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_NONE);
}

static void
valid_checksum_is_good(void **state)
{
	struct packet p;
	struct rte_mbuf *m = packet_plain(&p, tcp4, sizeof(tcp4));
	const struct header h = { .flags = DATA_VALID };

	(void)state;
	assert_int_equal(receive(m, h, CSUM, APP_CHECKSUM), 0);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	m = packet_plain(&p, tcp4, sizeof(tcp4));
	assert_int_equal(receive(m, h, CSUM, 0), 0);
	assert_int_equal(m->ol_flags, 0);
}

static void
frame_of_several_segments_is_large_receive(void **state)
{
	const struct kind *k;
	struct packet p;
	struct rte_mbuf *m;
	struct header h;

	(void)state;
	for (k = kinds; k < kinds + RTE_DIM(kinds); k++) {
		h = *k->header;
		h.gso_type = k->gso_type;
		h.gso_size = 2;
		m = open_packet(&p, k, NULL, 0);
		assert_int_equal(receive(m, h, CSUM | k->feature, APP_ALL), 0);
		assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE);
		assert_int_equal(m->tso_segsz, 2);
		expect_parsed(m, k);
		/* Not of the kind that was negotiated. */
		m = open_packet(&p, k, NULL, 0);
		assert_int_equal(receive(m, h, ALL & ~k->feature, APP_ALL), -EPROTO);
		/* Not asked for. */
		m = open_packet(&p, k, NULL, 0);
		assert_int_equal(receive(m, h, ALL, APP_CHECKSUM), -EMSGSIZE);
	}
}

static void
ecn_goes_with_tcp_where_negotiated(void **state)
{
	struct header h = open_tcp4;
	struct packet p;

	(void)state;
	h.gso_type = TCPV4 | ECN;
	h.gso_size = 2;
	assert_int_equal(receive(open_packet(&p, &kinds[0], NULL, 0), h, ALL, APP_ALL), 0);
	assert_int_equal(receive(open_packet(&p, &kinds[0], NULL, 0), h, ALL & ~HOST_ECN, APP_ALL),
			 -EPROTO);
	h = open_udp4;
	h.gso_type = UDP_SEGMENTS | ECN;
	h.gso_size = 2;
	assert_int_equal(receive(open_packet(&p, &kinds[1], NULL, 0), h, ALL, APP_ALL), -EPROTO);
	h.gso_type = ECN;
	assert_int_equal(receive(open_packet(&p, &kinds[1], NULL, 0), h, ALL, APP_ALL), -EPROTO);
}

/* Each differs from a good header in one thing. */
static const struct bad {
	const char *what;
	const struct kind *kind;
	struct header header;
	uint64_t without;
} bads[] = {
	{ "checksum without CSUM", &kinds[0], { NEEDS_CSUM, 0, 54, 0, 34, 16 }, CSUM },
	{ "DATA_VALID without CSUM", &kinds[0], { DATA_VALID, 0, 0, 0, 0, 0 }, CSUM },
	{ "RSC_INFO", &kinds[0], { RSC_INFO, 0, 0, 0, 0, 0 }, 0 },
	{ "checksum in the Ethernet header", &kinds[0], { NEEDS_CSUM, 0, 54, 0, 13, 16 }, 0 },
	{ "checksum at 0", &kinds[0], { NEEDS_CSUM, 0, 54, 0, 0, 0 }, 0 },
	{ "field ends behind the frame", &kinds[0], { NEEDS_CSUM, 0, 54, 0, 34, 23 }, 0 },
	{ "start at the end", &kinds[0], { NEEDS_CSUM, 0, 54, 0, 58, 0 }, 0 },
	{ "start behind the frame", &kinds[0], { NEEDS_CSUM, 0, 54, 0, 59, 0 }, 0 },
	{ "offset far away", &kinds[0], { NEEDS_CSUM, 0, 54, 0, 34, 0xffff }, 0 },
	{ "start and offset wrap", &kinds[0], { NEEDS_CSUM, 0, 54, 0, 0xffff, 0xffff }, 0 },
	{ "hdr_len behind the frame", &kinds[0], { NEEDS_CSUM, 0, 59, 0, 34, 16 }, 0 },
	{ "unknown kind of segments", &kinds[0], { NEEDS_CSUM, 2, 54, 2, 34, 16 }, 0 },
	{ "unknown kind of segments 6", &kinds[0], { NEEDS_CSUM, 6, 54, 2, 34, 16 }, 0 },
	{ "gso_size 0", &kinds[0], { NEEDS_CSUM, TCPV4, 54, 0, 34, 16 }, 0 },
	{ "segments without checksum", &kinds[0], { 0, TCPV4, 54, 2, 34, 16 }, 0 },
	{ "TCPV6 of IPv4", &kinds[0], { NEEDS_CSUM, TCPV6, 54, 2, 34, 16 }, 0 },
	{ "TCPV4 of IPv6", &kinds[2], { NEEDS_CSUM, TCPV4, 74, 2, 54, 16 }, 0 },
	{ "TCPV4 of UDP", &kinds[1], { NEEDS_CSUM, TCPV4, 42, 2, 34, 6 }, 0 },
	{ "UDP of TCP", &kinds[0], { NEEDS_CSUM, UDP_SEGMENTS, 54, 2, 34, 16 }, 0 },
	{ "UFO of TCP", &kinds[0], { NEEDS_CSUM, UDP_FRAGMENTS, 54, 2, 34, 16 }, 0 },
	{ "segments, start not at TCP", &kinds[0], { NEEDS_CSUM, TCPV4, 54, 2, 33, 16 }, 0 },
	{ "segments, field not TCP's", &kinds[0], { NEEDS_CSUM, TCPV4, 54, 2, 34, 6 }, 0 },
};

static void
bad_header_is_refused(void **state)
{
	const struct bad *b;
	struct packet p;
	struct rte_mbuf *m;

	(void)state;
	for (b = bads; b < bads + RTE_DIM(bads); b++) {
		m = open_packet(&p, b->kind, NULL, 0);
		if (receive(m, b->header, ALL & ~b->without, APP_ALL) != -EPROTO)
			fail_msg("taken: %s", b->what);
	}
}

/* Frames that do not hold what a header of segments says: one byte of tcp4 is another. */
static const struct {
	const char *what;
	unsigned int at;
	uint8_t value;
} bad_bytes[] = {
	{ "no IP", 12, 0x09 },
	{ "version 6", 14, 0x65 },
	{ "IP header of 16 bytes", 14, 0x44 },
	{ "IP header longer than the frame", 14, 0x4f },
	{ "longer than the frame", 17, 45 },
	{ "shorter than the frame", 17, 43 },
	{ "fragment with more to come", 20, 0x20 },
	{ "fragment at an offset", 21, 1 },
	{ "UDP", 23, 17 },
	{ "TCP header of 16 bytes", 46, 0x40 },
	{ "TCP header longer than the packet", 46, 0x70 },
	{ "no payload", 46, 0x60 },
};

static void
segments_of_a_frame_that_is_none_are_refused(void **state)
{
	struct header h = open_tcp4;
	struct packet p;
	struct rte_mbuf *m;
	unsigned int i;

	(void)state;
	h.gso_type = TCPV4;
	h.gso_size = 2;
	for (i = 0; i < RTE_DIM(bad_bytes); i++) {
		m = open_packet(&p, &kinds[0], NULL, 0);
		p.data[0][bad_bytes[i].at] = bad_bytes[i].value;
		if (receive(m, h, ALL, APP_ALL) != -EPROTO)
			fail_msg("taken: %s", bad_bytes[i].what);
	}
}

static void
checksum_of_sctp_is_refused(void **state)
{
	struct packet p;
	struct rte_mbuf *m = open_packet(&p, &kinds[0], NULL, 0);

	(void)state;
	p.data[0][23] = 132;
	assert_int_equal(receive(m, (struct header){ NEEDS_CSUM, 0, 0, 0, L4_AT4, 8 }, ALL,
				 APP_ALL),
			 -EPROTO);
}

static void
segments_behind_extension_headers_are_found(void **state)
{
	/* Eight bytes of hop-by-hop options: PadN(4) (RFC 8200, 4.3). */
	static const uint8_t frame[] = { ETHER, IPV6(32, 0), 6, 0, 1, 4, 0, 0, 0, 0, TCP(0x10),
					 ABCD };
	struct header h = { NEEDS_CSUM, TCPV6, 82, 2, L4_AT6 + 8, TCP_SUM };
	struct packet p;
	struct rte_mbuf *m = packet_plain(&p, frame, sizeof(frame));

	(void)state;
	assert_int_equal(receive(m, h, ALL, APP_ALL), 0);
	assert_int_equal(m->l3_len, 48);
	/* Another length of the options, and what follows is no TCP. */
	m = packet_plain(&p, frame, sizeof(frame));
	p.data[0][55] = 1;
	assert_int_equal(receive(m, h, ALL, APP_ALL), -EPROTO);
	p.data[0][55] = 255;
	assert_int_equal(receive(m, h, ALL, APP_ALL), -EPROTO);
}

/* Whatever a frontend writes there: nothing outside of the frame is touched (for ASan). */
static void
defect_any_header_and_frame_stay_inside_the_frame(void **state)
{
	uint32_t random = 1, len, i, turn;
	struct rte_mbuf m;
	uint8_t *frame;
	uint8_t bytes[12];
	struct virtio_net_hdr_v1 header;

	(void)state;
	for (turn = 0; turn < 100000; turn++) {
		len = 14 + turn % 80;
		frame = test_malloc(len);
		memcpy(frame, turn & 1 ? tcp6 : tcp4, RTE_MIN(len, sizeof(tcp4)));
		for (i = 0; i < 12; i++) {
			random = random * 1664525 + 1013904223;
			bytes[i] = random >> 24;
			/* Small numbers get further. */
			if (random & 0x700000)
				bytes[i] &= i & 1 ? 0 : 0x3f;
			if (random & 0x8000 && len > 20)
				frame[12 + (random >> 8) % (len - 12)] = random >> 16;
		}
		memcpy(&header, bytes, sizeof(header));
		header.flags |= NEEDS_CSUM;
		memset(&m, 0, sizeof(m));
		m.buf_addr = frame;
		m.buf_len = m.data_len = len;
		m.pkt_len = len;
		m.nb_segs = 1;
		vvu_header_receive(&header, ALL, turn & 2 ? APP_ALL : 0, &m);
		assert_true((uint32_t)m.l2_len + m.l3_len + m.l4_len <= len);
		test_free(frame);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_of_zeroes_says_nothing),
		cmocka_unit_test(bits_without_a_meaning_are_ignored),
		cmocka_unit_test(open_checksum_stays_open_for_who_asked),
		cmocka_unit_test(open_checksum_is_computed_for_who_did_not_ask),
		cmocka_unit_test(who_asked_for_tcp_gets_udp_computed),
		cmocka_unit_test(checksum_over_pieces_is_that_of_the_whole),
		cmocka_unit_test(checksum_of_zero_is_written_as_ones),
		cmocka_unit_test(checksum_that_is_not_the_frames_own_is_computed),
		cmocka_unit_test(vlan_tag_belongs_to_the_link_layer),
		cmocka_unit_test(valid_checksum_is_good),
		cmocka_unit_test(frame_of_several_segments_is_large_receive),
		cmocka_unit_test(ecn_goes_with_tcp_where_negotiated),
		cmocka_unit_test(bad_header_is_refused),
		cmocka_unit_test(segments_of_a_frame_that_is_none_are_refused),
		cmocka_unit_test(checksum_of_sctp_is_refused),
		cmocka_unit_test(segments_behind_extension_headers_are_found),
		cmocka_unit_test(defect_any_header_and_frame_stay_inside_the_frame),
	};

	return cmocka_run_group_tests_name("net_vvu, received headers", tests, NULL, NULL);
}
