/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the one forwarding thread is asked to do, and what it counts. The main thread sleeps on
 * standard input meanwhile, so that nothing but the job takes time of the core.
 */
#ifndef NETLOAD_JOB_H
#define NETLOAD_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lane.h"

enum job_mode {
	JOB_SEND,		/* frames without end */
	JOB_RECEIVE,
	JOB_ECHO,		/* what a port receives leaves by the same */
	JOB_FORWARD,		/* ... by the other of its pair */
	JOB_SEND_CHECKED,	/* count numbered frames on each port */
	JOB_RECEIVE_CHECKED,
	JOB_EXCHANGE,		/* both of these */
	JOB_DRAIN,		/* receive until nothing more comes, some seconds at most */
	JOB_MODES
};

struct job {
	enum job_mode mode;
	unsigned int lanes;
	struct lane lane[PORTS_MAX];
	unsigned int size;		/* bytes without FCS; 0: imix */
	unsigned int inject;		/* relays: frames put into each port first, in bursts */
	uint64_t count;			/* checked: frames on each port */
};

/*
 * Written by the forwarding thread alone, read at any time. Cycles are of the time stamp
 * counter: of calls of the driver that moved something, and of rounds that moved nothing.
 */
struct counters {
	uint64_t rx_packets, rx_bytes, rx_calls, rx_empty, rx_cycles;
	uint64_t tx_packets, tx_calls, tx_full, tx_cycles;
	uint64_t idle_cycles;
};

extern struct counters counters;
extern atomic_bool job_stop;
/* JOB_DRAIN, after its end: nothing more came. */
extern bool job_quiet;

#define COUNT(field, n) \
	__atomic_store_n(&counters.field, counters.field + (n), __ATOMIC_RELAXED)

static inline bool job_stopped(void)
{
	return atomic_load_explicit(&job_stop, memory_order_relaxed);
}

/* Start the thread, and end it. */
int job_open(void);
void job_close(void);
/* Start a job; the counters begin at 0. One at a time. */
void job_start(const struct job *job);
bool job_running(void);
/* End it, or wait for the end of one that ends by itself. */
void job_end(bool stop);

/* ---- the loops ---- */

void traffic_send(struct job *job);
void traffic_receive(struct job *job);
void traffic_drain(struct job *job);
void relay(struct job *job);
void verify_exchange(struct job *job);

#endif
