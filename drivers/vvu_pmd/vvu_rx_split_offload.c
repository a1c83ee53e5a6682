/* SPDX-License-Identifier: BSD-3-Clause */
/* For frontends that leave checksums open or send several segments as one frame. */
#include "vvu_burst.h"
#include "vvu_rx_split.h"

uint16_t
vvu_rx_burst_split_offload(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return vvu_rx_split(q, pkts, nb_pkts, true);
}
