/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration space of a virtio-blk device (virtio 1.3, 5.2.4), little-endian byte for
 * byte, and the features that go with a disk. Pure functions.
 */
#ifndef VHOST_BLK_CONFIG_H
#define VHOST_BLK_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/store/store.h"

/* struct virtio_blk_config up to the zoned part, whose fields are zero here. */
#define BLK_CONFIG_BYTES	96u
#define BLK_CONFIG_CAPACITY	0u
#define BLK_CONFIG_BLK_SIZE	20u
#define BLK_CONFIG_WRITEBACK	32u

/* Feature bits (5.2.3) */
#define BLK_F_SEG_MAX		(1ull << 2)
#define BLK_F_RO		(1ull << 5)
#define BLK_F_BLK_SIZE		(1ull << 6)
#define BLK_F_FLUSH		(1ull << 9)
#define BLK_F_TOPOLOGY		(1ull << 10)
#define BLK_F_CONFIG_WCE	(1ull << 11)
#define BLK_F_MQ		(1ull << 12)
#define BLK_F_DISCARD		(1ull << 13)
#define BLK_F_WRITE_ZEROES	(1ull << 14)

struct blk_disk {
	struct store_info info;
	uint32_t block_bytes;		/* of the disk: info.block_bytes or a multiple */
	unsigned int queues;
};

uint64_t blk_features(const struct blk_disk *disk);
/* Of one range of a request, whole blocks of the disk; 0: not offered. */
uint32_t blk_max_discard_sectors(const struct blk_disk *disk);
uint32_t blk_max_zeroes_sectors(const struct blk_disk *disk);

void blk_config_fill(const struct blk_disk *disk, bool writeback,
		     uint8_t config[BLK_CONFIG_BYTES]);

/* GET_CONFIG. -EINVAL beyond the end. */
int blk_config_get(const uint8_t config[BLK_CONFIG_BYTES], uint32_t offset, uint32_t size,
		   uint8_t *data);
/*
 * SET_CONFIG: may @data be written, and what becomes of writeback? By the driver (@migration
 * false) all but that field is read-only: writing what is there already is allowed, so that a
 * frontend may write all of it. A migration may write every field; it is refused where disk and
 * data cannot be the same (capacity, block size). -EINVAL.
 */
int blk_config_set(const uint8_t config[BLK_CONFIG_BYTES], uint32_t offset, uint32_t size,
		   const uint8_t *data, bool migration, bool *writeback);

#endif
