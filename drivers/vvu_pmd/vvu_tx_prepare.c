/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rte_eth_tx_prepare(). Nothing is prepared: the sum of the pseudo header is made while a packet
 * is copied to the frontend, in the copy. What remains is to tell beforehand what would be
 * dropped, so that the caller can do it in software.
 */
#include <rte_errno.h>

#include "vvu_burst.h"
#include "vvu_header.h"

uint16_t
vvu_tx_prepare(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	const struct vvu_queue *q = queue;
	/* May change until the packet is sent; it is checked again then. */
	uint64_t features = __atomic_load_n(&q->features, __ATOMIC_RELAXED);
	uint16_t i;
	int ret;

	for (i = 0; i < nb_pkts; i++) {
		ret = vvu_header_check(pkts[i], features);
		if (ret != 0) {
			rte_errno = -ret;
			break;
		}
	}
	return i;
}
