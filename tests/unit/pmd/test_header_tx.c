/* SPDX-License-Identifier: BSD-3-Clause */
/* What mbuf flags become for a frontend, byte by byte: transmit of net_vvu. */
#include <errno.h>

#include "header_fixture.h"

#define GUEST_CSUM	(1ull << 1)
#define GUEST_TSO4	(1ull << 7)
#define GUEST_TSO6	(1ull << 8)
#define GUEST_ECN	(1ull << 9)
#define GUEST_UFO	(1ull << 10)
#define GUEST_USO4	(1ull << 54)
#define GUEST_USO6	(1ull << 55)
#define TSO		(GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | GUEST_ECN)

#define CWR		0x80

static struct rte_mbuf *
lengths(struct rte_mbuf *m, uint64_t flags, uint16_t l3_len, uint16_t l4_len, uint16_t segsz)
{
	m->ol_flags = flags;
	m->l2_len = 14;
	m->l3_len = l3_len;
	m->l4_len = l4_len;
	m->tso_segsz = segsz;
	return m;
}

static const struct kind {
	const uint8_t *frame;
	uint32_t len;
	uint64_t flags, segmentation;
	uint16_t l3_len, l4_len, at, pseudo, sum;
} kinds[] = {
	{ tcp4, sizeof(tcp4), RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4, RTE_MBUF_F_TX_TCP_SEG,
	  20, 20, L4_AT4 + TCP_SUM, PSEUDO_TCP4, SUM_TCP4 },
	{ udp4, sizeof(udp4), RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4, RTE_MBUF_F_TX_UDP_SEG,
	  20, 8, L4_AT4 + UDP_SUM, PSEUDO_UDP4, SUM_UDP4 },
	{ tcp6, sizeof(tcp6), RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV6, RTE_MBUF_F_TX_TCP_SEG,
	  40, 20, L4_AT6 + TCP_SUM, PSEUDO_TCP6, SUM_TCP6 },
	{ udp6, sizeof(udp6), RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV6, RTE_MBUF_F_TX_UDP_SEG,
	  40, 8, L4_AT6 + UDP_SUM, PSEUDO_UDP6, SUM_UDP6 },
};

static struct rte_mbuf *
packet_of(struct packet *p, const struct kind *kind)
{
	return lengths(packet_plain(p, kind->frame, kind->len), kind->flags, kind->l3_len,
		       kind->l4_len, 2);
}

static void
assert_header(const struct vvu_tx_head *head, const uint8_t expected[12])
{
	assert_memory_equal(&head->header, expected, 12);
}

/* What the frontend gets: head, then the rest of the mbuf. Only the field differs. */
static void
assert_frame(const struct vvu_tx_head *head, const struct kind *kind, uint16_t field)
{
	uint8_t frame[128];

	memcpy(frame, kind->frame, kind->len);
	frame[kind->at] = field >> 8;
	frame[kind->at + 1] = field & 0xff;
	assert_int_equal(head->len, head->skip);
	assert_in_range(head->skip, kind->at + 2, kind->len);
	assert_memory_equal(head->bytes, frame, head->len);
}

static void
checksum_is_left_to_a_frontend_that_takes_it(void **state)
{
	static const uint8_t expected[][12] = {
		{ 1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 1, 0 },
		{ 1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 1, 0 },
		{ 1, 0, 0, 0, 0, 0, 54, 0, 16, 0, 1, 0 },
		{ 1, 0, 0, 0, 0, 0, 54, 0, 6, 0, 1, 0 },
	};
	struct vvu_tx_head head;
	struct packet p;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(kinds); i++) {
		assert_int_equal(vvu_header_transmit(packet_of(&p, &kinds[i]), GUEST_CSUM, &head),
				 0);
		assert_header(&head, expected[i]);
		assert_frame(&head, &kinds[i], kinds[i].pseudo);
		/* The mbuf, which others may have too, is what it was. */
		assert_memory_equal(p.data[0], kinds[i].frame, kinds[i].len);
	}
}

static void
checksum_is_computed_for_a_frontend_that_does_not(void **state)
{
	static const uint8_t expected[12] = { [10] = 1 };
	struct vvu_tx_head head;
	struct packet p;
	struct rte_mbuf *m;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(kinds); i++) {
		assert_int_equal(vvu_header_transmit(packet_of(&p, &kinds[i]), 0, &head), 0);
		assert_header(&head, expected);
		assert_frame(&head, &kinds[i], kinds[i].sum);
		/* Whatever was in the field, as a pseudo header's sum. */
		m = packet_of(&p, &kinds[i]);
		p.data[0][kinds[i].at] = 0xfe;
		p.data[0][kinds[i].at + 1] = 0xdc;
		assert_int_equal(vvu_header_transmit(m, 0, &head), 0);
		assert_frame(&head, &kinds[i], kinds[i].sum);
	}
}

