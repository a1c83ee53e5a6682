/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frames that vvu-pkt exchanges: Ethernet (EtherType 0x88b5, local experimental), a
 * header and a pseudo-random payload, both under one CRC-32C. Fields are little-endian, so
 * that hosts of different byte order can talk.
 */
#ifndef VVU_PKT_FRAME_H
#define VVU_PKT_FRAME_H

#include <stdint.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

#define FRAME_ETHER_TYPE 0x88b5
#define FRAME_MAGIC 0x3a757676
#define FRAME_SIZE_MIN 64	/* without FCS */
#define FRAME_SIZE_MAX 9216

enum frame_type {
	FRAME_HELLO,	/* I am here; arg: FRAME_HEARD, FRAME_ANSWER */
	FRAME_DATA,
	FRAME_ACK,	/* seq: highest received + 1; arg: of the probe this answers, or 0 */
	FRAME_PROBE,	/* acknowledge; arg: next seq of the sender */
	FRAME_FIN,	/* arg: frames sent on the flow */
	FRAME_FIN_ACK,
	FRAME_TYPES
};

#define FRAME_WINDOW 1	/* flag of FRAME_DATA: acknowledge */

#define FRAME_HEARD 1	/* I have heard you */
#define FRAME_ANSWER 2	/* say HELLO as well */

struct frame {
	struct rte_ether_hdr ether;
	rte_le32_t magic;
	uint8_t type;
	uint8_t flags;
	rte_le16_t flow;
	rte_le16_t flows;	/* how many the sender has */
	rte_le16_t payload;	/* bytes after this header */
	rte_le32_t crc;		/* of all from magic on, with this field 0 */
	rte_le64_t seq;
	rte_le64_t time_ns;	/* sender's CLOCK_MONOTONIC */
	rte_le64_t arg;
} __attribute__((packed, aligned(2)));

_Static_assert(sizeof(struct frame) <= FRAME_SIZE_MIN, "the header fits a minimal frame");

/*
 * Complete @frame, whose fields but crc and payload are set, to @size bytes (Ethernet
 * header included, FCS not): fill in the payload that belongs to @seed and the frame's flow
 * and seq, and the checksum.
 */
void frame_finish(struct frame *frame, unsigned int size, uint64_t seed);

/* Whether @size bytes at @frame are what frame_finish() made. */
int frame_intact(const struct frame *frame, unsigned int size);

uint64_t frame_clock_ns(void);

#endif
