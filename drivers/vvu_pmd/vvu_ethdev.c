/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>

#include "vvu_burst.h"
#include "vvu_control.h"
#include "vvu_ethdev.h"
#include "vvu_header.h"
#include "vvu_interrupts.h"
#include "vvu_log.h"
#include "vvu_port.h"
#include "vvu_registers.h"
#include "vvu_ring_status.h"

/* What needs no frontend may differ from queue to queue; for the rest see vvu_offer.c. */
#define RX_QUEUE_OFFLOADS	(RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_VLAN_STRIP)
#define TX_QUEUE_OFFLOADS	(RTE_ETH_TX_OFFLOAD_MULTI_SEGS | \
				 RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE | \
				 RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM)

uint16_t
vvu_max_mtu(const struct vvu_port *port)
{
	return port->args.mtu != 0 ? port->args.mtu : VVU_MAX_MTU;
}

/*
 * Without SCATTER a frame of @mtu has to fit each receive buffer. Refused where it does
 * not: such frames would be dropped.
 */
static int
check_buffers(struct rte_eth_dev *dev, uint16_t mtu)
{
	const uint32_t frame_header = RTE_ETHER_HDR_LEN;
	const struct vvu_queue *q;
	unsigned int i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		if (q == NULL || q->scatter || mtu + frame_header <= q->room)
			continue;
		VVU_PMD_LOG(ERR, "port %u rx queue %u: mtu %u needs buffers of %u bytes, they "
			    "have %u: use larger ones or RTE_ETH_RX_OFFLOAD_SCATTER",
			    dev->data->port_id, i, mtu, mtu + frame_header, q->room);
		return -EINVAL;
	}
	return 0;
}

/*
 * The queues are there as long as the port, and how many of them are used needs no word to
 * the frontend: rings without a queue stay unserved.
 */
static int
dev_configure(struct rte_eth_dev *dev)
{
	return vvu_interrupts_configure(dev);
}

static void
run_queues(struct rte_eth_dev *dev, bool running)
{
	struct rte_eth_dev_data *data = dev->data;
	const uint8_t state = running ? RTE_ETH_QUEUE_STATE_STARTED : RTE_ETH_QUEUE_STATE_STOPPED;
	struct vvu_queue *q;
	unsigned int i;

	for (i = 0; i < data->nb_rx_queues; i++) {
		q = data->rx_queues[i];
		if (q == NULL || (running && q->deferred))
			continue;
		vvu_queue_run(q, running);
		data->rx_queue_state[i] = state;
	}
	for (i = 0; i < data->nb_tx_queues; i++) {
		q = data->tx_queues[i];
		if (q == NULL || (running && q->deferred))
			continue;
		vvu_queue_run(q, running);
		data->tx_queue_state[i] = state;
	}
}

/*
 * Frontends that come from now on are offered what the application has configured. One that
 * is there keeps what it negotiated: what it sends by it and the application does not take
 * is dropped and counted.
 */
static int
offer_features(struct vvu_port *port)
{
	const uint64_t features = vvu_port_features(port);
	struct vhr_status status;
	int ret;

	ret = vhr_offer_features(port->session, features);
	if (ret != 0)
		return ret;
	vhr_status(port->session, &status);
	if (status.connected && (status.features & VVU_SEGMENT_FEATURES & ~features) != 0)
		VVU_PMD_LOG(WARNING, "%s: the frontend that is connected may send frames of "
			    "several segments, which this configuration drops", port->name);
	return 0;
}

/* The first start lets frontends in; they stay while the port is stopped. */
static int
dev_start(struct rte_eth_dev *dev)
{
	struct vvu_port *port = dev->data->dev_private;
	int ret;

	ret = check_buffers(dev, dev->data->mtu);
	if (ret != 0)
		return ret;
	pthread_mutex_lock(&port->lock);
	if (port->session == NULL || port->failed)
		ret = -EIO;
	else
		ret = offer_features(port);
	if (ret == 0 && !port->up) {
		ret = vhr_up(port->session);
		port->up = ret == 0;
	}
	if (ret != 0)
		VVU_PMD_LOG(ERR, "%s: cannot be started: %s", port->name,
			    port->session == NULL ? "no session" : vhr_last_error(port->session));
	pthread_mutex_unlock(&port->lock);
	if (ret == 0)
		run_queues(dev, true);
	return ret;
}

static int
dev_stop(struct rte_eth_dev *dev)
{
	run_queues(dev, false);
	return 0;
}

static int
dev_close(struct rte_eth_dev *dev)
{
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return 0;
	run_queues(dev, false);
	vvu_port_destroy(dev->data->dev_private);
	return 0;
}