static void
padding_is_not_part_of_the_sum(void **state)
{
	struct vvu_tx_head head;
	uint8_t padded[60];
	struct packet p;

	(void)state;
	memset(padded, 0x55, sizeof(padded));
	memcpy(padded, udp4, sizeof(udp4));
	assert_int_equal(vvu_header_transmit(lengths(packet_plain(&p, padded, sizeof(padded)),
						     kinds[1].flags, 20, 8, 0), 0, &head), 0);
	assert_frame(&head, &kinds[1], SUM_UDP4);
}

static void
pieces_make_no_difference(void **state)
{
	static const uint32_t cuts[][3] = { { 15, 35, 51 }, { 33, 34, 57 }, { 1, 2, 50 } };
	struct vvu_tx_head head;
	struct packet p;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(cuts); i++) {
		assert_int_equal(vvu_header_transmit(
			lengths(packet_make(&p, tcp4, sizeof(tcp4), cuts[i], 3), kinds[0].flags,
				20, 20, 0), 0, &head), 0);
		assert_frame(&head, &kinds[0], SUM_TCP4);
	}
}

static void
udp_checksum_of_zero_is_written_as_ones(void **state)
{
	struct vvu_tx_head head;
	struct packet p;
	struct rte_mbuf *m = packet_of(&p, &kinds[1]);

	(void)state;
	p.data[0][42] = 0x58;
	p.data[0][43] = 0x6f;
	assert_int_equal(vvu_header_transmit(m, 0, &head), 0);
	assert_int_equal(head.bytes[40] << 8 | head.bytes[41], 0xffff);
}

static void
ip_checksum_is_computed(void **state)
{
	static const uint8_t expected[12] = { [10] = 1 };
	struct vvu_tx_head head;
	struct packet p;
	struct rte_mbuf *m;

	(void)state;
	m = lengths(packet_plain(&p, tcp4, sizeof(tcp4)),
		    RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4, 20, 0, 0);
	p.data[0][24] = 0xaa;
	assert_int_equal(vvu_header_transmit(m, GUEST_CSUM, &head), 0);
	assert_header(&head, expected);
	assert_int_equal(head.skip, 34);
	assert_memory_equal(head.bytes, tcp4, 34);
}

static void
tcp_is_segmented_by_the_frontend(void **state)
{
	static const uint8_t expected4[] = { 1, 1, 54, 0, 2, 0, 34, 0, 16, 0, 1, 0 };
	static const uint8_t expected6[] = { 1, 4, 74, 0, 2, 0, 54, 0, 16, 0, 1, 0 };
	struct vvu_tx_head head;
	struct packet p;
	struct rte_mbuf *m;

	(void)state;
	m = packet_of(&p, &kinds[0]);
	/* RTE_MBUF_F_TX_TCP_SEG implies the checksum. */
	m->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	assert_int_equal(vvu_header_transmit(m, TSO, &head), 0);
	assert_header(&head, expected4);
	/* Of the whole packet, not as for hardware of length 0. */
	assert_frame(&head, &kinds[0], PSEUDO_TCP4);
	assert_int_equal(vvu_header_transmit(m, TSO & ~GUEST_TSO4, &head), -ENOTSUP);
	m = packet_of(&p, &kinds[2]);
	m->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV6;
	assert_int_equal(vvu_header_transmit(m, TSO, &head), 0);
	assert_header(&head, expected6);
	assert_frame(&head, &kinds[2], PSEUDO_TCP6);
	assert_int_equal(vvu_header_transmit(m, TSO & ~GUEST_TSO6, &head), -ENOTSUP);
}

static void
udp_is_cut_in_the_way_that_was_negotiated(void **state)
{
	static const uint8_t fragments[] = { 1, 3, 42, 0, 2, 0, 34, 0, 6, 0, 1, 0 };
	static const uint8_t segments[] = { 1, 5, 42, 0, 2, 0, 34, 0, 6, 0, 1, 0 };
	static const uint8_t segments6[] = { 1, 5, 62, 0, 2, 0, 54, 0, 6, 0, 1, 0 };
	struct vvu_tx_head head;
	struct packet p;
	struct rte_mbuf *m;

	(void)state;
	m = packet_of(&p, &kinds[1]);
	m->ol_flags |= RTE_MBUF_F_TX_UDP_SEG;
	assert_int_equal(vvu_header_transmit(m, TSO | GUEST_UFO, &head), 0);
	assert_header(&head, fragments);
	assert_int_equal(vvu_header_transmit(m, TSO | GUEST_USO4, &head), 0);
	assert_header(&head, segments);
	assert_int_equal(vvu_header_transmit(m, TSO | GUEST_USO6, &head), -ENOTSUP);
	m = packet_of(&p, &kinds[3]);
	m->ol_flags |= RTE_MBUF_F_TX_UDP_SEG;
	assert_int_equal(vvu_header_transmit(m, TSO | GUEST_USO6, &head), 0);
	assert_header(&head, segments6);
	assert_int_equal(vvu_header_transmit(m, TSO, &head), -ENOTSUP);
}

