/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>

#include "fdb.h"
#include "forward.h"
#include "offload.h"
#include "ports.h"

#define CLONES 8191
#define CLONE_CACHE 256

struct forwarder *forwarders;
unsigned int nb_forwarders;

static struct rte_mempool *clone_pool;

_Static_assert(2 * FORWARD_BURST <= FDB_LOOKUP_MAX, "both addresses of a burst in one look-up");

static int create_forwarder(struct forwarder *forwarder, unsigned int lcore)
{
	unsigned int all = 0;

	for (unsigned int i = 0; i < nb_ports; i++)
		all += ports[i].queues;
	forwarder->lcore = lcore;
	forwarder->queues = calloc(all, sizeof(*forwarder->queues));
	if (!forwarder->queues)
		return -ENOMEM;
	if (tx_alloc(&forwarder->tx))
		return -ENOMEM;
	return stats_alloc(&forwarder->stats);
}

static void deal_out_queues(void)
{
	unsigned int n = 0;

	for (unsigned int p = 0; p < nb_ports; p++) {
		for (uint16_t q = 0; q < ports[p].queues; q++, n++) {
			struct forwarder *forwarder = &forwarders[n % nb_forwarders];

			forwarder->queues[forwarder->nb_queues++] =
				(struct rx_queue){ .port = (uint16_t)p, .queue = q };
		}
	}
}

int forward_create(void)
{
	unsigned int workers = rte_lcore_count() - 1, lcore, n = 0;
	int ret = 0;

	nb_forwarders = RTE_MAX(workers, 1u);
	forwarders = calloc(nb_forwarders, sizeof(*forwarders));
	clone_pool = rte_pktmbuf_pool_create("switch_clones", CLONES + nb_forwarders *
					     CLONE_CACHE * 2, CLONE_CACHE, 0, 0, SOCKET_ID_ANY);
	if (!forwarders || !clone_pool)
		ret = -ENOMEM;
	if (!ret && !workers)
		ret = create_forwarder(&forwarders[0], rte_get_main_lcore());
	RTE_LCORE_FOREACH_WORKER(lcore) {
		if (!ret)
			ret = create_forwarder(&forwarders[n++], lcore);
	}
	if (ret) {
		fprintf(stderr, "no memory for %u forwarding threads\n", nb_forwarders);
		return ret;
	}
	tx_shared(nb_forwarders > 1);
	deal_out_queues();
	return 0;
}

void forward_destroy(void)
{
	for (unsigned int i = 0; forwarders && i < nb_forwarders; i++) {
		free(forwarders[i].queues);
		tx_free(&forwarders[i].tx);
		stats_free(&forwarders[i].stats);
	}
	free(forwarders);
	forwarders = NULL;
	rte_mempool_free(clone_pool);
	clone_pool = NULL;
}

/* A frame in hand and what is known of it. */
struct frame {
	struct rte_mbuf *mbuf;
	const struct rte_ether_hdr *header;
	struct port_stats *stats;	/* of the port it came from */
	uint16_t from, queue;
};

static void drop(const struct frame *frame, enum drop reason)
{
	frame->stats->drop[reason]++;
	rte_pktmbuf_free(frame->mbuf);
}

/* 802.1D 7.12.6: 01-80-C2-00-00-00 to -0F never pass a bridge. */
static bool link_local(const struct rte_ether_addr *mac)
{
	return mac->addr_bytes[0] == 0x01 && mac->addr_bytes[1] == 0x80 &&
		mac->addr_bytes[2] == 0xc2 && !mac->addr_bytes[3] && !mac->addr_bytes[4] &&
		(mac->addr_bytes[5] & 0xf0) == 0;
}

/* The MTU counts neither the header nor VLAN tags. */
static bool fits(const struct frame *frame, unsigned int port)
{
	unsigned int max = atomic_load_explicit(&ports[port].max_frame, memory_order_relaxed);
	uint16_t type = frame->header->ether_type;

	if (type == RTE_BE16(RTE_ETHER_TYPE_VLAN))
		max += RTE_VLAN_HLEN;
	else if (type == RTE_BE16(RTE_ETHER_TYPE_QINQ))
		max += 2 * RTE_VLAN_HLEN;
	return offload_frame_len(frame->mbuf) <= max;
}

static bool is_up(unsigned int port)
{
	return atomic_load_explicit(&ports[port].up, memory_order_relaxed);
}

static void unicast(struct forwarder *forwarder, const struct frame *frame, unsigned int to)
{
	if (to == frame->from)
		drop(frame, DROP_FILTERED);
	else if (!is_up(to))
		drop(frame, DROP_DOWN);
	else if (!fits(frame, to))
		drop(frame, DROP_TOO_BIG);
	else
		tx_enqueue(&forwarder->tx, &forwarder->stats, frame->from, to, frame->queue,
			   frame->mbuf);
}

/*
 * To all other ports that are up. All but the last get a clone: its own buffer head on the
 * same data, which a driver may chain, free and mark without regard to the others.
 */
