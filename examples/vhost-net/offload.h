/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames that their sender left unfinished: a checksum that is open, or several TCP segments
 * in one frame. Between two frontends that both take them they pass as they are. For a port
 * that does not they are finished here.
 */
#ifndef VHOST_NET_OFFLOAD_H
#define VHOST_NET_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

/* Frames of one TCP packet: 64 KiB in segments of an MTU of 576. */
#define OFFLOAD_SEGMENTS_MAX 128

/*
 * What a port of this kind is to be configured with. Of receive offloads only for drivers
 * whose ports are frontends: a network card's checksums are not open, and what it joins from
 * several frames would not be what was sent.
 */
uint64_t offload_rx(const struct rte_eth_dev_info *info);
uint64_t offload_tx(const struct rte_eth_dev_info *info);

/* A frame from a frontend's port: what is to be done with it wherever it leaves. */
void offload_received(struct rte_mbuf *mbuf);

/* There is something to be done, by the port or by offload_finish(). */
static inline bool offload_open(const struct rte_mbuf *mbuf)
{
	return (mbuf->ol_flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)) != 0;
}

/* Whether a port with these transmit offloads can do it. */
bool offload_possible(const struct rte_mbuf *mbuf, uint64_t tx_offloads);

/* Bytes of the frames that arrive in the end, without the Ethernet header's tags. */
uint32_t offload_frame_len(const struct rte_mbuf *mbuf);

/*
 * Finish @mbuf: its frames, in mbufs of @pool that hold one frame each, come in @frames. It
 * is freed. Returns their number; 0 where there is no memory, or what is in the frame is not
 * what its mbuf says.
 */
unsigned int offload_finish(struct rte_mbuf *mbuf, struct rte_mempool *pool,
			    struct rte_mbuf *frames[OFFLOAD_SEGMENTS_MAX]);

#endif
