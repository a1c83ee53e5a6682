/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the device share. */
#ifndef VHOST_BLK_INTERNAL_H
#define VHOST_BLK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "blk_config.h"
#include "blk_device.h"
#include "blk_request.h"

struct blk_device {
	struct store *store;
	struct target *target;
	struct blk_disk disk;		/* info.size_bytes: store_size() is newer */
	struct blk_limits limits;	/* size_bytes: the same */
	char id[BLK_ID_BYTES + 1];
	bool default_writeback;

	struct target_queue *flush_queue; /* any; the target has it from before to after all else */

	/* Writes go to stable storage at once. Read by workers for each write. */
	atomic_bool through;
	/* Held while the store is resized, which can take long, and described. */
	pthread_mutex_t store_lock;
	/* Under the lock; changed by the control thread. */
	pthread_mutex_t lock;
	bool writeback;			/* the field of the configuration space */
	uint64_t features;
};

/* What a description says beside the store. */
struct blk_settings {
	char id[BLK_ID_BYTES + 1];
	bool writeback;			/* what the driver finds */
	uint32_t block_bytes;
};

/* A disk on an open store, which is the disk's from now on, also when this fails. */
int blk_device_new(struct worker_pool *pool, struct target_config *config, struct store *store,
		   const struct blk_settings *settings, struct blk_device **device,
		   struct vhu_reason *reason);

/* Of a target's queue. */
struct blk_queue {
	struct blk_device *device;
	struct store_queue *store_queue;
	bool flushing;			/* a flush of the device's own is under way */
};

/* blk_io.c: the datapath */
extern const struct target_ops blk_target_ops;

/* blk_control.c: what the control thread asks for */
int blk_get_config(void *priv, uint32_t offset, uint32_t size, uint8_t *data);
int blk_set_config(void *priv, uint32_t offset, uint32_t size, const uint8_t *data,
		   uint32_t flags);
int blk_set_features(void *priv, uint64_t features);
void blk_reset(void *priv);

/* blk_io.c: make what was written durable; not from a worker. 0 or -errno. */
int blk_flush(struct blk_device *device);

#endif
