/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "forward.h"
#include "offload.h"
#include "ports.h"

#define RING_SIZE 1024
#define MBUF_CACHE 256

struct port ports[RTE_MAX_ETHPORTS];
unsigned int nb_ports;

_Static_assert(RTE_MAX_ETHPORTS <= 64, "a set of ports is a 64-bit mask");
_Static_assert(PORT_QUEUES_MAX <= 32, "rx_seen is a 32-bit mask");

static unsigned int index_of[RTE_MAX_ETHPORTS];
struct rte_mempool *ports_pool;

unsigned int ports_index(uint16_t id)
{
	return index_of[id];
}

static bool link_is_up(uint16_t id)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(id, &link) == 0 && link.link_status;
}

/* Runs in EAL's interrupt thread, or where the driver is: note it, no more. */
static int link_event(uint16_t id, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct port *port = &ports[index_of[id]];

	/* A frontend may be gone and the next one there before the main thread looks. */
	if (!link_is_up(id))
		atomic_store(&port->went_down, true);
	atomic_store(&port->link_event, true);
	return 0;
}

static void read_mtu(struct port *port)
{
	uint16_t mtu;

	if (rte_eth_dev_get_mtu(port->id, &mtu) == 0)
		atomic_store(&port->max_frame, (unsigned int)mtu + RTE_ETHER_HDR_LEN);
}

static int set_queues(struct port *port, const struct options *options,
		      const struct rte_eth_dev_info *info)
{
	unsigned int offered = RTE_MIN(info->max_rx_queues, info->max_tx_queues);

	if (options->queues > offered) {
		fprintf(stderr, "%s offers %u queue pairs, --queues asks for %u\n", port->name,
			offered, options->queues);
		return -EINVAL;
	}
	port->queues = RTE_MIN(options->queues ? options->queues : offered,
			       (unsigned int)PORT_QUEUES_MAX);
	return port->queues ? 0 : -ENODEV;
}

static int configure(struct port *port, const struct options *options,
		     const struct rte_eth_dev_info *info)
{
	struct rte_eth_conf conf = { 0 };
	int ret;

	conf.intr_conf.lsc = !!(*info->dev_flags & RTE_ETH_DEV_INTR_LSC);
	conf.intr_conf.rxq = options->adaptive != 0;
	/* A long frame may need several buffers, and leaves as it came. */
	conf.rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	conf.txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	port->rx_open = offload_rx(info);
	port->tx_offloads = offload_tx(info);
	conf.rxmode.offloads |= port->rx_open;
	conf.rxmode.max_lro_pkt_size = info->max_lro_pkt_size;
	conf.txmode.offloads |= port->tx_offloads;
	if (port->queues > 1 && info->flow_type_rss_offloads) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
	}
	if (options->mtu)
		conf.rxmode.mtu = options->mtu;
	ret = rte_eth_dev_configure(port->id, port->queues, port->queues, &conf);
	if (ret && conf.intr_conf.rxq) {
		conf.intr_conf.rxq = 0;
		ret = rte_eth_dev_configure(port->id, port->queues, port->queues, &conf);
	}
	if (ret)
		fprintf(stderr, "%s: cannot configure %u queue pairs: %s\n", port->name,
			port->queues, rte_strerror(-ret));
	if (!ret && options->mtu) {
		ret = rte_eth_dev_set_mtu(port->id, options->mtu);
		/* Not every driver has the call, and some took the MTU when configured. */
		if (ret == -ENOTSUP)
			ret = 0;
		if (ret)
			fprintf(stderr, "%s: cannot set the MTU to %u: %s\n", port->name,
				options->mtu, rte_strerror(-ret));
	}
	return ret;
}

static int setup_queues(struct port *port)
{
	int socket = rte_eth_dev_socket_id(port->id);
	uint16_t rx_size = RING_SIZE, tx_size = RING_SIZE;
	int ret = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx_size, &tx_size);

	for (uint16_t q = 0; !ret && q < port->queues; q++) {
		ret = rte_eth_rx_queue_setup(port->id, q, rx_size, (unsigned int)socket, NULL,
					     ports_pool);
		if (!ret)
			ret = rte_eth_tx_queue_setup(port->id, q, tx_size, (unsigned int)socket,
						     NULL);
	}
	if (ret)
		fprintf(stderr, "%s: cannot set up its queues: %s\n", port->name,
			rte_strerror(-ret));
	return ret;
}

