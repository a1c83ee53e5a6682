/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "iova.h"
#include "sysfs.h"
#include "vfio_group.h"
#include "vfio_region.h"

#define CONTAINER_PATH	"/dev/vfio/vfio"
#define INFO_MAX	65536u	/* bytes of an info structure that we are ready to read */

struct vhr_vfio_group {
	struct vhr_vfio_group *next;
	unsigned int number;
	unsigned int users;
	int container;
	int fd;
	struct vhr_iova iova;
};

/* Guards the list, every group's users and every group's iova. */
static pthread_mutex_t groups_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vhr_vfio_group *groups;

static int
fail(struct vhu_reason *reason, const char *what, unsigned int number)
{
	int error = errno != 0 ? errno : EIO;

	vhu_reason_set(reason, "VFIO group %u: %s: %s", number, what, strerror(error));
	return -error;
}

static int
open_container(struct vhr_vfio_group *group, unsigned long *type, struct vhu_reason *reason)
{
	int version;

	group->container = open(CONTAINER_PATH, O_RDWR | O_CLOEXEC);
	if (group->container < 0)
		return fail(reason, "open " CONTAINER_PATH " (is the vfio module loaded?)",
			    group->number);
	version = ioctl(group->container, VFIO_GET_API_VERSION);
	if (version != VFIO_API_VERSION) {
		vhu_reason_set(reason, CONTAINER_PATH ": API version %d, expected %d", version,
			       VFIO_API_VERSION);
		return -ENOTSUP;
	}
	if (ioctl(group->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) == 1) {
		*type = VFIO_TYPE1v2_IOMMU;
	} else if (ioctl(group->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU) == 1) {
		*type = VFIO_TYPE1_IOMMU;
	} else {
		vhu_reason_set(reason, CONTAINER_PATH ": no type 1 IOMMU (is the "
			       "vfio_iommu_type1 module loaded?)");
		return -ENOTSUP;
	}
	return 0;
}

static int
check_viable(const struct vhr_vfio_group *group, struct vhu_reason *reason)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char function[VHR_SYSFS_NAME_MAX], driver[VHR_SYSFS_NAME_MAX];

	if (ioctl(group->fd, VFIO_GROUP_GET_STATUS, &status) < 0)
		return fail(reason, "VFIO_GROUP_GET_STATUS", group->number);
	if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return 0;
	if (vhr_sysfs_group_blocker(VHR_SYSFS, group->number, function, driver) == 1)
		vhu_reason_set(reason, "VFIO group %u is not viable: function %s of the group is "
			       "bound to %s; unbind it or bind it to vfio-pci", group->number,
			       function, driver);
	else
		vhu_reason_set(reason, "VFIO group %u is not viable: another function of the "
			       "group has a host driver", group->number);
	return -EPERM;
}

/* The IOMMU's page sizes and the addresses it accepts. */
static int
read_iommu(struct vhr_vfio_group *group, struct vhu_reason *reason)
{
	struct vfio_iommu_type1_info fixed = { .argsz = sizeof(fixed) };
	uint32_t size;
	void *info;
	int ret;

	if (ioctl(group->container, VFIO_IOMMU_GET_INFO, &fixed) < 0)
		return fail(reason, "VFIO_IOMMU_GET_INFO", group->number);
	/* The kernel says how much it has; the second call fetches all of it. */
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
	if (ioctl(group->container, VFIO_IOMMU_GET_INFO, info) < 0) {
		ret = fail(reason, "VFIO_IOMMU_GET_INFO", group->number);
	} else {
		ret = vhr_vfio_iommu_parse(info, size, &group->iova);
		if (ret < 0)
			vhu_reason_set(reason, "VFIO group %u: the IOMMU names no usable addresses",
				       group->number);
	}
	free(info);
	return ret;
}

