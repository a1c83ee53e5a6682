/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include <linux/virtio_ring.h>

#include "vq.h"

/* More than any alignment that the rings' parts need; no two share a cache line. */
#define PART_ALIGN 64u

size_t vq_bytes(const struct vq_config *config)
{
	size_t ring = config->size * (sizeof(struct vring_desc) + sizeof(uint16_t) +
				      sizeof(struct vring_used_elem));
	size_t tables = (size_t)config->slots * config->buffers * sizeof(struct vring_desc);

	return ring + tables + 8 * PART_ALIGN;
}

int vq_init(struct vq *vq, const struct vq_ops *ops, const struct vq_config *config,
	    struct area *area)
{
	*vq = (struct vq){ .ops = ops, .config = *config, .area = area };
	vq->per_request = config->indirect ? 1 : config->buffers;
	if (config->size < config->slots * vq->per_request)
		return -EINVAL;
	vq->busy = calloc(config->slots, sizeof(*vq->busy));
	if (!vq->busy)
		return -ENOMEM;
	if (config->indirect) {
		vq->table = area_take(area,
				      (size_t)config->slots * config->buffers *
				      sizeof(struct vring_desc), PART_ALIGN);
		if (!vq->table)
			return -ENOSPC;
	}
	return ops->init(vq);
}

void vq_free(struct vq *vq)
{
	free(vq->busy);
	vq->busy = NULL;
	if (vq->ops == &vq_packed_ops) {
		free(vq->packed.entries);
		vq->packed.entries = NULL;
	}
}

uint64_t vq_fill_table(struct vq *vq, unsigned int slot, const struct vq_buffer *buffer,
		       unsigned int buffers, bool packed)
{
	struct vring_desc *table = vq->table + (size_t)slot * vq->config.buffers;

	for (unsigned int i = 0; i < buffers; i++) {
		uint16_t flags = buffer[i].writable ? VRING_DESC_F_WRITE : 0;

		/* Entries of a packed queue's table follow each other (2.8.7): no next. */
		if (packed) {
			struct vring_packed_desc *entry = (struct vring_packed_desc *)&table[i];

			entry->addr = htole64(area_guest_addr(vq->area, buffer[i].at));
			entry->len = htole32(buffer[i].len);
			entry->id = 0;
			entry->flags = htole16(flags);
			continue;
		}
		if (i + 1 < buffers)
			flags |= VRING_DESC_F_NEXT;
		table[i].addr = htole64(area_guest_addr(vq->area, buffer[i].at));
		table[i].len = htole32(buffer[i].len);
		table[i].flags = htole16(flags);
		table[i].next = htole16((uint16_t)(i + 1));
	}
	return area_guest_addr(vq->area, table);
}

int vq_done(struct vq *vq, unsigned int slot)
{
	if (slot >= vq->config.slots || !vq->busy[slot]) {
		vhu_reason_set(&vq->reason, "a request is completed that is not in flight (%u)",
			       slot);
		return -EPROTO;
	}
	vq->busy[slot] = false;
	vq->in_flight--;
	return 0;
}
