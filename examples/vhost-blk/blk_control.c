/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the control thread asks a disk for: configuration space, features, and what follows from
 * them for the cache.
 *
 * The cache (virtio 1.3, 5.2.5 and 5.2.6.2): without FLUSH the driver cannot flush, so that every
 * write is durable when it completes. With it the cache is a write-back one, unless CONFIG_WCE
 * is there and its field says otherwise.
 */
#include <errno.h>

#include "vhost-proto/wire.h"

#include "blk_internal.h"

/* Lock held. */
static bool
write_back(const struct blk_device *device)
{
	if (!(device->features & BLK_F_FLUSH))
		return false;
	return !(device->features & BLK_F_CONFIG_WCE) || device->writeback;
}

/* Lock held. */
static void
update(struct blk_device *device)
{
	atomic_store(&device->through,
		     device->disk.info.volatile_cache && !write_back(device));
}

/* Lock held. */
static void
fill(struct blk_device *device, uint8_t config[BLK_CONFIG_BYTES])
{
	struct blk_disk disk = device->disk;

	disk.info.size_bytes = store_size(device->store);
	blk_config_fill(&disk, device->writeback, config);
}

int
blk_get_config(void *priv, uint32_t offset, uint32_t size, uint8_t *data)
{
	struct blk_device *device = priv;
	uint8_t config[BLK_CONFIG_BYTES];

	pthread_mutex_lock(&device->lock);
	fill(device, config);
	pthread_mutex_unlock(&device->lock);
	return blk_config_get(config, offset, size, data);
}

/* Lock held. Does what is in the cache have to be flushed, because nobody will any more? */
static bool
set_writeback(struct blk_device *device, bool writeback)
{
	bool was_through = atomic_load(&device->through);

	device->writeback = writeback;
	update(device);
	return !was_through && atomic_load(&device->through);
}

int
blk_set_config(void *priv, uint32_t offset, uint32_t size, const uint8_t *data, uint32_t flags)
{
	bool migration = flags == VHU_CONFIG_MIGRATION, writeback, was, flush = false;
	struct blk_device *device = priv;
	uint8_t config[BLK_CONFIG_BYTES];
	int ret;

	pthread_mutex_lock(&device->lock);
	fill(device, config);
	was = device->writeback;
	ret = blk_config_set(config, offset, size, data, migration, &writeback);
	if (ret == 0 && writeback != was && !migration && !(device->features & BLK_F_CONFIG_WCE))
		ret = -EINVAL;
	if (ret == 0)
		flush = set_writeback(device, writeback);
	pthread_mutex_unlock(&device->lock);
	if (!flush)
		return ret;
	ret = blk_flush(device);
	if (ret < 0) {
		pthread_mutex_lock(&device->lock);
		set_writeback(device, was);
		pthread_mutex_unlock(&device->lock);
	}
	return ret;
}

int
blk_set_features(void *priv, uint64_t features)
{
	struct blk_device *device = priv;

	pthread_mutex_lock(&device->lock);
	device->features = features;
	update(device);
	pthread_mutex_unlock(&device->lock);
	return 0;
}

/* Features stay in a reset, and are set anew by the next frontend. */
void
blk_reset(void *priv)
{
	struct blk_device *device = priv;

	pthread_mutex_lock(&device->lock);
	device->writeback = device->default_writeback;
	update(device);
	pthread_mutex_unlock(&device->lock);
}
