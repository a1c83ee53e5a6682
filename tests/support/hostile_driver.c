/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver below the abuse: bring-up, its own virtqueues, register access. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "vhost-relay/virtio/internal.h"
#include "vvu-device/layout.h"

#include "vvu-hostile.h"

#define AVAIL_AT	4096u
#define USED_AT		8192u
#define DATA_AT		16384u
#define QUEUE_BYTES	(DATA_AT + HOSTILE_DATA_BYTES)
#define RXQ_BUFFER	4096u
#define PUMP_MAX	64u

/* splitmix64 */
uint64_t
hostile_random(struct hostile *h)
{
	uint64_t z = h->seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t
hostile_below(struct hostile *h, uint64_t limit)
{
	return hostile_random(h) % limit;
}

uint64_t
hostile_number(struct hostile *h)
{
	uint64_t power = 1ull << hostile_below(h, 64);

	switch (hostile_below(h, 6)) {
	case 0:
		return hostile_below(h, 300);
	case 1:
		return power;
	case 2:
		return power - 1;
	case 3:
		return ~hostile_below(h, 300);
	case 4:
		return hostile_random(h) >> hostile_below(h, 64);
	default:
		return hostile_random(h);
	}
}

void
hostile_write(struct hostile *h, unsigned int bar, uint64_t offset, unsigned int width,
	      uint64_t value)
{
	(void)h->bus->ops->reg_write(h->bus, bar, offset, width, value);
}

uint64_t
hostile_read(struct hostile *h, unsigned int bar, uint64_t offset, unsigned int width)
{
	uint64_t value = 0;

	(void)h->bus->ops->reg_read(h->bus, bar, offset, width, &value);
	return value;
}

void
hostile_common(struct hostile *h, uint32_t offset, unsigned int width, uint64_t value)
{
	const struct vhr_cap *common = &h->virtio.caps.common;

	hostile_write(h, common->bar, common->offset + offset, width, value);
}

void
hostile_pump(struct hostile *h)
{
	unsigned int i;

	if (h->bus->ops->run != NULL) {
		for (i = 0; i < PUMP_MAX && h->bus->ops->run(h->bus) > 0; i++)
			;
	} else if (h->virtio.caps.common.present) {
		/* The device's own thread has seen what was written before this read. */
		(void)hostile_read(h, h->virtio.caps.common.bar, h->virtio.caps.common.offset +
				   VIRTIO_PCI_COMMON_STATUS, 1);
	}
}

void
hostile_post(struct hostile_queue *queue, uint16_t head)
{
	queue->avail->ring[queue->avail_idx % queue->size] = htole16(head);
	queue->avail_idx++;
	__atomic_store_n(&queue->avail->idx, htole16(queue->avail_idx), __ATOMIC_RELEASE);
}

void
hostile_notify(struct hostile *h, unsigned int queue)
{
	const struct vhr_cap *notify = &h->virtio.caps.notify;
	uint32_t off = 0;

	hostile_common(h, VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
	(void)vhr_common_read(&h->virtio, VIRTIO_PCI_COMMON_Q_NOFF, 2, &off);
	hostile_write(h, notify->bar, notify->offset + (uint64_t)off *
		      h->virtio.caps.notify_multiplier, 2, queue);
}

void
hostile_fill_rxq(struct hostile *h)
{
	struct hostile_queue *rxq = &h->queue[VVU_RXQ];
	uint16_t i, buffers = HOSTILE_DATA_BYTES / RXQ_BUFFER;

	for (i = 0; i < buffers && i < rxq->size; i++) {
		rxq->desc[i] = (struct vring_desc){
			.addr = htole64(rxq->data_iova + (uint64_t)i * RXQ_BUFFER),
			.len = htole32(RXQ_BUFFER),
			.flags = htole16(VRING_DESC_F_WRITE),
		};
		hostile_post(rxq, i);
	}
	hostile_notify(h, VVU_RXQ);
}

static int
set_up_queue(struct hostile *h, uint16_t index)
{
	struct hostile_queue *queue = &h->queue[index];
	const uint64_t at[3] = { 0, AVAIL_AT, USED_AT };
	uint32_t max = 0;
	unsigned int i;
	int ret;

	memset(queue, 0, sizeof(*queue));
	ret = h->bus->ops->dma_alloc(h->bus, QUEUE_BYTES, &queue->dma);
	if (ret < 0) {
		vhu_reason_set(&h->reason, "queue %u: no DMA memory: %s", index, strerror(-ret));
		return ret;
	}
	queue->desc = queue->dma.va;
	queue->avail = (struct vring_avail *)((uint8_t *)queue->dma.va + AVAIL_AT);
	queue->used = (struct vring_used *)((uint8_t *)queue->dma.va + USED_AT);
	queue->data = (uint8_t *)queue->dma.va + DATA_AT;
	queue->data_iova = queue->dma.iova + DATA_AT;

	hostile_common(h, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
	ret = vhr_common_read(&h->virtio, VIRTIO_PCI_COMMON_Q_SIZE, 2, &max);
	if (ret < 0 || max == 0) {
		vhu_reason_set(&h->reason, "queue %u: queue_size %u", index, max);
		return -EIO;
	}
	queue->size = (uint16_t)(max < HOSTILE_QUEUE_MAX ? max : HOSTILE_QUEUE_MAX);
	hostile_common(h, VIRTIO_PCI_COMMON_Q_SIZE, 2, queue->size);
	for (i = 0; i < 3; i++) {
		uint64_t iova = queue->dma.iova + at[i];

		hostile_common(h, VIRTIO_PCI_COMMON_Q_DESCLO + 8 * i, 4, (uint32_t)iova);
		hostile_common(h, VIRTIO_PCI_COMMON_Q_DESCHI + 8 * i, 4, iova >> 32);
	}
	if (h->virtio.vectors > 0)
		hostile_common(h, VIRTIO_PCI_COMMON_Q_MSIX, 2,
			       hostile_below(h, h->virtio.vectors));
	hostile_common(h, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	return 0;
}

void
hostile_stop(struct hostile *h)
{
	unsigned int i;

	vhr_virtio_stop(&h->virtio);
	for (i = 0; i < 2; i++) {
		if (h->queue[i].dma.va != NULL)
			h->bus->ops->dma_free(h->bus, &h->queue[i].dma);
	}
	memset(h->queue, 0, sizeof(h->queue));
	h->started = false;
}

int
hostile_start(struct hostile *h)
{
	const uint32_t up = htole32(VVU_STATUS_BACKEND_UP);
	uint16_t i;
	int ret;

	ret = vhr_virtio_start(&h->virtio, h->bus, 0);
	if (ret == 0)
		ret = vhr_virtio_irq_enable(&h->virtio, 1 + (unsigned int)hostile_below(h, 8));
	if (ret < 0)
		h->reason = h->virtio.reason;
	for (i = 0; ret == 0 && i < 2; i++)
		ret = set_up_queue(h, i);
	if (ret == 0) {
		ret = vhr_virtio_driver_ok(&h->virtio);
		hostile_fill_rxq(h);
	}
	if (ret == 0)
		ret = vhr_virtio_config_write(&h->virtio, VVU_CONFIG_STATUS, &up, sizeof(up));
	if (ret < 0) {
		hostile_stop(h);
		return ret;
	}
	h->started = true;
	h->brought_up++;
	hostile_pump(h);
	return 0;
}
