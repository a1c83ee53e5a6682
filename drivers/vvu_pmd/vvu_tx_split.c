/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit to a split ring: the frontend's receive queue (virtio 1.3, 5.1.6.4).
 *
 * A packet of one mbuf into one plain descriptor that holds it takes the fast path. Packets
 * of several mbufs, descriptor chains, and packets that need several receive buffers
 * (VIRTIO_NET_F_MRG_RXBUF) go one by one through the library's chain walk.
 */
#include <errno.h>

#include <ethdev_driver.h>
#include <linux/virtio_net.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "vvu_datapath.h"
#include "vvu_ethdev.h"

/* Receive buffers one packet may be spread over: 64 of 1,526 bytes hold any frame. */
#define MERGE_MAX 64u

enum tx_result {
	TX_SENT,
	TX_DROPPED,	/* counted; nothing was taken from the ring */
	TX_STOP,	/* too few buffers now, or the ring is broken */
};

/*
 * No offload is negotiated, so all is zero except num_buffers, which is set with and
 * without mergeable buffers (virtio 1.3, 5.1.6.4.1).
 */
static __rte_always_inline void
header_write(uint8_t *header, uint16_t num_buffers)
{
	const uint64_t zero = 0;
	const uint32_t last = rte_cpu_to_le_32((uint32_t)num_buffers << 16);

	memcpy(header, &zero, sizeof(zero));
	memcpy(header + sizeof(zero), &last, sizeof(last));
}

/*
 * The header of a frame in one buffer. A buffer that comes again mostly has it from last
 * time: then nothing is written, and its line need not change sides.
 */
static __rte_always_inline void
header_renew(uint8_t *header)
{
	const uint32_t last = rte_cpu_to_le_32(1u << 16);
	uint64_t first_there;
	uint32_t last_there;

	memcpy(&first_there, header, sizeof(first_there));
	memcpy(&last_there, header + sizeof(first_there), sizeof(last_there));
	if (unlikely((first_there | (last_there ^ last)) != 0))
		header_write(header, 1);
}

/* Find room for up to @want packets of one mbuf in plain descriptors. */
static __rte_always_inline uint16_t
scan(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t first, uint16_t want,
     struct rte_mbuf **pkts, uint8_t **room)
{
	const struct vring_avail *avail = ring->avail;
	const struct vring_desc *table = ring->desc;
	struct vring_used *used = ring->used;
	const uint16_t mask = ring->size - 1;
	uint16_t next_avail = ring->last_avail + first;
	uint16_t next_used = ring->used_idx + first;
	struct vvu_desc desc;
	uint16_t head, i;
	uint32_t need;

	for (i = 0; i < want; i++) {
		head = vvu_avail_read(avail, (uint16_t)(next_avail + i) & mask);
		if (unlikely(head > mask || pkts[i]->nb_segs != 1))
			break;
		desc = vvu_desc_read(&table[head]);
		need = pkts[i]->data_len + VVU_NET_HEADER;
		if (unlikely(desc.flags != VRING_DESC_F_WRITE || need > desc.len))
			break;
		room[i] = vvu_translate(q, desc.addr, need);
		if (unlikely(room[i] == NULL))
			break;
		vvu_prefetch_buffer(room[i]);
		vvu_used_write(used, (uint16_t)(next_used + i) & mask, head, need);
	}
	return i;
}

/* Fast path; returns how many packets went out, one entry each. */
static __rte_always_inline uint16_t
send_plain(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t first, uint16_t want,
	   struct rte_mbuf **pkts)
{
	uint8_t *room[VVU_BATCH];
	uint64_t bytes = 0;
	uint16_t n, i;

	n = scan(q, ring, first, want, pkts, room);
	for (i = 0; i < n; i++) {
		header_renew(room[i]);
		vvu_copy(room[i] + VVU_NET_HEADER, rte_pktmbuf_mtod(pkts[i], const uint8_t *),
			 pkts[i]->data_len);
		bytes += pkts[i]->data_len;
	}
	q->stats.packets += n;
	q->stats.bytes += bytes;
	return n;
}

/* Where the header's bytes are, which a driver may have cut into pieces. */
struct header_place {
	unsigned int num;
	struct iovec piece[VVU_NET_HEADER];
};

/* A packet on its way out: the mbuf and the offset in it that come next. */
struct source {
	const struct rte_mbuf *m;
	uint32_t offset;
	uint32_t left;
};

