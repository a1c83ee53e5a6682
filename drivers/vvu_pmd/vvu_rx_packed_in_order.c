/* SPDX-License-Identifier: BSD-3-Clause */
/* With VIRTIO_F_IN_ORDER: one used descriptor for a whole batch. */
#include "vvu_burst.h"
#include "vvu_rx_packed.h"

uint16_t
vvu_rx_burst_packed_in_order(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return vvu_rx_packed(q, pkts, nb_pkts, true, false, vvu_rx_packed_gather);
}
