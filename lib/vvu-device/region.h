/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One region of the frontend's memory as a message describes it. @what names it in reasons.
 * The checks give 0, or -errno with @reason.
 */
#ifndef VVU_DEVICE_REGION_H
#define VVU_DEVICE_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "internal.h"
#include "placement.h"

bool vvu_ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size);

/* The numbers alone: all that REM_MEM_REG has. */
int vvu_region_check_numbers(const char *what, const struct vhu_mem_region *region,
			     struct vhu_reason *reason);
/* A region and its file; fills @map but for its place in the window. */
int vvu_region_check(struct vvu_map *map, const char *what, const struct vhu_mem_region *region,
		     int fd, struct vhu_reason *reason);
/* Two regions of one table share no address of the frontend. */
int vvu_region_check_overlap(const char *what, const struct vhu_mem_region *a,
			     const struct vhu_mem_region *b, struct vhu_reason *reason);
/* What placement has to know of it. */
void vvu_region_wanted(const struct vvu_device *device, const struct vvu_map *map,
		       struct vvu_wanted *wanted);

#endif
