/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping until one of several receive queues has a packet, on the receive interrupts of
 * their ports. For programs on DPDK's public API.
 *
 * The drivers look at their queues once more when interrupts are enabled, and give an event
 * for what is there already: nothing that comes between the last burst and the sleep is missed.
 */
#ifndef EXAMPLES_COMMON_RXWAIT_H
#define EXAMPLES_COMMON_RXWAIT_H

#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_interrupts.h>

struct rxwait_queue {
	uint16_t port;		/* ethdev's id */
	uint16_t queue;
};

#define RXWAIT_EVENTS 32

/*
 * Have this thread's epoll instance watch the queue, whose port is started and was configured
 * with intr_conf.rxq. 0, or -errno where the driver has no receive interrupts.
 */
static inline int rxwait_add(struct rxwait_queue queue)
{
	return rte_eth_dev_rx_intr_ctl_q(queue.port, queue.queue, RTE_EPOLL_PER_THREAD,
					 RTE_INTR_EVENT_ADD, NULL);
}

static inline void rxwait_remove(struct rxwait_queue queue)
{
	rte_eth_dev_rx_intr_ctl_q(queue.port, queue.queue, RTE_EPOLL_PER_THREAD,
				  RTE_INTR_EVENT_DEL, NULL);
}

/*
 * Sleep until a packet may be there, at most @timeout_ms (-1: for ever). All the queues have
 * been added by this thread. Returns how many events came: 0 after the timeout; -errno.
 */
static inline int rxwait_sleep(const struct rxwait_queue *queues, unsigned int num,
			       int timeout_ms)
{
	struct rte_epoll_event events[RXWAIT_EVENTS];
	int ret = 0;

	for (unsigned int i = 0; !ret && i < num; i++)
		ret = rte_eth_dev_rx_intr_enable(queues[i].port, queues[i].queue);
	if (!ret)
		ret = rte_epoll_wait(RTE_EPOLL_PER_THREAD, events, RXWAIT_EVENTS, timeout_ms);
	for (unsigned int i = 0; i < num; i++)
		rte_eth_dev_rx_intr_disable(queues[i].port, queues[i].queue);
	return ret;
}

#endif
