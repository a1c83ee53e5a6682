/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a forwarding thread does between two rounds: go on at once while there is traffic, and
 * else sleep, by the receive interrupts of its ports (--adaptive) or for a fixed time (--idle-us).
 */
#ifndef VHOST_NET_WAIT_H
#define VHOST_NET_WAIT_H

#include <stdbool.h>

#include "common/idle.h"
#include "common/rxwait.h"
#include "forward.h"
#include "options.h"

struct waiter {
	struct rxwait_queue *queues;	/* all of the thread's, if each has an interrupt; or NULL */
	unsigned int nb_queues;
	unsigned int empty_rounds;
	int timeout_ms;
	struct idle idle;
};

/*
 * In the thread that polls. @timeout_ms: the longest sleep, for what else the thread has to do.
 * Where a port has no receive interrupts the thread says so and does without.
 */
void waiter_init(struct waiter *waiter, const struct forwarder *forwarder,
		 const struct options *options, int timeout_ms);
/* At the end of a round that moved @packets. */
void waiter_round(struct waiter *waiter, unsigned int packets);
void waiter_fini(struct waiter *waiter);

#endif
