/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counting. Each forwarding thread writes counters of its own; the main thread adds them
 * up while they run, so sums of one moment may differ by a burst.
 */
#ifndef VHOST_NET_STATS_H
#define VHOST_NET_STATS_H

#include <stdint.h>

#include "options.h"

/* Why a frame was dropped: name in the JSON file, meaning. Counted where it came in. */
#define DROP_REASONS(X) \
	X(MALFORMED, malformed, "shorter than an Ethernet header, or sent by a group address") \
	X(FILTERED, filtered, "for the port it came from, or reserved for one link (802.1D)") \
	X(NO_PORT, no_port, "to be flooded, and no other port is up") \
	X(DOWN, down, "the port it is for is down") \
	X(TOO_BIG, too_big, "longer than the MTU of the port it is for") \
	X(NO_BUFFER, no_buffer, "no buffer for a copy to flood")

enum drop {
#define X(id, name, help) DROP_##id,
	DROP_REASONS(X)
#undef X
	DROPS
};

struct port_stats {
	uint64_t rx_packets, rx_bytes;
	uint64_t tx_packets, tx_bytes;
	uint64_t flooded;
	uint64_t drop[DROPS];
};

/* From one port to another. Delivered is forwarded less refused. */
struct pair_stats {
	uint64_t forwarded, forwarded_bytes;
	/* Not accepted by the receiver: its ring was full, or its queue not in use. */
	uint64_t refused, refused_bytes;
	/*
	 * Checksums and segments that the receiver does not take: made here, and of these
	 * not all were accepted.
	 */
	uint64_t finished, unsent;
};

/* One thread's; pair is a square of nb_ports, [from * nb_ports + to]. */
struct stats {
	struct port_stats *port;
	struct pair_stats *pair;
};

/* 0 or -ENOMEM. stats_free() also frees what a failed call left. */
int stats_alloc(struct stats *stats);
void stats_free(struct stats *stats);

/* One line on stdout: rates since the last call. */
void stats_print(double seconds);
/* Write the sums of all threads to @path, whole or not at all. 0 or -errno, message. */
int stats_write(const char *path, double seconds);

#endif
