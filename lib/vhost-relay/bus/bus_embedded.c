/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bus to a device in this process. Besides passing accesses on, it does what an
 * operating system and an IOMMU do for a real function: I/O virtual addresses for the
 * queue memory, and the MSI-X table.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vvu-device/embedded/embedded.h"

#include "dma_memory.h"
#include "iova.h"
#include "pci.h"

struct embedded_bus {
	struct vhr_bus bus;
	struct vvu_emb *emb;
	struct vhr_iova iova;
	struct vhr_dma_block *dma;
	unsigned int vectors;
	uint8_t msix_position;
};

static struct embedded_bus *
embedded(struct vhr_bus *bus)
{
	return (struct embedded_bus *)bus;
}

static int
embedded_cfg_read(struct vhr_bus *bus, uint32_t offset, void *buf, size_t len)
{
	return vvu_emb_cfg_read(embedded(bus)->emb, offset, buf, len);
}

static int
embedded_cfg_write(struct vhr_bus *bus, uint32_t offset, const void *buf, size_t len)
{
	return vvu_emb_cfg_write(embedded(bus)->emb, offset, buf, len);
}

static uint64_t
embedded_bar_size(struct vhr_bus *bus, unsigned int bar)
{
	return bar < VHR_PCI_NUM_BARS ? vvu_emb_bar_size(embedded(bus)->emb, bar) : 0;
}

static void *
embedded_bar_map(struct vhr_bus *bus, unsigned int bar, uint64_t offset, uint64_t length,
		 unsigned int *flags)
{
	void *va = vvu_emb_bar_map(embedded(bus)->emb, bar, offset, length);

	if (va == NULL) {
		errno = EINVAL;
		return NULL;
	}
	*flags = VHR_MAP_CACHED | VHR_MAP_PAGE_BACKED;
	return va;
}

static int
embedded_reg_read(struct vhr_bus *bus, unsigned int bar, uint64_t offset, unsigned int width,
		  uint64_t *value)
{
	return vvu_emb_bar_read(embedded(bus)->emb, bar, offset, width, value);
}

static int
embedded_reg_write(struct vhr_bus *bus, unsigned int bar, uint64_t offset, unsigned int width,
		   uint64_t value)
{
	return vvu_emb_bar_write(embedded(bus)->emb, bar, offset, width, value);
}

static int
embedded_dma_alloc(struct vhr_bus *bus, size_t size, struct vhr_dma *dma)
{
	struct embedded_bus *self = embedded(bus);
	struct vhr_dma_block *block;
	int ret;

	ret = vhr_dma_block_new(&self->dma, size, &block);
	if (ret < 0)
		return ret;
	ret = vhr_iova_alloc(&self->iova, block->size, block->align, &block->iova);
	if (ret == 0) {
		ret = vvu_emb_dma_map(self->emb, block->iova, block->va, block->size);
		if (ret < 0)
			vhr_iova_free(&self->iova, block->iova);
	}
	if (ret < 0) {
		vhr_dma_block_delete(&self->dma, block);
		return ret;
	}
	dma->va = block->va;
	dma->iova = block->iova;
	dma->size = block->size;
	dma->opaque = block;
	return 0;
}

static void
embedded_dma_free(struct vhr_bus *bus, struct vhr_dma *dma)
{
	struct embedded_bus *self = embedded(bus);
	struct vhr_dma_block *block = dma->opaque;

	if (block == NULL)
		return;
	vvu_emb_dma_unmap(self->emb, block->iova, block->size);
	vhr_iova_free(&self->iova, block->iova);
	vhr_dma_block_delete(&self->dma, block);
	dma->opaque = NULL;
	dma->va = NULL;
}

/* What the interrupt core of an operating system writes to one entry of the table. */
static int
program_vector(struct embedded_bus *self, unsigned int bar, uint64_t entry, unsigned int vector)
{
	struct vvu_emb *emb = self->emb;
	int ret;

	ret = vvu_emb_bar_write(emb, bar, entry + PCI_MSIX_ENTRY_LOWER_ADDR, 4, 0xfee00000u);
	if (ret == 0)
		ret = vvu_emb_bar_write(emb, bar, entry + PCI_MSIX_ENTRY_UPPER_ADDR, 4, 0);
	if (ret == 0)
		ret = vvu_emb_bar_write(emb, bar, entry + PCI_MSIX_ENTRY_DATA, 4, vector);
	if (ret == 0)
		ret = vvu_emb_bar_write(emb, bar, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0);
	return ret;
}

