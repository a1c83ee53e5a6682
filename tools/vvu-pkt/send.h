/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sending half: one flow per queue, each a row of frames numbered from 0 that ends with
 * a FIN, repeated until the peer has answered it.
 */
#ifndef VVU_PKT_SEND_H
#define VVU_PKT_SEND_H

#include <stdbool.h>

#include "options.h"
#include "port.h"

struct send_flow {
	uint64_t next;		/* seq of the next frame to build */
	uint64_t sent, bytes;	/* accepted by the port */
	uint64_t acked;		/* all below have arrived or are lost */
	uint64_t busy;		/* bursts the port did not accept as a whole */
	uint64_t probes;
	uint64_t progress_ns;	/* when acked last moved, or the last probe was sent */
	uint64_t fin_ns;	/* when the last FIN was sent */
	bool finished;		/* the peer has answered FIN */
	unsigned int pending;	/* frames built and not yet accepted */
	struct rte_mbuf *mbufs[PORT_BURST];
};

struct sender {
	struct send_flow flows[QUEUES_MAX];
	uint64_t built;		/* frames of all flows */
	uint64_t start_ns;
	uint64_t refill_ns;	/* rate limit: tokens were counted up to here */
	double tokens;
	bool stopped;		/* builds no more frames */
	uint64_t stop_ns;
};

void send_start(struct sender *sender, uint64_t now_ns);
/* No further frames; what was built is still sent, then the FINs. */
void send_stop(struct sender *sender, uint64_t now_ns);
/* One round over the flows. Returns the number of frames accepted. */
unsigned int send_round(struct sender *sender, const struct options *options, uint64_t now_ns);
/* An ACK or FIN_ACK came. */
void send_answered(struct sender *sender, const struct options *options,
		   const struct frame *frame, uint64_t now_ns);
bool send_finished(const struct sender *sender, const struct options *options);
void send_free(struct sender *sender);

#endif
