/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive interrupts: intr_conf.rxq, rte_eth_dev_rx_intr_enable() and ..._disable(), and
 * rte_eth_dev_rx_intr_ctl_q() with rte_epoll_wait().
 *
 * Each receive queue has an eventfd of its own number for the application to wait on: a
 * duplicate of the one behind the ring's kick vector, which is the same for all frontends and
 * through every reset of the device that the session makes. It stays, and what the application
 * registered with it, until the port is configured anew, reset or closed.
 *
 * EAL does not read these eventfds: it waits for edges, and every signal is one, whatever the
 * count. So rings whose kicks share a vector do not take each other's events away.
 */
#ifndef VVU_PMD_INTERRUPTS_H
#define VVU_PMD_INTERRUPTS_H

#include <stdint.h>

#include <ethdev_driver.h>

struct vvu_queue;

/*
 * Give every receive queue its eventfd if the configuration asks for interrupts, else none.
 * -ENOTSUP when the device has no vector for a ring; -errno. No queue runs.
 */
int vvu_interrupts_configure(struct rte_eth_dev *dev);
/* Take them away. No queue runs. */
void vvu_interrupts_release(struct rte_eth_dev *dev);

/*
 * Tell the frontend whether to kick, and if the application waits for a packet that is there
 * already, wake it. Whatever may have changed: ring, queue or wish. The queue is locked.
 */
void vvu_interrupts_update(struct vvu_queue *q);

/* ethdev operations */
int vvu_rx_intr_enable(struct rte_eth_dev *dev, uint16_t queue_id);
int vvu_rx_intr_disable(struct rte_eth_dev *dev, uint16_t queue_id);

#endif
