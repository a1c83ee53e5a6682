/* SPDX-License-Identifier: BSD-3-Clause */
/* The frontend's memory in VVU_SHMID_MEMORY, one region at a time: ADD_MEM_REG, REM_MEM_REG. */
#include <errno.h>
#include <limits.h>

#include "region.h"
#include "resources.h"

/* The region in force that is @map in all respects, or NULL. */
static struct vvu_map *find_same(struct vvu_device *device, const struct vvu_map *map)
{
	unsigned int i;

	for (i = 0; i < device->nmaps; i++) {
		struct vvu_map *other = &device->maps[i];

		if (other->where.shmid == VVU_SHMID_MEMORY && other->retired == 0 &&
		    other->dev == map->dev && other->ino == map->ino &&
		    other->where.fd_offset == map->where.fd_offset &&
		    other->where.length == map->where.length &&
		    other->region.guest_addr == map->region.guest_addr &&
		    other->region.user_addr == map->region.user_addr &&
		    other->region.size == map->region.size)
			return other;
	}
	return NULL;
}

static int add_again(struct vvu_device *device, struct vvu_map *map, struct vhu_msg *msg,
		     struct vhu_reason *reason)
{
	if (map->uses == UINT_MAX) {
		vhu_reason_set(reason, "ADD_MEM_REG: the region at guest_addr 0x%llx was added "
				       "%u times",
			       (unsigned long long)map->region.guest_addr, map->uses);
		return -ENOSPC;
	}
	map->uses++;
	map->again_seq = device->seq;
	msg->single.region.mmap_offset = map->where.offset;
	return 0;
}

int vvu_window_add(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
		   struct vhu_reason *reason)
{
	static const char what[] = "ADD_MEM_REG";
	struct vvu_placed placed[VVU_MAX_MAPS];
	unsigned int index[VVU_MAX_MAPS];
	struct vvu_wanted wanted;
	struct vvu_map map, *same;
	unsigned int i, n;
	int ret;

	ret = vvu_region_check(&map, what, &msg->single.region, fds[0], reason);
	if (ret < 0)
		return ret;
	same = find_same(device, &map);
	if (same != NULL)
		return add_again(device, same, msg, reason);
	if (vvu_window_regions(device) >= vvu_window_slots(device)) {
		vhu_reason_set(reason, "%s: there are %u regions, all that fit", what,
			       vvu_window_regions(device));
		return -ENOSPC;
	}
	for (i = 0; i < device->nmaps; i++) {
		const struct vvu_map *other = &device->maps[i];

		if (other->where.shmid != VVU_SHMID_MEMORY || other->retired != 0)
			continue;
		ret = vvu_region_check_overlap(what, &map.region, &other->region, reason);
		if (ret < 0)
			return ret;
	}

	vvu_region_wanted(device, &map, &wanted);
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
	map.uses = 1;
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

	ret = vvu_region_check_numbers("REM_MEM_REG", region, reason);
	if (ret < 0)
		return ret;
	for (i = 0; i < device->nmaps; i++) {
		struct vvu_map *map = &device->maps[i];

		if (map->where.shmid != VVU_SHMID_MEMORY || map->retired != 0 ||
		    map->region.guest_addr != region->guest_addr ||
		    map->region.user_addr != region->user_addr ||
		    map->region.size != region->size)
			continue;
		region->mmap_offset = map->where.offset;
		if (--map->uses == 0)
			map->retired = device->seq;
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
		struct vvu_map *map = &device->maps[i];

		if (map->where.shmid != VVU_SHMID_MEMORY)
			continue;
		if (map->again_seq == seq && map->uses > 1) {
			map->uses--;
			return;
		}
		if (map->seq != seq)
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
		if (map->where.shmid != VVU_SHMID_MEMORY || map->retired != seq)
			continue;
		map->retired = device->table_seq > seq ? device->table_seq : 0;
		map->uses = 1;
	}
}
