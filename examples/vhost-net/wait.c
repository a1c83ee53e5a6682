/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_errno.h>

#include "ports.h"
#include "wait.h"

/*
 * Empty rounds before a sleep. Going to sleep and being woken costs several microseconds on
 * both sides: a sender that only pauses should not pay for them.
 */
#define EMPTY_ROUNDS 1024

static void watch(struct waiter *waiter, const struct forwarder *forwarder)
{
	int ret = 0;

	waiter->queues = calloc(forwarder->nb_queues, sizeof(*waiter->queues));
	if (!waiter->queues)
		return;
	for (unsigned int i = 0; !ret && i < forwarder->nb_queues; i++) {
		const struct rx_queue *queue = &forwarder->queues[i];

		waiter->queues[i] = (struct rxwait_queue){ ports[queue->port].id, queue->queue };
		ret = rxwait_add(waiter->queues[i]);
		if (!ret)
			waiter->nb_queues++;
		else
			fprintf(stderr,
				"%s queue %u: no receive interrupt (%s), the thread polls\n",
				ports[queue->port].name, queue->queue, rte_strerror(-ret));
	}
	if (ret)
		waiter_fini(waiter);
}

void waiter_init(struct waiter *waiter, const struct forwarder *forwarder,
		 const struct options *options, int timeout_ms)
{
	*waiter = (struct waiter){ .timeout_ms = timeout_ms };
	idle_init(&waiter->idle, options->idle_us);
	if (options->adaptive && forwarder->nb_queues)
		watch(waiter, forwarder);
}

void waiter_round(struct waiter *waiter, unsigned int packets)
{
	if (!waiter->queues) {
		idle_round(&waiter->idle, packets);
	} else if (packets) {
		waiter->empty_rounds = 0;
	} else if (++waiter->empty_rounds >= EMPTY_ROUNDS) {
		int ret = rxwait_sleep(waiter->queues, waiter->nb_queues, waiter->timeout_ms);

		/* Nothing came: the next sleep need not wait. */
		waiter->empty_rounds = ret == 0 ? EMPTY_ROUNDS : 0;
		if (ret < 0 && ret != -EINTR) {
			fprintf(stderr, "no sleep on receive interrupts: %s\n", rte_strerror(-ret));
			waiter_fini(waiter);
		}
	}
}

void waiter_fini(struct waiter *waiter)
{
	for (unsigned int i = 0; i < waiter->nb_queues; i++)
		rxwait_remove(waiter->queues[i]);
	free(waiter->queues);
	waiter->queues = NULL;
	waiter->nb_queues = 0;
}