static int
open_group(struct vhr_vfio_group *group, struct vhu_reason *reason)
{
	unsigned long type = 0;
	char path[32];
	int ret;

	ret = open_container(group, &type, reason);
	if (ret < 0)
		return ret;
	snprintf(path, sizeof(path), "/dev/vfio/%u", group->number);
	group->fd = open(path, O_RDWR | O_CLOEXEC);
	if (group->fd < 0)
		return fail(reason, errno == EBUSY ? "open: another process uses it" : "open",
			    group->number);
	ret = check_viable(group, reason);
	if (ret < 0)
		return ret;
	if (ioctl(group->fd, VFIO_GROUP_SET_CONTAINER, &group->container) < 0)
		return fail(reason, "VFIO_GROUP_SET_CONTAINER", group->number);
	if (ioctl(group->container, VFIO_SET_IOMMU, type) < 0)
		return fail(reason, "VFIO_SET_IOMMU", group->number);
	return read_iommu(group, reason);
}

/* With the lock held, or before anybody knows of the group. */
static void
close_group(struct vhr_vfio_group *group)
{
	/* The kernel takes the group out of the container when its fd goes. */
	if (group->fd >= 0)
		close(group->fd);
	if (group->container >= 0)
		close(group->container);
	free(group);
}

int
vhr_vfio_group_get(unsigned int number, struct vhr_vfio_group **group, struct vhu_reason *reason)
{
	struct vhr_vfio_group *found;
	int ret = 0;

	pthread_mutex_lock(&groups_lock);
	for (found = groups; found != NULL; found = found->next) {
		if (found->number == number)
			break;
	}
	if (found == NULL) {
		found = calloc(1, sizeof(*found));
		if (found == NULL) {
			vhu_reason_set(reason, "VFIO group %u: out of memory", number);
			ret = -ENOMEM;
			goto out;
		}
		found->number = number;
		found->container = -1;
		found->fd = -1;
		ret = open_group(found, reason);
		if (ret < 0) {
			close_group(found);
			goto out;
		}
		found->next = groups;
		groups = found;
	}
	found->users++;
	*group = found;
out:
	pthread_mutex_unlock(&groups_lock);
	return ret;
}

void
vhr_vfio_group_put(struct vhr_vfio_group *group)
{
	struct vhr_vfio_group **link;

	if (group == NULL)
		return;
	pthread_mutex_lock(&groups_lock);
	if (--group->users == 0) {
		for (link = &groups; *link != group; link = &(*link)->next)
			;
		*link = group->next;
		close_group(group);
	}
	pthread_mutex_unlock(&groups_lock);
}

int
vhr_vfio_group_device(struct vhr_vfio_group *group, const char *name, struct vhu_reason *reason)
{
	int fd = ioctl(group->fd, VFIO_GROUP_GET_DEVICE_FD, name);
	int flags;

	if (fd < 0)
		return fail(reason, "VFIO_GROUP_GET_DEVICE_FD", group->number);
	flags = fcntl(fd, F_GETFD);
	if (flags >= 0)
		(void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
	return fd;
}

int
vhr_vfio_group_map(struct vhr_vfio_group *group, struct vhr_dma_block *block)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uint64_t)(uintptr_t)block->va,
		.size = block->size,
	};
	uint64_t align;
	int ret;

	pthread_mutex_lock(&groups_lock);
	align = block->align > group->iova.granule ? block->align : group->iova.granule;
	ret = vhr_iova_alloc(&group->iova, block->size, align, &block->iova);
	if (ret == 0) {
		map.iova = block->iova;
		if (ioctl(group->container, VFIO_IOMMU_MAP_DMA, &map) < 0) {
			/* ENOMEM is most often RLIMIT_MEMLOCK: the memory gets pinned. */
			ret = -errno;
			vhr_iova_free(&group->iova, block->iova);
		}
	}
	pthread_mutex_unlock(&groups_lock);
	return ret;
}

void
vhr_vfio_group_unmap(struct vhr_vfio_group *group, const struct vhr_dma_block *block)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = block->iova,
		.size = block->size,
	};

	pthread_mutex_lock(&groups_lock);
	/*
	 * Where the kernel fails to unmap, the address stays taken; the pages stay pinned
	 * too, so that the device cannot reach what they are used for next.
	 */
	if (ioctl(group->container, VFIO_IOMMU_UNMAP_DMA, &unmap) == 0)
		vhr_iova_free(&group->iova, block->iova);
	pthread_mutex_unlock(&groups_lock);
}
