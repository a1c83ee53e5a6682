/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "vvu-device/embedded/embedded.h"

#include "vvu_control.h"
#include "vvu_ethdev.h"
#include "vvu_interrupts.h"
#include "vvu_log.h"
#include "vvu_port.h"
#include "vvu_zc.h"
#include "vvu_zc_port.h"

/*
 * The device in this process. Who comes and goes is told by the session too, which does so for
 * every kind of device: here it is for those who look closer.
 */
static void
device_log(void *ctx, enum vvu_log_level level, const char *text)
{
	const struct vvu_port *port = ctx;

	switch (level) {
	case VVU_LOG_ERROR:
		VVU_PMD_LOG(ERR, "%s: %s", port->name, text);
		break;
	case VVU_LOG_WARNING:
		VVU_PMD_LOG(WARNING, "%s: %s", port->name, text);
		break;
	default:
		VVU_PMD_LOG(DEBUG, "%s: device: %s", port->name, text);
		break;
	}
}

static int
open_embedded(struct vvu_port *port, struct vhr_bus **bus, struct vhu_reason *reason)
{
	const struct vvu_devargs *args = &port->args;
	struct vvu_emb_config config = {
		.socket_path = args->socket,
		.client = args->client,
		.socket_mode = args->socket_mode,
		.virtio_id = args->virtio_id,
		.max_vhost_queues = port->num_rings,
		.bar_size = args->shm_size,
		/* For lent frames, and for what vvu_get_monitor_addr() told a data thread. */
		.stale_zeros = true,
		.log = device_log,
		.log_ctx = port,
	};

	memcpy(config.uuid, args->uuid, sizeof(config.uuid));
	if (args->zero_copy) {
		port->zc_window = vvu_zc_window_new();
		if (port->zc_window == NULL)
			return -ENOMEM;
		config.window_release = vvu_zc_window_keep;
		config.window_ctx = port->zc_window;
	}
	return vhr_bus_embedded_open(&config, bus, reason);
}

/* The device has gone. */
static void
put_window(struct vvu_port *port)
{
	if (port->zc_window != NULL)
		vvu_zc_window_put(port->zc_window);
	port->zc_window = NULL;
}

int
vvu_port_open(struct vvu_port *port)
{
	struct vhr_config config = {
		.ops = &vvu_session_ops,
		.priv = port,
		.features = vvu_port_features(port),
		.max_rings = port->num_rings,
		.queue_num = port->args.queues,
		.max_ring_size = port->args.max_ring_size,
		.packed = port->args.packed,
		.layout = port->args.layout,
		.virtio_id = port->args.virtio_id,
	};
	struct vhu_reason reason = { .text = "" };
	struct vhr_bus *bus;
	unsigned int i;
	int ret;

	port->failed = false;
	port->failed_told = false;
	if (port->pci != NULL)
		ret = vvu_bus_pci_open(port->pci, &bus, &reason);
	else
		ret = open_embedded(port, &bus, &reason);
	if (ret != 0)
		goto fail;
	pthread_mutex_lock(&port->lock);
	ret = vhr_open(bus, &config, &port->session, &reason);
	for (i = 0; ret == 0 && i < port->num_rings; i++)
		vvu_queue_attach(&port->queues[i], vhr_ring(port->session, i),
				 vhr_window_flags(port->session));
	pthread_mutex_unlock(&port->lock);
	if (ret != 0)
		goto fail;
	ret = vvu_control_add(port);
	if (ret != 0) {
		vhu_reason_set(&reason, "no control thread: %s", rte_strerror(-ret));
		vvu_port_close(port);
		goto fail;
	}
	return 0;
fail:
	port->session = NULL;
	put_window(port);
	VVU_PMD_LOG(ERR, "%s: %s", port->name,
		    reason.text[0] != '\0' ? reason.text : rte_strerror(-ret));
	return ret;
}

