/* SPDX-License-Identifier: BSD-3-Clause */
/* One way: sending without end, and taking in. */
#include <rte_cycles.h>

#include "job.h"

/* Nothing came for so long: nothing is on the way any more. */
#define QUIET_US	2000u
/* Whoever waits for the end of a drain is not to wait for a peer that never ends. */
#define DRAIN_MAX_US	5000000u

void traffic_send(struct job *job)
{
	uint64_t round = rte_rdtsc(), now;

	while (!job_stopped()) {
		for (unsigned int i = 0; i < job->lanes; i++) {
			struct lane *lane = &job->lane[i];

			/* What was not accepted goes out before anything else is made. */
			if (!lane->pending && !lane_fill(lane, job->size))
				continue;
			if (lane_send(lane, &now) == 0)
				COUNT(idle_cycles, now - round);
			round = now;
		}
	}
}

void traffic_receive(struct job *job)
{
	struct rte_mbuf *mbuf[LANE_BURST];
	uint64_t round = rte_rdtsc(), now;

	while (!job_stopped()) {
		for (unsigned int i = 0; i < job->lanes; i++) {
			uint16_t got = lane_receive(&job->lane[i], mbuf, &now);

			if (got) {
				rte_pktmbuf_free_bulk(mbuf, got);
				now = rte_rdtsc();
			} else {
				COUNT(idle_cycles, now - round);
			}
			round = now;
		}
	}
}

void traffic_drain(struct job *job)
{
	uint64_t per_us = rte_get_tsc_hz() / 1000000, begun = rte_rdtsc(), last = begun, now;
	struct rte_mbuf *mbuf[LANE_BURST];

	do {
		for (unsigned int i = 0; i < job->lanes; i++) {
			uint16_t got = lane_receive(&job->lane[i], mbuf, &now);

			if (got) {
				rte_pktmbuf_free_bulk(mbuf, got);
				last = now;
			}
		}
		job_quiet = now - last >= QUIET_US * per_us;
	} while (!job_quiet && now - begun < DRAIN_MAX_US * per_us && !job_stopped());
}
