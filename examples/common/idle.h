/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A polling loop that gives the core away while there is nothing to do. It costs latency,
 * and is what lets more polling programs than cores make progress: without it each keeps
 * its core for a whole time slice while the others' rings run full.
 */
#ifndef EXAMPLES_COMMON_IDLE_H
#define EXAMPLES_COMMON_IDLE_H

#include <sys/prctl.h>
#include <time.h>

/* Empty rounds before the first sleep: the peer may be about to produce. */
#define IDLE_ROUNDS 64

struct idle {
	unsigned int sleep_us;		/* 0: never sleep */
	unsigned int empty_rounds;
};

/* In the thread that polls: without it the kernel rounds a short sleep up by 50 us. */
static inline void idle_init(struct idle *idle, unsigned int sleep_us)
{
	idle->sleep_us = sleep_us;
	idle->empty_rounds = 0;
	if (sleep_us)
		prctl(PR_SET_TIMERSLACK, 1UL);
}

/* At the end of a round that moved @packets. */
static inline void idle_round(struct idle *idle, unsigned int packets)
{
	if (packets) {
		idle->empty_rounds = 0;
	} else if (idle->sleep_us && ++idle->empty_rounds >= IDLE_ROUNDS) {
		struct timespec pause = { .tv_nsec = (long)idle->sleep_us * 1000 };

		nanosleep(&pause, NULL);
	}
}

#endif
