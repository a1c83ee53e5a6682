/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port: one function, one session, its rings.
 *
 * Locks, taken in this order: the control thread's list, a port's, a ring's. A port's lock
 * stands around every call into its session; no ethdev event is raised under any lock.
 */
#ifndef VVU_PMD_PORT_H
#define VVU_PMD_PORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ethdev_driver.h>

#include "vhost-relay/vhr.h"

#include "vvu_devargs.h"
#include "vvu_queue.h"

struct rte_pci_device;

struct vvu_port {
	struct rte_eth_dev *dev;
	uint16_t port_id;
	char name[RTE_ETH_NAME_MAX_LEN];
	struct vvu_devargs args;
	struct rte_pci_device *pci;		/* NULL: embedded */
	struct rte_intr_handle *intr_handle;	/* receive interrupts; NULL: none */
	struct rte_intr_handle *bus_intr_handle;	/* ethdev's, while it has ours */
	unsigned int num_rings;
	struct vvu_queue *queues;		/* by ring index */

	pthread_mutex_t lock;
	struct vhr_session *session;
	bool up;				/* vhr_up() done: frontends are served */
	bool failed;				/* the session is of no use; reset the port */
	/* zero copy (vvu_zc_port.c) */
	struct vvu_zc_window *zc_window;	/* of the session; NULL without */
	uint64_t zc_no_wait_before_ns;
	uint64_t zc_in_use_since_ns;
	bool zc_in_use_told;

	/* ---- written under the lock, read anywhere ---- */
	bool connected;
	bool link_down;				/* rte_eth_dev_set_link_down() */
	uint16_t frontend_mtu;			/* NET_SET_MTU; 0: not told */
	bool ring_ready[VHU_MAX_VRINGS];

	/* ---- EAL's interrupt thread ---- */
	bool removal_asked;			/* its function is to be given back */

	/* ---- control thread ---- */
	bool listed;
	TAILQ_ENTRY(vvu_port) next;
	bool events_due;			/* any thread sets it */
	bool link_told;
	bool failed_told;
	bool removal_told;
	bool ring_told[VHU_MAX_VRINGS];
};

/* The callbacks from the session (vvu_session.c). */
extern const struct vhr_ops vvu_session_ops;

/*
 * Make @dev's private data a port with a session, not yet serving frontends. The queues,
 * the MAC address and ethdev's own fields are set up. Negative errno, logged; nothing is
 * left then that vvu_port_destroy() would have to undo.
 */
int vvu_port_create(struct rte_eth_dev *dev, const struct vvu_devargs *args,
		    struct rte_pci_device *pci);
/* Disconnects and frees all but what ethdev frees. */
void vvu_port_destroy(struct vvu_port *port);

/* The session alone: for create, destroy and reset. */
int vvu_port_open(struct vvu_port *port);
void vvu_port_close(struct vvu_port *port);

/* Connected, and ring pair 0 ready. */
bool vvu_port_link(const struct vvu_port *port);
void vvu_port_update_link(struct vvu_port *port);

/* Features of virtio-net to offer: vvu_offer.c. */
uint64_t vvu_port_features(const struct vvu_port *port);
/* What the application may ask for of the offloads that need the frontend. */
uint64_t vvu_port_rx_offloads(const struct vvu_devargs *args);
uint64_t vvu_port_tx_offloads(const struct vvu_devargs *args);

/* The embedded device's or DPDK PCI bus of this port. */
int vvu_bus_pci_open(struct rte_pci_device *pci, struct vhr_bus **bus, struct vhu_reason *reason);

/* vvu_pci.c: once it has returned, nothing of the port is used by who tells of removals. */
void vvu_pci_unwatch(struct vvu_port *port);

#endif
