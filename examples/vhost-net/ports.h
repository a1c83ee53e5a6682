/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The switch's ports: every ethdev there is when it starts. They are numbered densely from
 * 0 here; ethdev's own ids may have holes.
 *
 * Threads: open, poll and close in the main thread. Forwarding threads read `up`,
 * `max_frame` and `rx_seen`, and call ports_index().
 */
#ifndef VHOST_NET_PORTS_H
#define VHOST_NET_PORTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include "options.h"

#define PORT_QUEUES_MAX 32

struct port {
	uint16_t id;			/* ethdev's */
	uint16_t queues;		/* queue pairs */
	uint64_t rx_open;		/* receive offloads: its frames may be unfinished */
	uint64_t tx_offloads;		/* what it can finish */
	struct rte_ether_addr mac;
	char name[RTE_ETH_NAME_MAX_LEN];
	const char *driver;
	atomic_bool up;
	/* Longest frame without VLAN tags that may leave through it: MTU + header. */
	atomic_uint max_frame;
	/* Set by ethdev's callback: look at the link; it was down, if only for a moment. */
	atomic_bool link_event, went_down;
	uint64_t links_up;		/* times the link came up */
	/*
	 * Bit q: the other side has sent on queue q since the link came up, so it drives that
	 * pair. A frontend is free to use fewer pairs than the port has, and what goes to a
	 * pair it does not drive is lost; pair 0 always exists.
	 */
	atomic_uint rx_seen;
};

extern struct port ports[RTE_MAX_ETHPORTS];
extern unsigned int nb_ports;

/* Configure and start all. 0, or -errno after a message; ports_close() is due either way. */
int ports_open(const struct options *options);
/*
 * Read link and MTU of each port whose link may have changed, of all with @all. Returns the
 * set of ports (bit per index) that went down: what was learned there is stale.
 */
uint64_t ports_poll(bool all);
void ports_close(void);

/* Buffers for one frame of any port's MTU; for all threads. */
extern struct rte_mempool *ports_pool;

/* ethdev id -> index; only ids the switch received from. */
unsigned int ports_index(uint16_t id);

#endif
