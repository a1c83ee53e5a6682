/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zero copy of a port's queues: when frames may be lent, and what happens to those that are
 * out when the frontend wants its memory back.
 *
 * - A ring stops, or the memory table changes: no more is lent, and the frontend's message
 *   waits for the frames, up to the option zero-copy-wait. What is out then is used all the
 *   same, and its bytes are no longer reliable: the frontend may fill the buffer anew, or take
 *   it away, which leaves zeros.
 * - The frontend is gone: the memory stays as it is, and no other frontend is served, until
 *   the last frame is back.
 * - The port is closed: it waits up to zero-copy-wait; then what is left of the window reads
 *   as zeros until the last frame is back.
 */
#ifndef VVU_PMD_ZC_PORT_H
#define VVU_PMD_ZC_PORT_H

#include <stdbool.h>

struct vvu_port;
struct vvu_queue;

/* Lend from now on, if the ring is ready and the queue's configuration allows it. Locked. */
void vvu_zc_update(struct vvu_queue *q);
/* Let go of the ring as it is, without a word to the driver. Locked. */
void vvu_zc_drop(struct vvu_queue *q);

/* Callbacks of the session. */
void vvu_zc_ring_stop(struct vvu_port *port, unsigned int index);
void vvu_zc_memory_change(struct vvu_port *port, bool begin);
bool vvu_zc_memory_in_use(struct vvu_port *port);

/* Before the session is closed: have back what comes back in time. No lock held. */
void vvu_zc_close(struct vvu_port *port);

#endif
