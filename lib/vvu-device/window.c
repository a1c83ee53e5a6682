/* SPDX-License-Identifier: BSD-3-Clause */
/* The frontend's memory in VVU_SHMID_MEMORY: SET_MEM_TABLE, ADD_MEM_REG, REM_MEM_REG. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "resources.h"

#define ALIGN_HUGE (2ull << 20)

unsigned int vvu_window_regions(const struct vvu_device *device)
{
	unsigned int i, n = 0;

	for (i = 0; i < device->nmaps; i++)
		if (device->maps[i].where.shmid == VVU_SHMID_MEMORY &&
		    device->maps[i].retired == 0)
			n++;
	return n;
}

uint64_t vvu_window_slots(const struct vvu_device *device)
{
	uint64_t pages = device->layout.memory.length / VVU_PAGE_SIZE;

	return pages < VVU_MAX_REGIONS ? pages : VVU_MAX_REGIONS;
}

static bool ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
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

/* The numbers alone: all that REM_MEM_REG has. */
static int check_numbers(const char *what, const struct vhu_mem_region *region,
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

static int check_region(struct vvu_map *map, const char *what, const struct vhu_mem_region *region,
			int fd, struct vhu_reason *reason)
{
	struct vvu_file file;
	int ret;

	ret = check_numbers(what, region, reason);
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

static int check_overlap(const char *what, const struct vhu_mem_region *a,
			 const struct vhu_mem_region *b, struct vhu_reason *reason)
{
	if (ranges_overlap(a->guest_addr, a->size, b->guest_addr, b->size)) {
		vhu_reason_set(reason, "%s: guest_addr 0x%llx size 0x%llx overlaps the region at "
				       "guest_addr 0x%llx",
			       what, (unsigned long long)a->guest_addr,
			       (unsigned long long)a->size, (unsigned long long)b->guest_addr);
		return -EINVAL;
	}
	if (ranges_overlap(a->user_addr, a->size, b->user_addr, b->size)) {
		vhu_reason_set(reason, "%s: user_addr 0x%llx size 0x%llx overlaps the region at "
				       "user_addr 0x%llx",
			       what, (unsigned long long)a->user_addr,
			       (unsigned long long)a->size, (unsigned long long)b->user_addr);
		return -EINVAL;
	}
	return 0;
}

static void fill_wanted(const struct vvu_device *device, const struct vvu_map *map,
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

/* "0x1000 + 0x200000": the sizes of a table that does not fit. */
static void print_sizes(const struct vvu_map *maps, unsigned int n, char *buf, size_t cap)
{
	size_t len = 0;
	unsigned int i;

	buf[0] = '\0';
	for (i = 0; i < n && len < cap; i++)
		len += (size_t)snprintf(buf + len, cap - len, "%s0x%llx", i != 0 ? " + " : "",
					(unsigned long long)maps[i].where.length);
}

/* Old mappings that are in the way of the new table; no ring runs, nobody reads them. */
static void clear_way(struct vvu_device *device, const struct vvu_map *maps, unsigned int n,
		      uint64_t seq)
{
	unsigned int i = 0, j;

	while (i < device->nmaps) {
		const struct vvu_map *old = &device->maps[i];
		bool hit = false;

		for (j = 0; j < n && !hit; j++)
			hit = old->where.shmid == VVU_SHMID_MEMORY && old->seq != seq &&
			      ranges_overlap(old->where.offset, old->where.length,
					     maps[j].where.offset, maps[j].where.length);
		if (hit)
			vvu_map_remove(device, i);
		else
			i++;
	}
}

/*
 * Bring the window to the new table: everything new at once, what it replaces later, by
 * vvu_maps_release(). Also where regions are taken over from the old table nothing is
 * unmapped, not even for a moment.
 */
static int switch_table(struct vvu_device *device, struct vvu_map *maps, unsigned int n,
			const struct vvu_placement *placement, const unsigned int *index,
			struct vhu_reason *reason)
{
	unsigned int i, before;
	int ret = 0;

	for (i = 0; i < n; i++) {
		struct vvu_map *reused;

		if (placement->reuse[i] < 0)
			continue;
		reused = &device->maps[index[placement->reuse[i]]];
		reused->seq = device->seq;
		reused->retired = 0;
		reused->region = maps[i].region;
		reused->order = (int)i;
	}
	for (i = 0; i < device->nmaps; i++) {
		struct vvu_map *old = &device->maps[i];

		if (old->where.shmid == VVU_SHMID_MEMORY && old->seq != device->seq &&
		    old->retired == 0)
			old->retired = device->seq;
	}

	vvu_window_begin(device);
	if (placement->in_place)
		clear_way(device, maps, n, device->seq);
	before = device->nmaps;
	for (i = 0; i < n && ret == 0; i++)
		if (placement->reuse[i] < 0)
			ret = vvu_map_add(device, &maps[i], "SET_MEM_TABLE", reason);
	while (ret < 0 && device->nmaps > before)
		vvu_map_remove(device, device->nmaps - 1);
	vvu_window_commit(device);
	return ret;
}

int vvu_window_set_table(struct vvu_device *device, struct vhu_msg *msg, int *fds,
			 unsigned int nfds, struct vhu_reason *reason)
{
	struct vvu_map maps[VHU_MAX_TABLE_REGIONS];
	struct vvu_wanted wanted[VHU_MAX_TABLE_REGIONS];
	struct vvu_placed placed[VVU_MAX_MAPS];
	unsigned int index[VVU_MAX_MAPS];
	struct vvu_placement placement;
	unsigned int i, j, nplaced, n = msg->table.nregions;
	char what[32], sizes[160];
	int ret;

	for (i = 0; i < n; i++) {
		snprintf(what, sizeof(what), "SET_MEM_TABLE region %u", i);
		ret = check_region(&maps[i], what, &msg->table.region[i], fds[i], reason);
		for (j = 0; j < i && ret == 0; j++)
			ret = check_overlap(what, &maps[i].region, &maps[j].region, reason);
		if (ret < 0)
			return ret;
		fill_wanted(device, &maps[i], &wanted[i]);
	}

	nplaced = vvu_maps_placed(device, VVU_SHMID_MEMORY, placed, index);
	ret = vvu_place_table(placed, nplaced, wanted, n, device->layout.memory.length,
			      vvu_notify_any_running(device), &placement);
	if (ret < 0) {
		print_sizes(maps, n, sizes, sizeof(sizes));
		vhu_reason_set(reason, "SET_MEM_TABLE: sizes %s do not fit a window of 0x%llx, "
				       "0x%llx in use",
			       sizes,
			       (unsigned long long)device->layout.memory.length,
			       (unsigned long long)vvu_maps_used(device, VVU_SHMID_MEMORY));
		return ret;
	}
	for (i = 0; i < n; i++) {
		maps[i].where.offset = placement.offset[i];
		maps[i].seq = device->seq;
		maps[i].order = (int)i;
	}
	ret = switch_table(device, maps, n, &placement, index, reason);
	if (ret < 0)
		return ret;
	device->table_seq = device->seq;
	device->next_order = (int)n;
	for (i = 0; i < n; i++)
		msg->table.region[i].mmap_offset = placement.gap[i];
	return 0;
}

int vvu_window_add(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
		   struct vhu_reason *reason)
{
	static const char what[] = "ADD_MEM_REG";
	struct vvu_placed placed[VVU_MAX_MAPS];
	unsigned int index[VVU_MAX_MAPS];
	struct vvu_wanted wanted;
	struct vvu_map map;
	unsigned int i, n;
	int ret;

	ret = check_region(&map, what, &msg->single.region, fds[0], reason);
	if (ret < 0)
		return ret;
	if (vvu_window_regions(device) >= vvu_window_slots(device)) {
		vhu_reason_set(reason, "%s: there are %u regions, all that fit", what,
			       vvu_window_regions(device));
		return -ENOSPC;
	}
	for (i = 0; i < device->nmaps; i++) {
		const struct vvu_map *other = &device->maps[i];

		if (other->where.shmid != VVU_SHMID_MEMORY || other->retired != 0)
			continue;
		ret = check_overlap(what, &map.region, &other->region, reason);
		if (ret < 0)
			return ret;
	}

	fill_wanted(device, &map, &wanted);
	n = vvu_maps_placed(device, VVU_SHMID_MEMORY, placed, index);
	ret = vvu_place_first_fit(placed, n, map.where.length, wanted.align,
				  device->layout.memory.length, &map.where.offset);
	if (ret < 0) {
		vhu_reason_set(reason, "%s: size 0x%llx does not fit a window of 0x%llx, 0x%llx "
				       "in use",
			       what, (unsigned long long)map.where.length,
			       (unsigned long long)device->layout.memory.length,
			       (unsigned long long)vvu_maps_used(device, VVU_SHMID_MEMORY));
		return ret;
	}
	map.seq = device->seq;
	map.order = device->next_order++;
	vvu_window_begin(device);
	ret = vvu_map_add(device, &map, what, reason);
	vvu_window_commit(device);
	if (ret == 0)
		msg->single.region.mmap_offset = map.where.offset;
	return ret;
}

int vvu_window_remove(struct vvu_device *device, struct vhu_msg *msg, int *fds,
		      unsigned int nfds, struct vhu_reason *reason)
{
	struct vhu_mem_region *region = &msg->single.region;
	unsigned int i;
	int ret;

	ret = check_numbers("REM_MEM_REG", region, reason);
	if (ret < 0)
		return ret;
	for (i = 0; i < device->nmaps; i++) {
		struct vvu_map *map = &device->maps[i];

		if (map->where.shmid != VVU_SHMID_MEMORY || map->retired != 0 ||
		    map->region.guest_addr != region->guest_addr ||
		    map->region.user_addr != region->user_addr ||
		    map->region.size != region->size)
			continue;
		map->retired = device->seq;
		region->mmap_offset = map->where.offset;
		return 0;
	}
	vhu_reason_set(reason, "REM_MEM_REG: no region has guest_addr 0x%llx, user_addr 0x%llx, "
			       "size 0x%llx",
		       (unsigned long long)region->guest_addr,
		       (unsigned long long)region->user_addr,
		       (unsigned long long)region->size);
	return -ENOENT;
}

void vvu_window_add_refused(struct vvu_device *device, uint64_t seq)
{
	unsigned int i;

	for (i = 0; i < device->nmaps; i++) {
		if (device->maps[i].where.shmid != VVU_SHMID_MEMORY ||
		    device->maps[i].seq != seq)
			continue;
		vvu_window_begin(device);
		vvu_map_remove(device, i);
		vvu_window_commit(device);
		return;
	}
}

void vvu_window_remove_refused(struct vvu_device *device, uint64_t seq)
{
	unsigned int i;

	for (i = 0; i < device->nmaps; i++) {
		struct vvu_map *map = &device->maps[i];

		/* A table that came meanwhile has replaced it all the same. */
		if (map->where.shmid == VVU_SHMID_MEMORY && map->retired == seq)
			map->retired = device->table_seq > seq ? device->table_seq : 0;
	}
}