static void
copy_from_mbufs(uint8_t *dst, size_t len, struct source *source)
{
	size_t part;

	while (len > 0) {
		if (source->offset == source->m->data_len) {
			source->m = source->m->next;
			source->offset = 0;
			continue;
		}
		part = RTE_MIN(len, (size_t)(source->m->data_len - source->offset));
		memcpy(dst, rte_pktmbuf_mtod_offset(source->m, const uint8_t *, source->offset),
		       part);
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
	   struct source *source)
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
		copy_from_mbufs(at, part, source);
		filled += part;
	}
	return filled;
}

static void
header_place_write(const struct header_place *place, uint16_t num_buffers)
{
	uint8_t header[VVU_NET_HEADER];
	unsigned int i, at = 0;

	header_write(header, num_buffers);
	for (i = 0; i < place->num; i++) {
		memcpy(place->piece[i].iov_base, &header[at], place->piece[i].iov_len);
		at += place->piece[i].iov_len;
	}
}

/* Walk the entry @position after last_avail; a chain no driver may make breaks the ring. */
static int
walk_receive_chain(struct vvu_queue *q, struct vhr_ring *ring, uint16_t position, bool first,
		   struct vhr_chain *chain)
{
	int ret;

	chain->iov = q->iov;
	chain->iov_max = VVU_CHAIN_IOV;
	ret = vhr_split_head(ring, position, &chain->head);
	if (ret == 0)
		ret = vhr_split_walk(ring, chain);
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
	q->stats.slow_chains++;
	return 0;
}

/*
 * Slow path: one packet into the entries from @first after last_avail, of which @limit are
 * there. *entries is how many it took.
 */
static __rte_noinline enum tx_result
send_packet(struct vvu_queue *q, struct vhr_ring *ring, uint16_t first, uint16_t limit,
	    const struct rte_mbuf *m, uint16_t *entries)
{
	bool mergeable = (ring->features & (1ull << VIRTIO_NET_F_MRG_RXBUF)) != 0;
	struct source source = { .m = m, .offset = 0, .left = m->pkt_len };
	struct header_place place = { .num = 0 };
	struct vhr_chain chain;
	uint16_t n = 0;
	uint32_t filled;

	*entries = 0;
	if (m->pkt_len > VVU_MAX_FRAME) {
		q->stats.oversize++;
		return TX_DROPPED;
	}
	do {
		if (n == MERGE_MAX || (n > 0 && !mergeable)) {
			q->stats.oversize++;
			return TX_DROPPED;
		}
		if (first + n == limit) {
			/* What takes most of a ring may never find that much of it free. */
			if (n > ring->size / 2) {
				q->stats.oversize++;
				return TX_DROPPED;
			}
			q->stats.no_descriptor++;
			return TX_STOP;
		}
		if (walk_receive_chain(q, ring, first + n, n == 0, &chain) != 0)
			return TX_STOP;
		filled = fill_chain(&chain, n == 0 ? VVU_NET_HEADER : 0, &place, &source);
		vhr_split_put_used(ring, first + n, chain.head, filled);
		n++;
	} while (source.left > 0);
	header_place_write(&place, n);
	q->stats.packets++;
	q->stats.bytes += m->pkt_len;
	*entries = n;
	return TX_SENT;
}

static __rte_always_inline void
free_packets(const struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t n, bool all_plain)
{
	/* RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE: one pool, no other reference. */
	if (q->fast_free && likely(all_plain))
		rte_mempool_put_bulk(pkts[0]->pool, (void **)pkts, n);
	else
		rte_pktmbuf_free_bulk(pkts, n);
}

uint16_t
vvu_tx_burst_split(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct vvu_queue *q = queue;
	uint16_t taken = 0, done = 0, available, want, entries, n;
	bool all_plain = true;
	enum tx_result result;
	struct vhr_ring *ring;

	if (!vvu_queue_enter(q))
		return 0;
	ring = q->ring;
	available = vhr_split_available(ring);
	while (done < nb_pkts && taken < available) {
		want = RTE_MIN(RTE_MIN((uint16_t)(nb_pkts - done), (uint16_t)VVU_BATCH),
			       (uint16_t)(available - taken));
		n = send_plain(q, ring, taken, want, &pkts[done]);
		taken += n;
		done += n;
		if (likely(n == want))
			continue;
		all_plain = false;
		result = send_packet(q, ring, taken, available, pkts[done], &entries);
		if (result == TX_STOP)
			break;
		taken += entries;
		done++;
	}
	if (unlikely(done < nb_pkts && taken == available))
		q->stats.no_descriptor++;
	if (likely(taken > 0))
		vvu_publish(q, ring, taken);
	vvu_queue_leave(q);
	if (likely(done > 0))
		free_packets(q, pkts, done, all_plain);
	return done;
}
