/* SPDX-License-Identifier: BSD-3-Clause */
/* The PCI function as the driver reaches it: the second half of embedded.h. */
#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "emb_internal.h"

static bool legal_width(unsigned int width)
{
	return width == 1 || width == 2 || width == 4 || width == 8;
}

static bool in_bar(const struct vvu_emb *emb, unsigned int bar, uint64_t offset,
		   unsigned int width)
{
	uint64_t size = vvu_emb_bar_size(emb, bar);

	return legal_width(width) && offset < size && width <= size - offset;
}

uint64_t vvu_emb_bar_size(const struct vvu_emb *emb, unsigned int bar)
{
	return bar < EMB_PCI_BARS ? emb->pci.bar_size[bar] : 0;
}

int vvu_emb_bar_read(struct vvu_emb *emb, unsigned int bar, uint64_t offset, unsigned int width,
		     uint64_t *value)
{
	if (!in_bar(emb, bar, offset, width))
		return -EINVAL;
	*value = emb_register_read(emb, bar, offset, width);
	return 0;
}

int vvu_emb_bar_write(struct vvu_emb *emb, unsigned int bar, uint64_t offset, unsigned int width,
		      uint64_t value)
{
	if (!in_bar(emb, bar, offset, width))
		return -EINVAL;
	/* Before all else: other threads come here too, and may touch nothing but this. */
	if (emb_register_doorbell(emb, bar, offset, width))
		return 0;
	emb_register_write(emb, bar, offset, width, value);
	emb_settle(emb);
	return 0;
}

int vvu_emb_cfg_read(struct vvu_emb *emb, uint32_t offset, void *buf, size_t len)
{
	struct emb_pci_window window;
	uint64_t value;

	if (offset > EMB_PCI_CONFIG_SIZE || len > EMB_PCI_CONFIG_SIZE - offset)
		return -EINVAL;
	/* A read of pci_cfg_data is a read of the BAR (virtio 1.3, 4.1.4.9.1). */
	if (emb_pci_window_hit(&emb->pci, offset, len, &window) &&
	    vvu_emb_bar_read(emb, window.bar, window.offset, window.width, &value) == 0)
		emb_put_le(&emb->pci.space[window.data], window.width, value);
	memcpy(buf, &emb->pci.space[offset], len);
	return 0;
}

int vvu_emb_cfg_write(struct vvu_emb *emb, uint32_t offset, const void *buf, size_t len)
{
	struct emb_pci_window window;
	unsigned int effect;

	if (offset > EMB_PCI_CONFIG_SIZE || len > EMB_PCI_CONFIG_SIZE - offset)
		return -EINVAL;
	effect = emb_pci_write(&emb->pci, offset, buf, len);
	if (effect & EMB_PCI_MSIX_CONTROL) {
		emb_msix_control(emb->msix, emb_pci_msix_enabled(&emb->pci),
				 emb_pci_msix_masked(&emb->pci));
		emb_kicks_flush(&emb->kicks);
	}
	if ((effect & EMB_PCI_WINDOW_DATA) &&
	    emb_pci_window_hit(&emb->pci, offset, len, &window))
		vvu_emb_bar_write(emb, window.bar, window.offset, window.width,
				  emb_get_le(&emb->pci.space[window.data], window.width));
	return 0;
}

static bool holds(const struct vvu_range *range, uint64_t offset, uint64_t length)
{
	return offset >= range->offset && offset - range->offset < range->length &&
	       length <= range->length - (offset - range->offset);
}

void *vvu_emb_bar_map(struct vvu_emb *emb, unsigned int bar, uint64_t offset, uint64_t length)
{
	if (bar != VVU_BAR_WINDOW || length == 0)
		return NULL;
	if (!holds(&emb->layout.memory, offset, length) &&
	    !holds(&emb->layout.log, offset, length) &&
	    !holds(&emb->layout.inflight, offset, length))
		return NULL;
	return emb->window.base + offset;
}

int vvu_emb_dma_map(struct vvu_emb *emb, uint64_t iova, void *addr, uint64_t length)
{
	return emb_dma_add(&emb->dma, iova, addr, length);
}

int vvu_emb_dma_unmap(struct vvu_emb *emb, uint64_t iova, uint64_t length)
{
	return emb_dma_remove(&emb->dma, iova, length);
}

unsigned int vvu_emb_num_vectors(const struct vvu_emb *emb)
{
	return emb->msix->vectors;
}

int vvu_emb_irq_fd(const struct vvu_emb *emb, unsigned int vector)
{
	return emb_msix_fd(emb->msix, vector);
}

void vvu_emb_query(const struct vvu_emb *emb, struct vvu_device_status *status)
{
	vvu_device_query(emb->device, status);
}
