/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim_vfio.h"
#include "vhost-relay/bus/sysfs.h"

struct sim_vfio sim;

int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_vhr_sysfs_driver(const char *root, const struct vhr_pci_address *address, char *name);
int __wrap_vhr_sysfs_iommu_group(const char *root, const struct vhr_pci_address *address,
				 unsigned int *group);
int __wrap_vhr_sysfs_group_blocker(const char *root, unsigned int group, char *function,
				   char *driver);
int __real_ioctl(int fd, unsigned long request, ...);

static int
sim_open(const char *path)
{
	if (strcmp(path, "/dev/vfio/vfio") == 0)
		return memfd_create("container", MFD_CLOEXEC);
	if (strcmp(path, "/dev/vfio/7") == 0) {
		if (sim.fail_open_errno != 0) {
			errno = sim.fail_open_errno;
			return -1;
		}
		sim.opens++;
		return memfd_create("group", MFD_CLOEXEC);
	}
	errno = ENOENT;
	return -1;
}

int
__wrap_open(const char *path, int flags, ...)
{
	return sim_open(path);
}

int
__wrap_open64(const char *path, int flags, ...)
{
	return sim_open(path);
}

int
__wrap_vhr_sysfs_driver(const char *root, const struct vhr_pci_address *address, char *name)
{
	assert_string_equal(root, "/sys");
	if (address->device != 5)
		return -ENODEV;
	if (sim.driver == NULL)
		return -ENOENT;
	strcpy(name, sim.driver);
	return 0;
}

int
__wrap_vhr_sysfs_iommu_group(const char *root, const struct vhr_pci_address *address,
			     unsigned int *group)
{
	*group = 7;
	return sim.no_group ? -ENOENT : 0;
}

int
__wrap_vhr_sysfs_group_blocker(const char *root, unsigned int group, char *function, char *driver)
{
	strcpy(function, "0000:00:05.1");
	strcpy(driver, "e1000");
	return 1;
}

static uint64_t
region_size(uint32_t index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		return SIM_BAR0_SIZE;
	case VFIO_PCI_BAR2_REGION_INDEX:
		return 0x2000;
	case VFIO_PCI_BAR4_REGION_INDEX:
		return 0x4000;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return 256;
	}
	return 0;
}

/* BAR 4 has a sparse capability: its second page may not be mapped. */
static int
sim_region_info(struct vfio_region_info *info)
{
	static const struct vfio_region_sparse_mmap_area areas[] = {
		{ 0, 0x1000 }, { 0x2000, 0x2000 },
	};
	struct vfio_region_info_cap_sparse_mmap cap = {
		.header = { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0 }, .nr_areas = 2,
	};
	uint32_t room = info->argsz, need = sizeof(*info);

	info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	info->size = region_size(info->index);
	info->offset = info->index * SIM_REGION_STRIDE;
	info->cap_offset = 0;
	if (info->index < VFIO_PCI_ROM_REGION_INDEX && info->size > 0)
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (info->index == VFIO_PCI_BAR4_REGION_INDEX) {
		need += sizeof(cap) + sizeof(areas);
		info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
		if (room >= need) {
			info->cap_offset = sizeof(*info);
			memcpy((uint8_t *)info + sizeof(*info), &cap, sizeof(cap));
			memcpy((uint8_t *)info + sizeof(*info) + sizeof(cap), areas,
			       sizeof(areas));
		}
	}
	info->argsz = need;
	return 0;
}

static int
sim_iommu_info(struct vfio_iommu_type1_info *info)
{
	const struct vfio_iova_range range = { 0x200000, 0x7fffffff };
	struct vfio_iommu_type1_info_cap_iova_range cap = {
		.header = { VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0 }, .nr_iovas = 1,
	};
	uint32_t room = info->argsz, need = sizeof(*info) + sizeof(cap) + sizeof(range);

	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->iova_pgsizes = 0x1000;
	info->cap_offset = 0;
	if (room >= need) {
		info->cap_offset = sizeof(*info);
		memcpy((uint8_t *)info + sizeof(*info), &cap, sizeof(cap));
		memcpy((uint8_t *)info + sizeof(*info) + sizeof(cap), &range, sizeof(range));
	}
	info->argsz = need;
	return 0;
}

static int
sim_set_irqs(const struct vfio_irq_set *set)
{
	assert_int_equal(set->index, VFIO_PCI_MSIX_IRQ_INDEX);
	assert_int_equal(set->start, 0);
	if (set->count == 0) {
		assert_int_equal(set->flags, VFIO_IRQ_SET_DATA_NONE |
				 VFIO_IRQ_SET_ACTION_TRIGGER);
		sim.irqs = 0;
		return 0;
	}
	assert_int_equal(set->flags, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER);
	assert_int_equal(set->argsz, sizeof(*set) + set->count * 4);
	if (set->count > sim.kernel_vectors && sim.no_number) {
		errno = ENOSPC;
		return -1;
	}
	if (set->count > sim.kernel_vectors)
		return (int)sim.kernel_vectors;
	memcpy(sim.irq_fd, set->data, set->count * 4);
	sim.irqs = set->count;
	return 0;
}

static int
sim_ioctl(unsigned long request, void *argument)
{
	switch (request) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return (sim.types >> (uintptr_t)argument) & 1;
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)argument)->flags =
			sim.viable ? VFIO_GROUP_FLAGS_VIABLE : 0;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
	case VFIO_SET_IOMMU:
		if (request == VFIO_SET_IOMMU)
			sim.type_set = (uintptr_t)argument;
		return 0;
	case VFIO_IOMMU_GET_INFO:
		return sim_iommu_info(argument);
	case VFIO_GROUP_GET_DEVICE_FD:
		assert_string_equal(argument, SIM_ADDRESS);
		sim.devices++;
		return dup(sim.device);
	case VFIO_DEVICE_GET_INFO:
		((struct vfio_device_info *)argument)->flags = sim.device_flags;
		((struct vfio_device_info *)argument)->num_regions = VFIO_PCI_NUM_REGIONS;
		return 0;
	case VFIO_DEVICE_RESET:
		sim.resets++;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return sim_region_info(argument);
	case VFIO_DEVICE_GET_IRQ_INFO:
		((struct vfio_irq_info *)argument)->flags = VFIO_IRQ_INFO_EVENTFD;
		((struct vfio_irq_info *)argument)->count = sim.irq_count;
		return 0;
	case VFIO_DEVICE_SET_IRQS:
		return sim_set_irqs(argument);
	case VFIO_IOMMU_MAP_DMA:
		sim.last_map = *(struct vfio_iommu_type1_dma_map *)argument;
		sim.maps++;
		sim.mapped_size += sim.last_map.size;
		return 0;
	case VFIO_IOMMU_UNMAP_DMA:
		sim.maps--;
		sim.mapped_size -= ((struct vfio_iommu_type1_dma_unmap *)argument)->size;
		return 0;
	}
	errno = ENOTTY;
	return -1;
}

int
__wrap_ioctl(int fd, unsigned long request, ...)
{
	void *argument;
	va_list ap;

	va_start(ap, request);
	argument = va_arg(ap, void *);
	va_end(ap);
	if (_IOC_TYPE(request) != VFIO_TYPE)
		return __real_ioctl(fd, request, argument);
	if (request == sim.fail_request) {
		errno = sim.fail_errno;
		return -1;
	}
	return sim_ioctl(request, argument);
}
