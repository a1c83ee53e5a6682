/* SPDX-License-Identifier: BSD-3-Clause */
/* The code of the scalar variant, compiled for AVX-512: what is copied, 64 bytes at a time. */
#include "vvu_burst.h"
#include "vvu_rx_split_zc.h"

uint16_t
vvu_rx_burst_split_zc_avx512(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return vvu_rx_split_zc(q, pkts, nb_pkts);
}
