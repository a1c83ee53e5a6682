/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Allocator of I/O virtual addresses for one IOMMU domain: first fit in the ranges the
 * IOMMU accepts, bounded, all state in the struct.
 *
 * Threads: none of its own; the owner's lock.
 */
#ifndef VHOST_RELAY_BUS_IOVA_H
#define VHOST_RELAY_BUS_IOVA_H

#include <stdint.h>

#define VHR_IOVA_MAX_RANGES	32u	/* of the IOMMU */
#define VHR_IOVA_MAX_USED	64u	/* allocations at a time */

struct vhr_iova_range {
	uint64_t first;
	uint64_t last;		/* inclusive */
};

struct vhr_iova {
	unsigned int num_ranges;
	struct vhr_iova_range range[VHR_IOVA_MAX_RANGES];	/* ascending */
	unsigned int num_used;
	struct vhr_iova_range used[VHR_IOVA_MAX_USED];		/* ascending */
	uint64_t granule;	/* bytes, power of two: smallest page of the IOMMU */
};

/* No range at all. */
void vhr_iova_init(struct vhr_iova *iova, uint64_t granule);
/*
 * Add a range that the IOMMU accepts; it is shrunk to whole granules. Address 0 is never
 * given out. -EINVAL (not a range, or nothing left of it, or not above the one before),
 * -ENOSPC (VHR_IOVA_MAX_RANGES).
 */
int vhr_iova_add_range(struct vhr_iova *iova, uint64_t first, uint64_t last);
/*
 * @size bytes (rounded up to granules) at a multiple of @align (power of two, at least the
 * granule). -EINVAL, -ENOSPC.
 */
int vhr_iova_alloc(struct vhr_iova *iova, uint64_t size, uint64_t align, uint64_t *address);
/* @address from vhr_iova_alloc(); anything else is ignored. */
void vhr_iova_free(struct vhr_iova *iova, uint64_t address);

#endif
