/* SPDX-License-Identifier: BSD-3-Clause */
/* The bus to a function bound to vfio-pci. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "dma_memory.h"
#include "pci.h"
#include "pci_address.h"
#include "sysfs.h"
#include "vfio_bar.h"
#include "vfio_group.h"
#include "vfio_irq.h"

#define INFO_MAX	65536u	/* bytes of an info structure that we are ready to read */

struct vfio_bus {
	struct vhr_bus bus;
	struct vhr_vfio_group *group;
	int fd;
	uint64_t cfg_offset;	/* of configuration space in fd */
	uint64_t cfg_size;
	unsigned int num_bars;	/* initialised */
	struct vhr_vfio_bar bar[VHR_PCI_NUM_BARS];
	struct vhr_vfio_irq irq;
	struct vhr_dma_block *dma;
};

static struct vfio_bus *
vfio(struct vhr_bus *bus)
{
	return (struct vfio_bus *)bus;
}

static bool
inside_cfg(const struct vfio_bus *self, uint32_t offset, size_t len)
{
	return offset <= self->cfg_size && len <= self->cfg_size - offset;
}

static int
vfio_cfg_read(struct vhr_bus *bus, uint32_t offset, void *buf, size_t len)
{
	struct vfio_bus *self = vfio(bus);

	if (!inside_cfg(self, offset, len))
		return -EINVAL;
	if (pread(self->fd, buf, len, (off_t)(self->cfg_offset + offset)) != (ssize_t)len)
		return -EIO;
	return 0;
}

static int
vfio_cfg_write(struct vhr_bus *bus, uint32_t offset, const void *buf, size_t len)
{
	struct vfio_bus *self = vfio(bus);

	if (!inside_cfg(self, offset, len))
		return -EINVAL;
	if (pwrite(self->fd, buf, len, (off_t)(self->cfg_offset + offset)) != (ssize_t)len)
		return -EIO;
	return 0;
}

static uint64_t
vfio_bar_size(struct vhr_bus *bus, unsigned int bar)
{
	return bar < VHR_PCI_NUM_BARS ? vfio(bus)->bar[bar].region.size : 0;
}

static void *
vfio_bar_map(struct vhr_bus *bus, unsigned int bar, uint64_t offset, uint64_t length,
	     unsigned int *flags)
{
	if (bar >= VHR_PCI_NUM_BARS) {
		errno = EINVAL;
		return NULL;
	}
	/* The kernel maps BARs uncached and without struct pages, RAM behind them or not. */
	*flags = 0;
	return vhr_vfio_bar_map(&vfio(bus)->bar[bar], offset, length);
}

static int
vfio_reg_read(struct vhr_bus *bus, unsigned int bar, uint64_t offset, unsigned int width,
	      uint64_t *value)
{
	if (bar >= VHR_PCI_NUM_BARS)
		return -EINVAL;
	return vhr_vfio_bar_read(&vfio(bus)->bar[bar], offset, width, value);
}

static int
vfio_reg_write(struct vhr_bus *bus, unsigned int bar, uint64_t offset, unsigned int width,
	       uint64_t value)
{
	if (bar >= VHR_PCI_NUM_BARS)
		return -EINVAL;
	return vhr_vfio_bar_write(&vfio(bus)->bar[bar], offset, width, value);
}

