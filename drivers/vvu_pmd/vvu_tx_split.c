/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "vvu_burst.h"
#include "vvu_tx_split.h"

static int
walk(struct vhr_ring *ring, uint16_t n, struct vhr_chain *chain, struct vvu_tx_buffer *buffer)
{
	int ret;

	/* Looked at once per burst: what came since then is for the next one. */
	if (n == (uint16_t)(ring->avail_seen - ring->last_avail))
		return -EAGAIN;
	ret = vhr_split_head(ring, n, &chain->head);
	if (ret != 0)
		return ret;
	buffer->id = chain->head;
	buffer->entries = 1;
	return vhr_split_walk(ring, chain);
}

/* To be seen by the driver when the burst publishes them. */
static void
give(struct vhr_ring *ring, uint16_t n, const struct vvu_tx_buffer *buffer, uint16_t count)
{
	uint16_t i;

	for (i = 0; i < count; i++)
		vhr_split_put_used(ring, n + i, buffer[i].id, buffer[i].len);
}

const struct vvu_tx_format vvu_tx_format_split = { .walk = walk, .give = give };

uint16_t
vvu_tx_burst_split(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return vvu_tx_split(q, pkts, nb_pkts, false);
}
