/* SPDX-License-Identifier: BSD-3-Clause */
/* Four descriptors at once. */
#include "vvu_burst.h"
#include "vvu_rx_packed_avx2.h"
#include "vvu_rx_packed_zc.h"

uint16_t
vvu_rx_burst_packed_zc_avx2(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return vvu_rx_packed_zc(q, pkts, nb_pkts, vvu_rx_packed_gather_avx2);
}
