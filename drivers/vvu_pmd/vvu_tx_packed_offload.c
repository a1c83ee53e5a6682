/* SPDX-License-Identifier: BSD-3-Clause */
/* For applications that leave something to the port, as vvu_tx_split_offload.c. */
#include "vvu_burst.h"
#include "vvu_tx_packed.h"

uint16_t
vvu_tx_burst_packed_offload(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return vvu_tx_packed(q, pkts, nb_pkts, true);
}
