/* SPDX-License-Identifier: BSD-3-Clause */
/* Abuse of the two virtqueues: what they hold, and the rings themselves. */
#include <endian.h>
#include <string.h>

#include <linux/virtio_pci.h>

#include "vvu-device/layout.h"

#include "vvu-hostile.h"

#define MESSAGE_MAX	8192u	/* twice what a device must take */

/* Where a descriptor could point: into our memory, over its end, or nowhere. */
static uint64_t
any_address(struct hostile *h, const struct hostile_queue *queue)
{
	switch (hostile_below(h, 6)) {
	case 0:
		return queue->dma.iova + queue->dma.size;
	case 1:
		return queue->dma.iova + queue->dma.size - 1 - hostile_below(h, 64);
	case 2:
		return hostile_number(h);
	case 3:		/* the rings themselves */
		return queue->dma.iova + hostile_below(h, 16384);
	default:
		return queue->data_iova + hostile_below(h, HOSTILE_DATA_BYTES);
	}
}

static uint16_t
any_flags(struct hostile *h)
{
	switch (hostile_below(h, 8)) {
	case 0:
		return VRING_DESC_F_WRITE;
	case 1:
		return VRING_DESC_F_INDIRECT;
	case 2:
		return (uint16_t)hostile_random(h);
	case 3:
	case 4:
		return VRING_DESC_F_NEXT;
	default:
		return 0;
	}
}

/* Header fields that get past the first look, more often than chance would. */
static void
write_message(struct hostile *h, uint8_t *bytes, uint32_t len)
{
	struct vhu_header header;
	uint32_t i;

	for (i = 0; i < len; i++)
		bytes[i] = (uint8_t)hostile_random(h);
	if (len < sizeof(header) || hostile_below(h, 4) == 0)
		return;
	header.request = htole32((uint32_t)hostile_below(h, 48));
	header.flags = htole32((uint32_t)(hostile_below(h, 4) == 0 ? hostile_random(h) :
					  1 + 4 * hostile_below(h, 4)));
	header.size = htole32((uint32_t)(hostile_below(h, 4) == 0 ? hostile_number(h) :
					 len - sizeof(header)));
	memcpy(bytes, &header, sizeof(header));
}

/* A whole message of any length, in up to four pieces. */
static void
send_message(struct hostile *h)
{
	struct hostile_queue *txq = &h->queue[VVU_TXQ];
	uint32_t len = (uint32_t)(hostile_below(h, 2) ? hostile_below(h, 80) :
				  hostile_below(h, MESSAGE_MAX + 1));
	uint32_t at = (uint32_t)hostile_below(h, HOSTILE_DATA_BYTES - MESSAGE_MAX);
	uint16_t first = (uint16_t)(4 * hostile_below(h, txq->size / 4)), i;
	uint32_t left = len, piece;

	write_message(h, txq->data + at, len);
	for (i = 0; i < 4; i++) {
		piece = i == 3 ? left : (uint32_t)hostile_below(h, left + 1);
		txq->desc[first + i] = (struct vring_desc){
			.addr = htole64(txq->data_iova + at + (len - left)),
			.len = htole32(piece),
			.flags = htole16(i < 3 && piece < left ? VRING_DESC_F_NEXT : 0),
			.next = htole16((uint16_t)(first + i + 1)),
		};
		left -= piece;
		if (left == 0)
			break;
	}
	hostile_post(txq, first);
}

/* Descriptors that no driver writes: chains that loop, leave the table, point anywhere. */
static void
send_bad_chain(struct hostile *h)
{
	struct hostile_queue *txq = &h->queue[VVU_TXQ];
	uint16_t head = (uint16_t)hostile_below(h, txq->size), index = head;
	unsigned int i, count = 1 + (unsigned int)hostile_below(h, 2u * txq->size);

	for (i = 0; i < count; i++) {
		uint16_t next = (uint16_t)hostile_below(h, txq->size + (i % 16 == 15));

		txq->desc[index] = (struct vring_desc){
			.addr = htole64(any_address(h, txq)),
			.len = htole32((uint32_t)(hostile_below(h, 2) ? hostile_below(h, 4096) :
						  hostile_number(h))),
			.flags = htole16(any_flags(h) | (i + 1 < count ? VRING_DESC_F_NEXT : 0)),
			.next = htole16(next),
		};
		if (next >= txq->size)
			break;
		index = next;
	}
	hostile_post(txq, head);
}

