/* SPDX-License-Identifier: BSD-3-Clause */
/* Basic and per-queue counters. They are the data threads'; reading them takes no lock. */
#include "vvu_ethdev.h"
#include "vvu_port.h"

static uint64_t
rx_errors(const struct vvu_queue_stats *stats)
{
	return stats->truncated + stats->bad_header + stats->bad_chain + stats->oversize +
	       stats->no_lro;
}

static uint64_t
tx_errors(const struct vvu_queue_stats *stats)
{
	return stats->oversize + stats->bad_offload;
}

int
vvu_stats_get(VVU_STATS_GET_PARAMS(dev, stats))
{
	const struct vvu_queue_stats *counters;
	const struct vvu_queue *q;
	unsigned int i;

	stats->rx_nombuf = 0;
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		if (q == NULL)
			continue;
		counters = &q->stats;
		stats->ipackets += counters->packets;
		stats->ibytes += counters->bytes;
		stats->ierrors += rx_errors(counters);
		stats->rx_nombuf += counters->no_mbuf;
		if (i >= RTE_ETHDEV_QUEUE_STAT_CNTRS || VVU_QUEUE_STATS(stats) == NULL)
			continue;
		VVU_QUEUE_STATS(stats)->q_ipackets[i] = counters->packets;
		VVU_QUEUE_STATS(stats)->q_ibytes[i] = counters->bytes;
		VVU_QUEUE_STATS(stats)->q_errors[i] = rx_errors(counters);
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		q = dev->data->tx_queues[i];
		if (q == NULL)
			continue;
		counters = &q->stats;
		stats->opackets += counters->packets;
		stats->obytes += counters->bytes;
		stats->oerrors += tx_errors(counters);
		if (i >= RTE_ETHDEV_QUEUE_STAT_CNTRS || VVU_QUEUE_STATS(stats) == NULL)
			continue;
		VVU_QUEUE_STATS(stats)->q_opackets[i] = counters->packets;
		VVU_QUEUE_STATS(stats)->q_obytes[i] = counters->bytes;
	}
	return 0;
}

int
vvu_stats_reset(struct rte_eth_dev *dev)
{
	struct vvu_port *port = dev->data->dev_private;
	unsigned int i;

	for (i = 0; i < port->num_rings; i++)
		vvu_queue_reset_stats(&port->queues[i]);
	return 0;
}
