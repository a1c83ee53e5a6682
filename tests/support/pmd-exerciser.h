/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmd-exerciser: what testpmd cannot be told to do with a port. Commands come line by line on
 * standard input; each is answered with one line that begins with "ok" or "error".
 */
#ifndef TESTS_SUPPORT_PMD_EXERCISER_H
#define TESTS_SUPPORT_PMD_EXERCISER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

/* Arguments are numbers; @n of them were given, as many as the command takes. */
struct command {
	const char *name;
	int args;
	/* 0 after it has printed its answer, or -errno, or a positive number to be told. */
	int (*run)(const unsigned long *arg);
};

/* Queue pairs of every port, from the command line. */
extern unsigned int num_queues;
extern bool use_interrupts;
extern struct rte_mempool *pool;

/* Configure and start, or start anew after a reset. 0 or -errno. */
int port_setup(uint16_t port);

extern const struct command state_commands[];		/* exerciser_state.c */
extern const struct command wait_commands[];		/* exerciser_wait.c */
extern const struct command packet_commands[];		/* exerciser_packets.c */
extern const struct command feature_commands[];		/* exerciser_features.c */
extern const struct command event_commands[];		/* exerciser_events.c */

/* Offer a packet for some time; 1, or 0 after it was freed. */
uint16_t send_packet(uint16_t port, uint16_t queue, struct rte_mbuf *mbuf);

/* Count the events of all ports from now on. 0 or -errno. */
int events_count(void);

/* End what wait_commands started. */
void wait_finish(void);

#endif
