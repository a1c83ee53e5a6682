/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Driver side of one ring of a net device, as small as it can be: entry i always has buffer i,
 * and the device is to be done with them in the order of the ring. What the device writes is
 * checked.
 */
#ifndef RINGBENCH_DRIVER_H
#define RINGBENCH_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/area.h"

#define RING_SIZE	256u
/* virtio 1.3, 5.1.6: the header with num_buffers. */
#define NET_HEADER	12u
#define BUFFER_BYTES	2304u

struct driver;

struct driver_ops {
	/* Make the rings in the area. -ENOSPC. */
	int (*init)(struct driver *driver);
	/* Give the device the next @n buffers, each with @len bytes. */
	void (*post)(struct driver *driver, unsigned int n, uint32_t len);
	/*
	 * The next @n are done; what was written to each goes to @len. -EPROTO: they are not,
	 * or what the device wrote makes no sense.
	 */
	int (*take)(struct driver *driver, unsigned int n, uint32_t *len);
	void (*address)(const struct driver *driver, struct vhu_vring_addr *address);
	uint32_t first_base;
};

struct driver {
	const struct driver_ops *ops;
	struct area *area;
	bool in_order;			/* negotiated: the device may be brief */
	bool mrg;			/* ... num_buffers means something */
	bool writable;
	uint8_t *buffers;
	uint16_t posted, taken;		/* free running */
	union {
		struct {
			struct vring_desc *desc;
			struct vring_avail *avail;
			struct vring_used *used;
		} split;
		struct {
			struct vring_packed_desc *desc;
			struct vring_packed_desc_event *driver, *device;
		} packed;
	};
};

extern const struct driver_ops driver_split_ops, driver_packed_ops;

static inline unsigned int driver_slot(uint16_t number)
{
	return number % RING_SIZE;
}

/* Where the buffer of a free-running number is. */
static inline uint8_t *driver_buffer(const struct driver *driver, uint16_t number)
{
	return driver->buffers + (size_t)driver_slot(number) * BUFFER_BYTES;
}

/* The wrap counter of an entry (2.8.1): 1 in the first round. */
static inline bool driver_wrap(uint16_t number)
{
	return !(number / RING_SIZE % 2);
}

#endif
