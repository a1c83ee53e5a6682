/* SPDX-License-Identifier: BSD-3-Clause */
/* The frontend's memory in VVU_SHMID_MEMORY, the whole table at once: SET_MEM_TABLE. */
#include <stdio.h>
#include <string.h>

#include "region.h"
#include "resources.h"

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
			      vvu_ranges_overlap(old->where.offset, old->where.length,
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
		reused->uses = 1;
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
		ret = vvu_region_check(&maps[i], what, &msg->table.region[i], fds[i], reason);
		for (j = 0; j < i && ret == 0; j++)
			ret = vvu_region_check_overlap(what, &maps[i].region, &maps[j].region,
						       reason);
		if (ret < 0)
			return ret;
		vvu_region_wanted(device, &maps[i], &wanted[i]);
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
		maps[i].uses = 1;
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