static int
vfio_dma_alloc(struct vhr_bus *bus, size_t size, struct vhr_dma *dma)
{
	struct vfio_bus *self = vfio(bus);
	struct vhr_dma_block *block;
	int ret;

	ret = vhr_dma_block_new(&self->dma, size, &block);
	if (ret < 0)
		return ret;
	ret = vhr_vfio_group_map(self->group, block);
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
vfio_dma_free(struct vhr_bus *bus, struct vhr_dma *dma)
{
	struct vfio_bus *self = vfio(bus);
	struct vhr_dma_block *block = dma->opaque;

	if (block == NULL)
		return;
	vhr_vfio_group_unmap(self->group, block);
	vhr_dma_block_delete(&self->dma, block);
	dma->opaque = NULL;
	dma->va = NULL;
}

static int
vfio_irq_enable(struct vhr_bus *bus, unsigned int wanted)
{
	return vhr_vfio_irq_enable(&vfio(bus)->irq, vfio(bus)->fd, wanted);
}

static void
vfio_irq_disable(struct vhr_bus *bus)
{
	vhr_vfio_irq_disable(&vfio(bus)->irq, vfio(bus)->fd);
}

static int
vfio_irq_fd(struct vhr_bus *bus, unsigned int vector)
{
	const struct vhr_vfio_irq *irq = &vfio(bus)->irq;

	return vector < irq->vectors ? irq->fd[vector] : -EINVAL;
}

static void
vfio_close(struct vhr_bus *bus)
{
	struct vfio_bus *self = vfio(bus);
	unsigned int i;

	if (self->fd >= 0) {
		vhr_vfio_irq_disable(&self->irq, self->fd);
		/* The memory goes next: the device must not write to it any more. */
		if (self->cfg_size > 0)
			(void)vhr_pci_command(bus, 0, PCI_COMMAND_MASTER);
	}
	for (i = 0; i < self->num_bars; i++)
		vhr_vfio_bar_unmap_all(&self->bar[i]);
	while (self->dma != NULL) {
		vhr_vfio_group_unmap(self->group, self->dma);
		vhr_dma_block_delete(&self->dma, self->dma);
	}
	if (self->fd >= 0)
		close(self->fd);
	vhr_vfio_group_put(self->group);
	free(self);
}

static const struct vhr_bus_ops vfio_ops = {
	.cfg_read = vfio_cfg_read,
	.cfg_write = vfio_cfg_write,
	.bar_size = vfio_bar_size,
	.bar_map = vfio_bar_map,
	.reg_read = vfio_reg_read,
	.reg_write = vfio_reg_write,
	.dma_alloc = vfio_dma_alloc,
	.dma_free = vfio_dma_free,
	.irq_enable = vfio_irq_enable,
	.irq_disable = vfio_irq_disable,
	.irq_fd = vfio_irq_fd,
	.close = vfio_close,
};

/* Region @index with its capabilities. */
static int
read_region(struct vfio_bus *self, unsigned int index, struct vhr_vfio_region *region,
	    struct vhu_reason *reason)
{
	struct vfio_region_info fixed = { .argsz = sizeof(fixed), .index = index };
	uint32_t size;
	void *info;
	int ret;

	if (ioctl(self->fd, VFIO_DEVICE_GET_REGION_INFO, &fixed) < 0) {
		ret = -errno;
		goto failed;
	}
	size = fixed.argsz;
	if (size < sizeof(fixed))
		size = sizeof(fixed);
	if (size > INFO_MAX)
		size = INFO_MAX;
	info = calloc(1, size);
	if (info == NULL)
		return -ENOMEM;
	fixed.argsz = size;
	memcpy(info, &fixed, sizeof(fixed));
	if (ioctl(self->fd, VFIO_DEVICE_GET_REGION_INFO, info) < 0) {
		ret = -errno;
		free(info);
		goto failed;
	}
	ret = vhr_vfio_region_parse(info, size, region);
	free(info);
	if (ret < 0)
		vhu_reason_set(reason, "%s: VFIO region %u: malformed description", self->bus.name,
			       index);
	return ret;
failed:
	vhu_reason_set(reason, "%s: VFIO_DEVICE_GET_REGION_INFO %u: %s", self->bus.name, index,
		       strerror(-ret));
	return ret;
}

/* Kernels that do not let the MSI-X table be mapped refuse what touches its pages. */
static void
spare_msix_table(struct vfio_bus *self)
{
	uint8_t cap[VHR_PCI_MSIX_CAP_SIZE];
	struct vhr_vfio_region *region;
	uint64_t entries;
	uint32_t table;
	uint8_t position;

	if (vhr_pci_find_msix(&self->bus, &position, cap) != 1)
		return;
	table = vhr_le32_get(cap + PCI_MSIX_TABLE);
	if ((table & PCI_MSIX_TABLE_BIR) >= VHR_PCI_NUM_BARS)
		return;
	entries = (vhr_le16_get(cap + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1u;
	region = &self->bar[table & PCI_MSIX_TABLE_BIR].region;
	if (!region->msix_mappable)
		vhr_vfio_region_cut(region, table & PCI_MSIX_TABLE_OFFSET,
				    entries * PCI_MSIX_ENTRY_SIZE,
				    (uint64_t)sysconf(_SC_PAGESIZE));
}

static int
open_device(struct vfio_bus *self, struct vhu_reason *reason)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vhr_vfio_region cfg;
	unsigned int i;
	int ret;

	if (ioctl(self->fd, VFIO_DEVICE_GET_INFO, &info) < 0) {
		ret = -errno;
		vhu_reason_set(reason, "%s: VFIO_DEVICE_GET_INFO: %s", self->bus.name,
			       strerror(errno));
		return ret;
	}
	if ((info.flags & VFIO_DEVICE_FLAGS_PCI) == 0 ||
	    info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX) {
		vhu_reason_set(reason, "%s: VFIO flags 0x%x, %u regions: not a PCI function",
			       self->bus.name, info.flags, info.num_regions);
		return -ENODEV;
	}
	/* What a user before us left behind. Not every function can; the driver resets too. */
	if (info.flags & VFIO_DEVICE_FLAGS_RESET)
		(void)ioctl(self->fd, VFIO_DEVICE_RESET);
	ret = read_region(self, VFIO_PCI_CONFIG_REGION_INDEX, &cfg, reason);
	if (ret < 0)
		return ret;
	if (cfg.size < VHR_PCI_CONFIG_SIZE) {
		vhu_reason_set(reason, "%s: configuration space of %llu bytes", self->bus.name,
			       (unsigned long long)cfg.size);
		return -ENODEV;
	}
	self->cfg_offset = cfg.fd_offset;
	self->cfg_size = cfg.size;
	for (i = 0; i < VHR_PCI_NUM_BARS; i++) {
		ret = read_region(self, VFIO_PCI_BAR0_REGION_INDEX + i, &self->bar[i].region,
				  reason);
		if (ret < 0)
			return ret;
		vhr_vfio_bar_init(&self->bar[i], self->fd);
		self->num_bars = i + 1;
	}
	spare_msix_table(self);
	return 0;
}

/* The function's group, once it is sure that vfio-pci has the function. */
static int
find_group(const struct vhr_pci_address *address, const char *name, unsigned int *group,
	   struct vhu_reason *reason)
{
	char driver[VHR_SYSFS_NAME_MAX];
	int ret;

	ret = vhr_sysfs_driver(VHR_SYSFS, address, driver);
	if (ret == -ENODEV) {
		vhu_reason_set(reason, "%s: no such PCI function", name);
		return ret;
	}
	if (ret < 0 || strcmp(driver, "vfio-pci") != 0) {
		vhu_reason_set(reason, "%s: bound to %s: bind it to vfio-pci", name,
			       ret < 0 ? "no driver" : driver);
		return -ENOTSUP;
	}
	ret = vhr_sysfs_iommu_group(VHR_SYSFS, address, group);
	if (ret < 0) {
		vhu_reason_set(reason, "%s: in no IOMMU group: the machine needs an IOMMU, and the "
			       "kernel to use it (intel_iommu=on)", name);
		return -ENOTSUP;
	}
	return 0;
}

int
vhr_bus_vfio_open(const char *address, struct vhr_bus **bus, struct vhu_reason *reason)
{
	char name[VHR_PCI_ADDRESS_MAX];
	struct vhr_pci_address parsed;
	struct vfio_bus *self;
	unsigned int group;
	int ret;

	if (vhr_pci_address_parse(address, &parsed) < 0) {
		vhu_reason_set(reason, "\"%.32s\": not a PCI address, expected DDDD:BB:DD.F",
			       address != NULL ? address : "");
		return -EINVAL;
	}
	vhr_pci_address_format(&parsed, name);
	ret = find_group(&parsed, name, &group, reason);
	if (ret < 0)
		return ret;
	self = calloc(1, sizeof(*self));
	if (self == NULL) {
		vhu_reason_set(reason, "%s: out of memory", name);
		return -ENOMEM;
	}
	self->bus.ops = &vfio_ops;
	self->fd = -1;
	snprintf(self->bus.name, sizeof(self->bus.name), "%s", name);
	ret = vhr_vfio_group_get(group, &self->group, reason);
	if (ret == 0) {
		self->fd = vhr_vfio_group_device(self->group, name, reason);
		ret = self->fd < 0 ? self->fd : open_device(self, reason);
	}
	if (ret < 0) {
		vfio_close(&self->bus);
		return ret;
	}
	*bus = &self->bus;
	return 0;
}
