/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Driver side of a split virtqueue (virtio 1.3, 2.7) for whole messages: every buffer is
 * one descriptor of the queue's own memory. What the device may write (the whole memory)
 * is never believed: which buffers it holds, and where they are, is kept apart from it.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_ring.h>

#include "internal.h"

#define MAX_BUFFERS	1024u
#define RING_ALIGN	64u	/* beyond what 2.7 asks: no two rings in a cache line */

struct vhr_virtqueue {
	struct vhr_virtio *virtio;
	struct vhr_dma dma;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint8_t *buffers;
	size_t buffer_size;
	uint64_t notify_offset;
	uint16_t index;
	uint16_t size;			/* entries of the rings, a power of two */
	uint16_t avail_idx;		/* free running, like the next */
	uint16_t last_used;
	uint16_t outstanding;		/* buffers with the device */
	uint16_t num_free;
	bool to_driver;
	bool interrupts;		/* it has a vector */
	bool room_wanted;		/* a sender waits for the interrupt */
	bool running;			/* DRIVER_OK: notifying is allowed */
	bool broken;
	uint16_t free[MAX_BUFFERS];	/* stack of buffers that are ours */
	bool posted[MAX_BUFFERS];
};

static int
break_queue(struct vhr_virtqueue *queue, const char *what, unsigned int value, unsigned int limit)
{
	queue->broken = true;
	vhu_reason_set(&queue->virtio->reason, "virtqueue %u: used %s %u, limit %u", queue->index,
		       what, value, limit);
	return -EPROTO;
}

static void
set_avail_flags(struct vhr_virtqueue *queue, uint16_t flags)
{
	__atomic_store_n(&queue->avail->flags, htole16(flags), __ATOMIC_RELAXED);
}

/* virtio 1.3, 2.7.13.4.1: the flag is looked at after the index has been shown. */
static void
notify(struct vhr_virtqueue *queue)
{
	struct vhr_virtio *virtio = queue->virtio;

	if (!queue->running)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (le16toh(__atomic_load_n(&queue->used->flags, __ATOMIC_RELAXED)) &
	    VRING_USED_F_NO_NOTIFY)
		return;
	virtio->bus->ops->reg_write(virtio->bus, virtio->caps.notify.bar, queue->notify_offset, 2,
				    queue->index);
}

/* Give buffer @id to the device. */
static void
post(struct vhr_virtqueue *queue, uint16_t id, uint32_t len)
{
	struct vring_desc *desc = &queue->desc[id];

	/* Written anew each time: the device could have written here since. */
	desc->addr = htole64(queue->dma.iova + (uint64_t)(queue->buffers -
			     (uint8_t *)queue->dma.va) + id * (uint64_t)queue->buffer_size);
	desc->len = htole32(len);
	desc->flags = htole16(queue->to_driver ? VRING_DESC_F_WRITE : 0);
	desc->next = 0;
	queue->avail->ring[queue->avail_idx & (queue->size - 1u)] = htole16(id);
	queue->avail_idx++;
	queue->outstanding++;
	queue->posted[id] = true;
	__atomic_store_n(&queue->avail->idx, htole16(queue->avail_idx), __ATOMIC_RELEASE);
}

/* Take one used entry: 1 with the buffer and its used length, 0, or -EPROTO. */
static int
take_used(struct vhr_virtqueue *queue, uint16_t *id, uint32_t *len)
{
	const volatile struct vring_used_elem *elem;
	uint32_t used_id;
	uint16_t ahead;

	if (queue->broken)
		return -EPROTO;
	ahead = (uint16_t)(le16toh(__atomic_load_n(&queue->used->idx, __ATOMIC_ACQUIRE)) -
			   queue->last_used);
	if (ahead == 0)
		return 0;
	if (ahead > queue->outstanding)
		return break_queue(queue, "index ahead by", ahead, queue->outstanding);
	elem = &queue->used->ring[queue->last_used & (queue->size - 1u)];
	used_id = le32toh(elem->id);
	*len = le32toh(elem->len);
	if (used_id >= queue->size)
		return break_queue(queue, "id", used_id, queue->size - 1u);
	if (!queue->posted[used_id]) {
		queue->broken = true;
		vhu_reason_set(&queue->virtio->reason,
			       "virtqueue %u: used id %u, which the device does not hold",
			       queue->index, used_id);
		return -EPROTO;
	}
	queue->posted[used_id] = false;
	queue->outstanding--;
	queue->last_used++;
	*id = (uint16_t)used_id;
	return 1;
}

/* Buffers that the device is done with become free again. */
static int
reclaim(struct vhr_virtqueue *queue)
{
	uint32_t len;
	uint16_t id;
	int ret;

	while ((ret = take_used(queue, &id, &len)) == 1)
		queue->free[queue->num_free++] = id;
	return ret;
}

