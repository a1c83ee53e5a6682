/* SPDX-License-Identifier: BSD-3-Clause */
#include "vvu_burst.h"
#include "vvu_rx_split_zc.h"

uint16_t
vvu_rx_burst_split_zc(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return vvu_rx_split_zc(q, pkts, nb_pkts);
}
