/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit whatever the fast paths leave: packets of several mbufs, descriptor chains, and
 * packets that need several receive buffers (VIRTIO_NET_F_MRG_RXBUF), one by one through the
 * library's chain walk.
 */
#include <errno.h>

#include "vvu_header.h"
#include "vvu_tx.h"

/* Where the header's bytes are, which a driver may have cut into pieces. */
struct header_place {
	unsigned int num;
	struct iovec piece[VVU_NET_HEADER];
};

/*
 * A packet on its way out: what is to go first, if it is not in the mbuf, then the mbuf and
 * the offset in it that come next.
 */
struct source {
	const uint8_t *head;
	uint32_t head_left;
	const struct rte_mbuf *m;
	uint32_t offset;
	uint32_t left;
};

static void
copy_from_mbufs(uint8_t *dst, size_t len, struct source *source, bool uncached)
{
	size_t part;

	if (source->head_left > 0 && len > 0) {
		part = RTE_MIN(len, (size_t)source->head_left);
		vvu_copy(dst, source->head, part, uncached);
		source->head += part;
		source->head_left -= part;
		source->left -= part;
		dst += part;
		len -= part;
	}
	while (len > 0) {
		if (source->offset >= source->m->data_len) {
			source->offset -= source->m->data_len;
			source->m = source->m->next;
			continue;
		}
		part = RTE_MIN(len, (size_t)(source->m->data_len - source->offset));
		vvu_copy(dst, rte_pktmbuf_mtod_offset(source->m, const uint8_t *, source->offset),
			 part, uncached);
		dst += part;
		len -= part;
		source->offset += part;
		source->left -= part;
	}
}

/*
 * Fill a chain with what is left of the packet, after @skip bytes that the header takes.
 * Returns the bytes of the chain that are used, the header's included.
 */
static uint32_t
fill_chain(const struct vhr_chain *chain, uint32_t skip, struct header_place *place,
	   struct source *source, bool uncached)
{
	uint32_t filled = 0;
	unsigned int i;
	size_t len, part;
	uint8_t *at;

	for (i = 0; i < chain->writable && (skip > 0 || source->left > 0); i++) {
		at = chain->iov[chain->readable + i].iov_base;
		len = chain->iov[chain->readable + i].iov_len;
		if (skip > 0) {
			part = RTE_MIN(len, (size_t)skip);
			place->piece[place->num].iov_base = at;
			place->piece[place->num++].iov_len = part;
			skip -= part;
			filled += part;
			at += part;
			len -= part;
		}
		part = RTE_MIN(len, (size_t)source->left);
		copy_from_mbufs(at, part, source, uncached);
		filled += part;
	}
	return filled;
}

static void
header_place_write(const struct header_place *place, const uint8_t header[VVU_NET_HEADER])
{
	unsigned int i, at = 0;

	for (i = 0; i < place->num; i++) {
		memcpy(place->piece[i].iov_base, &header[at], place->piece[i].iov_len);
		at += place->piece[i].iov_len;
	}
}

/* A chain no driver may make breaks the ring. */
static int
walk_receive_chain(struct vvu_queue *q, const struct vvu_tx_format *format, uint16_t n, bool first,
		   struct vhr_chain *chain, struct vvu_tx_buffer *buffer)
{
	struct vhr_ring *ring = q->ring;
	int ret;

	chain->iov = q->iov;
	chain->iov_max = VVU_CHAIN_IOV;
	ret = format->walk(ring, n, chain, buffer);
	if (ret == -E2BIG)
		vhr_ring_break(ring, "receive chain %u: more than %u buffers", chain->head,
			       VVU_CHAIN_IOV);
	if (ret != 0)
		return ret;
	if (chain->readable != 0 || chain->writable_bytes < (first ? VVU_NET_HEADER : 1)) {
		vhr_ring_break(ring, "receive chain %u: %llu bytes readable, %llu writable",
			       chain->head, (unsigned long long)chain->readable_bytes,
			       (unsigned long long)chain->writable_bytes);
		return -EPROTO;
	}
	return 0;
}

/*
 * Into as many chains as it takes; *count of them, whose buffers are noted in @buffers. The
 * header is written last, with their number.
 */
static enum vvu_tx_result
spread(struct vvu_queue *q, const struct vvu_tx_format *format, uint16_t n, struct source *source,
       struct virtio_net_hdr_v1 *header, struct vvu_tx_buffer *buffers, uint16_t *count)
{
	struct vhr_ring *ring = q->ring;
	bool mergeable = (ring->features & (1ull << VIRTIO_NET_F_MRG_RXBUF)) != 0;
	struct header_place place = { .num = 0 };
	struct vhr_chain chain = { .iov = q->iov, .iov_max = VVU_CHAIN_IOV };
	uint16_t done = 0;
	int ret;

	do {
		if (done == VVU_TX_MERGE_MAX || (done > 0 && !mergeable)) {
			q->stats.oversize++;
			return VVU_TX_DROPPED;
		}
		ret = walk_receive_chain(q, format, n + done, done == 0, &chain, &buffers[done]);
		/* What takes most of a ring may never find that much of it free. */
		if (ret == -EAGAIN && done > ring->size / 2) {
			q->stats.oversize++;
			return VVU_TX_DROPPED;
		}
		if (ret == -EAGAIN)
			q->stats.no_descriptor++;
		if (ret != 0)
			return VVU_TX_STOP;
		buffers[done].len = fill_chain(&chain, done == 0 ? VVU_NET_HEADER : 0, &place,
					       source, q->uncached);
		done++;
	} while (source->left > 0);
	header->num_buffers = rte_cpu_to_le_16(done);
	header_place_write(&place, (const uint8_t *)header);
	*count = done;
	return VVU_TX_SENT;
}

enum vvu_tx_result
vvu_tx_packet(struct vvu_queue *q, const struct vvu_tx_format *format, uint16_t n,
	      const struct rte_mbuf *m, uint16_t *taken)
{
	struct source source = { .m = m, .offset = 0, .left = m->pkt_len };
	struct vvu_tx_buffer buffers[VVU_TX_MERGE_MAX];
	struct vhr_ring *ring = q->ring;
	const uint16_t last_avail = ring->last_avail, out = ring->out;
	const bool avail_wrap = ring->avail_wrap;
	enum vvu_tx_result result;
	struct vvu_tx_head head;
	uint16_t count, i;

	*taken = 0;
	if (q->offload && (m->ol_flags & VVU_TX_REQUESTS) != 0) {
		if (vvu_header_transmit(m, ring->features, &head) != 0) {
			q->stats.bad_offload++;
			return VVU_TX_DROPPED;
		}
		source = (struct source){
			.head = head.bytes,
			.head_left = head.len,
			.m = m,
			.offset = head.skip,
			.left = m->pkt_len - head.skip + head.len,
		};
	} else {
		memset(&head.header, 0, sizeof(head.header));
	}
	if (source.left > VVU_MAX_FRAME) {
		q->stats.oversize++;
		return VVU_TX_DROPPED;
	}
	result = spread(q, format, n, &source, &head.header, buffers, &count);
	if (result != VVU_TX_SENT) {
		/* What was taken is still available: the driver knows nothing of it. */
		ring->last_avail = last_avail;
		ring->avail_wrap = avail_wrap;
		ring->out = out;
		return result;
	}
	format->give(ring, n, buffers, count);
	for (i = 0; i < count; i++)
		*taken += buffers[i].entries;
	q->stats.slow_chains += count;
	q->stats.packets++;
	q->stats.bytes += m->pkt_len;
	return VVU_TX_SENT;
}
