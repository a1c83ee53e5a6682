/* SPDX-License-Identifier: BSD-3-Clause */
#include "resources.h"

#include <errno.h>
#include <string.h>

void vvu_window_begin(struct vvu_device *device)
{
	if (device->ops->window_begin != NULL)
		device->ops->window_begin(device->host);
}

void vvu_window_commit(struct vvu_device *device)
{
	if (device->ops->window_commit != NULL)
		device->ops->window_commit(device->host);
}

int vvu_map_describe(struct vvu_map *map, uint8_t shmid, int fd, const struct vvu_file *file,
		     uint64_t offset, uint64_t length)
{
	uint64_t end, mask = file->page - 1;

	if (__builtin_add_overflow(offset, length, &end) || end > file->size ||
	    end > UINT64_MAX - mask)
		return -EINVAL;
	memset(map, 0, sizeof(*map));
	map->where.shmid = shmid;
	map->where.fd = fd;
	map->where.fd_offset = offset & ~mask;
	map->where.length = ((end + mask) & ~mask) - map->where.fd_offset;
	map->dev = file->dev;
	map->ino = file->ino;
	map->page = file->page;
	map->order = -1;
	return 0;
}

int vvu_map_add(struct vvu_device *device, const struct vvu_map *map, const char *what,
		struct vhu_reason *reason)
{
	int ret;

	if (device->nmaps == VVU_MAX_MAPS) {
		vhu_reason_set(reason, "%s: %u mappings, most of them waiting for the driver's "
				       "answer",
			       what, device->nmaps);
		return -ENOSPC;
	}
	ret = device->ops->window_map(device->host, &map->where);
	if (ret < 0) {
		vhu_reason_set(reason, "%s: cannot map 0x%llx bytes at 0x%llx of the file to "
				       "0x%llx of shared memory %u: %s",
			       what,
			       (unsigned long long)map->where.length,
			       (unsigned long long)map->where.fd_offset,
			       (unsigned long long)map->where.offset, map->where.shmid,
			       strerror(-ret));
		return ret;
	}
	device->maps[device->nmaps] = *map;
	device->maps[device->nmaps].where.fd = -1;
	device->nmaps++;
	return 0;
}

void vvu_map_remove(struct vvu_device *device, unsigned int index)
{
	device->ops->window_unmap(device->host, &device->maps[index].where);
	device->nmaps--;
	device->maps[index] = device->maps[device->nmaps];
}

unsigned int vvu_maps_placed(const struct vvu_device *device, uint8_t shmid,
			     struct vvu_placed *placed, unsigned int *index)
{
	unsigned int i, n = 0;

	for (i = 0; i < device->nmaps; i++) {
		const struct vvu_map *map = &device->maps[i];

		if (map->where.shmid != shmid)
			continue;
		placed[n].offset = map->where.offset;
		placed[n].backing.dev = map->dev;
		placed[n].backing.ino = map->ino;
		placed[n].backing.fd_offset = map->where.fd_offset;
		placed[n].backing.length = map->where.length;
		placed[n].order = map->retired == 0 ? map->order : -1;
		index[n++] = i;
	}
	return n;
}

static void release(struct vvu_device *device, uint64_t seq, bool all)
{
	bool begun = false;
	unsigned int i = 0;

	while (i < device->nmaps) {
		const struct vvu_map *map = &device->maps[i];

		if (!all && (map->retired == 0 || map->retired > seq)) {
			i++;
			continue;
		}
		if (!begun)
			vvu_window_begin(device);
		begun = true;
		vvu_map_remove(device, i); /* moves another one here */
	}
	if (begun)
		vvu_window_commit(device);
}

void vvu_maps_release(struct vvu_device *device, uint64_t seq)
{
	release(device, seq, false);
}

void vvu_maps_release_all(struct vvu_device *device)
{
	release(device, 0, true);
}

uint64_t vvu_maps_used(const struct vvu_device *device, uint8_t shmid)
{
	uint64_t used = 0;
	unsigned int i;

	for (i = 0; i < device->nmaps; i++)
		if (device->maps[i].where.shmid == shmid)
			used += device->maps[i].where.length;
	return used;
}
