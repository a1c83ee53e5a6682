/* SPDX-License-Identifier: BSD-3-Clause */
/* Which register an access to a BAR means. */
#include "bytes.h"
#include "emb_internal.h"

static bool within(uint64_t offset, unsigned int width, uint64_t start, uint64_t length)
{
	return offset >= start && offset - start < length && width <= length - (offset - start);
}

static bool in_region(const struct emb_region *region, unsigned int bar, uint64_t offset,
		      unsigned int width)
{
	return bar == region->bar && within(offset, width, region->offset, region->length);
}

static uint64_t read_virtio(struct vvu_emb *emb, uint64_t offset, unsigned int width)
{
	uint8_t bytes[8];

	if (within(offset, width, EMB_COMMON_OFFSET, EMB_COMMON_SIZE))
		return emb_common_read(&emb->common, (unsigned int)offset - EMB_COMMON_OFFSET,
				       width);
	if (within(offset, width, EMB_ISR_OFFSET, EMB_ISR_SIZE)) {
		/* Reading clears (virtio 1.3, 4.1.4.5). */
		uint8_t isr = emb->isr;

		emb->isr = 0;
		return isr;
	}
	if (within(offset, width, EMB_DEVICE_OFFSET, VVU_CONFIG_SIZE)) {
		vvu_device_config_read(emb->device, (uint32_t)offset - EMB_DEVICE_OFFSET, bytes,
				       width);
		return emb_get_le(bytes, width);
	}
	return 0;
}

uint64_t emb_register_read(struct vvu_emb *emb, unsigned int bar, uint64_t offset,
			   unsigned int width)
{
	if (in_region(&emb->bars.kick, bar, offset, width))
		return emb_kick_read(&emb->kicks, offset - emb->bars.kick.offset, width);
	switch (bar) {
	case VVU_BAR_MSIX:
		return emb_msix_read(emb->msix, offset, width);
	case VVU_BAR_VIRTIO:
		return read_virtio(emb, offset, width);
	default:
		return emb_all_ones(width);
	}
}

static void write_common(struct vvu_emb *emb, unsigned int offset, unsigned int width,
			 uint64_t value)
{
	struct vhu_reason why;
	unsigned int effect = emb_common_write(&emb->common, offset, width, value, &why);

	if (effect & EMB_COMMON_RESET)
		emb_reset(emb);
	if (effect & EMB_COMMON_BROKEN)
		emb_break(emb, &why);
	if (effect & EMB_COMMON_DRIVER_OK) {
		vvu_device_driver_ok(emb->device);
		/* Buffers may have been made available before. */
		emb->notified |= (1u << VVU_RXQ) | (1u << VVU_TXQ);
		emb_wake(emb);
	}
}

static void write_device(struct vvu_emb *emb, uint32_t offset, unsigned int width, uint64_t value)
{
	uint8_t bytes[8];

	/*
	 * What the driver sent before it wrote status belongs to the connection before: it
	 * is handled before the write, so that no answer meets a later frontend.
	 */
	if (offset < VVU_CONFIG_MAX_VHOST_QUEUES)
		emb_txq_run(emb, emb_virtq_available(&emb->virtq[VVU_TXQ]));
	emb_put_le(bytes, width, value);
	vvu_device_config_write(emb->device, offset, bytes, width);
}

static void write_notify(struct vvu_emb *emb, uint64_t offset, unsigned int width)
{
	uint64_t queue = offset / EMB_NOTIFY_MULTIPLIER;

	/* virtio 1.3, 4.1.5.2: 16 bits, the queue's index */
	if (offset % EMB_NOTIFY_MULTIPLIER || width > 4 || queue >= VVU_NUM_VIRTQUEUES)
		return;
	emb->notified |= 1u << queue;
	emb_wake(emb);
}

static void write_virtio(struct vvu_emb *emb, uint64_t offset, unsigned int width, uint64_t value)
{
	if (within(offset, width, EMB_COMMON_OFFSET, EMB_COMMON_SIZE))
		write_common(emb, (unsigned int)offset - EMB_COMMON_OFFSET, width, value);
	else if (within(offset, width, EMB_DEVICE_OFFSET, VVU_CONFIG_SIZE))
		write_device(emb, (uint32_t)offset - EMB_DEVICE_OFFSET, width, value);
	else if (within(offset, width, EMB_NOTIFY_OFFSET,
			VVU_NUM_VIRTQUEUES * EMB_NOTIFY_MULTIPLIER))
		write_notify(emb, offset - EMB_NOTIFY_OFFSET, width);
}

void emb_register_write(struct vvu_emb *emb, unsigned int bar, uint64_t offset,
			unsigned int width, uint64_t value)
{
	if (in_region(&emb->bars.kick, bar, offset, width))
		emb_kick_write(&emb->kicks, offset - emb->bars.kick.offset, width, value);
	else if (bar == VVU_BAR_MSIX)
		emb_msix_write(emb->msix, offset, width, value);
	else if (bar == VVU_BAR_VIRTIO)
		write_virtio(emb, offset, width, value);
}

bool emb_register_doorbell(struct vvu_emb *emb, unsigned int bar, uint64_t offset,
			   unsigned int width)
{
	const struct emb_region *region = &emb->bars.doorbell;
	uint32_t stride = emb->layout.doorbell_multiplier;
	uint64_t at;

	if (!in_region(region, bar, offset, width))
		return false;
	at = offset - region->offset;
	/* The value is ignored; 1, 2 and 4 bytes at the doorbell's own address ring it. */
	if (at % stride == 0 && width <= 4)
		emb_doorbell_ring(&emb->doorbells, (unsigned int)(at / stride));
	return true;
}