static int open_port(struct port *port, const struct options *options)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port->id, &info);

	if (ret) {
		fprintf(stderr, "port %u: no device information: %s\n", port->id,
			rte_strerror(-ret));
		return ret;
	}
	port->driver = info.driver_name;
	rte_eth_dev_get_name_by_port(port->id, port->name);
	ret = set_queues(port, options, &info);
	if (!ret)
		ret = configure(port, options, &info);
	if (!ret)
		ret = setup_queues(port);
	if (ret)
		return ret;
	rte_eth_macaddr_get(port->id, &port->mac);
	rte_eth_dev_callback_register(port->id, RTE_ETH_EVENT_INTR_LSC, link_event, NULL);
	ret = rte_eth_dev_start(port->id);
	if (ret) {
		fprintf(stderr, "%s: cannot start: %s\n", port->name, rte_strerror(-ret));
		return ret;
	}
	/* Frames are for whoever is behind the other ports. A frontend's port passes all. */
	ret = rte_eth_promiscuous_enable(port->id);
	if (ret && ret != -ENOTSUP)
		fprintf(stderr, "%s: not promiscuous: %s\n", port->name, rte_strerror(-ret));
	read_mtu(port);
	return 0;
}

static int create_pool(const struct options *options)
{
	unsigned int pairs = 0, room = RTE_MBUF_DEFAULT_BUF_SIZE, count;
	struct rte_eth_dev_info info;

	for (unsigned int i = 0; i < nb_ports; i++) {
		if (rte_eth_dev_info_get(ports[i].id, &info) == 0)
			pairs += RTE_MIN(options->queues ? options->queues : info.max_rx_queues,
					 (unsigned int)PORT_QUEUES_MAX);
	}
	if (options->mtu + RTE_ETHER_HDR_LEN + 8 + RTE_PKTMBUF_HEADROOM > room)
		room = options->mtu + RTE_ETHER_HDR_LEN + 8 + RTE_PKTMBUF_HEADROOM;
	/*
	 * What a driver that keeps buffers can hold (both rings of every pair, for those of a
	 * real device), what the switch has in hand, and each thread's cache. Drivers of
	 * frontends keep none: they get by with a part of it.
	 */
	count = RTE_MIN(pairs, 64u) * RING_SIZE + nb_ports * FORWARD_BURST * 4 +
		rte_lcore_count() * MBUF_CACHE * 2 + 8191;
	ports_pool = rte_pktmbuf_pool_create("switch_rx", count, MBUF_CACHE, 0, (uint16_t)room,
					  SOCKET_ID_ANY);
	if (!ports_pool) {
		fprintf(stderr, "no memory for %u packet buffers: %s\n", count,
			rte_strerror(rte_errno));
		return -ENOMEM;
	}
	return 0;
}

int ports_open(const struct options *options)
{
	uint16_t id;
	int ret;

	nb_ports = 0;
	RTE_ETH_FOREACH_DEV(id) {
		index_of[id] = nb_ports;
		ports[nb_ports++].id = id;
	}
	if (nb_ports < 2) {
		fprintf(stderr, "a switch needs two ports or more, there are %u; name them with "
			"--vdev net_vvu0,socket=PATH or -a BDF\n", nb_ports);
		return -ENODEV;
	}
	ret = create_pool(options);
	for (unsigned int i = 0; !ret && i < nb_ports; i++)
		ret = open_port(&ports[i], options);
	return ret;
}

uint64_t ports_poll(bool all)
{
	uint64_t down = 0;

	for (unsigned int i = 0; i < nb_ports; i++) {
		struct port *port = &ports[i];
		bool event = atomic_exchange(&port->link_event, false);
		bool was = atomic_load(&port->up), is, went_down;

		if (!event && !all)
			continue;
		went_down = atomic_exchange(&port->went_down, false);
		is = link_is_up(port->id);
		if (is)
			read_mtu(port);
		if (was && (went_down || !is)) {
			down |= UINT64_C(1) << i;
			atomic_store(&port->rx_seen, 0);
		}
		if (is && (!was || went_down))
			port->links_up++;
		atomic_store(&port->up, is);
		if (is != was) {
			printf("port %u %s: link %s\n", i, port->name, is ? "up" : "down");
			fflush(stdout);
		}
	}
	return down;
}

void ports_close(void)
{
	for (unsigned int i = 0; i < nb_ports; i++) {
		int ret = rte_eth_dev_stop(ports[i].id);

		if (ret && ret != -ENOTSUP)
			fprintf(stderr, "%s: stop: %s\n", ports[i].name, rte_strerror(-ret));
		rte_eth_dev_callback_unregister(ports[i].id, RTE_ETH_EVENT_INTR_LSC, link_event,
						NULL);
		rte_eth_dev_close(ports[i].id);
	}
	rte_mempool_free(ports_pool);
	ports_pool = NULL;
}
