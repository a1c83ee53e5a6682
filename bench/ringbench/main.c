/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ringbench: what a burst of a vhost-user back-end's port costs, its frontend being the same
 * thread. Nothing waits for anybody, so that a profiler's counts are the same in each run.
 *
 * Port i has the i-th socket; each case is a line of JSON.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "frontend/clock.h"
#include "common/number.h"
#include "json_out.h"
#include "measure.h"

#define SIZES_MAX	8u
#define LINK_NS		60000000000ull
#define MBUFS		4096u

static struct {
	uint64_t size[SIZES_MAX];
	unsigned int sizes;
	uint64_t bursts;
} options = { .bursts = 256 };

static struct rte_mempool *pool;

static int parse_options(int argc, char **argv)
{
	static const struct option table[] = {
		{ "size", required_argument, NULL, 's' },
		{ "bursts", required_argument, NULL, 'b' },
		{ 0 },
	};
	int c;

	optind = 0;	/* EAL has used getopt before */
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 's') {
			if (options.sizes == SIZES_MAX) {
				fprintf(stderr, "--size: %u at most\n", SIZES_MAX);
				return -EINVAL;
			}
			if (number_parse("size", optarg, 64, 2048, &options.size[options.sizes++]))
				return -EINVAL;
		} else if (c != 'b' ||
			   number_parse("bursts", optarg, 1, 1 << 20, &options.bursts)) {
			return -EINVAL;
		}
	}
	if (!options.sizes)
		options.size[options.sizes++] = 64;
	return 0;
}

static int open_port(uint16_t port)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = { 0 };
	int ret = rte_eth_dev_info_get(port, &info);

	if (ret)
		return ret;
	conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	ret = rte_eth_dev_configure(port, 1, 1, &conf);
	if (!ret)
		ret = rte_eth_rx_queue_setup(port, 0, RING_SIZE, SOCKET_ID_ANY, NULL, pool);
	if (!ret)
		ret = rte_eth_tx_queue_setup(port, 0, RING_SIZE, SOCKET_ID_ANY, NULL);
	return ret ? ret : rte_eth_dev_start(port);
}

static int wait_link(uint16_t port, struct vhu_reason *reason)
{
	uint64_t end_ns = clock_ns() + LINK_NS;
	struct rte_eth_link link;

	while (rte_eth_link_get_nowait(port, &link) || !link.link_status) {
		if (clock_ns() >= end_ns) {
			vhu_reason_set(reason, "the link does not come up");
			return -ETIMEDOUT;
		}
		poll(NULL, 0, 5);
	}
	return 0;
}

static void print_case(const struct shape *shape, unsigned int size, const char *way,
		       const struct measured *measured, const char *why)
{
	json_open(NULL, '{');
	json_string("ring", shape->packed ? "packed" : "split");
	json_bool("mrg", shape->mrg);
	json_bool("in_order", shape->in_order);
	json_u64("size", size);
	json_string("way", way);
	if (why) {
		json_string("why", why);
	} else {
		json_u64("packets", measured->packets);
		json_u64("cycles", measured->cycles);
	}
	json_close();
}

int ringbench_case(struct frontend *frontend, uint16_t port, const struct shape *shape,
		   unsigned int size, bool receive);

/* A function of its own: a profiler can begin anew after each case. */
__rte_noinline int ringbench_case(struct frontend *frontend, uint16_t port,
				  const struct shape *shape, unsigned int size, bool receive)
{
	struct measured measured;
	struct vhu_reason reason;
	int ret;

	if (receive)
		ret = measure_receive(frontend, port, size, (unsigned int)options.bursts,
				      &measured, &reason);
	else
		ret = measure_transmit(frontend, port, pool, size, (unsigned int)options.bursts,
				       &measured, &reason);
	print_case(shape, size, receive ? "receive" : "transmit", &measured,
		   ret ? reason.text : NULL);
	return ret;
}

/* "PATH,packed|split,MRG,IN_ORDER" */
static int parse_shape(char *text, struct shape *shape)
{
	char *comma = strchr(text, ',');

	if (!comma)
		return -EINVAL;
	*comma++ = '\0';
	for (int i = 0; i < 8; i++) {
		char name[16];

		*shape = (struct shape){ .packed = i & 4, .mrg = i & 2, .in_order = i & 1 };
		snprintf(name, sizeof(name), "%s,%d,%d", shape->packed ? "packed" : "split",
			 shape->mrg, shape->in_order);
		if (strcmp(comma, name) == 0)
			return 0;
	}
	return -EINVAL;
}

static int run_port(uint16_t port, char *text)
{
	struct vhu_reason reason;
	struct frontend frontend;
	struct shape shape;
	int ret = parse_shape(text, &shape);

	if (ret) {
		fprintf(stderr, "port %u: PATH,split|packed,0|1,0|1 is wanted\n", port);
		return ret;
	}
	ret = connect_open(&frontend, text, &shape, &reason);
	if (!ret)
		ret = wait_link(port, &reason);
	if (ret == -EOPNOTSUPP) {
		print_case(&shape, 0, "none", NULL, reason.text);
		ret = 0;
	} else if (ret) {
		fprintf(stderr, "port %u: %s\n", port, reason.text);
	} else {
		for (unsigned int i = 0; i < 2 * options.sizes && !ret; i++)
			ret = ringbench_case(&frontend, port, &shape,
					     (unsigned int)options.size[i / 2], i % 2 == 0);
	}
	connect_close(&frontend);
	return ret;
}

static int run(int argc, char **argv)
{
	uint16_t ports = rte_eth_dev_count_avail();
	int ret = 0;

	if (ports == 0 || argc - optind != ports) {
		fprintf(stderr, "%u ports, and %d sockets of them\n", ports, argc - optind);
		return -EINVAL;
	}
	pool = rte_pktmbuf_pool_create("ringbench", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (!pool) {
		fprintf(stderr, "no memory: %s\n", rte_strerror(rte_errno));
		return -ENOMEM;
	}
	for (uint16_t port = 0; port < ports && !ret; port++) {
		ret = open_port(port);
		if (ret)
			fprintf(stderr, "port %u: %s\n", port, rte_strerror(-ret));
	}
	for (uint16_t port = 0; port < ports && !ret; port++)
		ret = run_port(port, argv[optind + port]);
	for (uint16_t port = 0; port < ports; port++) {
		rte_eth_dev_stop(port);
		rte_eth_dev_close(port);
	}
	return ret;
}

int main(int argc, char **argv)
{
	int ret, used = rte_eal_init(argc, argv);

	if (used < 0) {
		fprintf(stderr, "EAL: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	ret = parse_options(argc - used, argv + used);
	if (ret == 0)
		ret = run(argc - used, argv + used);
	rte_eal_cleanup();
	return ret ? 1 : 0;
}
