/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames in several buffers, or behind a header of its own, by reference: an mbuf for each
 * buffer. The entry of the ring is given back when the last of them is freed.
 */
#include "vvu_rx_zc.h"

/* The frame's first byte; the header is in the buffer before, or in front of it. */
struct start {
	unsigned int buffer;
	size_t offset;
};

static struct start
find_start(const struct vhr_chain *chain)
{
	if (chain->iov[0].iov_len == VVU_NET_HEADER)
		return (struct start){ .buffer = 1 };
	return (struct start){ .offset = VVU_NET_HEADER };
}

/*
 * Not for a frame in so many buffers that they hold less than what pays, nor for one that
 * vvu_rx_chain() drops.
 */
static bool
may_lend(const struct vvu_queue *q, const struct vhr_chain *chain, uint16_t id)
{
	uint64_t frame_len = chain->readable_bytes - VVU_NET_HEADER;
	struct start start;
	unsigned int parts, i;

	if (chain->writable != 0 || chain->readable_bytes < VVU_RX_LEN_MIN ||
	    chain->iov[0].iov_len < VVU_NET_HEADER)
		return false;
	start = find_start(chain);
	parts = chain->readable - start.buffer;
	if (frame_len > (q->scatter ? VVU_MAX_FRAME : q->room) || (parts > 1 && !q->scatter) ||
	    parts > VVU_BATCH || frame_len < (uint64_t)q->zc_min * parts)
		return false;
	for (i = start.buffer; i < chain->readable; i++) {
		if (chain->iov[i].iov_len > UINT16_MAX || chain->iov[i].iov_len == 0)
			return false;
	}
	return vvu_zc_may_lend(q->zc, id, chain->entries);
}

static bool
header_is_plain(struct vvu_queue *q, const struct vhr_chain *chain)
{
	struct virtio_net_hdr_v1 header;

	memcpy(&header, chain->iov[0].iov_base, sizeof(header));
	rte_compiler_barrier();
	return !vvu_rx_offload_due(q, &header);
}

/* NULL: the pool has too few mbufs. */
static struct rte_mbuf *
lend(struct vvu_queue *q, const struct vhr_chain *chain, uint16_t id)
{
	const struct start start = find_start(chain);
	const unsigned int parts = chain->readable - start.buffer;
	const struct iovec *iov = &chain->iov[start.buffer];
	struct rte_mbuf_ext_shared_info *shinfo;
	struct rte_mbuf *mbufs[VVU_BATCH];
	size_t offset = start.offset;
	unsigned int i;

	if (rte_mempool_get_bulk(q->pool, (void **)mbufs, parts) != 0)
		return NULL;
	shinfo = vvu_rx_zc_lend(q->zc, id, chain->entries, parts);
	for (i = 0; i < parts; i++) {
		vvu_rx_zc_attach(mbufs[i], q->rearm, (uint8_t *)iov[i].iov_base + offset,
				 iov[i].iov_len - offset, shinfo);
		/* That of the last is NULL, as it is of every mbuf in a pool. */
		if (i + 1 < parts)
			mbufs[i]->next = mbufs[i + 1];
		offset = 0;
	}
	mbufs[0]->pkt_len = chain->readable_bytes - VVU_NET_HEADER;
	mbufs[0]->nb_segs = parts;
	return mbufs[0];
}

enum vvu_rx_result
vvu_rx_zc_chain(struct vvu_queue *q, const struct vhr_chain *chain, int walked, uint16_t id,
		struct rte_mbuf **pkt)
{
	if (walked != 0 || !may_lend(q, chain, id) || !header_is_plain(q, chain))
		return vvu_rx_chain(q, chain, walked, pkt);
	*pkt = lend(q, chain, id);
	if (*pkt == NULL)
		return vvu_rx_chain(q, chain, walked, pkt);
	q->stats.slow_chains++;
	q->stats.packets++;
	q->stats.bytes += (*pkt)->pkt_len;
	q->stats.lent++;
	return VVU_RX_PACKET;
}
