/* SPDX-License-Identifier: BSD-3-Clause */
/* State of a queue's ring, for the data thread: ethdev operations (vvu_ring_status.c). */
#ifndef VVU_PMD_RING_STATUS_H
#define VVU_PMD_RING_STATUS_H

#include <stdint.h>

#include "vvu_compat.h"

struct rte_power_monitor_cond;

/* Packets that the frontend has sent and that were not received; 0 when no ring runs. */
vvu_rx_queue_count_t vvu_rx_queue_count(void *queue);
/*
 * Of the descriptor @offset from the next one. Receive: DONE has a packet, AVAIL is the
 * frontend's to fill. Transmit: DONE may be filled, FULL has not come (back) from the frontend.
 * UNAVAIL when no ring runs, -EINVAL beyond the ring.
 */
int vvu_rx_descriptor_status(void *queue, uint16_t offset);
int vvu_tx_descriptor_status(void *queue, uint16_t offset);
/*
 * What the frontend writes when it sends the next packet. -EAGAIN when no ring runs, or the
 * control path has the queue just now.
 */
int vvu_get_monitor_addr(void *queue, struct rte_power_monitor_cond *cond);

#endif
