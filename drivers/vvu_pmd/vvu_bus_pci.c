/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * struct vhr_bus over DPDK's PCI bus, which has bound, mapped and, with VFIO, attached the
 * function to an IOMMU domain by the time the driver is probed. DMA memory is DPDK's, so
 * that its IOVA is known to that domain.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bus_pci_driver.h>
#include <rte_bus_pci.h>
#include <rte_errno.h>
#include <rte_interrupts.h>
#include <rte_io.h>
#include <rte_memzone.h>

#include "vvu_log.h"
#include "vvu_port.h"

#define PAGE_SIZE_BYTES 4096u

struct pci_bus {
	struct vhr_bus bus;
	struct rte_pci_device *pci;
	unsigned int vectors;		/* 0: no interrupts enabled */
	unsigned int granted;		/* extra vectors that could be had; see irq_enable() */
	bool tried;
	unsigned int next_zone;		/* memzones have names of their own */
};

static struct pci_bus *
to_pci(struct vhr_bus *bus)
{
	return container_of(bus, struct pci_bus, bus);
}

static int
cfg_read(struct vhr_bus *bus, uint32_t offset, void *buf, size_t len)
{
	int ret = rte_pci_read_config(to_pci(bus)->pci, buf, len, offset);

	return ret >= 0 && (size_t)ret == len ? 0 : -EIO;
}

static int
cfg_write(struct vhr_bus *bus, uint32_t offset, const void *buf, size_t len)
{
	int ret = rte_pci_write_config(to_pci(bus)->pci, buf, len, offset);

	return ret >= 0 && (size_t)ret == len ? 0 : -EIO;
}

static uint64_t
bar_size(struct vhr_bus *bus, unsigned int bar)
{
	return bar < PCI_MAX_RESOURCE ? to_pci(bus)->pci->mem_resource[bar].len : 0;
}

static uint8_t *
bar_at(struct vhr_bus *bus, unsigned int bar, uint64_t offset, uint64_t length)
{
	const struct rte_mem_resource *resource;

	if (bar >= PCI_MAX_RESOURCE)
		return NULL;
	resource = &to_pci(bus)->pci->mem_resource[bar];
	if (resource->addr == NULL || offset > resource->len || length > resource->len - offset)
		return NULL;
	return (uint8_t *)resource->addr + offset;
}

/*
 * VFIO maps a BAR uncached and without pages of its own, and uio no better: neither
 * VHR_MAP_ flag may be promised.
 */
static void *
bar_map(struct vhr_bus *bus, unsigned int bar, uint64_t offset, uint64_t length,
	unsigned int *flags)
{
	void *at = bar_at(bus, bar, offset, length);

	if (at == NULL) {
		errno = ENXIO;
		return NULL;
	}
	*flags = 0;
	return at;
}

static int
reg_read(struct vhr_bus *bus, unsigned int bar, uint64_t offset, unsigned int width,
	 uint64_t *value)
{
	const uint8_t *at = bar_at(bus, bar, offset, width);

	if (at == NULL || (uintptr_t)at % width != 0)
		return -EINVAL;
	switch (width) {
	case 1:
		*value = rte_read8(at);
		return 0;
	case 2:
		*value = rte_le_to_cpu_16(rte_read16(at));
		return 0;
	case 4:
		*value = rte_le_to_cpu_32(rte_read32(at));
		return 0;
	case 8:
		*value = rte_le_to_cpu_64(rte_read64(at));
		return 0;
	default:
		return -EINVAL;
	}
}

static int
reg_write(struct vhr_bus *bus, unsigned int bar, uint64_t offset, unsigned int width,
	  uint64_t value)
{
	uint8_t *at = bar_at(bus, bar, offset, width);

	if (at == NULL || (uintptr_t)at % width != 0)
		return -EINVAL;
	switch (width) {
	case 1:
		rte_write8(value, at);
		return 0;
	case 2:
		rte_write16(rte_cpu_to_le_16(value), at);
		return 0;
	case 4:
		rte_write32(rte_cpu_to_le_32(value), at);
		return 0;
	case 8:
		rte_write64(rte_cpu_to_le_64(value), at);
		return 0;
	default:
		return -EINVAL;
	}
}

static int
dma_alloc(struct vhr_bus *bus, size_t size, struct vhr_dma *dma)
{
	struct pci_bus *pci = to_pci(bus);
	const struct rte_memzone *zone;
	char name[RTE_MEMZONE_NAMESIZE];

	size = RTE_ALIGN_CEIL(size, PAGE_SIZE_BYTES);
	snprintf(name, sizeof(name), "vvu_%s_%u", pci->pci->name, pci->next_zone++);
	zone = rte_memzone_reserve_aligned(name, size, pci->pci->device.numa_node,
					   RTE_MEMZONE_IOVA_CONTIG, PAGE_SIZE_BYTES);
	if (zone == NULL)
		return -rte_errno;
	memset(zone->addr, 0, size);
	dma->va = zone->addr;
	dma->iova = zone->iova;
	dma->size = size;
	dma->opaque = (void *)(uintptr_t)zone;
	return 0;
}

