/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The split ring (virtio 1.3, 2.7). A slot has descriptors of its own, so its number follows
 * from the head, and no free list is kept.
 */
#include <endian.h>
#include <errno.h>

#include <linux/virtio_ring.h>

#include "vq.h"

/* 2.7: avail ends with used_event, used with avail_event. */
static uint16_t *used_event(const struct vq *vq)
{
	return &vq->split.avail->ring[vq->config.size];
}

static uint16_t *avail_event(const struct vq *vq)
{
	return (uint16_t *)&vq->split.used->ring[vq->config.size];
}

static int split_init(struct vq *vq)
{
	unsigned int size = vq->config.size;

	vq->split.desc = area_take(vq->area, size * sizeof(struct vring_desc), 64);
	vq->split.avail = area_take(vq->area, (3 + size) * sizeof(uint16_t), 64);
	vq->split.used = area_take(vq->area, 3 * sizeof(uint16_t) +
				   size * sizeof(struct vring_used_elem), 64);
	return vq->split.desc && vq->split.avail && vq->split.used ? 0 : -ENOSPC;
}

static void split_add(struct vq *vq, unsigned int slot, const struct vq_buffer *buffer,
		      unsigned int buffers)
{
	uint16_t head = (uint16_t)(slot * vq->per_request);
	struct vring_desc *desc = &vq->split.desc[head];
	uint16_t at = (uint16_t)(vq->split.avail_idx + vq->added) & (vq->config.size - 1);

	if (vq->config.indirect) {
		desc->addr = htole64(vq_fill_table(vq, slot, buffer, buffers, false));
		desc->len = htole32(buffers * (uint32_t)sizeof(*desc));
		desc->flags = htole16(VRING_DESC_F_INDIRECT);
	} else {
		for (unsigned int i = 0; i < buffers; i++) {
			uint16_t flags = buffer[i].writable ? VRING_DESC_F_WRITE : 0;

			if (i + 1 < buffers)
				flags |= VRING_DESC_F_NEXT;
			desc[i].addr = htole64(area_guest_addr(vq->area, buffer[i].at));
			desc[i].len = htole32(buffer[i].len);
			desc[i].flags = htole16(flags);
			desc[i].next = htole16((uint16_t)(head + i + 1));
		}
	}
	vq->split.avail->ring[at] = htole16(head);
	vq->busy[slot] = true;
	vq->in_flight++;
	vq->added++;
}

static bool split_publish(struct vq *vq)
{
	uint16_t old = vq->split.avail_idx, idx = (uint16_t)(old + vq->added);

	vq->split.avail_idx = idx;
	vq->added = 0;
	__atomic_store_n(&vq->split.avail->idx, htole16(idx), __ATOMIC_RELEASE);
	/* 2.7.13.4.1: whether to notify is looked up after the index has been shown. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vq->config.event_idx)
		return vring_need_event(le16toh(__atomic_load_n(avail_event(vq),
								__ATOMIC_RELAXED)), idx, old);
	return !(le16toh(__atomic_load_n(&vq->split.used->flags, __ATOMIC_RELAXED)) &
		 VRING_USED_F_NO_NOTIFY);
}

static uint16_t used_idx(const struct vq *vq)
{
	return le16toh(__atomic_load_n(&vq->split.used->idx, __ATOMIC_ACQUIRE));
}

static int split_reap(struct vq *vq, uint16_t *slot, unsigned int max)
{
	unsigned int done = (uint16_t)(used_idx(vq) - vq->split.last_used);

	if (done > vq->in_flight - vq->added) {
		vhu_reason_set(&vq->reason, "used idx says that %u requests are done of %u", done,
			       vq->in_flight - vq->added);
		return -EPROTO;
	}
	if (done > max)
		done = max;
	for (unsigned int i = 0; i < done; i++) {
		uint16_t at = vq->split.last_used & (vq->config.size - 1);
		uint32_t head = le32toh(__atomic_load_n(&vq->split.used->ring[at].id,
							__ATOMIC_RELAXED));

		if (head % vq->per_request) {
			vhu_reason_set(&vq->reason, "used element with id %u, which is no head",
				       head);
			return -EPROTO;
		}
		if (vq_done(vq, head / vq->per_request))
			return -EPROTO;
		slot[i] = (uint16_t)(head / vq->per_request);
		vq->split.last_used++;
	}
	return (int)done;
}

static bool split_want_calls(struct vq *vq, bool want)
{
	/* With the event index calls cannot be forbidden, but be far away. */
	if (vq->config.event_idx)
		__atomic_store_n(used_event(vq),
				 htole16((uint16_t)(vq->split.last_used - (want ? 0 : 1))),
				 __ATOMIC_RELAXED);
	else
		__atomic_store_n(&vq->split.avail->flags,
				 htole16(want ? 0 : VRING_AVAIL_F_NO_INTERRUPT), __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return used_idx(vq) != vq->split.last_used;
}

static void split_address(const struct vq *vq, struct vhu_vring_addr *address)
{
	address->desc = (uint64_t)(uintptr_t)vq->split.desc;
	address->avail = (uint64_t)(uintptr_t)vq->split.avail;
	address->used = (uint64_t)(uintptr_t)vq->split.used;
}

static uint32_t split_base(const struct vq *vq)
{
	return vq->split.avail_idx;
}

const struct vq_ops vq_split_ops = {
	.init = split_init,
	.add = split_add,
	.publish = split_publish,
	.reap = split_reap,
	.want_calls = split_want_calls,
	.address = split_address,
	.first_base = 0,
	.base = split_base,
};
