/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include <ethdev_driver.h>
#include <linux/virtio_net.h>

#include "vvu_burst.h"
#include "vvu_interrupts.h"
#include "vvu_log.h"
#include "vvu_port.h"
#include "vvu_queue.h"
#include "vvu_zc_port.h"

/* Tries before the processor is given away: the data thread may wait for this very one. */
#define SPINS_BEFORE_YIELD 1000

void
vvu_queue_lock(struct vvu_queue *q)
{
	unsigned int spins = 0;

	__atomic_fetch_add(&q->wanted, 1, __ATOMIC_RELAXED);
	while (rte_spinlock_trylock(&q->lock) == 0) {
		if (++spins % SPINS_BEFORE_YIELD == 0)
			sched_yield();
		rte_pause();
	}
	__atomic_fetch_sub(&q->wanted, 1, __ATOMIC_RELAXED);
}

void
vvu_queue_unlock(struct vvu_queue *q)
{
	rte_spinlock_unlock(&q->lock);
}

void
vvu_queue_ring_changed(struct vvu_queue *q)
{
	q->region_size = 0;
	__atomic_store_n(&q->features, q->ring != NULL ? q->ring->features : 0, __ATOMIC_RELAXED);
	q->merge = (q->features & (1ull << VIRTIO_NET_F_MRG_RXBUF)) != 0;
	if (q->ring == NULL)
		vvu_zc_drop(q);
	vvu_zc_update(q);
	vvu_burst_choose(q);
	vvu_interrupts_update(q);
}

void
vvu_queue_broken(struct vvu_queue *q)
{
	q->stats.ring_broken++;
}

void
vvu_queue_run(struct vvu_queue *q, bool running)
{
	vvu_queue_lock(q);
	q->running = running && q->configured && q->ring != NULL &&
		     !__atomic_load_n(&q->port->link_down, __ATOMIC_RELAXED);
	vvu_interrupts_update(q);
	vvu_queue_unlock(q);
}

void
vvu_queue_attach(struct vvu_queue *q, struct vhr_ring *ring, unsigned int window_flags)
{
	vvu_queue_lock(q);
	q->running = false;
	q->ring = ring;
	q->uncached = !(window_flags & VHR_MAP_CACHED);
	vvu_queue_ring_changed(q);
	vvu_queue_unlock(q);
}

void
vvu_queue_reset_stats(struct vvu_queue *q)
{
	vvu_queue_lock(q);
	memset(&q->stats, 0, sizeof(q->stats));
	vvu_queue_unlock(q);
}

uint32_t
vvu_queue_pool_room(struct rte_mempool *pool)
{
	uint32_t size = rte_pktmbuf_data_room_size(pool);

	return size > RTE_PKTMBUF_HEADROOM ? size - RTE_PKTMBUF_HEADROOM : 0;
}

/* What a fresh mbuf of this queue holds in the 8 bytes that every packet changes. */
static uint64_t
mbuf_rearm(uint16_t port_id)
{
	struct rte_mbuf mbuf;
	uint64_t rearm;

	memset(&mbuf, 0, sizeof(mbuf));
	mbuf.data_off = RTE_PKTMBUF_HEADROOM;
	mbuf.nb_segs = 1;
	mbuf.port = port_id;
	rte_mbuf_refcnt_set(&mbuf, 1);
	memcpy(&rearm, (const char *)&mbuf + offsetof(struct rte_mbuf, data_off), sizeof(rearm));
	return rearm;
}

/*
 * Mbufs with pinned buffers cannot take others. And a queue that sleeps until a kick is not
 * polled: nobody would give back to the driver what is freed meanwhile, which may be what the
 * frontend waits for.
 */
static bool
may_lend(const struct rte_eth_dev *dev, const struct rte_mempool *pool)
{
	return !(rte_pktmbuf_priv_flags((struct rte_mempool *)(uintptr_t)pool) &
		 RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) && !dev->data->dev_conf.intr_conf.rxq;
}

int
vvu_rx_queue_setup(struct rte_eth_dev *dev, uint16_t queue_id, uint16_t nb_desc,
		   unsigned int socket_id, const struct rte_eth_rxconf *conf,
		   struct rte_mempool *pool)
{
	struct vvu_port *port = dev->data->dev_private;
	struct vvu_queue *q = &port->queues[vvu_queue_rx_ring(queue_id)];

