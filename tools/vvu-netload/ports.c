/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "json_out.h"
#include "ports.h"

/* virtio-user's default; a back-end's rings are sized by its frontend. */
#define RING_SIZE	256
#define POOL_CACHE	256

struct rte_mempool *ports_pool;
static unsigned int started;

unsigned int ports_count(void)
{
	return rte_eth_dev_count_avail();
}

bool ports_up(uint16_t port)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(port, &link) == 0 && link.link_status;
}

void ports_print(void)
{
	struct rte_eth_dev_info info;
	char name[RTE_ETH_NAME_MAX_LEN];

	json_open(NULL, '{');
	json_open("ports", '[');
	for (uint16_t port = 0; port < started; port++) {
		json_open(NULL, '{');
		json_u64("port", port);
		if (rte_eth_dev_get_name_by_port(port, name) == 0)
			json_string("name", name);
		if (rte_eth_dev_info_get(port, &info) == 0)
			json_string("driver", info.driver_name);
		json_bool("up", ports_up(port));
		json_close();
	}
	json_close();
	json_close();
}

static int open_port(uint16_t port, const struct options *options)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = { 0 };
	int socket, ret = rte_eth_dev_info_get(port, &info);

	if (ret)
		return ret;
	if (options->mtu) {
		conf.rxmode.mtu = (uint32_t)options->mtu;
		/* A longer frame than a buffer is several of them, coming and going. */
		if (options->mtu + RTE_ETHER_HDR_LEN > options->room) {
			conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
			conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
		}
	}
	conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	socket = rte_eth_dev_socket_id(port);
	ret = rte_eth_dev_configure(port, 1, 1, &conf);
	if (!ret)
		ret = rte_eth_rx_queue_setup(port, 0, RING_SIZE, (unsigned int)socket, NULL,
					     ports_pool);
	if (!ret)
		ret = rte_eth_tx_queue_setup(port, 0, RING_SIZE, (unsigned int)socket, NULL);
	return ret ? ret : rte_eth_dev_start(port);
}

int ports_open(const struct options *options)
{
	unsigned int count = ports_count();
	int ret = 0;

	if (count == 0 || count > PORTS_MAX) {
		fprintf(stderr, "%u ports: 1 to %u are needed\n", count, PORTS_MAX);
		return -ENODEV;
	}
	ports_pool = rte_pktmbuf_pool_create("netload", (unsigned int)options->mbufs, POOL_CACHE,
					     0, (uint16_t)(options->room + RTE_PKTMBUF_HEADROOM),
					     SOCKET_ID_ANY);
	if (!ports_pool) {
		fprintf(stderr, "%llu buffers of %llu bytes: %s\n",
			(unsigned long long)options->mbufs, (unsigned long long)options->room,
			rte_strerror(rte_errno));
		return -ENOMEM;
	}
	for (uint16_t port = 0; port < count && !ret; port++) {
		ret = open_port(port, options);
		if (ret)
			fprintf(stderr, "port %u: %s\n", port, rte_strerror(-ret));
		else
			started++;
	}
	return ret;
}

void ports_close(void)
{
	for (uint16_t port = 0; port < started; port++) {
		rte_eth_dev_stop(port);
		rte_eth_dev_close(port);
	}
	started = 0;
	rte_mempool_free(ports_pool);
	ports_pool = NULL;
}
