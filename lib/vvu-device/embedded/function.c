/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens to the function as a whole: interrupts, reset, failure. */
#include "emb_internal.h"

bool emb_is_live(const struct vvu_emb *emb)
{
	return (emb->common.status & (EMB_STATUS_DRIVER_OK | EMB_STATUS_NEEDS_RESET)) ==
	       EMB_STATUS_DRIVER_OK;
}

/*
 * The ISR is latched under MSI-X too, where virtio leaves it open: published drivers tell
 * by it what a shared vector was raised for.
 */
static void interrupt(struct vvu_emb *emb, uint8_t isr, uint16_t vector)
{
	emb->isr |= isr;
	if (vector != VVU_NO_VECTOR)
		emb_msix_notify(emb->msix, vector);
}

void emb_interrupt_queue(struct vvu_emb *emb, unsigned int queue)
{
	interrupt(emb, EMB_ISR_QUEUE, emb->virtq[queue].vector);
}

void emb_interrupt_config(struct vvu_emb *emb)
{
	interrupt(emb, EMB_ISR_CONFIG, emb->common.config_vector);
}

void emb_needs_reset(struct vvu_emb *emb)
{
	if (emb->common.status & EMB_STATUS_NEEDS_RESET)
		return;
	emb->common.status |= EMB_STATUS_NEEDS_RESET;
	/* virtio 1.3, 2.1.2: only a driver that set DRIVER_OK is told. */
	if (emb->common.status & EMB_STATUS_DRIVER_OK)
		emb_interrupt_config(emb);
}

void emb_break(struct vvu_emb *emb, const struct vhu_reason *why)
{
	emb_log(emb, VVU_LOG_ERROR, "device needs reset: %s", why->text);
	emb_needs_reset(emb);
	emb->broken = true;
	emb->broken_why = *why;
	emb_wake(emb);
}

void emb_reset(struct vvu_emb *emb)
{
	/* Queues first: nothing is delivered and no interrupt raised from here on. */
	emb_common_reset(&emb->common);
	emb->notified = 0;
	emb->broken = false;
	vvu_device_reset(emb->device);
	emb_kicks_reset(&emb->kicks);
	emb->isr = 0;
}
