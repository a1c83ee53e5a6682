/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames written by hand, and mbufs of any number of pieces without a pool. */
#ifndef TESTS_HEADER_FIXTURE_H
#define TESTS_HEADER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vvu_header.h"

#define PIECES_MAX 4

struct packet {
	struct rte_mbuf m[PIECES_MAX];
	uint8_t data[PIECES_MAX][256];
};

/*
 * All: from 02:00:00:00:00:01 to 02:00:00:00:00:02, addresses 10.0.0.1 and 10.0.0.2, or fd00::1
 * and fd00::2; ports 0x1000 and 0x2000; payload "abcd". Checksums of TCP and UDP are 0.
 */
#define ETHER	2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1
#define IPV4(total, proto, sum) 0x08, 0x00, 0x45, 0, 0, (total), 0, 1, 0x40, 0, 64, (proto), \
		(sum) >> 8, (sum) & 0xff, 10, 0, 0, 1, 10, 0, 0, 2
#define IPV6(payload, next) 0x86, 0xdd, 0x60, 0, 0, 0, 0, (payload), (next), 64, \
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, \
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define TCP(flags) 0x10, 0x00, 0x20, 0x00, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, (flags), 0xff, 0xff, \
		0, 0, 0, 0
#define UDP	0x10, 0x00, 0x20, 0x00, 0, 12, 0, 0
#define ABCD	'a', 'b', 'c', 'd'

static const uint8_t tcp4[] = { ETHER, IPV4(44, 6, 0x26c9), TCP(0x10), ABCD };
static const uint8_t udp4[] = { ETHER, IPV4(32, 17, 0x26ca), UDP, ABCD };
static const uint8_t tcp6[] = { ETHER, IPV6(24, 6), TCP(0x10), ABCD };
static const uint8_t udp6[] = { ETHER, IPV6(12, 17), UDP, ABCD };

/* Where things are in them. */
#define IP_AT		14u
#define L4_AT4		34u
#define L4_AT6		54u
#define TCP_SUM		16u
#define UDP_SUM		6u

/* Sums of their pseudo headers, and their checksums, in network order. */
#define PSEUDO_TCP4	0x1421
#define PSEUDO_UDP4	0x1420
#define PSEUDO_TCP6	0xfa22
#define PSEUDO_UDP6	0xfa21
#define SUM_TCP4	0xa704
#define SUM_UDP4	0xf70c
#define SUM_TCP6	0xc102
#define SUM_UDP6	0x110b

/* A packet of @len bytes in pieces that end at the offsets of @cuts, the last one at the end. */
static inline struct rte_mbuf *
packet_make(struct packet *p, const uint8_t *frame, uint32_t len, const uint32_t *cuts,
	    unsigned int num_cuts)
{
	uint32_t at = 0, end;
	unsigned int i;

	assert_true(num_cuts < PIECES_MAX);
	memset(p, 0, sizeof(*p));
	for (i = 0; i <= num_cuts; i++, at = end) {
		end = i < num_cuts ? cuts[i] : len;
		assert_true(end >= at && end - at <= sizeof(p->data[i]));
		memcpy(p->data[i], frame + at, end - at);
		p->m[i].buf_addr = p->data[i];
		p->m[i].buf_len = sizeof(p->data[i]);
		p->m[i].data_len = end - at;
		p->m[i].next = i < num_cuts ? &p->m[i + 1] : NULL;
	}
	p->m[0].pkt_len = len;
	p->m[0].nb_segs = num_cuts + 1;
	return &p->m[0];
}

static inline struct rte_mbuf *
packet_plain(struct packet *p, const uint8_t *frame, uint32_t len)
{
	return packet_make(p, frame, len, NULL, 0);
}

/* Byte @at of the packet, wherever it lies. */
static inline uint8_t
packet_byte(const struct rte_mbuf *m, uint32_t at)
{
	for (; at >= m->data_len; m = m->next)
		at -= m->data_len;
	return *rte_pktmbuf_mtod_offset(m, const uint8_t *, at);
}

static inline uint16_t
packet_be16(const struct rte_mbuf *m, uint32_t at)
{
	return (uint16_t)(packet_byte(m, at) << 8 | packet_byte(m, at + 1));
}

#endif
