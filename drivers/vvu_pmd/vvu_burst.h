/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A burst, from ethdev's call to the code for this very ring.
 *
 * What ethdev calls is one function per direction for all ports: it takes the queue's lock
 * and calls q->burst. That is a variant, one of the functions below, each in a file of its
 * own; which one is chosen under the lock whenever the ring or the queue's configuration
 * changes, from the table in vvu_burst.c.
 */
#ifndef VVU_PMD_BURST_H
#define VVU_PMD_BURST_H

#include <stdint.h>

#include "vvu_queue.h"

struct rte_eth_dev;
struct rte_eth_burst_mode;

/* rx_pkt_burst and tx_pkt_burst of every port. */
uint16_t vvu_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);

/* tx_pkt_prepare: the first packet the frontend cannot be given as it is; rte_errno says why. */
uint16_t vvu_tx_prepare(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);

/* Set q->variant and q->burst for the ring and the configuration that @q has. Locked. */
void vvu_burst_choose(struct vvu_queue *q);
int vvu_burst_mode_get(struct rte_eth_dev *dev, uint16_t queue_id, bool rx,
		       struct rte_eth_burst_mode *mode);

/*
 * The variants. The queue is entered: locked, running, with a ring that is ready. Transmit
 * leaves the mbufs to the caller, which frees them without the lock.
 */
uint16_t vvu_rx_burst_split(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_rx_burst_split_offload(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_rx_burst_packed_zc(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_rx_burst_split_zc(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_rx_burst_packed(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_rx_burst_packed_in_order(struct vvu_queue *q, struct rte_mbuf **pkts,
				      uint16_t nb_pkts);
uint16_t vvu_rx_burst_packed_offload(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_tx_burst_split(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_tx_burst_split_offload(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_tx_burst_packed(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_tx_burst_packed_offload(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);

/* The same for processors that have more than DPDK is built for. */
uint16_t vvu_rx_burst_packed_avx2(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_rx_burst_packed_zc_avx2(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_rx_burst_packed_zc_avx512(struct vvu_queue *q, struct rte_mbuf **pkts,
				       uint16_t nb_pkts);
uint16_t vvu_rx_burst_split_zc_avx512(struct vvu_queue *q, struct rte_mbuf **pkts,
				      uint16_t nb_pkts);
uint16_t vvu_rx_burst_split_avx512(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_rx_burst_packed_avx512(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_tx_burst_split_avx512(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vvu_tx_burst_packed_avx512(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);

#endif