/* As many good one-byte pieces as the table has, in a ring that never ends or just does. */
static void
send_long_chain(struct hostile *h)
{
	struct hostile_queue *txq = &h->queue[VVU_TXQ];
	bool loop = hostile_below(h, 2);
	uint16_t i;

	for (i = 0; i < txq->size; i++) {
		bool last = i + 1 == txq->size;

		txq->desc[i] = (struct vring_desc){
			.addr = htole64(txq->data_iova + i),
			.len = htole32(1),
			.flags = htole16(last && !loop ? 0 : VRING_DESC_F_NEXT),
			.next = htole16(last ? 0 : (uint16_t)(i + 1)),
		};
	}
	hostile_post(txq, 0);
}

/* A request that the device may pass on, and then the answer to a question never asked. */
void
hostile_txq(struct hostile *h)
{
	unsigned int i, burst = 1 + (unsigned int)hostile_below(h, 8);

	for (i = 0; i < burst; i++) {
		switch (hostile_below(h, 16)) {
		case 0:
			send_bad_chain(h);
			break;
		case 1:
			send_long_chain(h);
			break;
		default:
			send_message(h);
		}
	}
	hostile_notify(h, VVU_TXQ);
}

/* The next message of the frontend finds a buffer that cannot hold it, or is none. */
static void
spoil_rxq(struct hostile *h)
{
	struct hostile_queue *rxq = &h->queue[VVU_RXQ];
	uint16_t i;

	for (i = 0; i < 16 && i < rxq->size; i++) {
		rxq->desc[i].addr = htole64(any_address(h, rxq));
		rxq->desc[i].len = htole32((uint32_t)hostile_below(h, 24));
		rxq->desc[i].flags = htole16(hostile_below(h, 8) ? VRING_DESC_F_WRITE :
					     any_flags(h));
		rxq->desc[i].next = htole16((uint16_t)hostile_below(h, rxq->size + 2u));
		hostile_post(rxq, i);
	}
}

/* Addresses and size of a queue that is in use, and one more enable. */
static void
move_queue(struct hostile *h, unsigned int index)
{
	unsigned int i;

	hostile_common(h, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
	hostile_common(h, VIRTIO_PCI_COMMON_Q_SIZE, 2, hostile_number(h));
	for (i = 0; i < 6; i++)
		hostile_common(h, VIRTIO_PCI_COMMON_Q_DESCLO + 4 * i, 4, hostile_number(h));
	hostile_common(h, VIRTIO_PCI_COMMON_Q_ENABLE, 2, hostile_below(h, 3));
}

/* The memory goes while the device uses it: the IOMMU refuses, the device has to cope. */
static void
unmap_queue(struct hostile *h, unsigned int index)
{
	h->bus->ops->dma_free(h->bus, &h->queue[index].dma);
	hostile_notify(h, index);
	hostile_pump(h);
	/* Nothing of it may be written from here on: this round is over. */
	hostile_stop(h);
}

void
hostile_rings(struct hostile *h)
{
	unsigned int index = (unsigned int)hostile_below(h, 2);
	struct hostile_queue *queue = &h->queue[index];
	uint16_t i;

	switch (hostile_below(h, 8)) {
	case 0:
		queue->avail_idx = (uint16_t)(queue->avail_idx + hostile_number(h));
		__atomic_store_n(&queue->avail->idx, htole16(queue->avail_idx), __ATOMIC_RELEASE);
		break;
	case 1:
		hostile_post(queue, (uint16_t)hostile_number(h));
		break;
	case 2:		/* what is the device's to write */
		queue->used->idx = (uint16_t)hostile_random(h);
		queue->used->flags = (uint16_t)hostile_random(h);
		queue->avail->flags = (uint16_t)hostile_random(h);
		break;
	case 3:
		for (i = 0; i < queue->size; i++)
			queue->avail->ring[i] = (uint16_t)hostile_random(h);
		queue->avail_idx = (uint16_t)(queue->avail_idx + queue->size);
		__atomic_store_n(&queue->avail->idx, htole16(queue->avail_idx), __ATOMIC_RELEASE);
		break;
	case 4:
		move_queue(h, index);
		break;
	case 5:
		if (hostile_below(h, 4) == 0) {
			unmap_queue(h, index);
			return;
		}
		/* fall through */
	default:
		spoil_rxq(h);
		index = VVU_RXQ;
	}
	hostile_notify(h, index);
}
