/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * struct virtio_net_hdr (virtio 1.3, 5.1.6) against mbuf flags, both ways. Nothing here knows
 * a ring: headers are copies, and a frame is an mbuf.
 *
 * Receive. The header is a claim of the frontend, so it is held against what was negotiated
 * and against the frame before anything is derived from it (CVE-2024-11614). What the
 * application asked for decides what it gets:
 *
 * - A checksum that the frontend left to its device stays open in the frame, and the mbuf
 *   says RTE_MBUF_F_RX_L4_CKSUM_NONE, where the queue has RTE_ETH_RX_OFFLOAD_TCP_CKSUM or
 *   _UDP_CKSUM for it. Else it is computed here: an application that knows of no offload sees
 *   correct frames.
 * - A frame that is more than one segment is delivered where the queue has
 *   RTE_ETH_RX_OFFLOAD_TCP_LRO, with RTE_MBUF_F_RX_LRO and tso_segsz, its checksum open.
 *
 * l2_len, l3_len, l4_len, tso_segsz and packet_type of such an mbuf are set: sent to another
 * port it needs its RTE_MBUF_F_TX_ flags and no more.
 *
 * Transmit. An mbuf is never written to, since others may refer to its data. What offloads
 * change of a frame (a VLAN tag, checksums) is made in a copy of the frame's first bytes,
 * which goes to the frontend in their place.
 */
#ifndef VVU_PMD_HEADER_H
#define VVU_PMD_HEADER_H

#include <stdint.h>

#include <linux/virtio_net.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "vvu_frame.h"

/* Not in the headers of Linux before 6.2 (virtio 1.3, 5.1.3). */
#define VVU_NET_F_GUEST_USO4	54
#define VVU_NET_F_GUEST_USO6	55
#define VVU_NET_F_HOST_USO	56
#define VVU_NET_GSO_UDP_L4	5

#define VVU_F(bit)		(1ull << (bit))

/* With one of these a frontend may send headers that are not zero. */
#define VVU_RX_OFFLOAD_FEATURES	VVU_F(VIRTIO_NET_F_CSUM)

/* With one of these its frames may be more than one segment. */
#define VVU_SEGMENT_FEATURES	(VVU_F(VIRTIO_NET_F_HOST_TSO4) | VVU_F(VIRTIO_NET_F_HOST_TSO6) | \
				 VVU_F(VIRTIO_NET_F_HOST_UFO) | VVU_F(VVU_NET_F_HOST_USO))

/* With one of these a packet may leave with more than its bytes. */
#define VVU_TX_OFFLOADS		(RTE_ETH_TX_OFFLOAD_VLAN_INSERT | \
				 RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | \
				 RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | \
				 RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_UDP_TSO)

/* Mbuf flags that ask for something; TX_IPV4 and TX_IPV6 only say what the frame is. */
#define VVU_TX_REQUESTS		(RTE_MBUF_F_TX_OFFLOAD_MASK & \
				 ~(RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6))

/*
 * Make of the header in front of it what @m says of its frame. @features is what the frontend
 * acknowledged, @offloads what the queue has of RTE_ETH_RX_OFFLOAD_. @m is new: not shared,
 * ol_flags and tx_offload clear, as many segments as it takes.
 *
 * 0; -EPROTO where header and frame do not belong together, or the header has what was not
 * negotiated; -EMSGSIZE for a frame of several segments that the application did not ask for.
 * @m is to be dropped then.
 */
int vvu_header_receive(const struct virtio_net_hdr_v1 *header, uint64_t features,
		       uint64_t offloads, struct rte_mbuf *m);

/* What goes to the frontend in front of the packet's bytes from @skip on. */
struct vvu_tx_head {
	struct virtio_net_hdr_v1 header;	/* num_buffers is 1 */
	uint16_t len;				/* of bytes[] */
	uint16_t skip;
	uint8_t bytes[VVU_FRAME_HEAD + RTE_VLAN_HLEN];
};

/*
 * Whether the frontend, with @features acknowledged, can be given @m as its flags say. 0;
 * -ENOTSUP for what it did not negotiate, or what this driver has no notion of; -EINVAL for
 * flags and lengths that do not fit each other or the frame.
 */
int vvu_header_check(const struct rte_mbuf *m, uint64_t features);

/* The same, and what to give it. @head is written to only with result 0. */
int vvu_header_transmit(const struct rte_mbuf *m, uint64_t features, struct vvu_tx_head *head);

#endif
