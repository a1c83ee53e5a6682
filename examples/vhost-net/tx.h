/* SPDX-License-Identifier: BSD-3-Clause */
/* A forwarding thread's buffers of frames to send, one per port and queue. */
#ifndef VHOST_NET_TX_H
#define VHOST_NET_TX_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "stats.h"

#define TX_BURST 64

struct tx_buffer {
	uint16_t port;			/* index */
	uint16_t queue;
	uint16_t count;
	uint32_t bytes;			/* of all in it */
	bool open;			/* some of it is unfinished */
	uint16_t idle_bursts;		/* in a row of which nothing was accepted */
	struct rte_mbuf *mbufs[TX_BURST];
};

struct tx {
	struct tx_buffer *buffers;	/* [port * PORT_QUEUES_MAX + queue] */
	struct tx_buffer **pending;	/* those that hold something */
	unsigned int nb_pending;
};

/* Before the threads start: whether several of them share the tx queues. */
void tx_shared(int shared);
/* 0 or -ENOMEM; tx_free() also frees what a failed call left, frames included. */
int tx_alloc(struct tx *tx);
void tx_free(struct tx *tx);

/* Take over @mbuf for @port. @queue is where it came in; it leaves on the same pair. */
void tx_enqueue(struct tx *tx, struct stats *stats, unsigned int from, unsigned int port,
		unsigned int queue, struct rte_mbuf *mbuf);
void tx_flush(struct tx *tx, struct stats *stats);

#endif
