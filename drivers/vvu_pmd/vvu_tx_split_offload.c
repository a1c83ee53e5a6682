/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For applications that leave checksums, segmentation or VLAN tags to the port. A packet
 * without flags costs one comparison more; one with flags takes the slow path, which makes its
 * header.
 */
#include "vvu_burst.h"
#include "vvu_tx_split.h"

uint16_t
vvu_tx_burst_split_offload(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return vvu_tx_split(q, pkts, nb_pkts, true);
}
