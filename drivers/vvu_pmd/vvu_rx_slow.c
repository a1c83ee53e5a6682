/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive whatever the fast paths leave: frames in several buffers, header and frame apart,
 * indirect descriptors, frames that need several mbufs. The library's chain walk has found
 * and checked the buffers, of either ring format.
 */
#include <errno.h>

#include <rte_mbuf.h>

#include "vvu_rx.h"

/* Copy @len bytes out of @iov; *at is how far *iov's first entry is used up already. */
static void
copy_from_iov(uint8_t *dst, uint32_t len, const struct iovec **iov, size_t *at, bool uncached)
{
	size_t part;

	while (len > 0) {
		part = RTE_MIN((size_t)len, (*iov)->iov_len - *at);
		vvu_copy(dst, (const uint8_t *)(*iov)->iov_base + *at, part, uncached);
		dst += part;
		len -= part;
		*at += part;
		if (*at == (*iov)->iov_len) {
			(*iov)++;
			*at = 0;
		}
	}
}

/* As many mbufs of the pool as @left bytes need, VVU_BATCH at most; 0: it has not so many. */
static unsigned int
take_mbufs(struct vvu_queue *q, uint32_t left, uint32_t room, struct rte_mbuf **mbufs)
{
	unsigned int n = RTE_MIN((left + room - 1) / room, VVU_BATCH);

	if (rte_mempool_get_bulk(q->pool, (void **)mbufs, n) == 0)
		return n;
	q->stats.no_mbuf++;
	return 0;
}

/* The frame of @len bytes at *iov in one mbuf or, where that is allowed, in several. */
static struct rte_mbuf *
mbufs_from_iov(struct vvu_queue *q, uint32_t len, const struct iovec *iov, size_t at)
{
	const uint32_t room = RTE_MIN(q->room, (uint32_t)UINT16_MAX);
	struct rte_mbuf *head = NULL, **link = &head, *mbufs[VVU_BATCH], *m;
	uint32_t left = len, part;
	uint16_t segments = 0;
	unsigned int i, n;

	while (left > 0) {
		n = take_mbufs(q, left, room, mbufs);
		if (n == 0) {
			if (head != NULL)
				head->nb_segs = segments;
			rte_pktmbuf_free(head);
			return NULL;
		}
		for (i = 0; i < n; i++) {
			m = mbufs[i];
			part = RTE_MIN(left, room);
			vvu_rx_mbuf_fill(m, q->rearm, part, part);
			copy_from_iov(rte_pktmbuf_mtod(m, uint8_t *), part, &iov, &at,
				      q->uncached);
			*link = m;
			link = &m->next;
			left -= part;
			segments++;
		}
	}
	head->pkt_len = len;
	head->nb_segs = segments;
	return head;
}

enum vvu_rx_result
vvu_rx_chain(struct vvu_queue *q, const struct vhr_chain *chain, int walked,
	     struct rte_mbuf **pkt)
{
	uint64_t frame_len = chain->readable_bytes - VVU_NET_HEADER;
	struct virtio_net_hdr_v1 header;
	const struct iovec *iov = chain->iov;
	size_t at = 0;

	if (walked != 0 && walked != -E2BIG)
		return VVU_RX_STOP;
	q->stats.slow_chains++;
	if (walked == -E2BIG || chain->writable != 0) {
		q->stats.bad_chain++;
		return VVU_RX_DROPPED;
	}
	if (chain->readable_bytes < VVU_RX_LEN_MIN) {
		q->stats.truncated++;
		return VVU_RX_DROPPED;
	}
	if (frame_len > (q->scatter ? VVU_MAX_FRAME : q->room)) {
		q->stats.oversize++;
		return VVU_RX_DROPPED;
	}
	copy_from_iov((uint8_t *)&header, sizeof(header), &iov, &at, q->uncached);
	rte_compiler_barrier();
	if (!q->offload && (header.flags | header.gso_type) != 0) {
		q->stats.bad_header++;
		return VVU_RX_DROPPED;
	}
	*pkt = mbufs_from_iov(q, frame_len, iov, at);
	if (*pkt == NULL)
		return VVU_RX_STOP;
	if (q->offload && vvu_rx_offload_due(q, &header) &&
	    vvu_rx_offload(q, &header, *pkt) != 0) {
		rte_pktmbuf_free(*pkt);
		return VVU_RX_DROPPED;
	}
	q->stats.packets++;
	q->stats.bytes += frame_len;
	return VVU_RX_PACKET;
}
