/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bursts of a port, in lockstep with the frontend: 32 frames are made available, the port takes
 * them with one call, and what became of them is checked. Only measured_*() call the port while
 * it is measured: a profiler that counts below them alone sees nothing else.
 */
#ifndef RINGBENCH_MEASURE_H
#define RINGBENCH_MEASURE_H

#include <rte_mempool.h>

#include "connect.h"

#define MEASURE_BURST	32u

struct measured {
	uint64_t packets;
	uint64_t cycles;	/* of the time stamp counter, in calls of the port */
};

/*
 * So many bursts, after some that are not measured. -EIO with @reason: the port did not move
 * all of them, or not as they were.
 */
int measure_receive(struct frontend *frontend, uint16_t port, unsigned int size,
		    unsigned int bursts, struct measured *measured, struct vhu_reason *reason);
int measure_transmit(struct frontend *frontend, uint16_t port, struct rte_mempool *pool,
		     unsigned int size, unsigned int bursts, struct measured *measured,
		     struct vhu_reason *reason);

#endif