void
vvu_port_close(struct vvu_port *port)
{
	struct vhr_session *session;
	unsigned int i;

	vvu_control_remove(port);
	vvu_zc_close(port);
	for (i = 0; i < port->num_rings; i++)
		vvu_queue_attach(&port->queues[i], NULL, 0);
	pthread_mutex_lock(&port->lock);
	session = port->session;
	port->session = NULL;
	port->up = false;
	vhr_close(session);
	port->connected = false;
	port->frontend_mtu = 0;
	memset(port->ring_ready, 0, sizeof(port->ring_ready));
	put_window(port);
	pthread_mutex_unlock(&port->lock);
	vvu_port_update_link(port);
}

bool
vvu_port_link(const struct vvu_port *port)
{
	return !__atomic_load_n(&port->link_down, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&port->connected, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&port->ring_ready[0], __ATOMIC_RELAXED) &&
	       __atomic_load_n(&port->ring_ready[1], __ATOMIC_RELAXED);
}

void
vvu_port_update_link(struct vvu_port *port)
{
	struct rte_eth_link link = {
		.link_speed = port->args.speed_mbps != 0 ? port->args.speed_mbps :
			      RTE_ETH_SPEED_NUM_UNKNOWN,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
		.link_status = vvu_port_link(port) ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN,
	};

	rte_eth_linkstatus_set(port->dev, &link);
}

static int
create_queues(struct vvu_port *port, int socket_id)
{
	struct vvu_queue *q;
	unsigned int i;

	port->num_rings = 2 * port->args.queues;
	port->queues = rte_zmalloc_socket("vvu_queues", port->num_rings * sizeof(*port->queues),
					  RTE_CACHE_LINE_SIZE, socket_id);
	if (port->queues == NULL)
		return -ENOMEM;
	for (i = 0; i < port->num_rings; i++) {
		q = &port->queues[i];
		rte_spinlock_init(&q->lock);
		q->port = port;
		q->rx = i % 2 == 1;
		q->queue_id = i / 2;
		q->interrupt_fd = -1;
	}
	return 0;
}

static int
set_mac(struct rte_eth_dev *dev, const struct vvu_devargs *args)
{
	dev->data->mac_addrs = rte_zmalloc_socket("vvu_mac", sizeof(struct rte_ether_addr), 0,
						  dev->data->numa_node);
	if (dev->data->mac_addrs == NULL)
		return -ENOMEM;
	if (args->mac_set)
		rte_ether_addr_copy(&args->mac, dev->data->mac_addrs);
	else
		rte_eth_random_addr(dev->data->mac_addrs->addr_bytes);
	return 0;
}

int
vvu_port_create(struct rte_eth_dev *dev, const struct vvu_devargs *args,
		struct rte_pci_device *pci)
{
	struct vvu_port *port = dev->data->dev_private;
	int ret;

	port->dev = dev;
	port->port_id = dev->data->port_id;
	port->args = *args;
	port->pci = pci;
	snprintf(port->name, sizeof(port->name), "%s", dev->data->name);
	pthread_mutex_init(&port->lock, NULL);
	ret = create_queues(port, dev->data->numa_node);
	if (ret == 0)
		ret = set_mac(dev, args);
	if (ret != 0) {
		VVU_PMD_LOG(ERR, "%s: no memory for %u queue pairs", port->name, args->queues);
		goto fail;
	}
	vvu_ethdev_init(dev);
	ret = vvu_port_open(port);
	if (ret != 0)
		goto fail;
	return 0;
fail:
	rte_free(port->queues);
	port->queues = NULL;
	pthread_mutex_destroy(&port->lock);
	return ret;
}

void
vvu_port_destroy(struct vvu_port *port)
{
	if (port->pci != NULL)
		vvu_pci_unwatch(port);
	vvu_interrupts_release(port->dev);
	vvu_port_close(port);
	rte_free(port->queues);
	port->queues = NULL;
	pthread_mutex_destroy(&port->lock);
}
