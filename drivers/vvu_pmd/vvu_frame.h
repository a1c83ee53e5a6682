/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a frame is, as far as checksums and segmentation want to know: where its headers end,
 * and which protocols they are. Nothing is changed, nothing outside of the frame is read.
 */
#ifndef VVU_PMD_FRAME_H
#define VVU_PMD_FRAME_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

/* Headers are looked for in so many bytes; what does not end there is not understood. */
#define VVU_FRAME_HEAD 256u

struct vvu_frame {
	uint8_t ip;		/* 4, 6, or 0: neither, and nothing below is set */
	uint8_t l4;		/* IP protocol behind all extension headers */
	bool fragment;		/* a part of a datagram, the first or another */
	uint16_t l2_len;	/* Ethernet header and up to two VLAN tags */
	uint16_t l3_len;	/* IP header with options, or with extension headers */
	/*
	 * TCP or UDP header; 0: neither, or not all there, or of a length that none can have.
	 * Not set for a fragment, nor behind an IPv6 routing header: the addresses of the
	 * pseudo header are not those of the IP header then (RFC 8200, 8.1).
	 */
	uint16_t l4_len;
	uint32_t l4_bytes;	/* header and payload, by the IP header; at most what is there */
};

/*
 * Of @frame_len bytes, the first @head_len are at @head. @head_len is all of them, or
 * VVU_FRAME_HEAD.
 */
void vvu_frame_parse(const uint8_t *head, uint32_t head_len, uint32_t frame_len,
		     struct vvu_frame *frame);

/*
 * The same from the IP header at @ip on: @head_len bytes are at hand, @frame_len are there.
 * l2_len stays 0. False, with all of @frame zero, where it is no sound IP header.
 */
bool vvu_frame_parse_ip(const uint8_t *ip, uint32_t head_len, uint32_t frame_len,
			struct vvu_frame *frame);

/*
 * The first bytes of a packet in one piece, at most VVU_FRAME_HEAD: where they are, or a copy
 * in @copy where they lie in several mbufs, or in a buffer that
 * is not an mbuf's own and may be somebody else's to write to. *@len is how many.
 */
const uint8_t *vvu_frame_head(const struct rte_mbuf *m, uint8_t copy[VVU_FRAME_HEAD],
			      uint32_t *len);

/*
 * Sum in ones' complement of the @len bytes from @at on, not inverted, in the order of the
 * frame. They are there. (rte_raw_cksum_mbuf() of DPDK 22.11 loses a carry where a segment
 * begins at an odd offset.)
 */
uint16_t vvu_frame_sum(const struct rte_mbuf *m, uint32_t at, uint32_t len);

#endif