static void
one_segment_is_not_cut(void **state)
{
	static const uint8_t expected[] = { 1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 1, 0 };
	struct vvu_tx_head head;
	struct packet p;
	struct rte_mbuf *m = packet_of(&p, &kinds[0]);

	(void)state;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	m->tso_segsz = 4;
	assert_int_equal(vvu_header_transmit(m, GUEST_CSUM, &head), 0);
	assert_header(&head, expected);
}

static void
congestion_window_reduced_needs_ecn(void **state)
{
	static const uint8_t expected[] = { 1, 0x81, 54, 0, 2, 0, 34, 0, 16, 0, 1, 0 };
	struct vvu_tx_head head;
	struct packet p;
	struct rte_mbuf *m = packet_of(&p, &kinds[0]);

	(void)state;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	p.data[0][L4_AT4 + 13] |= CWR;
	assert_int_equal(vvu_header_transmit(m, TSO, &head), 0);
	assert_header(&head, expected);
	assert_int_equal(vvu_header_transmit(m, TSO & ~GUEST_ECN, &head), -ENOTSUP);
	/* In one segment it is an ordinary bit. */
	m->tso_segsz = 4;
	assert_int_equal(vvu_header_transmit(m, TSO & ~GUEST_ECN, &head), 0);
}

static void
vlan_tag_is_put_behind_the_addresses(void **state)
{
	static const uint8_t expected[12] = { [10] = 1 };
	static const uint8_t frame[] = { ETHER, 0x81, 0x00, 0x60, 0x2a, 0x08, 0x00 };
	struct vvu_tx_head head;
	struct packet p;
	struct rte_mbuf *m = packet_plain(&p, tcp4, sizeof(tcp4));

	(void)state;
	m->ol_flags = RTE_MBUF_F_TX_VLAN;
	m->vlan_tci = 0x602a;
	assert_int_equal(vvu_header_transmit(m, 0, &head), 0);
	assert_header(&head, expected);
	assert_int_equal(head.skip, 14);
	assert_int_equal(head.len, 18);
	assert_memory_equal(head.bytes, frame, 18);
}

static void
vlan_tag_moves_what_is_behind_it(void **state)
{
	static const uint8_t expected[] = { 1, 1, 58, 0, 2, 0, 38, 0, 16, 0, 1, 0 };
	struct vvu_tx_head head;
	struct packet p;
	struct rte_mbuf *m = packet_of(&p, &kinds[0]);

	(void)state;
	m->ol_flags |= RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_TCP_SEG;
	m->vlan_tci = 5;
	assert_int_equal(vvu_header_transmit(m, TSO, &head), 0);
	assert_header(&head, expected);
	assert_int_equal(head.len, head.skip + 4);
	assert_memory_equal(head.bytes + 16, tcp4 + 12, 38);
	assert_int_equal(head.bytes[54] << 8 | head.bytes[55], PSEUDO_TCP4);
}

/* Flags and lengths that do not fit; each differs from good ones in one thing. */
static const struct bad {
	const char *what;
	uint64_t flags;
	uint16_t l2_len, l3_len, l4_len, segsz;
	int error;
} bads[] = {
	{ "SCTP", RTE_MBUF_F_TX_SCTP_CKSUM | RTE_MBUF_F_TX_IPV4, 14, 20, 0, 0, -ENOTSUP },
	{ "two tags", RTE_MBUF_F_TX_QINQ, 0, 0, 0, 0, -ENOTSUP },
	{ "tunnel", RTE_MBUF_F_TX_TUNNEL_VXLAN | RTE_MBUF_F_TX_IPV4, 14, 20, 20, 0, -ENOTSUP },
	{ "outer IP", RTE_MBUF_F_TX_OUTER_IP_CKSUM | RTE_MBUF_F_TX_IPV4, 14, 20, 20, 0, -ENOTSUP },
	{ "both segmentations", RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_IPV4,
	  14, 20, 20, 2, -ENOTSUP },
	{ "IP checksum of IPv6", RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV6, 14, 40, 0, 0,
	  -EINVAL },
	{ "IPv4 and IPv6", RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6,
	  14, 20, 0, 0, -EINVAL },
	{ "IPv6 that is IPv4", RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV6, 14, 40, 0, 0,
	  -EINVAL },
	{ "UDP that is TCP", RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4, 14, 20, 0, 0, -EINVAL },
	{ "l2_len 0", RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4, 0, 20, 0, 0, -EINVAL },
	{ "l2_len 18", RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4, 18, 20, 0, 0, -EINVAL },
	{ "l3_len 0", RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4, 14, 0, 0, 0, -EINVAL },
	{ "l3_len 24", RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4, 14, 24, 0, 0, -EINVAL },
	{ "l3_len behind the frame", RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4, 14, 511, 0, 0,
	  -EINVAL },
	{ "l2_len behind the frame", RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4, 127, 20, 0, 0,
	  -EINVAL },
	{ "l4_len 0", RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4, 14, 20, 0, 2, -EINVAL },
	{ "l4_len 24", RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4, 14, 20, 24, 2, -EINVAL },
	{ "tso_segsz 0", RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4, 14, 20, 20, 0, -EINVAL },
};

