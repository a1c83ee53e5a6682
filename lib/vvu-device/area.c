/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dirty log (VVU_SHMID_LOG) and the inflight area (VVU_SHMID_INFLIGHT). Both follow one
 * rule: a new area goes to the first free place beside the old one, which stays until the
 * driver has answered.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "resources.h"

/* Retire every area of @shmid that is in force, but maps[@keep]. */
static void retire_others(struct vvu_device *device, uint8_t shmid, unsigned int keep, uint64_t seq)
{
	unsigned int i;

	for (i = 0; i < device->nmaps; i++) {
		struct vvu_map *map = &device->maps[i];

		if (i != keep && map->where.shmid == shmid && map->retired == 0)
			map->retired = seq;
	}
}

/* Map @map at a free place, unless the same part of the same file is there already. */
static int place_area(struct vvu_device *device, struct vvu_map *map, const char *what,
		      unsigned int *index, struct vhu_reason *reason)
{
	uint64_t limit = vvu_layout_shm(&device->layout, map->where.shmid)->length;
	struct vvu_placed placed[VVU_MAX_MAPS];
	unsigned int indices[VVU_MAX_MAPS];
	unsigned int i, n;
	int ret;

	n = vvu_maps_placed(device, map->where.shmid, placed, indices);
	for (i = 0; i < n; i++) {
		if (placed[i].backing.dev != map->dev || placed[i].backing.ino != map->ino ||
		    placed[i].backing.fd_offset != map->where.fd_offset ||
		    placed[i].backing.length != map->where.length)
			continue;
		map->where.offset = placed[i].offset;
		*index = indices[i];
		device->maps[*index].retired = 0;
		device->maps[*index].offered = map->offered;
		return 0;
	}
	ret = vvu_place_first_fit(placed, n, map->where.length, map->page, limit,
				  &map->where.offset);
	if (ret < 0) {
		vhu_reason_set(reason, "%s: size 0x%llx does not fit shared memory %u of 0x%llx, "
				       "0x%llx in use",
			       what, (unsigned long long)map->where.length,
			       map->where.shmid, (unsigned long long)limit,
			       (unsigned long long)vvu_maps_used(device, map->where.shmid));
		return ret;
	}
	vvu_window_begin(device);
	ret = vvu_map_add(device, map, what, reason);
	vvu_window_commit(device);
	if (ret == 0)
		*index = device->nmaps - 1;
	return ret;
}

/*
 * An area that the frontend hands over. Log and inflight sizes need not be whole pages, so
 * whole pages around it are mapped; @offset becomes that of its first byte in the shmid.
 */
static int take_area(struct vvu_device *device, uint8_t shmid, int fd, const char *what,
		     uint64_t size, uint64_t *offset, struct vhu_reason *reason)
{
	struct vvu_file file;
	struct vvu_map map;
	unsigned int index;
	int ret;

	if (size == 0) {
		vhu_reason_set(reason, "%s: size is 0", what);
		return -EINVAL;
	}
	ret = vvu_fd_check_file(fd, what, &file, reason);
	if (ret < 0)
		return ret;
	ret = vvu_map_describe(&map, shmid, fd, &file, *offset, size);
	if (ret < 0) {
		vhu_reason_set(reason, "%s: offset 0x%llx + size 0x%llx is beyond the file's "
				       "0x%llx bytes",
			       what, (unsigned long long)*offset,
			       (unsigned long long)size, (unsigned long long)file.size);
		return ret;
	}
	map.seq = device->seq;
	ret = place_area(device, &map, what, &index, reason);
	if (ret < 0)
		return ret;
	retire_others(device, shmid, index, device->seq);
	*offset = map.where.offset + (*offset - map.where.fd_offset);
	return 0;
}

int vvu_area_set_log(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
		     struct vhu_reason *reason)
{
	return take_area(device, VVU_SHMID_LOG, fds[0], "SET_LOG_BASE", msg->log.size,
			 &msg->log.offset, reason);
}

int vvu_area_set_inflight(struct vvu_device *device, struct vhu_msg *msg, int *fds,
			  unsigned int nfds, struct vhu_reason *reason)
{
	return take_area(device, VVU_SHMID_INFLIGHT, fds[0], "SET_INFLIGHT_FD",
			 msg->inflight.mmap_size, &msg->inflight.mmap_offset, reason);
}

/* A memfd that nobody can shrink or grow: whoever maps it is safe from SIGBUS. */
static int create_file(uint64_t size, struct vhu_reason *reason)
{
	int fd, ret;

	fd = memfd_create("vhost-user inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd >= 0 && ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	ret = -errno;
	if (fd >= 0)
		close(fd);
	vhu_reason_set(reason, "GET_INFLIGHT_FD: cannot create an area of 0x%llx bytes: %s",
		       (unsigned long long)size, strerror(-ret));
	return ret;
}

int vvu_area_create_inflight(struct vvu_device *device, struct vhu_msg *reply, uint64_t seq,
			     int *fd, struct vhu_reason *reason)
{
	uint64_t size = reply->inflight.mmap_size, limit = device->layout.inflight.length;
	struct vvu_file file;
	struct vvu_map map;
	unsigned int i, index;
	int ret;

	*fd = -1;
	reply->inflight.mmap_offset = 0;
	if (size == 0)
		return 0;
	if (size > limit) {
		vhu_reason_set(reason, "GET_INFLIGHT_FD reply: mmap_size 0x%llx does not fit "
				       "shared memory %u of 0x%llx",
			       (unsigned long long)size,
			       VVU_SHMID_INFLIGHT, (unsigned long long)limit);
		return -ENOSPC;
	}
	size = (size + VVU_PAGE_SIZE - 1) & ~(VVU_PAGE_SIZE - 1);
	*fd = create_file(size, reason);
	if (*fd < 0)
		return *fd;
	ret = vvu_fd_check_file(*fd, "GET_INFLIGHT_FD", &file, reason);
	if (ret == 0)
		ret = vvu_map_describe(&map, VVU_SHMID_INFLIGHT, *fd, &file, 0, size);
	/* An area that was created before and never set is of no use to anybody now. */
	for (i = 0; ret == 0 && i < device->nmaps; i++)
		if (device->maps[i].where.shmid == VVU_SHMID_INFLIGHT && device->maps[i].offered &&
		    device->maps[i].retired == 0)
			device->maps[i].retired = seq + 1;
	if (ret == 0) {
		map.seq = seq;
		map.offered = true;
		ret = place_area(device, &map, "GET_INFLIGHT_FD", &index, reason);
	}
	if (ret < 0) {
		close(*fd);
		*fd = -1;
	}
	return ret;
}
