/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Extended statistics: per queue its packets and bytes, why packets were dropped and bursts
 * cut short; and what the control path did. ethdev could add the first two by itself
 * (RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS), but of 16 queues only.
 */
#include <stddef.h>
#include <stdio.h>

#include "vvu_ethdev.h"
#include "vvu_port.h"

struct counter {
	const char *name;
	size_t offset;
};

#define QUEUE_COUNTER(name) { #name, offsetof(struct vvu_queue, stats.name) }

static const struct counter rx_counters[] = {
	QUEUE_COUNTER(packets),
	QUEUE_COUNTER(bytes),
	QUEUE_COUNTER(no_mbuf),
	QUEUE_COUNTER(truncated),
	QUEUE_COUNTER(bad_header),
	QUEUE_COUNTER(bad_chain),
	QUEUE_COUNTER(no_lro),
	QUEUE_COUNTER(oversize),
	QUEUE_COUNTER(ring_broken),
	QUEUE_COUNTER(slow_chains),
	QUEUE_COUNTER(calls),
	QUEUE_COUNTER(lock_misses),
	QUEUE_COUNTER(rarp),
	QUEUE_COUNTER(lent),
	QUEUE_COUNTER(lent_late),
};

static const struct counter tx_counters[] = {
	QUEUE_COUNTER(packets),
	QUEUE_COUNTER(bytes),
	QUEUE_COUNTER(no_descriptor),
	QUEUE_COUNTER(oversize),
	QUEUE_COUNTER(bad_offload),
	QUEUE_COUNTER(ring_broken),
	QUEUE_COUNTER(slow_chains),
	QUEUE_COUNTER(calls),
	QUEUE_COUNTER(lock_misses),
};

#define STATUS_COUNTER(name) { #name, offsetof(struct vhr_status, name) }

/* Of the session: since the port came up, not reset. */
static const struct counter port_counters[] = {
	STATUS_COUNTER(connections),
	STATUS_COUNTER(messages),
	STATUS_COUNTER(refused),
	STATUS_COUNTER(last_message_ns),
	STATUS_COUNTER(max_message_ns),
};

static unsigned int
num_xstats(const struct rte_eth_dev *dev)
{
	return RTE_DIM(port_counters) + dev->data->nb_rx_queues * RTE_DIM(rx_counters) +
	       dev->data->nb_tx_queues * RTE_DIM(tx_counters);
}

static uint64_t
counter_value(const void *object, const struct counter *counter)
{
	return object == NULL ? 0 :
		*(const uint64_t *)((const char *)object + counter->offset);
}

static unsigned int
add_values(struct rte_eth_xstat *xstats, unsigned int at, const void *object,
	   const struct counter *counters, unsigned int num)
{
	unsigned int i;

	for (i = 0; i < num; i++, at++) {
		xstats[at].id = at;
		xstats[at].value = counter_value(object, &counters[i]);
	}
	return at;
}

int
vvu_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int n)
{
	struct vvu_port *port = dev->data->dev_private;
	struct vhr_status status = { .connections = 0 };
	unsigned int i, at = 0;

	if (xstats == NULL || n < num_xstats(dev))
		return num_xstats(dev);
	pthread_mutex_lock(&port->lock);
	if (port->session != NULL)
		vhr_status(port->session, &status);
	pthread_mutex_unlock(&port->lock);
	at = add_values(xstats, at, &status, port_counters, RTE_DIM(port_counters));
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		at = add_values(xstats, at, dev->data->rx_queues[i], rx_counters,
				RTE_DIM(rx_counters));
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		at = add_values(xstats, at, dev->data->tx_queues[i], tx_counters,
				RTE_DIM(tx_counters));
	return at;
}

static unsigned int
add_names(struct rte_eth_xstat_name *names, unsigned int at, const char *direction,
	  unsigned int queue_id, const struct counter *counters, unsigned int num)
{
	unsigned int i;

	for (i = 0; i < num; i++, at++)
		snprintf(names[at].name, sizeof(names[at].name), "%s_q%u_%s", direction, queue_id,
			 counters[i].name);
	return at;
}

int
vvu_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names, unsigned int n)
{
	unsigned int i, at = 0;

	if (names == NULL || n < num_xstats(dev))
		return num_xstats(dev);
	for (i = 0; i < RTE_DIM(port_counters); i++, at++)
		snprintf(names[at].name, sizeof(names[at].name), "control_%s",
			 port_counters[i].name);
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		at = add_names(names, at, "rx", i, rx_counters, RTE_DIM(rx_counters));
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		at = add_names(names, at, "tx", i, tx_counters, RTE_DIM(tx_counters));
	return at;
}

int
vvu_xstats_reset(struct rte_eth_dev *dev)
{
	return vvu_stats_reset(dev);
}
