/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <rte_ethdev.h>
#include <rte_spinlock.h>

#include "offload.h"
#include "ports.h"
#include "tx.h"

/* So many bursts refused as a whole: the frontend has stopped to use the queue pair. */
#define IDLE_BURSTS_MAX 1024

static rte_spinlock_t locks[RTE_MAX_ETHPORTS][PORT_QUEUES_MAX];
static int queues_shared;

void tx_shared(int shared)
{
	queues_shared = shared;
}

int tx_alloc(struct tx *tx)
{
	size_t n = (size_t)nb_ports * PORT_QUEUES_MAX;

	tx->nb_pending = 0;
	tx->buffers = calloc(n, sizeof(*tx->buffers));
	tx->pending = calloc(n, sizeof(struct tx_buffer *));
	if (!tx->buffers || !tx->pending)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		tx->buffers[i].port = (uint16_t)(i / PORT_QUEUES_MAX);
		tx->buffers[i].queue = (uint16_t)(i % PORT_QUEUES_MAX);
	}
	return 0;
}

void tx_free(struct tx *tx)
{
	for (unsigned int i = 0; i < tx->nb_pending; i++)
		rte_pktmbuf_free_bulk(tx->pending[i]->mbufs, tx->pending[i]->count);
	free(tx->buffers);
	free(tx->pending);
	*tx = (struct tx){ 0 };
}

static uint16_t send_burst(struct tx_buffer *buffer, struct rte_mbuf **mbufs, uint16_t n)
{
	return rte_eth_tx_burst(ports[buffer->port].id, buffer->queue, mbufs, n);
}

/* How many of them from the first on the port takes as they are. */
static uint16_t possible(const struct tx_buffer *buffer, struct rte_mbuf **mbufs, uint16_t n)
{
	const struct port *port = &ports[buffer->port];
	uint16_t i = 0;

	while (i < n && (!offload_open(mbufs[i]) || offload_possible(mbufs[i], port->tx_offloads)))
		i++;
	/* The other side may have negotiated less than the port could do. */
	return rte_eth_tx_prepare(port->id, buffer->queue, mbufs, i);
}

/* One frame that the port does not take: as many of its segments as there is room for. */
static bool send_finished(struct tx_buffer *buffer, struct rte_mbuf *mbuf)
{
	struct rte_mbuf *frames[OFFLOAD_SEGMENTS_MAX];
	unsigned int n = offload_finish(mbuf, ports_pool, frames);
	uint16_t sent = n ? send_burst(buffer, frames, (uint16_t)n) : 0;

	rte_pktmbuf_free_bulk(&frames[sent], n - sent);
	return n && sent == n;
}

/*
 * As send_burst(), for frames of which some are unfinished. One that cannot be sent whole is
 * lost, as it would be on a wire, and those behind it go on.
 */
static uint16_t send_open(struct tx_buffer *buffer, struct stats *stats)
{
	uint16_t done = 0, ready, sent;

	while (done < buffer->count) {
		ready = possible(buffer, &buffer->mbufs[done], buffer->count - done);
		sent = ready ? send_burst(buffer, &buffer->mbufs[done], ready) : 0;
		done += sent;
		if (sent < ready)
			break;
		if (done < buffer->count) {
			struct pair_stats *pair =
				&stats->pair[ports_index(buffer->mbufs[done]->port) * nb_ports +
					     buffer->port];

			pair->finished++;
			pair->unsent += !send_finished(buffer, buffer->mbufs[done]);
			done++;
		}
	}
	return done;
}

static uint16_t send_all(struct tx_buffer *buffer, struct stats *stats)
{
	rte_spinlock_t *lock = &locks[buffer->port][buffer->queue];
	uint16_t sent;

	if (queues_shared)
		rte_spinlock_lock(lock);
	sent = buffer->open ? send_open(buffer, stats) :
		send_burst(buffer, buffer->mbufs, buffer->count);
	if (queues_shared)
		rte_spinlock_unlock(lock);
	buffer->open = false;
	return sent;
}

static void count_refused(struct tx_buffer *buffer, struct stats *stats, uint16_t sent)
{
	for (uint16_t i = sent; i < buffer->count; i++) {
		const struct rte_mbuf *mbuf = buffer->mbufs[i];
		struct pair_stats *pair =
			&stats->pair[ports_index(mbuf->port) * nb_ports + buffer->port];

		pair->refused++;
		pair->refused_bytes += mbuf->pkt_len;
		buffer->bytes -= mbuf->pkt_len;
	}
}

static void flush(struct tx_buffer *buffer, struct stats *stats)
{
	uint16_t sent = send_all(buffer, stats);

	if (sent) {
		buffer->idle_bursts = 0;
	} else if (buffer->queue && ++buffer->idle_bursts >= IDLE_BURSTS_MAX) {
		buffer->idle_bursts = 0;
		atomic_fetch_and(&ports[buffer->port].rx_seen, ~(1u << buffer->queue));
	}
	if (sent < buffer->count) {
		count_refused(buffer, stats, sent);
		rte_pktmbuf_free_bulk(&buffer->mbufs[sent], buffer->count - sent);
	}
	stats->port[buffer->port].tx_packets += sent;
	stats->port[buffer->port].tx_bytes += buffer->bytes;
	buffer->count = 0;
	buffer->bytes = 0;
}

void tx_enqueue(struct tx *tx, struct stats *stats, unsigned int from, unsigned int port,
		unsigned int queue, struct rte_mbuf *mbuf)
{
	struct pair_stats *pair = &stats->pair[from * nb_ports + port];
	struct tx_buffer *buffer;

	if (queue >= ports[port].queues ||
	    !(atomic_load_explicit(&ports[port].rx_seen, memory_order_relaxed) >> queue & 1))
		queue = 0;
	buffer = &tx->buffers[port * PORT_QUEUES_MAX + queue];
	pair->forwarded++;
	pair->forwarded_bytes += mbuf->pkt_len;
	if (buffer->count == 0)
		tx->pending[tx->nb_pending++] = buffer;
	else if (buffer->count == TX_BURST)
		flush(buffer, stats);
	buffer->mbufs[buffer->count++] = mbuf;
	buffer->open |= offload_open(mbuf);
	buffer->bytes += mbuf->pkt_len;
}

void tx_flush(struct tx *tx, struct stats *stats)
{
	for (unsigned int i = 0; i < tx->nb_pending; i++)
		flush(tx->pending[i], stats);
	tx->nb_pending = 0;
}
