/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "storage/target/target.h"

#include "blk_config.h"
#include "blk_request.h"

/* Offsets in struct virtio_blk_config (virtio 1.3, 5.2.4) */
enum {
	SEG_MAX = 12,
	PHYSICAL_BLOCK_EXP = 24,
	MIN_IO_SIZE = 26,
	OPT_IO_SIZE = 28,
	NUM_QUEUES = 34,
	MAX_DISCARD_SECTORS = 36,
	MAX_DISCARD_SEG = 40,
	DISCARD_SECTOR_ALIGNMENT = 44,
	MAX_WRITE_ZEROES_SECTORS = 48,
	MAX_WRITE_ZEROES_SEG = 52,
	WRITE_ZEROES_MAY_UNMAP = 56,
};

static void
put(uint8_t *at, uint64_t value, unsigned int bytes)
{
	for (; bytes != 0; bytes--, value >>= 8)
		*at++ = (uint8_t)value;
}

/* As sectors, whole blocks, and within the 32 bits of the field. */
static uint32_t
sectors(const struct blk_disk *disk, uint64_t bytes)
{
	const uint64_t most = (uint64_t)UINT32_MAX * BLK_SECTOR_BYTES;

	if (bytes > most)
		bytes = most;
	return (uint32_t)(bytes / disk->block_bytes * (disk->block_bytes / BLK_SECTOR_BYTES));
}

uint32_t
blk_max_discard_sectors(const struct blk_disk *disk)
{
	return disk->info.read_only ? 0 : sectors(disk, disk->info.max_discard_bytes);
}

uint32_t
blk_max_zeroes_sectors(const struct blk_disk *disk)
{
	return disk->info.read_only ? 0 : sectors(disk, disk->info.max_zeroes_bytes);
}

uint64_t
blk_features(const struct blk_disk *disk)
{
	uint64_t features = BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_TOPOLOGY | BLK_F_MQ;

	if (disk->info.read_only)
		return features | BLK_F_RO;
	features |= BLK_F_FLUSH | BLK_F_CONFIG_WCE;
	if (blk_max_discard_sectors(disk) != 0)
		features |= BLK_F_DISCARD;
	if (blk_max_zeroes_sectors(disk) != 0)
		features |= BLK_F_WRITE_ZEROES;
	return features;
}

static unsigned int
log2_of(uint64_t value)
{
	unsigned int n = 0;

	while (value > 1) {
		value >>= 1;
		n++;
	}
	return n;
}

/* In logical blocks, at least 1 where there is anything, within @most. */
static uint64_t
blocks(const struct blk_disk *disk, uint64_t bytes, uint64_t most)
{
	uint64_t n = bytes / disk->block_bytes;

	if (n == 0 && bytes != 0)
		n = 1;
	return n < most ? n : most;
}

void
blk_config_fill(const struct blk_disk *disk, bool writeback, uint8_t config[BLK_CONFIG_BYTES])
{
	const struct store_info *info = &disk->info;
	uint64_t block_sectors = disk->block_bytes / BLK_SECTOR_BYTES;
	uint64_t physical = blocks(disk, info->physical_bytes, UINT16_MAX);
	uint64_t alignment;

	memset(config, 0, BLK_CONFIG_BYTES);
	/* In sectors, but whole blocks. */
	put(config + BLK_CONFIG_CAPACITY, info->size_bytes / disk->block_bytes * block_sectors, 8);
	put(config + SEG_MAX, TARGET_SEG_MAX, 4);
	put(config + BLK_CONFIG_BLK_SIZE, disk->block_bytes, 4);
	put(config + PHYSICAL_BLOCK_EXP, log2_of(physical), 1);
	put(config + MIN_IO_SIZE, physical != 0 ? physical : 1, 2);
	put(config + OPT_IO_SIZE, blocks(disk, info->optimal_bytes, UINT32_MAX), 4);
	put(config + BLK_CONFIG_WRITEBACK, writeback, 1);
	put(config + NUM_QUEUES, disk->queues, 2);
	if (blk_max_discard_sectors(disk) != 0) {
		alignment = info->discard_granularity_bytes / BLK_SECTOR_BYTES;
		if (alignment < block_sectors)
			alignment = block_sectors;
		put(config + MAX_DISCARD_SECTORS, blk_max_discard_sectors(disk), 4);
		put(config + MAX_DISCARD_SEG, BLK_MAX_RANGES, 4);
		put(config + DISCARD_SECTOR_ALIGNMENT, alignment, 4);
	}
	if (blk_max_zeroes_sectors(disk) != 0) {
		put(config + MAX_WRITE_ZEROES_SECTORS, blk_max_zeroes_sectors(disk), 4);
		put(config + MAX_WRITE_ZEROES_SEG, BLK_MAX_RANGES, 4);
		put(config + WRITE_ZEROES_MAY_UNMAP, info->max_discard_bytes != 0, 1);
	}
}

static bool
inside(uint32_t offset, uint32_t size)
{
	return offset <= BLK_CONFIG_BYTES && size <= BLK_CONFIG_BYTES - offset;
}

int
blk_config_get(const uint8_t config[BLK_CONFIG_BYTES], uint32_t offset, uint32_t size,
	       uint8_t *data)
{
	if (!inside(offset, size))
		return -EINVAL;
	memcpy(data, config + offset, size);
	return 0;
}

/* Does a migration leave it to us what is there? */
static bool
of_this_disk(uint32_t at)
{
	return at < BLK_CONFIG_CAPACITY + 8 ||
	       (at >= BLK_CONFIG_BLK_SIZE && at < BLK_CONFIG_BLK_SIZE + 4);
}

int
blk_config_set(const uint8_t config[BLK_CONFIG_BYTES], uint32_t offset, uint32_t size,
	       const uint8_t *data, bool migration, bool *writeback)
{
	uint32_t i;

	if (!inside(offset, size))
		return -EINVAL;
	*writeback = config[BLK_CONFIG_WRITEBACK] != 0;
	for (i = 0; i < size; i++) {
		uint32_t at = offset + i;

		if (at == BLK_CONFIG_WRITEBACK) {
			if (data[i] > 1)
				return -EINVAL;
			*writeback = data[i] != 0;
		} else if (data[i] != config[at] && (!migration || of_this_disk(at))) {
			return -EINVAL;
		}
	}
	return 0;
}
