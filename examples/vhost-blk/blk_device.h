/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-blk device: one store, and a target whose requests are operations of it. Each queue
 * of the target has a queue of the store of its own, in the worker that serves it.
 */
#ifndef VHOST_BLK_DEVICE_H
#define VHOST_BLK_DEVICE_H

#include <jansson.h>

#include "storage/target/target.h"

struct blk_device;

/*
 * Keys of @description: "store" (text or object, see docs/stores.md; required), "read-only",
 * "serial" (up to 20 bytes), "wce" (does the driver find a write-back cache; by default as the
 * store has one) and "block-size" (a multiple of the store's). @config has all but ops, priv and
 * features. -EINVAL: something in @description; or what the store or the target said.
 */
int blk_device_create(struct worker_pool *pool, struct target_config *config,
		      const json_t *description, struct blk_device **device,
		      struct vhu_reason *reason);
/* Waits for what is under way. */
void blk_device_destroy(struct blk_device *device);

struct target *blk_device_target(struct blk_device *device);
/* A new object: the disk, its "store", and "stats" of what was done. */
json_t *blk_device_describe(struct blk_device *device);
/*
 * Grow or shrink the store (0: look again how large it is) and tell the frontend. -errno of
 * store_resize(); @reason.
 */
int blk_device_resize(struct blk_device *device, uint64_t size_bytes, struct vhu_reason *reason);
/* store_error_set() of the store. */
int blk_device_set_errors(struct blk_device *device, unsigned int filter, const json_t *rules,
			  struct vhu_reason *reason);

#endif