static void
bad_flags_and_lengths_are_refused(void **state)
{
	struct vvu_tx_head head;
	const struct bad *b;
	struct packet p;
	struct rte_mbuf *m;

	(void)state;
	for (b = bads; b < bads + RTE_DIM(bads); b++) {
		m = lengths(packet_plain(&p, tcp4, sizeof(tcp4)), b->flags, b->l3_len, b->l4_len,
			    b->segsz);
		m->l2_len = b->l2_len;
		if (vvu_header_transmit(m, TSO, &head) != b->error ||
		    vvu_header_check(m, TSO) != b->error)
			fail_msg("not %d: %s", b->error, b->what);
	}
}

/* One byte of tcp4 is another, and the packet is not what the flags say. */
static const struct {
	const char *what;
	unsigned int at;
	uint8_t value;
} bad_bytes[] = {
	{ "version 6", 14, 0x65 },
	{ "header of 24 bytes", 14, 0x46 },
	{ "longer than the frame", 17, 45 },
	{ "shorter than the frame", 17, 43 },
	{ "more fragments", 20, 0x20 },
	{ "UDP", 23, 17 },
	{ "TCP header of 16 bytes", 46, 0x40 },
	{ "TCP header longer than the packet", 46, 0x70 },
	{ "no payload", 46, 0x60 },
};

static void
packet_that_is_not_what_its_flags_say_is_refused(void **state)
{
	struct vvu_tx_head head;
	struct packet p;
	struct rte_mbuf *m;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad_bytes); i++) {
		m = packet_of(&p, &kinds[0]);
		m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
		p.data[0][bad_bytes[i].at] = bad_bytes[i].value;
		if (vvu_header_transmit(m, TSO, &head) != -EINVAL)
			fail_msg("sent: %s", bad_bytes[i].what);
	}
	/* Headers that the packet is too short for. */
	m = lengths(packet_plain(&p, tcp4, 53), kinds[0].flags, 20, 20, 2);
	assert_int_equal(vvu_header_transmit(m, TSO, &head), -EINVAL);
	m = packet_plain(&p, tcp4, 13);
	m->ol_flags = RTE_MBUF_F_TX_VLAN;
	assert_int_equal(vvu_header_transmit(m, TSO, &head), -EINVAL);
}

static void
packet_that_asks_for_nothing_passes_the_check(void **state)
{
	struct packet p;
	struct rte_mbuf *m = packet_plain(&p, tcp4, sizeof(tcp4));

	(void)state;
	assert_int_equal(vvu_header_check(m, 0), 0);
	m->ol_flags = RTE_MBUF_F_TX_IPV4;
	assert_int_equal(vvu_header_check(m, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_is_left_to_a_frontend_that_takes_it),
		cmocka_unit_test(checksum_is_computed_for_a_frontend_that_does_not),
		cmocka_unit_test(padding_is_not_part_of_the_sum),
		cmocka_unit_test(pieces_make_no_difference),
		cmocka_unit_test(udp_checksum_of_zero_is_written_as_ones),
		cmocka_unit_test(ip_checksum_is_computed),
		cmocka_unit_test(tcp_is_segmented_by_the_frontend),
		cmocka_unit_test(udp_is_cut_in_the_way_that_was_negotiated),
		cmocka_unit_test(one_segment_is_not_cut),
		cmocka_unit_test(congestion_window_reduced_needs_ecn),
		cmocka_unit_test(vlan_tag_is_put_behind_the_addresses),
		cmocka_unit_test(vlan_tag_moves_what_is_behind_it),
		cmocka_unit_test(bad_flags_and_lengths_are_refused),
		cmocka_unit_test(packet_that_is_not_what_its_flags_say_is_refused),
		cmocka_unit_test(packet_that_asks_for_nothing_passes_the_check),
	};

	return cmocka_run_group_tests_name("net_vvu, sent headers", tests, NULL, NULL);
}
