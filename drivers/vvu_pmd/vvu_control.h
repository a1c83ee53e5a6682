/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control thread: one for all ports of the process. It runs the sessions when they have
 * something to do and raises the ethdev events that follow. It is there while a port is.
 */
#ifndef VVU_PMD_CONTROL_H
#define VVU_PMD_CONTROL_H

#include <stdint.h>

struct vvu_port;

/* Serve a port whose session is open. 0 or -errno. */
int vvu_control_add(struct vvu_port *port);
/*
 * No longer serve it; does not return before the control thread has let go of it, unless
 * called from the control thread itself (out of an event's callback). No port's lock held.
 */
void vvu_control_remove(struct vvu_port *port);
/* Link or rings of the port changed: raise events soon. From any thread. */
void vvu_control_events_due(struct vvu_port *port);

/*
 * Call @visit for the port with this id, or with id UINT16_MAX for every port, in the order
 * they came; ports neither come nor go meanwhile. Returns how many calls were made.
 */
unsigned int vvu_control_visit(uint16_t port_id,
			       void (*visit)(struct vvu_port *port, void *arg), void *arg);

#endif
