/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the session asks the device for. Called with the port's lock held, from the control
 * thread or from an ethdev operation; ethdev events are left to the control thread, which
 * raises them without a lock (vvu_control.c).
 */
#include <errno.h>
#include <string.h>

#include <linux/ethtool.h>
#include <linux/virtio_net.h>
#include <rte_byteorder.h>
#include <rte_ether.h>

#include "vvu-device/host_ops.h"

#include "vvu_control.h"
#include "vvu_ethdev.h"
#include "vvu_interrupts.h"
#include "vvu_log.h"
#include "vvu_port.h"
#include "vvu_zc_port.h"

static void
ring_lock(void *priv, unsigned int index)
{
	struct vvu_port *port = priv;

	vvu_queue_lock(&port->queues[index]);
}

static void
ring_unlock(void *priv, unsigned int index)
{
	struct vvu_port *port = priv;

	vvu_queue_unlock(&port->queues[index]);
}

static void
ring_changed(void *priv, struct vhr_ring *ring)
{
	struct vvu_port *port = priv;

	vvu_queue_ring_changed(&port->queues[ring->index]);
}

static void
ring_ready(void *priv, unsigned int index, bool ready)
{
	struct vvu_port *port = priv;

	__atomic_store_n(&port->ring_ready[index], ready, __ATOMIC_RELAXED);
	VVU_PMD_LOG(DEBUG, "%s: ring %u %s", port->name, index, ready ? "ready" : "stopped");
	vvu_control_events_due(port);
}

static void
ring_stop(void *priv, unsigned int index)
{
	vvu_zc_ring_stop(priv, index);
}

static void
memory_change(void *priv, bool begin)
{
	vvu_zc_memory_change(priv, begin);
}

static bool
memory_in_use(void *priv)
{
	return vvu_zc_memory_in_use(priv);
}

static void
connected(void *priv, bool is_connected)
{
	struct vvu_port *port = priv;

	__atomic_store_n(&port->connected, is_connected, __ATOMIC_RELAXED);
	if (!is_connected)
		__atomic_store_n(&port->frontend_mtu, 0, __ATOMIC_RELAXED);
	vvu_control_events_due(port);
}

/* virtio 1.3, 5.1.4: what a field says is told whether or not its feature is acknowledged. */
static int
get_config(void *priv, uint32_t offset, uint32_t size, uint8_t *data)
{
	const struct vvu_port *port = priv;
	struct virtio_net_config config;

	memset(&config, 0, sizeof(config));
	if (!__atomic_load_n(&port->link_down, __ATOMIC_RELAXED))
		config.status = rte_cpu_to_le_16(VIRTIO_NET_S_LINK_UP);
	config.max_virtqueue_pairs = rte_cpu_to_le_16(port->args.queues);
	config.mtu = rte_cpu_to_le_16(port->args.mtu);
	config.speed = rte_cpu_to_le_32(port->args.speed_mbps != 0 ? port->args.speed_mbps :
					RTE_ETH_SPEED_NUM_UNKNOWN);
	config.duplex = DUPLEX_FULL;
	if (offset > sizeof(config) || size > sizeof(config) - offset)
		return -EINVAL;
	memcpy(data, (const uint8_t *)&config + offset, size);
	return 0;
}

static int
set_mtu(void *priv, uint16_t mtu)
{
	struct vvu_port *port = priv;

	if (mtu < RTE_ETHER_MIN_MTU || mtu > vvu_max_mtu(port)) {
		VVU_PMD_LOG(WARNING, "%s: NET_SET_MTU mtu=%u refused: allowed is %u to %u",
			    port->name, mtu, RTE_ETHER_MIN_MTU, vvu_max_mtu(port));
		return -EINVAL;
	}
	__atomic_store_n(&port->frontend_mtu, mtu, __ATOMIC_RELAXED);
	return 0;
}

static int
send_rarp(void *priv, const uint8_t mac[6])
{
	struct vvu_port *port = priv;
	struct vvu_queue *q = &port->queues[vvu_queue_rx_ring(0)];

	vvu_queue_lock(q);
	memcpy(q->rarp_mac, mac, sizeof(q->rarp_mac));
	q->rarp_due = true;
	vvu_interrupts_update(q);
	vvu_queue_unlock(q);
	return 0;
}

static void
reset(void *priv)
{
	struct vvu_port *port = priv;

	__atomic_store_n(&port->frontend_mtu, 0, __ATOMIC_RELAXED);
}

static void
session_log(void *priv, int level, const char *text)
{
	const struct vvu_port *port = priv;

	if (level <= VVU_LOG_ERROR)
		VVU_PMD_LOG(ERR, "%s: %s", port->name, text);
	else if (level == VVU_LOG_WARNING)
		VVU_PMD_LOG(WARNING, "%s: %s", port->name, text);
	else if (level == VVU_LOG_INFO)
		VVU_PMD_LOG(INFO, "%s: %s", port->name, text);
	else
		VVU_PMD_LOG(DEBUG, "%s: %s", port->name, text);
}

const struct vhr_ops vvu_session_ops = {
	.ring_lock = ring_lock,
	.ring_unlock = ring_unlock,
	.ring_changed = ring_changed,
	.ring_ready = ring_ready,
	.ring_stop = ring_stop,
	.memory_change = memory_change,
	.memory_in_use = memory_in_use,
	.connected = connected,
	.get_config = get_config,
	.set_mtu = set_mtu,
	.send_rarp = send_rarp,
	.reset = reset,
	.log = session_log,
};
