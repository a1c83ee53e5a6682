/* SPDX-License-Identifier: BSD-3-Clause */
/* Four descriptors at once. */
#include <linux/virtio_config.h>

#include "vvu_burst.h"
#include "vvu_rx_packed_avx2.h"

uint16_t
vvu_rx_burst_packed_avx2(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	bool in_order = (q->ring->features & (1ull << VIRTIO_F_IN_ORDER)) != 0;

	return vvu_rx_packed(q, pkts, nb_pkts, in_order, false, vvu_rx_packed_gather_avx2);
}