static int
embedded_irq_enable(struct vhr_bus *bus, unsigned int wanted)
{
	struct embedded_bus *self = embedded(bus);
	uint8_t cap[VHR_PCI_MSIX_CAP_SIZE], control[2];
	uint32_t table;
	unsigned int vector;
	uint16_t flags;
	uint8_t position;
	int ret;

	ret = vhr_pci_find_msix(bus, &position, cap);
	if (ret < 0)
		return ret;
	if (ret == 0 || wanted == 0)
		return -ENOTSUP;
	if (wanted > vvu_emb_num_vectors(self->emb))
		wanted = vvu_emb_num_vectors(self->emb);
	if (wanted == 0)
		return -ENOTSUP;
	table = vhr_le32_get(cap + PCI_MSIX_TABLE);
	for (vector = 0; vector < wanted; vector++) {
		ret = program_vector(self, table & PCI_MSIX_TABLE_BIR,
				     (table & PCI_MSIX_TABLE_OFFSET) +
				     (uint64_t)vector * PCI_MSIX_ENTRY_SIZE, vector);
		if (ret < 0)
			return ret;
	}
	flags = vhr_le16_get(cap + PCI_MSIX_FLAGS);
	flags = (uint16_t)((flags | PCI_MSIX_FLAGS_ENABLE) & ~PCI_MSIX_FLAGS_MASKALL);
	control[0] = (uint8_t)flags;
	control[1] = (uint8_t)(flags >> 8);
	ret = vvu_emb_cfg_write(self->emb, position + PCI_MSIX_FLAGS, control, sizeof(control));
	if (ret < 0)
		return ret;
	self->msix_position = position;
	self->vectors = wanted;
	return (int)wanted;
}

static void
embedded_irq_disable(struct vhr_bus *bus)
{
	struct embedded_bus *self = embedded(bus);
	const uint8_t off[2] = { 0, 0 };

	if (self->vectors == 0)
		return;
	vvu_emb_cfg_write(self->emb, self->msix_position + PCI_MSIX_FLAGS, off, sizeof(off));
	self->vectors = 0;
}

static int
embedded_irq_fd(struct vhr_bus *bus, unsigned int vector)
{
	struct embedded_bus *self = embedded(bus);

	return vector < self->vectors ? vvu_emb_irq_fd(self->emb, vector) : -EINVAL;
}

static int
embedded_poll_fd(struct vhr_bus *bus)
{
	return vvu_emb_poll_fd(embedded(bus)->emb);
}

static int
embedded_run(struct vhr_bus *bus)
{
	return vvu_emb_run(embedded(bus)->emb);
}

static void
embedded_close(struct vhr_bus *bus)
{
	struct embedded_bus *self = embedded(bus);

	/* The device goes first: it may write to the memory until then. */
	vvu_emb_destroy(self->emb);
	while (self->dma != NULL)
		vhr_dma_block_delete(&self->dma, self->dma);
	free(self);
}

static const struct vhr_bus_ops embedded_ops = {
	.cfg_read = embedded_cfg_read,
	.cfg_write = embedded_cfg_write,
	.bar_size = embedded_bar_size,
	.bar_map = embedded_bar_map,
	.reg_read = embedded_reg_read,
	.reg_write = embedded_reg_write,
	.dma_alloc = embedded_dma_alloc,
	.dma_free = embedded_dma_free,
	.irq_enable = embedded_irq_enable,
	.irq_disable = embedded_irq_disable,
	.irq_fd = embedded_irq_fd,
	.poll_fd = embedded_poll_fd,
	.run = embedded_run,
	.close = embedded_close,
};

int
vhr_bus_embedded_open(const struct vvu_emb_config *config, struct vhr_bus **bus,
		      struct vhu_reason *reason)
{
	struct embedded_bus *self;
	int ret;

	self = calloc(1, sizeof(*self));
	if (self == NULL) {
		vhu_reason_set(reason, "embedded bus: out of memory");
		return -ENOMEM;
	}
	ret = vvu_emb_create(config, &self->emb, reason);
	if (ret < 0) {
		free(self);
		return ret;
	}
	self->bus.ops = &embedded_ops;
	if (config->has_fd)
		snprintf(self->bus.name, sizeof(self->bus.name), "fd %d", config->fd);
	else
		snprintf(self->bus.name, sizeof(self->bus.name), "%s", config->socket_path);
	/*
	 * Any addresses would do. These are not the process's own, so that a confusion of
	 * the two shows, and are as wide as the usual virtual IOMMU's.
	 */
	vhr_iova_init(&self->iova, (uint64_t)sysconf(_SC_PAGESIZE));
	ret = vhr_iova_add_range(&self->iova, 1ull << 38, (1ull << 39) - 1);
	if (ret < 0) {
		embedded_close(&self->bus);
		return ret;
	}
	*bus = &self->bus;
	return 0;
}

struct vvu_emb *
vhr_bus_embedded_device(struct vhr_bus *bus)
{
	return bus->ops == &embedded_ops ? embedded(bus)->emb : NULL;
}
