/* SPDX-License-Identifier: BSD-3-Clause */
/* The code of the scalar variant, compiled for AVX-512: frames are copied 64 bytes at a time. */
#include "vvu_burst.h"
#include "vvu_tx_packed.h"

uint16_t
vvu_tx_burst_packed_avx512(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return vvu_tx_packed(q, pkts, nb_pkts, false);
}
