/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a net_vvu port tells with its ethdev events. For applications; needs no symbol of
 * the driver, so that it stays a plugin.
 */
#ifndef VVU_PMD_EVENTS_H
#define VVU_PMD_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * @ret_param of a callback registered for RTE_ETH_EVENT_QUEUE_STATE: which queue the
 * frontend has started or stopped to serve. Valid during the callback, which runs on the
 * driver's control thread. Several changes of one queue in quick succession may show as
 * one event with the last state.
 *
 * RTE_ETH_EVENT_INTR_LSC has no parameter: the link is up while a frontend is connected
 * and serves queue pair 0.
 *
 * RTE_ETH_EVENT_INTR_RESET has none either: the device failed and serves nobody until the
 * application stops the port, calls rte_eth_dev_reset() and sets it up again.
 *
 * RTE_ETH_EVENT_INTR_RMV (of a port with RTE_ETH_DEV_INTR_RMV, if intr_conf.rmv is set) has
 * none: the function is to be unplugged, which waits until the application has closed the
 * port and removed its device. It comes once.
 */
struct vvu_queue_state {
	uint16_t queue_id;	/* of the port */
	bool rx;		/* a receive queue, else a transmit queue */
	bool ready;		/* packets can pass */
};

#endif
