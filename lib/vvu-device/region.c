/* SPDX-License-Identifier: BSD-3-Clause */
#include "region.h"

#include <errno.h>

#include "resources.h"

#define ALIGN_HUGE (2ull << 20)

bool vvu_ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static int check_wrap(const char *what, const char *field, uint64_t value, uint64_t size,
		      struct vhu_reason *reason)
{
	if (value <= UINT64_MAX - size)
		return 0;
	vhu_reason_set(reason, "%s: %s 0x%llx + size 0x%llx wraps", what, field,
		       (unsigned long long)value, (unsigned long long)size);
	return -EINVAL;
}

int vvu_region_check_numbers(const char *what, const struct vhu_mem_region *region,
			 struct vhu_reason *reason)
{
	int ret;

	if (region->size == 0) {
		vhu_reason_set(reason, "%s: size is 0", what);
		return -EINVAL;
	}
	ret = check_wrap(what, "guest_addr", region->guest_addr, region->size, reason);
	if (ret == 0)
		ret = check_wrap(what, "user_addr", region->user_addr, region->size, reason);
	return ret;
}

int vvu_region_check(struct vvu_map *map, const char *what, const struct vhu_mem_region *region,
			int fd, struct vhu_reason *reason)
{
	struct vvu_file file;
	int ret;

	ret = vvu_region_check_numbers(what, region, reason);
	if (ret == 0)
		ret = check_wrap(what, "mmap_offset", region->mmap_offset, region->size, reason);
	if (ret == 0)
		ret = vvu_fd_check_file(fd, what, &file, reason);
	if (ret < 0)
		return ret;
	/*
	 * Exactly the region is shown to the driver, never the rest of a page. A huge page
	 * file can only be mapped in its own pages.
	 */
	if (region->mmap_offset % file.page != 0) {
		vhu_reason_set(reason, "%s: mmap_offset 0x%llx is not a multiple of the file's "
				       "page of 0x%llx bytes",
			       what,
			       (unsigned long long)region->mmap_offset,
			       (unsigned long long)file.page);
		return -EINVAL;
	}
	if (region->size % file.page != 0) {
		vhu_reason_set(reason, "%s: size 0x%llx is not a multiple of the file's page of "
				       "0x%llx bytes",
			       what, (unsigned long long)region->size,
			       (unsigned long long)file.page);
		return -EINVAL;
	}
	if (region->mmap_offset + region->size > file.size) {
		vhu_reason_set(reason, "%s: mmap_offset 0x%llx + size 0x%llx is beyond the file's "
				       "0x%llx bytes",
			       what, (unsigned long long)region->mmap_offset,
			       (unsigned long long)region->size, (unsigned long long)file.size);
		return -EINVAL;
	}
	ret = vvu_map_describe(map, VVU_SHMID_MEMORY, fd, &file, region->mmap_offset,
			       region->size);
	map->region = *region;
	return ret;
}

int vvu_region_check_overlap(const char *what, const struct vhu_mem_region *a,
			 const struct vhu_mem_region *b, struct vhu_reason *reason)
{
	if (vvu_ranges_overlap(a->guest_addr, a->size, b->guest_addr, b->size)) {
		vhu_reason_set(reason, "%s: guest_addr 0x%llx size 0x%llx overlaps the region at "
				       "guest_addr 0x%llx",
			       what, (unsigned long long)a->guest_addr,
			       (unsigned long long)a->size, (unsigned long long)b->guest_addr);
		return -EINVAL;
	}
	if (vvu_ranges_overlap(a->user_addr, a->size, b->user_addr, b->size)) {
		vhu_reason_set(reason, "%s: user_addr 0x%llx size 0x%llx overlaps the region at "
				       "user_addr 0x%llx",
			       what, (unsigned long long)a->user_addr,
			       (unsigned long long)a->size, (unsigned long long)b->user_addr);
		return -EINVAL;
	}
	return 0;
}

void vvu_region_wanted(const struct vvu_device *device, const struct vvu_map *map,
			struct vvu_wanted *wanted)
{
	wanted->backing.dev = map->dev;
	wanted->backing.ino = map->ino;
	wanted->backing.fd_offset = map->where.fd_offset;
	wanted->backing.length = map->where.length;
	wanted->align = map->page;
	if (device->align_window && map->where.length >= ALIGN_HUGE && map->page < ALIGN_HUGE)
		wanted->align = ALIGN_HUGE;
}
