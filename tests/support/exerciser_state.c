/* SPDX-License-Identifier: BSD-3-Clause */
/* What a port says of itself, its rings and its device; and starting and stopping them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_dev_info.h>
#include <rte_ethdev.h>
#include <rte_power_intrinsics.h>

#include "pmd-exerciser.h"

/* Zero as an answer of its own. */
static int
say(int value)
{
	if (value >= 0)
		printf("ok %d\n", value);
	return value < 0 ? value : 0;
}

static int
do_count(const unsigned long *arg)
{
	return say(rte_eth_rx_queue_count((uint16_t)arg[0], (uint16_t)arg[1]));
}

static int
do_rx_status(const unsigned long *arg)
{
	return say(rte_eth_rx_descriptor_status((uint16_t)arg[0], (uint16_t)arg[1],
						(uint16_t)arg[2]));
}

static int
do_tx_status(const unsigned long *arg)
{
	return say(rte_eth_tx_descriptor_status((uint16_t)arg[0], (uint16_t)arg[1],
						(uint16_t)arg[2]));
}

static int
do_tx_cleanup(const unsigned long *arg)
{
	return say(rte_eth_tx_done_cleanup((uint16_t)arg[0], (uint16_t)arg[1], 0));
}

/* monitor PORT QUEUE: "ok SIZE STAY", where STAY is 1 if the sleep would not begin */
static int
do_monitor(const unsigned long *arg)
{
	struct rte_power_monitor_cond cond = { 0 };
	uint64_t value;
	int ret = rte_eth_get_monitor_addr((uint16_t)arg[0], (uint16_t)arg[1], &cond);

	if (ret != 0)
		return ret;
	value = *(volatile uint16_t *)cond.addr;
	printf("ok %u %d\n", cond.size, cond.fn(value, cond.opaque) != 0);
	return 0;
}

static int
do_firmware(const unsigned long *arg)
{
	char text[128];
	int ret = rte_eth_dev_fw_version_get((uint16_t)arg[0], text, sizeof(text));

	if (ret == 0)
		printf("ok %s\n", text);
	return ret;
}

static int
do_registers(const unsigned long *arg)
{
	struct rte_dev_reg_info info = { .data = NULL };
	uint32_t *words;
	int ret = rte_eth_dev_get_reg_info((uint16_t)arg[0], &info);
	unsigned int i;

	if (ret != 0)
		return ret;
	words = calloc(info.length, info.width);
	if (words == NULL)
		return -ENOMEM;
	info.data = words;
	ret = rte_eth_dev_get_reg_info((uint16_t)arg[0], &info);
	if (ret == 0) {
		printf("ok 0x%" PRIx32, info.version);
		for (i = 0; i < info.length; i++)
			printf(" 0x%" PRIx32, words[i]);
		printf("\n");
	}
	free(words);
	return ret;
}

/* descriptors PORT QUEUE: as the two queues of a pair tell their size */
static int
do_descriptors(const unsigned long *arg)
{
	struct rte_eth_rxq_info rx;
	struct rte_eth_txq_info tx;
	int ret = rte_eth_rx_queue_info_get((uint16_t)arg[0], (uint16_t)arg[1], &rx);

	if (ret == 0)
		ret = rte_eth_tx_queue_info_get((uint16_t)arg[0], (uint16_t)arg[1], &tx);
	if (ret == 0)
		printf("ok %u %u\n", rx.nb_desc, tx.nb_desc);
	return ret;
}

static int
do_link(const unsigned long *arg)
{
	uint16_t port = (uint16_t)arg[0];

	return say(arg[1] ? rte_eth_dev_set_link_up(port) : rte_eth_dev_set_link_down(port));
}

static int
do_link_state(const unsigned long *arg)
{
	struct rte_eth_link link;
	int ret = rte_eth_link_get_nowait((uint16_t)arg[0], &link);

	return ret != 0 ? ret : say(link.link_status);
}

static int
do_start(const unsigned long *arg)
{
	return say(rte_eth_dev_start((uint16_t)arg[0]));
}

static int
do_stop(const unsigned long *arg)
{
	return say(rte_eth_dev_stop((uint16_t)arg[0]));
}

static int
do_rx_start(const unsigned long *arg)
{
	return say(rte_eth_dev_rx_queue_start((uint16_t)arg[0], (uint16_t)arg[1]));
}

static int
do_rx_stop(const unsigned long *arg)
{
	return say(rte_eth_dev_rx_queue_stop((uint16_t)arg[0], (uint16_t)arg[1]));
}

static int
do_reset(const unsigned long *arg)
{
	int ret = rte_eth_dev_reset((uint16_t)arg[0]);

	return say(ret != 0 ? ret : port_setup((uint16_t)arg[0]));
}

const struct command state_commands[] = {
	{ "count", 2, do_count },
	{ "rx-status", 3, do_rx_status },
	{ "tx-status", 3, do_tx_status },
	{ "tx-cleanup", 2, do_tx_cleanup },
	{ "monitor", 2, do_monitor },
	{ "firmware", 1, do_firmware },
	{ "registers", 1, do_registers },
	{ "descriptors", 2, do_descriptors },
	{ "link", 2, do_link },
	{ "link-state", 1, do_link_state },
	{ "start", 1, do_start },
	{ "stop", 1, do_stop },
	{ "rx-start", 2, do_rx_start },
	{ "rx-stop", 2, do_rx_stop },
	{ "reset", 1, do_reset },
	{ NULL, 0, NULL },
};