int
vhr_virtqueue_receive(struct vhr_virtqueue *queue, void *buf, size_t cap)
{
	uint32_t len;
	uint16_t id;
	int ret;

	if (!queue->to_driver)
		return -EINVAL;
	ret = take_used(queue, &id, &len);
	if (ret <= 0)
		return ret;
	if (len > queue->buffer_size || len > cap) {
		vhu_reason_set(&queue->virtio->reason, "virtqueue %u: used length %u, at most %zu",
			       queue->index, len, cap < queue->buffer_size ? cap :
			       queue->buffer_size);
		ret = -EMSGSIZE;
	} else if (len == 0) {
		vhu_reason_set(&queue->virtio->reason, "virtqueue %u: used length 0",
			       queue->index);
		ret = -EBADMSG;
	} else {
		memcpy(buf, queue->buffers + id * queue->buffer_size, len);
		ret = (int)len;
	}
	post(queue, id, (uint32_t)queue->buffer_size);
	notify(queue);
	return ret;
}

int
vhr_virtqueue_send(struct vhr_virtqueue *queue, const void *buf, size_t len)
{
	uint16_t id;
	int ret;

	if (queue->to_driver || len == 0)
		return -EINVAL;
	if (len > queue->buffer_size) {
		vhu_reason_set(&queue->virtio->reason, "virtqueue %u: message of %zu bytes, at "
			       "most %zu", queue->index, len, queue->buffer_size);
		return -EMSGSIZE;
	}
	ret = reclaim(queue);
	if (ret == 0 && queue->num_free == 0 && queue->interrupts) {
		/* Ask for an interrupt, then look again: it may have come in between. */
		queue->room_wanted = true;
		set_avail_flags(queue, 0);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		ret = reclaim(queue);
	}
	if (ret < 0)
		return ret;
	if (queue->num_free == 0)
		return -EAGAIN;
	if (queue->room_wanted) {
		queue->room_wanted = false;
		set_avail_flags(queue, VRING_AVAIL_F_NO_INTERRUPT);
	}
	id = queue->free[--queue->num_free];
	memcpy(queue->buffers + id * queue->buffer_size, buf, len);
	post(queue, id, (uint32_t)len);
	notify(queue);
	return 0;
}

/* One allocation: descriptors, available ring, used ring, buffers. */
static int
allocate(struct vhr_virtqueue *queue, unsigned int buffers)
{
	struct vhr_bus *bus = queue->virtio->bus;
	size_t avail, used, data, total;
	int ret;

	/* Both rings end in a 16-bit event index, used or not (virtio 1.3, 2.7). */
	avail = (sizeof(struct vring_desc) * queue->size + RING_ALIGN - 1) &
		~(size_t)(RING_ALIGN - 1);
	used = (avail + 6 + 2u * queue->size + RING_ALIGN - 1) & ~(size_t)(RING_ALIGN - 1);
	data = (used + 6 + sizeof(struct vring_used_elem) * queue->size + RING_ALIGN - 1) &
	       ~(size_t)(RING_ALIGN - 1);
	if (queue->buffer_size > (SIZE_MAX - data) / buffers)
		return -EINVAL;
	total = data + buffers * queue->buffer_size;
	ret = bus->ops->dma_alloc(bus, total, &queue->dma);
	if (ret < 0) {
		vhu_reason_set(&queue->virtio->reason, "virtqueue %u: %zu bytes of DMA memory: %s",
			       queue->index, total, strerror(-ret));
		return ret;
	}
	queue->desc = queue->dma.va;
	queue->avail = (struct vring_avail *)((uint8_t *)queue->dma.va + avail);
	queue->used = (struct vring_used *)((uint8_t *)queue->dma.va + used);
	queue->buffers = (uint8_t *)queue->dma.va + data;
	return 0;
}

/* virtio 1.3, 4.1.5.1.2: a vector is read back, the device may have none left. */
static int
set_vector(struct vhr_virtqueue *queue, uint16_t vector)
{
	struct vhr_virtio *virtio = queue->virtio;
	uint32_t got;
	int ret;

	if (virtio->vectors == 0)
		return 0;
	ret = vhr_common_write(virtio, VIRTIO_PCI_COMMON_Q_MSIX, 2, vector);
	if (ret == 0)
		ret = vhr_common_read(virtio, VIRTIO_PCI_COMMON_Q_MSIX, 2, &got);
	if (ret < 0)
		return ret;
	if (got != vector) {
		vhu_reason_set(&virtio->reason,
			       "virtqueue %u: queue_msix_vector: 0x%04x written, 0x%04x read",
			       queue->index, vector, got);
		return -EBUSY;
	}
	queue->interrupts = vector != VHR_NO_VECTOR;
	return 0;
}

