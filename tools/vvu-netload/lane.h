/* SPDX-License-Identifier: BSD-3-Clause */
/* A port that takes part in a job: bursts, and frames to be sent on it. */
#ifndef NETLOAD_LANE_H
#define NETLOAD_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "ports.h"

#define LANE_BURST	32u

struct lane {
	uint16_t port;
	uint16_t to;			/* lane by which frames that come in here leave */
	uint16_t first, pending;	/* of @mbuf: frames to be sent on this port */
	uint64_t built;
	struct rte_mbuf *mbuf[LANE_BURST];
};

/* Bytes of frame @number: @size, or where that is 0 of the mix 64, 594, 1514 as 7:4:1. */
unsigned int lane_size(unsigned int size, uint64_t number);
/*
 * An empty frame of @size bytes, in as many buffers as that takes; NULL when there are none
 * left.
 */
struct rte_mbuf *lane_frame(unsigned int size);
/* Fill an empty lane with a burst of frames, their addresses set; how many. */
uint16_t lane_fill(struct lane *lane, unsigned int size);
/* Send what is pending; how many were accepted. @now: the time stamp after it. */
uint16_t lane_send(struct lane *lane, uint64_t *now);
/* Receive a burst. */
uint16_t lane_receive(struct lane *lane, struct rte_mbuf **mbuf, uint64_t *now);
/* Give up what is pending. */
void lane_drop(struct lane *lane);

#endif
