/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "vvu_burst.h"
#include "vvu_tx_packed.h"

/* Chains come one after the other: each is taken so that the next is found behind it. */
static int
walk(struct vhr_ring *ring, uint16_t n, struct vhr_chain *chain, struct vvu_tx_buffer *buffer)
{
	int ret;

	RTE_SET_USED(n);
	if (!vhr_packed_available(ring))
		return -EAGAIN;
	ret = vhr_packed_walk(ring, chain, &buffer->id, &buffer->entries);
	if (ret == 0)
		vhr_packed_take(ring, buffer->entries);
	return ret;
}

/* The first last: the driver does not see a packet in part. */
static void
give(struct vhr_ring *ring, uint16_t n, const struct vvu_tx_buffer *buffer, uint16_t count)
{
	uint16_t ahead = buffer[0].entries, all, i;

	RTE_SET_USED(n);
	for (i = 1; i < count; i++) {
		vhr_packed_put_used(ring, ahead, buffer[i].id, buffer[i].len);
		ahead += buffer[i].entries;
	}
	all = ahead;
	vhr_packed_fill(ring, buffer[0].id, buffer[0].len);
	vhr_packed_publish(ring, all, buffer[0].len);
}

const struct vvu_tx_format vvu_tx_format_packed = { .walk = walk, .give = give };

uint16_t
vvu_tx_burst_packed(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return vvu_tx_packed(q, pkts, nb_pkts, false);
}
