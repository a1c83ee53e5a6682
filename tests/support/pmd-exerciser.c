/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#include "pmd-exerciser.h"

#define MAX_ARGS 4
#define MBUFS 8191
#define RING_SIZE 256

unsigned int num_queues = 1;
bool use_interrupts;
struct rte_mempool *pool;

static unsigned int deferred_queues;	/* bit q: receive queue q starts when told */

static const struct command *const groups[] = {
	state_commands,
	wait_commands,
	packet_commands,
	feature_commands,
	event_commands,
};

static int
queue_setup(uint16_t port, uint16_t queue, const struct rte_eth_dev_info *info)
{
	struct rte_eth_rxconf conf = info->default_rxconf;
	int ret;

	conf.rx_deferred_start = queue < 32 && (deferred_queues >> queue & 1);
	ret = rte_eth_rx_queue_setup(port, queue, RING_SIZE, SOCKET_ID_ANY, &conf, pool);
	return ret != 0 ? ret :
	       rte_eth_tx_queue_setup(port, queue, RING_SIZE, SOCKET_ID_ANY, NULL);
}

int
port_setup(uint16_t port)
{
	struct rte_eth_conf conf = { .intr_conf.rxq = use_interrupts };
	struct rte_eth_dev_info info;
	uint16_t queue;
	int ret = rte_eth_dev_info_get(port, &info);

	conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	/* Only what a port can tell may be asked for. */
	conf.intr_conf.rmv = ret == 0 && *info.dev_flags & RTE_ETH_DEV_INTR_RMV;
	if (ret == 0)
		ret = rte_eth_dev_configure(port, num_queues, num_queues, &conf);
	for (queue = 0; ret == 0 && queue < num_queues; queue++)
		ret = queue_setup(port, queue, &info);
	return ret != 0 ? ret : rte_eth_dev_start(port);
}

static int
run_line(char *line)
{
	char *word = strtok(line, " \n");
	unsigned long arg[MAX_ARGS] = { 0 };
	const struct command *command;
	char *number;
	unsigned int i;
	int n = 0;

	if (word == NULL)
		return -EINVAL;
	while (n < MAX_ARGS && (number = strtok(NULL, " \n")) != NULL)
		arg[n++] = strtoul(number, NULL, 0);
	for (i = 0; i < RTE_DIM(groups); i++) {
		for (command = groups[i]; command->name != NULL; command++) {
			if (strcmp(command->name, word) == 0 && command->args == n)
				return command->run(arg);
		}
	}
	return -EINVAL;
}

static void
serve(void)
{
	char line[256];
	int ret;

	while (fgets(line, sizeof(line), stdin) != NULL && strcmp(line, "quit\n") != 0) {
		ret = run_line(line);
		if (ret < 0)
			printf("error %d %s\n", ret, rte_strerror(-ret));
		else if (ret > 0)
			printf("ok %d\n", ret);
		fflush(stdout);
	}
}

static int
parse(int argc, char **argv)
{
	int i;

	for (i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--queues") == 0)
			num_queues = (unsigned int)strtoul(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--interrupts") == 0)
			use_interrupts = strtoul(argv[i + 1], NULL, 0) != 0;
		else if (strcmp(argv[i], "--deferred") == 0)
			deferred_queues = (unsigned int)strtoul(argv[i + 1], NULL, 0);
		else
			return -EINVAL;
	}
	return i == argc ? 0 : -EINVAL;
}

int
main(int argc, char **argv)
{
	int ret, used = rte_eal_init(argc, argv);
	uint16_t port;

	if (used < 0) {
		fprintf(stderr, "EAL: %s\n", rte_strerror(rte_errno));
		return EXIT_FAILURE;
	}
	ret = parse(argc - used, argv + used);
	if (ret == 0) {
		pool = rte_pktmbuf_pool_create("exerciser", MBUFS, 128, 0,
					       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
		ret = pool == NULL ? -rte_errno : events_count();
	}
	RTE_ETH_FOREACH_DEV(port) {
		if (ret == 0)
			ret = port_setup(port);
	}
	if (ret == 0) {
		printf("ready\n");
		fflush(stdout);
		serve();
		wait_finish();
	} else {
		fprintf(stderr, "set-up: %s\n", rte_strerror(-ret));
	}
	RTE_ETH_FOREACH_DEV(port) {
		if (rte_eth_dev_stop(port) != 0 || rte_eth_dev_close(port) != 0)
			ret = -EIO;
	}
	if (rte_eal_cleanup() != 0)
		ret = -EIO;
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
