/* SPDX-License-Identifier: BSD-3-Clause */
/* One back-end: what was negotiated, what its disk is like, and starting and stopping rings. */
#ifndef BLKLOAD_DEVICE_H
#define BLKLOAD_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "frontend/area.h"
#include "frontend/control.h"
#include "options.h"
#include "vq.h"

/* Pieces of a request's data, also where a back-end names no limit. */
#define SEGMENTS_MAX	126u

/* Features of the block device (virtio 1.3, 5.2.3) that are looked at here. */
enum { BLK_F_SEG_MAX = 2, BLK_F_RO = 5, BLK_F_BLK_SIZE = 6, BLK_F_FLUSH = 9, BLK_F_MQ = 12 };

struct device {
	const char *path;
	struct control control;
	struct area area;
	uint64_t features;		/* of virtio, acknowledged */
	uint64_t protocol_features;
	uint64_t capacity_bytes;
	uint32_t block_bytes;
	unsigned int segments;		/* pieces of a request's data */
	int err_fd;			/* for all its rings; -1: none */
	uint64_t first;			/* the region, in units of --bs */
	uint64_t blocks;
};

/* A ring of it, as started. */
struct device_ring {
	struct vq *vq;
	int kick_fd;
	int call_fd;
};

/*
 * Connect, negotiate and look at the disk. -errno with @reason: no back-end there, it lacks
 * what the options ask for, or it broke the protocol.
 */
int device_open(struct device *device, const char *path, const struct options *options,
		struct vhu_reason *reason);
/* Share the area and start the rings; they are rings 0 to @num - 1. */
int device_start(struct device *device, const struct device_ring *ring, unsigned int num,
		 struct vhu_reason *reason);
/*
 * Stop rings with nothing in flight. -EPROTO: the back-end says of one that it took more or
 * less than it was given.
 */
int device_stop(struct device *device, const struct device_ring *ring, unsigned int num,
		struct vhu_reason *reason);
void device_close(struct device *device);

static inline bool device_has(const struct device *device, unsigned int feature)
{
	return device->features >> feature & 1;
}

#endif
