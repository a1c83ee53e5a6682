/* SPDX-License-Identifier: BSD-3-Clause */
/* Lent frames as mbufs have them: attached to one or several, and freed. */
#ifndef VVU_PMD_ZC_MBUF_H
#define VVU_PMD_ZC_MBUF_H

#include <stdint.h>

struct rte_mbuf;
struct vvu_zc;

/* Fill in what never changes of the description by which mbufs refer to frames of @zc. */
void vvu_zc_describe(struct vvu_zc *zc);
/* As rte_pktmbuf_free() for each of @n packets, lent or not, in less time for many. */
void vvu_zc_free_packets(struct rte_mbuf **pkts, uint16_t n);

#endif
