/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One BAR of a VFIO device: its mappings, and register access through them, or by read and
 * write where it cannot be mapped.
 *
 * Threads: register access from any; mapping and unmapping from one at a time.
 */
#ifndef VHOST_RELAY_BUS_VFIO_BAR_H
#define VHOST_RELAY_BUS_VFIO_BAR_H

#include <pthread.h>
#include <stdint.h>

#include "vfio_region.h"

#define VHR_VFIO_MAX_MAPS 16u

struct vhr_vfio_map {
	uint64_t offset;	/* in the BAR */
	uint64_t length;
	uint8_t *va;
};

struct vhr_vfio_bar {
	struct vhr_vfio_region region;
	int fd;			/* of the device, not ours */
	pthread_mutex_t lock;	/* taken to add a mapping */
	unsigned int num_maps;	/* only grows; those below it do not change */
	struct vhr_vfio_map map[VHR_VFIO_MAX_MAPS];
};

/* @bar->region is set. */
void vhr_vfio_bar_init(struct vhr_vfio_bar *bar, int fd);
void vhr_vfio_bar_unmap_all(struct vhr_vfio_bar *bar);

/* Address of [offset, offset + length), NULL with errno. The same again for the same. */
void *vhr_vfio_bar_map(struct vhr_vfio_bar *bar, uint64_t offset, uint64_t length);

/* Registers as in struct vhr_bus_ops. -EINVAL (outside, width, not aligned), -EIO. */
int vhr_vfio_bar_read(struct vhr_vfio_bar *bar, uint64_t offset, unsigned int width,
		      uint64_t *value);
int vhr_vfio_bar_write(struct vhr_vfio_bar *bar, uint64_t offset, unsigned int width,
		       uint64_t value);

#endif
