/* SPDX-License-Identifier: BSD-3-Clause */
/* For frontends that leave checksums open or send several segments as one frame. */
#include <linux/virtio_config.h>

#include "vvu_burst.h"
#include "vvu_rx_packed.h"

uint16_t
vvu_rx_burst_packed_offload(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	bool in_order = (q->ring->features & (1ull << VIRTIO_F_IN_ORDER)) != 0;

	return vvu_rx_packed(q, pkts, nb_pkts, in_order, true, vvu_rx_packed_gather);
}
