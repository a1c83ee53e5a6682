/* SPDX-License-Identifier: BSD-3-Clause */
/* The split ring (virtio 1.3, 2.7). */
#include <endian.h>
#include <errno.h>

#include <linux/virtio_ring.h>

#include "driver.h"

static int split_init(struct driver *driver)
{
	driver->split.desc = area_take(driver->area, RING_SIZE * sizeof(struct vring_desc), 64);
	driver->split.avail = area_take(driver->area, (3 + RING_SIZE) * sizeof(uint16_t), 64);
	driver->split.used = area_take(driver->area, 3 * sizeof(uint16_t) +
				       RING_SIZE * sizeof(struct vring_used_elem), 64);
	if (!driver->split.desc || !driver->split.avail || !driver->split.used)
		return -ENOSPC;
	driver->split.avail->flags = htole16(VRING_AVAIL_F_NO_INTERRUPT);
	return 0;
}

static void split_post(struct driver *driver, unsigned int n, uint32_t len)
{
	for (unsigned int i = 0; i < n; i++, driver->posted++) {
		uint16_t slot = (uint16_t)driver_slot(driver->posted);
		struct vring_desc *desc = &driver->split.desc[slot];

		desc->addr = htole64(area_guest_addr(driver->area,
						     driver_buffer(driver, driver->posted)));
		desc->len = htole32(len);
		desc->flags = htole16(driver->writable ? VRING_DESC_F_WRITE : 0);
		driver->split.avail->ring[slot] = htole16(slot);
	}
	__atomic_store_n(&driver->split.avail->idx, htole16(driver->posted), __ATOMIC_RELEASE);
}

static int split_take(struct driver *driver, unsigned int n, uint32_t *len)
{
	uint16_t idx = le16toh(__atomic_load_n(&driver->split.used->idx, __ATOMIC_ACQUIRE));

	if (idx != (uint16_t)(driver->taken + n))
		return -EPROTO;
	for (unsigned int i = 0; i < n; i++, driver->taken++) {
		unsigned int slot = driver_slot(driver->taken);
		const struct vring_used_elem *elem = &driver->split.used->ring[slot];

		/* 2.7.9: in order, one element may stand for all before it. */
		if (le32toh(elem->id) != slot && !(driver->in_order && !driver->writable))
			return -EPROTO;
		len[i] = le32toh(elem->len);
	}
	return 0;
}

static void split_address(const struct driver *driver, struct vhu_vring_addr *address)
{
	address->desc = (uint64_t)(uintptr_t)driver->split.desc;
	address->avail = (uint64_t)(uintptr_t)driver->split.avail;
	address->used = (uint64_t)(uintptr_t)driver->split.used;
}

const struct driver_ops driver_split_ops = {
	.init = split_init,
	.post = split_post,
	.take = split_take,
	.address = split_address,
	.first_base = 0,
};