/* ethdev has stopped the port. Queues and configuration are the application's to redo. */
static int
dev_reset(struct rte_eth_dev *dev)
{
	struct vvu_port *port = dev->data->dev_private;

	run_queues(dev, false);
	vvu_interrupts_release(dev);
	vvu_port_close(port);
	return vvu_port_open(port);
}

static int
dev_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	const struct vvu_port *port = dev->data->dev_private;
	/* The frontend sizes the rings; a number of descriptors asked for here has no effect. */
	const struct rte_eth_desc_lim limits = {
		.nb_max = port->args.max_ring_size,
		.nb_min = 1,
		.nb_align = 1,
		.nb_seg_max = UINT16_MAX,
		.nb_mtu_seg_max = UINT16_MAX,
	};

	info->max_rx_queues = port->args.queues;
	info->max_tx_queues = port->args.queues;
	info->max_mac_addrs = 1;
	info->min_rx_bufsize = VVU_MIN_RX_BUFSIZE;
	info->max_rx_pktlen = vvu_max_mtu(port) + VVU_FRAME_OVERHEAD;
	info->min_mtu = RTE_ETHER_MIN_MTU;
	info->max_mtu = vvu_max_mtu(port);
	info->max_lro_pkt_size = VVU_MAX_FRAME;
	info->rx_offload_capa = RX_QUEUE_OFFLOADS | vvu_port_rx_offloads(&port->args);
	info->rx_queue_offload_capa = RX_QUEUE_OFFLOADS;
	info->tx_offload_capa = TX_QUEUE_OFFLOADS | vvu_port_tx_offloads(&port->args);
	info->tx_queue_offload_capa = TX_QUEUE_OFFLOADS;
	info->rx_desc_lim = limits;
	info->tx_desc_lim = limits;
	info->dev_capa = RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP |
			 RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP;
	info->default_rxportconf.burst_size = 32;
	info->default_txportconf.burst_size = 32;
	info->default_rxportconf.ring_size = RTE_MIN(512u, port->args.max_ring_size);
	info->default_txportconf.ring_size = RTE_MIN(512u, port->args.max_ring_size);
	info->default_rxportconf.nb_queues = port->args.queues;
	info->default_txportconf.nb_queues = port->args.queues;
	return 0;
}

static int
link_update(struct rte_eth_dev *dev, int wait_to_complete)
{
	RTE_SET_USED(wait_to_complete);
	vvu_port_update_link(dev->data->dev_private);
	return 0;
}

/*
 * Down: no packet passes, and a frontend that reads the configuration space sees no carrier
 * (virtio 1.3, 5.1.4). It is told where it can be; those that take the connection itself for
 * the link notice nothing.
 */
static int
set_link(struct rte_eth_dev *dev, bool down)
{
	struct rte_eth_dev_data *data = dev->data;
	struct vvu_port *port = data->dev_private;
	unsigned int i;
	int ret = 0;

	pthread_mutex_lock(&port->lock);
	if (port->session == NULL) {
		ret = -EIO;
	} else if (port->link_down != down) {
		__atomic_store_n(&port->link_down, down, __ATOMIC_RELAXED);
		vhr_config_changed(port->session);
	}
	pthread_mutex_unlock(&port->lock);
	if (ret != 0)
		return ret;
	for (i = 0; i < data->nb_rx_queues; i++) {
		if (data->rx_queue_state[i] == RTE_ETH_QUEUE_STATE_STARTED)
			vvu_queue_run(data->rx_queues[i], true);
	}
	for (i = 0; i < data->nb_tx_queues; i++) {
		if (data->tx_queue_state[i] == RTE_ETH_QUEUE_STATE_STARTED)
			vvu_queue_run(data->tx_queues[i], true);
	}
	vvu_port_update_link(port);
	vvu_control_events_due(port);
	return 0;
}

static int
set_link_up(struct rte_eth_dev *dev)
{
	return set_link(dev, false);
}

static int
set_link_down(struct rte_eth_dev *dev)
{
	return set_link(dev, true);
}

static int
is_removed(struct rte_eth_dev *dev)
{
	const struct vvu_port *port = dev->data->dev_private;

	return __atomic_load_n(&port->removal_asked, __ATOMIC_ACQUIRE);
}

/* The port gets whatever the frontend sends, so both modes are always on. */
static int
receive_all(struct rte_eth_dev *dev)
{
	RTE_SET_USED(dev);
	return 0;
}

/* Nothing is filtered by it: it is the address ethdev tells the application. */
static int
mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *addr)
{
	RTE_SET_USED(dev);
	RTE_SET_USED(addr);
	return 0;
}

