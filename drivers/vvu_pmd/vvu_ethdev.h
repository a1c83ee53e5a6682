/* SPDX-License-Identifier: BSD-3-Clause */
/* The ethdev side of a port. */
#ifndef VVU_PMD_ETHDEV_H
#define VVU_PMD_ETHDEV_H

#include <stdint.h>

#include <ethdev_driver.h>
#include <rte_ether.h>

#include "vvu_compat.h"
#include "vvu_queue.h"

#define VVU_MAX_MTU		(UINT16_MAX - VVU_FRAME_OVERHEAD)
/* Smallest receive buffer worth having. */
#define VVU_MIN_RX_BUFSIZE	64u

struct vvu_port;

/* Operations, flags and burst functions of a fresh port. */
void vvu_ethdev_init(struct rte_eth_dev *dev);
/* The largest MTU by the options. */
uint16_t vvu_max_mtu(const struct vvu_port *port);

/* vvu_stats.c */
int vvu_stats_get(VVU_STATS_GET_PARAMS(dev, stats));
int vvu_stats_reset(struct rte_eth_dev *dev);
/* vvu_xstats.c */
int vvu_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats, unsigned int n);
int vvu_xstats_get_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names,
			 unsigned int n);
int vvu_xstats_reset(struct rte_eth_dev *dev);

#endif
