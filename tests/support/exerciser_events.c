/* SPDX-License-Identifier: BSD-3-Clause */
/* The events of ports, counted; and devices that are taken away, which is one. */
#include <errno.h>
#include <stdio.h>

#include <rte_dev.h>
#include <rte_ethdev.h>

#include "pmd-exerciser.h"

static const struct {
	enum rte_eth_event_type type;
	const char *name;
} told[] = {
	{ RTE_ETH_EVENT_INTR_LSC, "link" },
	{ RTE_ETH_EVENT_QUEUE_STATE, "queue" },
	{ RTE_ETH_EVENT_INTR_RESET, "reset" },
	{ RTE_ETH_EVENT_INTR_RMV, "removal" },
	{ RTE_ETH_EVENT_DESTROY, "destroy" },
};

static unsigned int counts[RTE_MAX_ETHPORTS][RTE_DIM(told)];

static int
count_event(uint16_t port, enum rte_eth_event_type type, void *arg, void *param)
{
	unsigned int i;

	RTE_SET_USED(arg);
	RTE_SET_USED(param);
	for (i = 0; i < RTE_DIM(told); i++) {
		if (told[i].type == type)
			__atomic_fetch_add(&counts[port][i], 1, __ATOMIC_RELAXED);
	}
	return 0;
}

int
events_count(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; ret == 0 && i < RTE_DIM(told); i++)
		ret = rte_eth_dev_callback_register(RTE_ETH_ALL, told[i].type, count_event, NULL);
	return ret;
}

/* events PORT: how many of each kind there were */
static int
do_events(const unsigned long *arg)
{
	unsigned int i;

	if (arg[0] >= RTE_MAX_ETHPORTS)
		return -EINVAL;
	printf("ok");
	for (i = 0; i < RTE_DIM(told); i++)
		printf(" %s=%u", told[i].name,
		       __atomic_load_n(&counts[arg[0]][i], __ATOMIC_RELAXED));
	printf("\n");
	return 0;
}

/* remove PORT: its device from its bus, without a stop or close before */
static int
do_remove(const unsigned long *arg)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get((uint16_t)arg[0], &info);

	if (ret == 0)
		ret = rte_dev_remove(info.device);
	if (ret == 0)
		printf("ok\n");
	return ret;
}

const struct command event_commands[] = {
	{ "events", 1, do_events },
	{ "remove", 1, do_remove },
	{ NULL, 0, NULL },
};
