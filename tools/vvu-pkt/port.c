/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "port.h"

#define RING_SIZE 512
#define MBUF_CACHE 256

static struct rte_mempool *pool;
static bool started;

static int configure(const struct options *options, const struct rte_eth_dev_info *info)
{
	struct rte_eth_conf conf = { 0 };
	uint16_t queues = (uint16_t)options->queues;

	if (queues > info->max_rx_queues || queues > info->max_tx_queues) {
		fprintf(stderr, "port %u offers %u rx and %u tx queues, --queues asks for %u\n",
			(unsigned int)options->port, info->max_rx_queues, info->max_tx_queues,
			queues);
		return -EINVAL;
	}
	conf.rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	return rte_eth_dev_configure((uint16_t)options->port, queues, queues, &conf);
}

static int setup_queues(const struct options *options)
{
	uint16_t port = (uint16_t)options->port, rx_size = RING_SIZE, tx_size = RING_SIZE;
	unsigned int socket = (unsigned int)rte_eth_dev_socket_id(port);
	int ret = rte_eth_dev_adjust_nb_rx_tx_desc(port, &rx_size, &tx_size);
	unsigned int count = (rx_size + tx_size + 4 * PORT_BURST) * (unsigned int)options->queues +
		2 * MBUF_CACHE;

	if (ret)
		return ret;
	/* Room for the longest frame in one piece: it is built in place. */
	pool = rte_pktmbuf_pool_create("vvu_pkt", count, MBUF_CACHE, 0,
				       RTE_MAX(RTE_MBUF_DEFAULT_BUF_SIZE, RTE_PKTMBUF_HEADROOM +
					       (int)options->size), SOCKET_ID_ANY);
	if (!pool)
		return -rte_errno;
	for (uint16_t q = 0; !ret && q < options->queues; q++) {
		ret = rte_eth_rx_queue_setup(port, q, rx_size, socket, NULL, pool);
		if (!ret)
			ret = rte_eth_tx_queue_setup(port, q, tx_size, socket, NULL);
	}
	return ret;
}

int port_open(struct options *options)
{
	struct rte_eth_dev_info info;
	uint16_t port = (uint16_t)options->port;
	int ret = rte_eth_dev_info_get(port, &info);

	if (!ret)
		ret = configure(options, &info);
	if (!ret)
		ret = setup_queues(options);
	if (!ret && !options->own_mac_given)
		ret = rte_eth_macaddr_get(port, &options->own_mac);
	if (!ret)
		ret = rte_eth_dev_start(port);
	if (ret) {
		fprintf(stderr, "port %u: %s\n", port, rte_strerror(-ret));
		return ret;
	}
	started = true;
	/* Its own address may be another than the port's; receive() filters. */
	rte_eth_promiscuous_enable(port);
	return 0;
}

void port_close(const struct options *options)
{
	if (started) {
		rte_eth_dev_stop((uint16_t)options->port);
		rte_eth_dev_close((uint16_t)options->port);
	}
	rte_mempool_free(pool);
}

bool port_up(const struct options *options)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait((uint16_t)options->port, &link) == 0 && link.link_status;
}

struct rte_mbuf *port_frame(const struct options *options, unsigned int size)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	struct frame *frame;

	if (!mbuf)
		return NULL;
	frame = (struct frame *)rte_pktmbuf_append(mbuf, (uint16_t)size);
	if (!frame) {
		rte_pktmbuf_free(mbuf);
		return NULL;
	}
	*frame = (struct frame){
		.ether.src_addr = options->own_mac,
		.ether.dst_addr = options->peer_mac,
		.ether.ether_type = RTE_BE16(FRAME_ETHER_TYPE),
		.flows = rte_cpu_to_le_16((uint16_t)options->queues),
		.time_ns = rte_cpu_to_le_64(frame_clock_ns()),
	};
	return mbuf;
}

bool port_control(const struct options *options, enum frame_type type, unsigned int flow,
		  uint64_t seq, uint64_t arg)
{
	struct rte_mbuf *mbuf = port_frame(options, FRAME_SIZE_MIN);
	struct frame *frame;

	if (!mbuf)
		return false;
	frame = rte_pktmbuf_mtod(mbuf, struct frame *);
	frame->type = (uint8_t)type;
	frame->flow = rte_cpu_to_le_16((uint16_t)flow);
	frame->seq = rte_cpu_to_le_64(seq);
	frame->arg = rte_cpu_to_le_64(arg);
	frame_finish(frame, FRAME_SIZE_MIN, options->seed);
	/* The peer may have more queues than this side. */
	if (rte_eth_tx_burst((uint16_t)options->port, (uint16_t)(flow % options->queues), &mbuf,
			     1) == 1)
		return true;
	rte_pktmbuf_free(mbuf);
	return false;
}

void port_hello(const struct options *options, uint64_t arg)
{
	for (unsigned int i = 0; i < options->queues; i++)
		port_control(options, FRAME_HELLO, i, 0, arg);
}
