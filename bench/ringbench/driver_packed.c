/* SPDX-License-Identifier: BSD-3-Clause */
/* The packed ring (virtio 1.3, 2.8). The id of a buffer is its place. */
#include <endian.h>
#include <errno.h>

#include <linux/virtio_ring.h>

#include "driver.h"

#define F_AVAIL	(1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED	(1u << VRING_PACKED_DESC_F_USED)

static int packed_init(struct driver *driver)
{
	driver->packed.desc = area_take(driver->area,
					RING_SIZE * sizeof(struct vring_packed_desc), 64);
	driver->packed.driver = area_take(driver->area, sizeof(struct vring_packed_desc_event), 64);
	driver->packed.device = area_take(driver->area, sizeof(struct vring_packed_desc_event), 64);
	if (!driver->packed.desc || !driver->packed.driver || !driver->packed.device)
		return -ENOSPC;
	driver->packed.driver->flags = htole16(VRING_PACKED_EVENT_FLAG_DISABLE);
	return 0;
}

static void packed_post(struct driver *driver, unsigned int n, uint32_t len)
{
	for (unsigned int i = 0; i < n; i++, driver->posted++) {
		unsigned int slot = driver_slot(driver->posted);
		struct vring_packed_desc *desc = &driver->packed.desc[slot];
		uint16_t flags = driver_wrap(driver->posted) ? F_AVAIL : F_USED;

		desc->addr = htole64(area_guest_addr(driver->area,
						     driver_buffer(driver, driver->posted)));
		desc->len = htole32(len);
		desc->id = htole16((uint16_t)slot);
		flags |= driver->writable ? VRING_DESC_F_WRITE : 0;
		__atomic_store_n(&desc->flags, htole16(flags), __ATOMIC_RELEASE);
	}
}

static int packed_take(struct driver *driver, unsigned int n, uint32_t *len)
{
	uint16_t end = (uint16_t)(driver->taken + n);

	while (driver->taken != end) {
		unsigned int slot = driver_slot(driver->taken), stands_for = 1;
		const struct vring_packed_desc *desc = &driver->packed.desc[slot];
		uint16_t used = driver_wrap(driver->taken) ? F_AVAIL | F_USED : 0;
		uint16_t flags = le16toh(__atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE));
		uint16_t left = (uint16_t)(end - driver->taken);

		if ((flags & (F_AVAIL | F_USED)) != used)
			return -EPROTO;
		/* 2.8.7: in order, one descriptor may stand for all up to its id. */
		if (driver->in_order && !driver->writable)
			stands_for = (le16toh(desc->id) - slot) % RING_SIZE + 1;
		else if (le16toh(desc->id) != slot)
			return -EPROTO;
		if (stands_for > left)
			return -EPROTO;
		*len = le32toh(desc->len);
		len += stands_for;
		driver->taken += (uint16_t)stands_for;
	}
	return 0;
}

static void packed_address(const struct driver *driver, struct vhu_vring_addr *address)
{
	address->desc = (uint64_t)(uintptr_t)driver->packed.desc;
	address->avail = (uint64_t)(uintptr_t)driver->packed.driver;
	address->used = (uint64_t)(uintptr_t)driver->packed.device;
}

const struct driver_ops driver_packed_ops = {
	.init = packed_init,
	.post = packed_post,
	.take = packed_take,
	.address = packed_address,
	/* Both indices 0, both wrap counters 1 (vhost-user, "Vring state description"). */
	.first_base = 0x80008000,
};