/* queue_select must be written. The sizes and the notification address. */
static int
read_queue(struct vhr_virtqueue *queue, unsigned int *buffers)
{
	struct vhr_virtio *virtio = queue->virtio;
	const struct vhr_cap *notify_cap = &virtio->caps.notify;
	uint32_t max = 0, enabled = 0, notify_off = 0;
	uint64_t offset;
	int ret;

	ret = vhr_common_read(virtio, VIRTIO_PCI_COMMON_Q_SIZE, 2, &max);
	if (ret == 0)
		ret = vhr_common_read(virtio, VIRTIO_PCI_COMMON_Q_ENABLE, 2, &enabled);
	if (ret == 0)
		ret = vhr_common_read(virtio, VIRTIO_PCI_COMMON_Q_NOFF, 2, &notify_off);
	if (ret < 0)
		return ret;
	if (max == 0 || enabled != 0) {
		vhu_reason_set(&virtio->reason, "virtqueue %u: queue_size %u, queue_enable %u",
			       queue->index, max, enabled);
		return -ENOTSUP;
	}
	/* Smallest power of two that holds the buffers, as far as the device allows. */
	queue->size = 1;
	while (queue->size < *buffers && queue->size * 2u <= max)
		queue->size *= 2;
	if (*buffers > queue->size)
		*buffers = queue->size;

	offset = (uint64_t)notify_off * virtio->caps.notify_multiplier;
	if (offset > notify_cap->length || notify_cap->length - offset < 2) {
		vhu_reason_set(&virtio->reason, "virtqueue %u: queue_notify_off %u leaves the "
			       "notification structure", queue->index, notify_off);
		return -ENOTSUP;
	}
	queue->notify_offset = notify_cap->offset + offset;
	return 0;
}

static int
write_address(struct vhr_virtqueue *queue, uint32_t low_register, const void *va)
{
	uint64_t address = queue->dma.iova +
			   (uint64_t)((const uint8_t *)va - (uint8_t *)queue->dma.va);
	int ret;

	/* 64-bit fields are two 32-bit accesses (virtio 1.3, 4.1.3.1). */
	ret = vhr_common_write(queue->virtio, low_register, 4, (uint32_t)address);
	if (ret == 0)
		ret = vhr_common_write(queue->virtio, low_register + 4, 4,
				       (uint32_t)(address >> 32));
	return ret;
}

static int
set_up(struct vhr_virtqueue *queue, unsigned int buffers, uint16_t vector)
{
	struct vhr_virtio *virtio = queue->virtio;
	unsigned int i;
	int ret;

	ret = vhr_common_write(virtio, VIRTIO_PCI_COMMON_Q_SELECT, 2, queue->index);
	if (ret == 0)
		ret = read_queue(queue, &buffers);
	if (ret == 0)
		ret = set_vector(queue, vector);
	if (ret == 0)
		ret = allocate(queue, buffers);
	if (ret < 0)
		return ret;

	/* A sender does not wait for its buffers, unless it ran out of them. */
	if (!queue->to_driver || !queue->interrupts)
		set_avail_flags(queue, VRING_AVAIL_F_NO_INTERRUPT);
	for (i = 0; i < buffers; i++) {
		if (queue->to_driver)
			post(queue, (uint16_t)i, (uint32_t)queue->buffer_size);
		else
			queue->free[queue->num_free++] = (uint16_t)(buffers - 1 - i);
	}
	ret = vhr_common_write(virtio, VIRTIO_PCI_COMMON_Q_SIZE, 2, queue->size);
	if (ret == 0)
		ret = write_address(queue, VIRTIO_PCI_COMMON_Q_DESCLO, queue->desc);
	if (ret == 0)
		ret = write_address(queue, VIRTIO_PCI_COMMON_Q_AVAILLO, queue->avail);
	if (ret == 0)
		ret = write_address(queue, VIRTIO_PCI_COMMON_Q_USEDLO, queue->used);
	if (ret == 0)
		ret = vhr_common_write(virtio, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	return ret;
}

int
vhr_virtqueue_create(struct vhr_virtio *virtio, uint16_t index, bool to_driver,
		     unsigned int buffers, size_t buffer_size, uint16_t vector)
{
	struct vhr_virtqueue *queue;
	int ret;

	if (index >= 2 || virtio->queue[index] != NULL || buffers == 0 || buffers > MAX_BUFFERS ||
	    buffer_size == 0 || buffer_size > INT32_MAX)
		return -EINVAL;
	queue = calloc(1, sizeof(*queue));
	if (queue == NULL) {
		vhu_reason_set(&virtio->reason, "virtqueue %u: out of memory", index);
		return -ENOMEM;
	}
	queue->virtio = virtio;
	queue->index = index;
	queue->to_driver = to_driver;
	queue->buffer_size = buffer_size;
	ret = set_up(queue, buffers, vector);
	if (ret < 0) {
		vhr_virtqueue_destroy(queue);
		return ret;
	}
	virtio->queue[index] = queue;
	return 0;
}

void
vhr_virtqueue_start(struct vhr_virtqueue *queue)
{
	queue->running = true;
	if (queue->outstanding > 0)
		notify(queue);
}

void
vhr_virtqueue_destroy(struct vhr_virtqueue *queue)
{
	if (queue == NULL)
		return;
	if (queue->dma.va != NULL)
		queue->virtio->bus->ops->dma_free(queue->virtio->bus, &queue->dma);
	free(queue);
}
