/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a data thread may ask of its queue besides packets: how many there are, what state a
 * descriptor is in, and where to watch for the next one.
 */
#include <errno.h>

#include <ethdev_driver.h>
#include <linux/virtio_ring.h>
#include <rte_byteorder.h>
#include <rte_power_intrinsics.h>

#include "vhost-relay/vring/packed.h"
#include "vhost-relay/vring/split.h"

#include "vvu_ethdev.h"
#include "vvu_queue.h"
#include "vvu_ring_status.h"

/*
 * Lists of descriptors that the driver has made available on a packed ring. There is no index
 * to tell: they are counted, as far as the ring goes.
 */
static unsigned int
packed_available(const struct vhr_ring *ring)
{
	struct vhr_packed_position at = { ring->last_avail, ring->avail_wrap };
	unsigned int i, lists = 0;
	uint16_t flags;

	for (i = 0; i < ring->size; i++) {
		flags = rte_le_to_cpu_16(__atomic_load_n(&ring->packed_desc[at.idx].flags,
							 __ATOMIC_ACQUIRE));
		if ((flags & VHR_PACKED_MARKS) != vhr_packed_avail_flags(at.wrap))
			break;
		if ((flags & VRING_DESC_F_NEXT) == 0)
			lists++;
		at = vhr_packed_advance(at.idx, at.wrap, 1, ring->size);
	}
	return lists;
}

/* Packets to receive, or buffers to transmit into; a negative number when no ring runs. */
static int
available(struct vvu_queue *q, uint16_t *size)
{
	int n = -EAGAIN;

	vvu_queue_lock(q);
	if (q->running && q->ring->ready) {
		*size = q->ring->size;
		n = q->ring->packed ? (int)packed_available(q->ring) :
				      vhr_split_available(q->ring);
		if (unlikely(!q->ring->ready))
			vvu_queue_broken(q);
	}
	vvu_queue_unlock(q);
	return n;
}

vvu_rx_queue_count_t
vvu_rx_queue_count(void *queue)
{
	uint16_t size;
	int n = available(queue, &size);

	return n < 0 ? 0 : n;
}

int
vvu_rx_descriptor_status(void *queue, uint16_t offset)
{
	uint16_t size;
	int n = available(queue, &size);

	if (n < 0)
		return RTE_ETH_RX_DESC_UNAVAIL;
	if (offset >= size)
		return -EINVAL;
	return offset < n ? RTE_ETH_RX_DESC_DONE : RTE_ETH_RX_DESC_AVAIL;
}

/* A buffer that the frontend has not given (back) is one that is not free to be filled. */
int
vvu_tx_descriptor_status(void *queue, uint16_t offset)
{
	uint16_t size;
	int n = available(queue, &size);

	if (n < 0)
		return RTE_ETH_TX_DESC_UNAVAIL;
	if (offset >= size)
		return -EINVAL;
	return offset < n ? RTE_ETH_TX_DESC_DONE : RTE_ETH_TX_DESC_FULL;
}

/* Stay awake (-1) when the index is no longer what we have taken up to. */
static int
split_changed(const uint64_t value, const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
	return (value & UINT16_MAX) == opaque[0] ? 0 : -1;
}

/* Stay awake when the descriptor is available. */
static int
packed_changed(const uint64_t value, const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
	uint16_t flags = rte_le_to_cpu_16((uint16_t)value);

	return (flags & VHR_PACKED_MARKS) == opaque[0] ? -1 : 0;
}

/*
 * The address stays readable when the frontend takes the memory away; what it holds then is of
 * no use, and the sleep ends by its time.
 */
int
vvu_get_monitor_addr(void *queue, struct rte_power_monitor_cond *cond)
{
	struct vvu_queue *q = queue;
	const struct vhr_ring *ring;

	if (!vvu_queue_enter(q))
		return -EAGAIN;
	ring = q->ring;
	cond->size = sizeof(uint16_t);
	if (ring->packed) {
		cond->addr = &ring->packed_desc[ring->last_avail].flags;
		cond->opaque[0] = vhr_packed_avail_flags(ring->avail_wrap);
		cond->fn = packed_changed;
	} else {
		cond->addr = &ring->avail->idx;
		cond->opaque[0] = rte_cpu_to_le_16(ring->last_avail);
		cond->fn = split_changed;
	}
	vvu_queue_leave(q);
	return 0;
}
