/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VVU_PKT_OPTIONS_H
#define VVU_PKT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#define QUEUES_MAX 64

struct options {
	bool send, receive;
	bool allow_loss;
	bool own_mac_given;
	struct rte_ether_addr own_mac, peer_mac;
	uint64_t port;		/* ethdev id */
	uint64_t queues;	/* queue pairs, and flows: flow i is sent on queue i */
	uint64_t size;		/* bytes of a frame without FCS; 0: imix */
	uint64_t count;		/* frames to send in all; 0: until the time is up */
	uint64_t duration_s;	/* to send at most */
	uint64_t timeout_s;	/* to wait for the peer in each phase */
	uint64_t rate;		/* frames per second at most; 0: no limit */
	uint64_t window;	/* frames in flight per flow; 0: no limit */
	uint64_t seed;
	uint64_t idle_us;
	const char *json;
};

/* 0, 1 after printing the help, -EINVAL after a message on stderr. */
int options_parse(struct options *options, int argc, char **argv);

#endif
