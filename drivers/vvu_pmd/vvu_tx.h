/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every transmit variant does per packet, whatever the ring's format. In line, as in
 * vvu_rx.h.
 */
#ifndef VVU_PMD_TX_H
#define VVU_PMD_TX_H

#include <linux/virtio_net.h>
#include <rte_mbuf.h>

#include "vhost-relay/vring/split.h"

#include "vvu_datapath.h"
#include "vvu_header.h"

/* Receive buffers one packet may be spread over: 64 of 1,526 bytes hold any frame. */
#define VVU_TX_MERGE_MAX 64u

enum vvu_tx_result {
	VVU_TX_SENT,
	VVU_TX_DROPPED,	/* counted; nothing was taken from the ring */
	VVU_TX_STOP,	/* too few buffers now, or the ring is broken */
	VVU_TX_OTHER,	/* not for this path; nothing was taken from the ring */
};

/*
 * No offload is negotiated, so all is zero except num_buffers, which is set with and
 * without mergeable buffers (virtio 1.3, 5.1.6.4.1).
 */
static __rte_always_inline void
vvu_tx_header_write(uint8_t *header, uint16_t num_buffers)
{
	const uint64_t zero = 0;
	const uint32_t last = rte_cpu_to_le_32((uint32_t)num_buffers << 16);

	memcpy(header, &zero, sizeof(zero));
	memcpy(header + sizeof(zero), &last, sizeof(last));
}

/* Have the first lines of a buffer on their way: the frame's to write. */
static __rte_always_inline void
vvu_tx_prefetch(const uint8_t *header)
{
	const uint8_t *frame = header + VVU_NET_HEADER;

	vvu_prefetch_header(header);
	rte_prefetch0_write(frame);
	rte_prefetch0_write(frame + RTE_CACHE_LINE_SIZE - 1);
}

/*
 * The header of a frame in @num_buffers buffers. A buffer that comes again mostly has it from
 * last time: then nothing is written, and its line need not change sides.
 */
static __rte_always_inline void
vvu_tx_header_renew(uint8_t *header, uint16_t num_buffers)
{
	const uint32_t last = rte_cpu_to_le_32((uint32_t)num_buffers << 16);
	uint64_t first_there;
	uint32_t last_there;

	memcpy(&first_there, header, sizeof(first_there));
	memcpy(&last_there, header + sizeof(first_there), sizeof(last_there));
	if (unlikely((first_there | (last_there ^ last)) != 0))
		vvu_tx_header_write(header, num_buffers);
}

/* The first @n packets, of one mbuf each, go into the buffers at @room, which hold them. */
static __rte_always_inline void
vvu_tx_fill(struct vvu_queue *q, struct rte_mbuf **pkts, uint8_t *const *room, uint16_t n)
{
	uint64_t bytes = 0, flags = 0;
	uint16_t i;

	for (i = 0; i < n; i++) {
		vvu_tx_header_renew(room[i], 1);
		vvu_copy(room[i] + VVU_NET_HEADER, rte_pktmbuf_mtod(pkts[i], const uint8_t *),
			 pkts[i]->data_len, q->uncached);
		bytes += pkts[i]->data_len;
		flags |= pkts[i]->ol_flags;
	}
	q->external |= (flags & RTE_MBUF_F_EXTERNAL) != 0;
	q->stats.packets += n;
	q->stats.bytes += bytes;
}

/* Plain buffers of the frontend that one packet takes, the header at the start of the first. */
struct vvu_tx_parts {
	uint16_t num;
	uint8_t *at[VVU_TX_MERGE_MAX];
	uint32_t len[VVU_TX_MERGE_MAX];		/* bytes that are used */
};

/*
 * Whether a packet may go into several plain buffers, or into one from several mbufs, by the
 * path for such. All else is vvu_tx_packet()'s, also to find what is wrong with it.
 */
static __rte_always_inline bool
vvu_tx_may_part(const struct vvu_queue *q, const struct rte_mbuf *m, const bool offload)
{
	if (offload && (m->ol_flags & VVU_TX_REQUESTS) != 0)
		return false;
	return m->pkt_len <= VVU_MAX_FRAME && q->merge;
}

/* Copy the packet, with a header, into @parts, which hold it exactly. */
void vvu_tx_fill_parts(struct vvu_queue *q, const struct rte_mbuf *m,
		       const struct vvu_tx_parts *parts);

/* A buffer of the frontend that a packet takes: what the used ring is to say of it. */
struct vvu_tx_buffer {
	uint16_t id;
	uint16_t entries;	/* of the ring */
	uint32_t len;		/* bytes written */
};

/* Slow path: how to get at the chains of a ring of one format. */
struct vvu_tx_format {
	/*
	 * Walk chain number @n behind those that are taken; it may be taken, to find the next.
	 * -EAGAIN: there is none now. -E2BIG: more buffers than chain->iov has room for. All
	 * else broke the ring.
	 */
	int (*walk)(struct vhr_ring *ring, uint16_t n, struct vhr_chain *chain,
		    struct vvu_tx_buffer *buffer);
	/* Give back @count chains, the first of which is number @n. */
	void (*give)(struct vhr_ring *ring, uint16_t n, const struct vvu_tx_buffer *buffer,
		     uint16_t count);
};

/*
 * One packet, whatever it is, into the chains from number @n on; *taken is how many entries
 * of the ring it took.
 */
enum vvu_tx_result vvu_tx_packet(struct vvu_queue *q, const struct vvu_tx_format *format,
				 uint16_t n, const struct rte_mbuf *m, uint16_t *taken);

#endif
