/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forwarding: receive a burst, learn who sent it, find where it goes, put it into the
 * buffers of the ports it is for; after a round over all queues send what is buffered.
 */
#ifndef VHOST_NET_FORWARD_H
#define VHOST_NET_FORWARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "options.h"
#include "stats.h"
#include "tx.h"

#define FORWARD_BURST 32

struct rx_queue {
	uint16_t port;		/* index */
	uint16_t queue;
};

/* A forwarding thread. */
struct forwarder {
	unsigned int lcore;
	struct rx_queue *queues;
	unsigned int nb_queues;
	struct tx tx;
	struct stats stats;
};

extern struct forwarder *forwarders;
extern unsigned int nb_forwarders;

/*
 * One per worker lcore, or one on the main lcore where there is no other; rx queues dealt
 * out in turn. 0 or -ENOMEM after a message; forward_destroy() is due in both cases.
 */
int forward_create(void);
void forward_destroy(void);

/* One round over the forwarder's queues. Returns how many frames came. */
unsigned int forward_round(struct forwarder *forwarder, uint32_t now_s);

#endif