static int
mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
	const struct vvu_port *port = dev->data->dev_private;
	uint16_t frontend_mtu = __atomic_load_n(&port->frontend_mtu, __ATOMIC_RELAXED);

	if (frontend_mtu != 0 && mtu > frontend_mtu) {
		VVU_PMD_LOG(ERR, "%s: mtu %u: the frontend's is %u", port->name, mtu,
			    frontend_mtu);
		return -EINVAL;
	}
	return check_buffers(dev, mtu);
}

/* ethdev notes what is on; the queues have to know it too. */
static int
vlan_offload_set(struct rte_eth_dev *dev, int mask)
{
	const uint64_t strip =
		dev->data->dev_conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	struct vvu_queue *q;
	unsigned int i;

	if ((mask & RTE_ETH_VLAN_STRIP_MASK) == 0)
		return 0;
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		q = dev->data->rx_queues[i];
		if (q == NULL)
			continue;
		vvu_queue_lock(q);
		q->offloads = (q->offloads & ~RTE_ETH_RX_OFFLOAD_VLAN_STRIP) | strip;
		vvu_burst_choose(q);
		vvu_queue_unlock(q);
	}
	return 0;
}

/* Mbufs are freed as soon as they are copied. */
static int
tx_done_cleanup(void *queue, uint32_t free_cnt)
{
	RTE_SET_USED(queue);
	RTE_SET_USED(free_cnt);
	return 0;
}

static int
rx_burst_mode_get(struct rte_eth_dev *dev, uint16_t queue_id, struct rte_eth_burst_mode *mode)
{
	return vvu_burst_mode_get(dev, queue_id, true, mode);
}

static int
tx_burst_mode_get(struct rte_eth_dev *dev, uint16_t queue_id, struct rte_eth_burst_mode *mode)
{
	return vvu_burst_mode_get(dev, queue_id, false, mode);
}

static const struct eth_dev_ops ops = {
	.dev_configure = dev_configure,
	.dev_start = dev_start,
	.dev_stop = dev_stop,
	.dev_close = dev_close,
	.dev_reset = dev_reset,
	.dev_infos_get = dev_infos_get,
	.is_removed = is_removed,
	.link_update = link_update,
	.dev_set_link_up = set_link_up,
	.dev_set_link_down = set_link_down,
	.promiscuous_enable = receive_all,
	.allmulticast_enable = receive_all,
	.mac_addr_set = mac_addr_set,
	.mtu_set = mtu_set,
	.vlan_offload_set = vlan_offload_set,
	.stats_get = vvu_stats_get,
	.stats_reset = vvu_stats_reset,
	.xstats_get = vvu_xstats_get,
	.xstats_get_names = vvu_xstats_get_names,
	.xstats_reset = vvu_xstats_reset,
	.rx_queue_setup = vvu_rx_queue_setup,
	.rx_queue_release = vvu_rx_queue_release,
	.rx_queue_start = vvu_rx_queue_start,
	.rx_queue_stop = vvu_rx_queue_stop,
	.tx_queue_setup = vvu_tx_queue_setup,
	.tx_queue_release = vvu_tx_queue_release,
	.tx_queue_start = vvu_tx_queue_start,
	.tx_queue_stop = vvu_tx_queue_stop,
	.rxq_info_get = vvu_rxq_info_get,
	.txq_info_get = vvu_txq_info_get,
	.rx_queue_intr_enable = vvu_rx_intr_enable,
	.rx_queue_intr_disable = vvu_rx_intr_disable,
	.rx_burst_mode_get = rx_burst_mode_get,
	.tx_burst_mode_get = tx_burst_mode_get,
	.tx_done_cleanup = tx_done_cleanup,
	.get_monitor_addr = vvu_get_monitor_addr,
	.fw_version_get = vvu_fw_version_get,
	.get_reg = vvu_get_reg,
};

void
vvu_ethdev_init(struct rte_eth_dev *dev)
{
	dev->dev_ops = &ops;
	dev->rx_pkt_burst = vvu_rx_burst;
	dev->tx_pkt_burst = vvu_tx_burst;
	dev->tx_pkt_prepare = vvu_tx_prepare;
	dev->rx_queue_count = vvu_rx_queue_count;
	dev->rx_descriptor_status = vvu_rx_descriptor_status;
	dev->tx_descriptor_status = vvu_tx_descriptor_status;
	dev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC;
	dev->data->promiscuous = 1;
	dev->data->all_multicast = 1;
	dev->data->dev_link.link_speed = RTE_ETH_SPEED_NUM_UNKNOWN;
	dev->data->dev_link.link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
	dev->data->dev_link.link_status = RTE_ETH_LINK_DOWN;
}
