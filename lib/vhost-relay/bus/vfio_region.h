/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What VFIO tells about a region of a device (a BAR): how large it is, and which parts of
 * it may be mapped. Pure functions on the structures of <linux/vfio.h>.
 */
#ifndef VHOST_RELAY_BUS_VFIO_REGION_H
#define VHOST_RELAY_BUS_VFIO_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iova.h"

#define VHR_VFIO_MAX_AREAS 16u

struct vhr_vfio_area {
	uint64_t offset;	/* in the region */
	uint64_t size;
};

struct vhr_vfio_region {
	uint64_t size;		/* bytes, 0: not there */
	uint64_t fd_offset;	/* of its start in the device fd */
	bool readable;
	bool writable;
	bool msix_mappable;	/* mapping the MSI-X table's page does no harm */
	unsigned int num_areas;	/* that may be mapped */
	struct vhr_vfio_area area[VHR_VFIO_MAX_AREAS];
};

/*
 * Read a struct vfio_region_info of @len bytes with its capability chain. -EINVAL: too
 * short, or a chain that leaves @len or loops. Sparse areas beyond VHR_VFIO_MAX_AREAS are
 * left out (they are then reached by read and write), as are those outside the region.
 */
int vhr_vfio_region_parse(const void *info, size_t len, struct vhr_vfio_region *region);

/*
 * No mapping of [offset, offset + length), in whole pages of @page bytes: the MSI-X table
 * of a kernel that refuses to map it.
 */
void vhr_vfio_region_cut(struct vhr_vfio_region *region, uint64_t offset, uint64_t length,
			 uint64_t page);

/* The area that holds all of [offset, offset + length), or NULL. */
const struct vhr_vfio_area *vhr_vfio_region_find(const struct vhr_vfio_region *region,
						 uint64_t offset, uint64_t length);

/*
 * IOVA ranges and the smallest page of a struct vfio_iommu_type1_info of @len bytes. Where
 * it names no ranges: 1 MiB up to the interrupt addresses below 4 GiB. -EINVAL.
 */
int vhr_vfio_iommu_parse(const void *info, size_t len, struct vhr_iova *iova);

#endif