static void flood(struct forwarder *forwarder, const struct frame *frame)
{
	unsigned int targets[RTE_MAX_ETHPORTS], n = 0, up = 0;

	frame->stats->flooded++;
	for (unsigned int p = 0; p < nb_ports; p++) {
		if (p == frame->from || !is_up(p))
			continue;
		up++;
		if (fits(frame, p))
			targets[n++] = p;
	}
	if (n == 0) {
		drop(frame, up ? DROP_TOO_BIG : DROP_NO_PORT);
		return;
	}
	frame->stats->drop[DROP_TOO_BIG] += up - n;
	for (unsigned int i = 0; i + 1 < n; i++) {
		struct rte_mbuf *clone = rte_pktmbuf_clone(frame->mbuf, clone_pool);

		if (clone)
			tx_enqueue(&forwarder->tx, &forwarder->stats, frame->from, targets[i],
				   frame->queue, clone);
		else
			frame->stats->drop[DROP_NO_BUFFER]++;
	}
	tx_enqueue(&forwarder->tx, &forwarder->stats, frame->from, targets[n - 1], frame->queue,
		   frame->mbuf);
}

static void learn(const struct frame *frame, uint64_t key, const void *entry, uint32_t now_s)
{
	/* Writing is dear: once per address and second. */
	if (!entry || fdb_port(entry) != frame->from || fdb_seen_s(entry) != now_s)
		fdb_learn(key, frame->from, now_s);
}

/* Take out what no look-up is needed for. Returns how many frames are left in @frames. */
static unsigned int check_burst(struct forwarder *forwarder, const struct rx_queue *queue,
				struct rte_mbuf **mbufs, unsigned int n, struct frame *frames)
{
	struct port_stats *stats = &forwarder->stats.port[queue->port];
	unsigned int left = 0;

	stats->rx_packets += n;
	for (unsigned int i = 0; ports[queue->port].rx_open && i < n; i++)
		offload_received(mbufs[i]);
	for (unsigned int i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (unsigned int i = 0; i < n; i++) {
		struct frame *frame = &frames[left];

		stats->rx_bytes += mbufs[i]->pkt_len;
		mbufs[i]->port = ports[queue->port].id;
		*frame = (struct frame){
			.mbuf = mbufs[i],
			.header = rte_pktmbuf_mtod(mbufs[i], const struct rte_ether_hdr *),
			.stats = stats,
			.from = queue->port,
			.queue = queue->queue,
		};
		if (mbufs[i]->data_len < RTE_ETHER_HDR_LEN ||
		    rte_is_multicast_ether_addr(&frame->header->src_addr))
			drop(frame, DROP_MALFORMED);
		else if (link_local(&frame->header->dst_addr))
			drop(frame, DROP_FILTERED);
		else
			left++;
	}
	return left;
}

static void forward_burst(struct forwarder *forwarder, struct frame *frames, unsigned int n,
			  uint32_t now_s)
{
	uint64_t keys[2 * FORWARD_BURST], hits;
	void *entries[2 * FORWARD_BURST];

	/* Senders first, then receivers. */
	for (unsigned int i = 0; i < n; i++) {
		keys[i] = fdb_key(&frames[i].header->src_addr);
		keys[n + i] = fdb_key(&frames[i].header->dst_addr);
	}
	hits = fdb_lookup(keys, 2 * n, entries);
	for (unsigned int i = 0; i < n; i++) {
		const struct frame *frame = &frames[i];

		/* Frames of one sender come in rows: learn it once for the row. */
		if (i == 0 || keys[i] != keys[i - 1])
			learn(frame, keys[i], hits >> i & 1 ? entries[i] : NULL, now_s);
		if (hits >> (n + i) & 1 &&
		    !rte_is_multicast_ether_addr(&frame->header->dst_addr))
			unicast(forwarder, frame, fdb_port(entries[n + i]));
		else
			flood(forwarder, frame);
	}
}

unsigned int forward_round(struct forwarder *forwarder, uint32_t now_s)
{
	unsigned int total = 0;

	for (unsigned int i = 0; i < forwarder->nb_queues; i++) {
		const struct rx_queue *queue = &forwarder->queues[i];
		struct port *port = &ports[queue->port];
		struct rte_mbuf *mbufs[FORWARD_BURST];
		struct frame frames[FORWARD_BURST];
		unsigned int n = rte_eth_rx_burst(port->id, queue->queue, mbufs, FORWARD_BURST);

		if (n == 0)
			continue;
		if (!(atomic_load_explicit(&port->rx_seen, memory_order_relaxed) >>
		      queue->queue & 1))
			atomic_fetch_or(&port->rx_seen, 1u << queue->queue);
		total += n;
		n = check_burst(forwarder, queue, mbufs, n, frames);
		forward_burst(forwarder, frames, n, now_s);
	}
	tx_flush(&forwarder->tx, &forwarder->stats);
	return total;
}
