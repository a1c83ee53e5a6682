/* SPDX-License-Identifier: BSD-3-Clause */
/* The packed ring (virtio 1.3, 2.8). The buffer id of a request is its slot. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include <linux/virtio_ring.h>

#include "vq.h"

#define F_AVAIL	(1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED	(1u << VRING_PACKED_DESC_F_USED)
#define WRAP	(1u << VRING_PACKED_EVENT_F_WRAP_CTR)

static int packed_init(struct vq *vq)
{
	unsigned int size = vq->config.size;

	vq->packed.desc = area_take(vq->area, size * sizeof(struct vring_packed_desc), 64);
	vq->packed.driver = area_take(vq->area, sizeof(struct vring_packed_desc_event), 64);
	vq->packed.device = area_take(vq->area, sizeof(struct vring_packed_desc_event), 64);
	vq->packed.entries = calloc(vq->config.slots, sizeof(*vq->packed.entries));
	vq->packed.wrap = vq->packed.used_wrap = true;
	if (!vq->packed.entries)
		return -ENOMEM;
	return vq->packed.desc && vq->packed.driver && vq->packed.device ? 0 : -ENOSPC;
}

static void put(struct vq *vq, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	struct vring_packed_desc *desc = &vq->packed.desc[vq->packed.next];

	/* 2.8.1: available is AVAIL equal to the wrap counter and USED not. */
	flags |= vq->packed.wrap ? F_AVAIL : F_USED;
	desc->addr = htole64(addr);
	desc->len = htole32(len);
	desc->id = htole16(id);
	/* The first entry's flags make all that was added visible, and so come last. */
	if (vq->added == 0) {
		vq->packed.first = vq->packed.next;
		vq->packed.first_flags = flags;
	} else {
		desc->flags = htole16(flags);
	}
	vq->added++;
	if (++vq->packed.next == vq->config.size) {
		vq->packed.next = 0;
		vq->packed.wrap = !vq->packed.wrap;
	}
}

static void packed_add(struct vq *vq, unsigned int slot, const struct vq_buffer *buffer,
		       unsigned int buffers)
{
	uint16_t before = vq->added, id = (uint16_t)slot;

	if (vq->config.indirect) {
		put(vq, vq_fill_table(vq, slot, buffer, buffers, true),
		    buffers * (uint32_t)sizeof(struct vring_packed_desc), id,
		    VRING_DESC_F_INDIRECT);
	} else {
		for (unsigned int i = 0; i < buffers; i++)
			put(vq, area_guest_addr(vq->area, buffer[i].at), buffer[i].len, id,
			    (buffer[i].writable ? VRING_DESC_F_WRITE : 0) |
			    (i + 1 < buffers ? VRING_DESC_F_NEXT : 0));
	}
	vq->packed.entries[slot] = (uint16_t)(vq->added - before);
	vq->busy[slot] = true;
	vq->in_flight++;
}

/* 2.8.14: does the device want to hear of the entries from @first on, @count of them? */
static bool kick_wanted(struct vq *vq, uint16_t first, bool wrap, uint16_t count)
{
	uint32_t both = __atomic_load_n((uint32_t *)vq->packed.device, __ATOMIC_RELAXED);
	struct vring_packed_desc_event event;
	uint16_t off_wrap, flags, at, old, now;

	__builtin_memcpy(&event, &both, sizeof(event));
	off_wrap = le16toh(event.off_wrap);
	flags = le16toh(event.flags);
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !vq->config.event_idx)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	/* Positions on a line on which the ring is laid out anew after each wrap. */
	at = off_wrap & (WRAP - 1);
	if (!!(off_wrap & WRAP) != vq->packed.wrap)
		at = (uint16_t)(at - vq->config.size);
	now = vq->packed.next;
	old = (uint16_t)(first - (wrap != vq->packed.wrap ? vq->config.size : 0));
	return count && vring_need_event(at, now, old);
}

static bool packed_publish(struct vq *vq)
{
	uint16_t first = vq->packed.first, flags = vq->packed.first_flags, count = vq->added;

	if (count == 0)
		return false;
	vq->added = 0;
	__atomic_store_n(&vq->packed.desc[first].flags, htole16(flags), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return kick_wanted(vq, first, flags & F_AVAIL, count);
}

static bool is_used(const struct vq *vq)
{
	uint16_t flags = le16toh(__atomic_load_n(&vq->packed.desc[vq->packed.next_used].flags,
						 __ATOMIC_ACQUIRE));

	return !!(flags & F_AVAIL) == vq->packed.used_wrap &&
	       !!(flags & F_USED) == vq->packed.used_wrap;
}

static int packed_reap(struct vq *vq, uint16_t *slot, unsigned int max)
{
	unsigned int done;

	for (done = 0; done < max && vq->in_flight > 0 && is_used(vq); done++) {
		uint16_t id = le16toh(__atomic_load_n(&vq->packed.desc[vq->packed.next_used].id,
						      __ATOMIC_RELAXED));

		if (vq_done(vq, id))
			return -EPROTO;
		slot[done] = id;
		vq->packed.next_used += vq->packed.entries[id];
		if (vq->packed.next_used >= vq->config.size) {
			vq->packed.next_used -= vq->config.size;
			vq->packed.used_wrap = !vq->packed.used_wrap;
		}
	}
	return (int)done;
}

static bool packed_want_calls(struct vq *vq, bool want)
{
	struct vring_packed_desc_event *driver = vq->packed.driver;
	uint16_t flags = VRING_PACKED_EVENT_FLAG_DISABLE;

	if (want && vq->config.event_idx) {
		driver->off_wrap = htole16(vq->packed.next_used |
					   (vq->packed.used_wrap ? WRAP : 0));
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	} else if (want) {
		flags = VRING_PACKED_EVENT_FLAG_ENABLE;
	}
	__atomic_store_n(&driver->flags, htole16(flags), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return vq->in_flight > 0 && is_used(vq);
}

static void packed_address(const struct vq *vq, struct vhu_vring_addr *address)
{
	address->desc = (uint64_t)(uintptr_t)vq->packed.desc;
	address->avail = (uint64_t)(uintptr_t)vq->packed.driver;
	address->used = (uint64_t)(uintptr_t)vq->packed.device;
}

static uint32_t packed_base(const struct vq *vq)
{
	uint32_t avail = vq->packed.next | (vq->packed.wrap ? WRAP : 0);
	uint32_t used = vq->packed.next_used | (vq->packed.used_wrap ? WRAP : 0);

	return avail | used << 16;
}

const struct vq_ops vq_packed_ops = {
	.init = packed_init,
	.add = packed_add,
	.publish = packed_publish,
	.reap = packed_reap,
	.want_calls = packed_want_calls,
	.address = packed_address,
	/* Both indices 0, both wrap counters 1 (vhost-user, "Vring state description"). */
	.first_base = 0x80008000,
	.base = packed_base,
};