static void
dma_free(struct vhr_bus *bus, struct vhr_dma *dma)
{
	RTE_SET_USED(bus);
	rte_memzone_free(dma->opaque);
	memset(dma, 0, sizeof(*dma));
}

/*
 * Vector 0 is the interrupt handle's own fd, the ones after it the handle's extra eventfds
 * (RTE_INTR_VEC_RXTX_OFFSET on). Without VFIO there are no eventfds to give.
 */
/*
 * One vector, and @extra with an eventfd each: those of the last time if there were as many,
 * because somebody may wait on them.
 */
static bool
enable(struct rte_intr_handle *handle, unsigned int extra)
{
	int there = rte_intr_nb_efd_get(handle);

	if (there > 0 && (unsigned int)there != extra) {
		rte_intr_efd_disable(handle);
		there = 0;
	}
	if (extra > 0 && there <= 0 && rte_intr_efd_enable(handle, extra) != 0)
		return false;
	if (rte_intr_enable(handle) == 0)
		return true;
	rte_intr_efd_disable(handle);
	return false;
}

static int
irq_enable(struct vhr_bus *bus, unsigned int wanted)
{
	struct pci_bus *pci = to_pci(bus);
	struct rte_intr_handle *handle = pci->pci->intr_handle;
	unsigned int extra;
	int nb_intr;

	if (pci->pci->kdrv != RTE_PCI_KDRV_VFIO || !rte_intr_cap_multiple(handle))
		return -ENOTSUP;
	nb_intr = rte_intr_nb_intr_get(handle);
	if (wanted == 0 || nb_intr < 1)
		return -ENOTSUP;
	extra = RTE_MIN(wanted - 1, (unsigned int)nb_intr - 1);
	extra = RTE_MIN(extra, (unsigned int)RTE_MAX_RXTX_INTR_VEC_ID - RTE_INTR_VEC_RXTX_OFFSET);
	if (pci->tried)
		extra = RTE_MIN(extra, pci->granted);
	/*
	 * All that EAL tells of a refusal is that there was one. A machine with few CPUs has no
	 * interrupts for many vectors: half may be had, and leaves some for the next function.
	 */
	while (!enable(handle, extra)) {
		if (extra == 0)
			return -EIO;
		extra /= 2;
	}
	pci->vectors = 1 + extra;
	pci->granted = extra;
	pci->tried = true;
	return pci->vectors;
}

static void
irq_disable(struct vhr_bus *bus)
{
	struct pci_bus *pci = to_pci(bus);

	if (pci->vectors == 0)
		return;
	rte_intr_disable(pci->pci->intr_handle);
	pci->vectors = 0;
}

static int
irq_fd(struct vhr_bus *bus, unsigned int vector)
{
	struct pci_bus *pci = to_pci(bus);
	int fd;

	if (vector >= pci->vectors)
		return -EINVAL;
	if (vector == 0)
		fd = rte_intr_fd_get(pci->pci->intr_handle);
	else
		fd = rte_intr_efds_index_get(pci->pci->intr_handle,
					     vector - RTE_INTR_VEC_RXTX_OFFSET);
	return fd >= 0 ? fd : -EINVAL;
}

/* BARs and the function itself are the PCI bus's. */
static void
bus_close(struct vhr_bus *bus)
{
	irq_disable(bus);
	if (to_pci(bus)->tried)
		rte_intr_efd_disable(to_pci(bus)->pci->intr_handle);
	free(to_pci(bus));
}

static const struct vhr_bus_ops ops = {
	.cfg_read = cfg_read,
	.cfg_write = cfg_write,
	.bar_size = bar_size,
	.bar_map = bar_map,
	.reg_read = reg_read,
	.reg_write = reg_write,
	.dma_alloc = dma_alloc,
	.dma_free = dma_free,
	.irq_enable = irq_enable,
	.irq_disable = irq_disable,
	.irq_fd = irq_fd,
	.close = bus_close,
};

int
vvu_bus_pci_open(struct rte_pci_device *pci, struct vhr_bus **bus, struct vhu_reason *reason)
{
	struct pci_bus *self = calloc(1, sizeof(*self));

	if (self == NULL) {
		vhu_reason_set(reason, "%s: no memory", pci->name);
		return -ENOMEM;
	}
	self->bus.ops = &ops;
	self->pci = pci;
	snprintf(self->bus.name, sizeof(self->bus.name), "%s", pci->name);
	*bus = &self->bus;
	return 0;
}
