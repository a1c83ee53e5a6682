/* SPDX-License-Identifier: BSD-3-Clause */
/* The receiving half: check every frame of the peer, and account for it in its flow. */
#ifndef VVU_PKT_RECEIVE_H
#define VVU_PKT_RECEIVE_H

#include <stdbool.h>

#include "options.h"
#include "port.h"
#include "send.h"

/* A frame older than so many is not told apart from a duplicate. Power of two. */
#define RECEIVE_HISTORY (UINT64_C(1) << 20)

struct receive_flow {
	uint64_t received, bytes;	/* each frame once */
	uint64_t next;			/* highest seq + 1 */
	uint64_t reordered;		/* arrived after a later one */
	uint64_t duplicated;
	uint64_t stale;			/* too old to tell */
	uint64_t expected;		/* told by FIN */
	uint64_t latency_min_ns, latency_max_ns, latency_sum_ns;
	uint64_t probed;		/* arg of the newest PROBE not yet answered */
	bool ack_due, fin_ack_due, fin;
	uint64_t *history;		/* bit seq % RECEIVE_HISTORY: it has arrived */
};

struct receiver {
	struct receive_flow flows[QUEUES_MAX];
	unsigned int nb_flows;		/* of the peer; 0: not yet known */
	uint64_t by_queue[QUEUES_MAX];	/* data frames */
	uint64_t corrupted;		/* of the peer, but not as it was sent */
	uint64_t foreign;		/* not for us or not of the peer's */
	uint64_t first_ns, last_ns;	/* data */
	uint64_t last_fin_ns;
	uint64_t latest_ns;		/* anything intact */
	uint64_t hellos;		/* flows of which HELLO came, as bits */
	bool heard;			/* the peer is there, on all its flows */
	bool was_heard;			/* ... and knows that we are */
	bool hello_due;
	bool no_memory;
};

/* Poll all queues, answer what is to be answered. Returns the number of frames. */
unsigned int receive_round(struct receiver *receiver, struct sender *sender,
			   const struct options *options);
/* All flows of the peer have ended. */
bool receive_finished(const struct receiver *receiver);
uint64_t receive_lost(const struct receive_flow *flow);
void receive_free(struct receiver *receiver);

#endif
