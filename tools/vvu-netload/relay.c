/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes in leaves again, by the same port or by another. */
#include <rte_cycles.h>

#include "job.h"

/* The peer relays too, so that it makes room. */
static void inject(struct job *job)
{
	uint64_t now;

	for (unsigned int i = 0; i < job->lanes; i++) {
		struct lane *lane = &job->lane[i];

		while (!job_stopped() && lane->built < job->inject && lane_fill(lane, job->size)) {
			while (lane->pending && !job_stopped())
				lane_send(lane, &now);
		}
	}
}

void relay(struct job *job)
{
	uint64_t round, now;

	inject(job);
	round = rte_rdtsc();
	while (!job_stopped()) {
		for (unsigned int i = 0; i < job->lanes; i++) {
			struct lane *to = &job->lane[job->lane[i].to];
			bool moved = false;

			/* A port that is full holds up only what goes to it. */
			if (to->pending)
				moved = lane_send(to, &now) > 0;
			if (!to->pending) {
				to->first = 0;
				to->pending = lane_receive(&job->lane[i], to->mbuf, &now);
				if (to->pending) {
					lane_send(to, &now);
					moved = true;
				}
			}
			if (!moved)
				COUNT(idle_cycles, now - round);
			round = now;
		}
	}
}
