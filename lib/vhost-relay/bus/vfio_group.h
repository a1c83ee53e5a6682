/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VFIO group with the container, and with it the IOMMU domain, that it is in. The kernel
 * opens a group once only, so functions of one group in this process share it here.
 *
 * Threads: any; there is a lock inside.
 */
#ifndef VHOST_RELAY_BUS_VFIO_GROUP_H
#define VHOST_RELAY_BUS_VFIO_GROUP_H

#include <stdint.h>

#include "bus.h"
#include "dma_memory.h"

struct vhr_vfio_group;

/*
 * Open /dev/vfio/@number and give it a type 1 IOMMU, or share it when it is open. -EPERM
 * (not viable), -ENOTSUP (no type 1 IOMMU, or a VFIO this was not written for), or what
 * open() and ioctl() gave; @reason.
 */
int vhr_vfio_group_get(unsigned int number, struct vhr_vfio_group **group,
		       struct vhu_reason *reason);
/* Closes group and container with the last function. NULL is fine. */
void vhr_vfio_group_put(struct vhr_vfio_group *group);

/* Device fd of the function @name, the caller's. -errno with @reason. */
int vhr_vfio_group_device(struct vhr_vfio_group *group, const char *name,
			  struct vhu_reason *reason);

/* Map @block's memory for the devices, block->iova tells where. -ENOSPC, or ioctl()'s. */
int vhr_vfio_group_map(struct vhr_vfio_group *group, struct vhr_dma_block *block);
void vhr_vfio_group_unmap(struct vhr_vfio_group *group, const struct vhr_dma_block *block);

#endif