	RTE_SET_USED(socket_id);
	if (pool == NULL) {
		VVU_PMD_LOG(ERR, "port %u rx queue %u: a queue of several pools is not supported",
			    port->port_id, queue_id);
		return -ENOTSUP;
	}
	vvu_queue_lock(q);
	q->running = false;
	q->configured = true;
	q->deferred = conf->rx_deferred_start != 0;
	q->offloads = conf->offloads | dev->data->dev_conf.rxmode.offloads;
	/* What several segments were made of fits one buffer only by chance. */
	q->scatter = (q->offloads & (RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_TCP_LRO)) != 0;
	q->nb_desc = nb_desc;
	q->pool = pool;
	q->room = vvu_queue_pool_room(pool);
	q->look_again = 0;
	q->rearm = mbuf_rearm(port->port_id);
	q->lends = may_lend(dev, pool);
	q->zc_min = port->args.zero_copy_min;
	vvu_zc_update(q);
	vvu_burst_choose(q);
	vvu_queue_unlock(q);
	dev->data->rx_queues[queue_id] = q;
	return 0;
}

int
vvu_tx_queue_setup(struct rte_eth_dev *dev, uint16_t queue_id, uint16_t nb_desc,
		   unsigned int socket_id, const struct rte_eth_txconf *conf)
{
	struct vvu_port *port = dev->data->dev_private;
	struct vvu_queue *q = &port->queues[vvu_queue_tx_ring(queue_id)];

	RTE_SET_USED(socket_id);
	vvu_queue_lock(q);
	q->running = false;
	q->configured = true;
	q->deferred = conf->tx_deferred_start != 0;
	q->offloads = conf->offloads | dev->data->dev_conf.txmode.offloads;
	q->fast_free = (q->offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0;
	q->nb_desc = nb_desc;
	vvu_burst_choose(q);
	vvu_queue_unlock(q);
	dev->data->tx_queues[queue_id] = q;
	return 0;
}

static void
queue_release(struct vvu_queue *q)
{
	vvu_queue_lock(q);
	q->running = false;
	q->configured = false;
	q->interrupt = false;
	q->pool = NULL;
	vvu_queue_unlock(q);
}

void
vvu_rx_queue_release(struct rte_eth_dev *dev, uint16_t queue_id)
{
	if (dev->data->rx_queues[queue_id] != NULL)
		queue_release(dev->data->rx_queues[queue_id]);
	dev->data->rx_queues[queue_id] = NULL;
}

void
vvu_tx_queue_release(struct rte_eth_dev *dev, uint16_t queue_id)
{
	if (dev->data->tx_queues[queue_id] != NULL)
		queue_release(dev->data->tx_queues[queue_id]);
	dev->data->tx_queues[queue_id] = NULL;
}

int
vvu_rx_queue_start(struct rte_eth_dev *dev, uint16_t queue_id)
{
	vvu_queue_run(dev->data->rx_queues[queue_id], true);
	dev->data->rx_queue_state[queue_id] = RTE_ETH_QUEUE_STATE_STARTED;
	return 0;
}

int
vvu_rx_queue_stop(struct rte_eth_dev *dev, uint16_t queue_id)
{
	vvu_queue_run(dev->data->rx_queues[queue_id], false);
	dev->data->rx_queue_state[queue_id] = RTE_ETH_QUEUE_STATE_STOPPED;
	return 0;
}

int
vvu_tx_queue_start(struct rte_eth_dev *dev, uint16_t queue_id)
{
	vvu_queue_run(dev->data->tx_queues[queue_id], true);
	dev->data->tx_queue_state[queue_id] = RTE_ETH_QUEUE_STATE_STARTED;
	return 0;
}

int
vvu_tx_queue_stop(struct rte_eth_dev *dev, uint16_t queue_id)
{
	vvu_queue_run(dev->data->tx_queues[queue_id], false);
	dev->data->tx_queue_state[queue_id] = RTE_ETH_QUEUE_STATE_STOPPED;
	return 0;
}

/* The frontend sizes the ring; before it has, what was asked for. */
static uint16_t
descriptors(struct vvu_queue *q)
{
	uint16_t num;

	vvu_queue_lock(q);
	num = q->ring != NULL && q->ring->ready ? q->ring->size : q->nb_desc;
	vvu_queue_unlock(q);
	return num;
}

void
vvu_rxq_info_get(struct rte_eth_dev *dev, uint16_t queue_id, struct rte_eth_rxq_info *info)
{
	struct vvu_queue *q = dev->data->rx_queues[queue_id];

	info->mp = q->pool;
	info->nb_desc = descriptors(q);
	info->scattered_rx = q->scatter;
	info->rx_buf_size = RTE_MIN(q->room, (uint32_t)UINT16_MAX);
	info->conf.offloads = q->offloads;
	info->conf.rx_deferred_start = q->deferred;
}

void
vvu_txq_info_get(struct rte_eth_dev *dev, uint16_t queue_id, struct rte_eth_txq_info *info)
{
	struct vvu_queue *q = dev->data->tx_queues[queue_id];

	info->nb_desc = descriptors(q);
	info->conf.offloads = q->offloads;
	info->conf.tx_deferred_start = q->deferred;
}
