/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration space, byte by byte (virtio 1.3, 5.2.4), and the features beside it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vhost-blk/blk_config.h"

static const struct blk_disk disk = {
	.info = {
		.size_bytes = 0x123456789000,
		.block_bytes = 512,
		.physical_bytes = 4096,
		.optimal_bytes = 65536,
		.max_transfer_bytes = 1 << 20,
		.max_discard_bytes = 1ull << 30,
		.max_zeroes_bytes = 1ull << 20,
		.discard_granularity_bytes = 4096,
		.volatile_cache = true,
	},
	.block_bytes = 512,
	.queues = 0x0304,
};

static const uint8_t expected[96] = {
	0x48, 0x3c, 0x2b, 0x1a, 0x09, 0, 0, 0,	/* capacity: 0x91a2b3c48 sectors */
	0, 0, 0, 0,				/* size_max: no limit, not offered */
	126, 0, 0, 0,				/* seg_max */
	0, 0, 0, 0,				/* geometry */
	0x00, 0x02, 0, 0,			/* blk_size 512 */
	3,					/* physical_block_exp: 8 blocks */
	0,					/* alignment_offset */
	8, 0,					/* min_io_size in blocks */
	128, 0, 0, 0,				/* opt_io_size in blocks */
	1,					/* writeback */
	0,
	0x04, 0x03,				/* num_queues */
	0x00, 0x00, 0x20, 0x00,			/* max_discard_sectors: 1 GiB */
	32, 0, 0, 0,				/* max_discard_seg */
	8, 0, 0, 0,				/* discard_sector_alignment */
	0x00, 0x08, 0, 0,			/* max_write_zeroes_sectors: 1 MiB */
	32, 0, 0, 0,				/* max_write_zeroes_seg */
	1,					/* write_zeroes_may_unmap */
	0, 0, 0,
};

static uint8_t config[BLK_CONFIG_BYTES];

static int
setup(void **state)
{
	blk_config_fill(&disk, true, config);
	return 0;
}

static void
all_bytes(void **state)
{
	memset(config, 0xa5, sizeof(config));
	blk_config_fill(&disk, true, config);
	/* capacity = 0x123456789000 / 512 = 0x91a2b3c48 */
	assert_memory_equal(config, expected, sizeof(expected));
}

static void
capacity_is_in_sectors_also_with_larger_blocks(void **state)
{
	struct blk_disk large = disk;
	const uint8_t capacity[8] = { 0x08, 0x08 };	/* 0x808 sectors */
	const uint8_t topology[12] = { 0x00, 0x10, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0 };

	/* Half a block is left over. */
	large.info.size_bytes = 0x101000 + 2048;
	large.block_bytes = 4096;
	blk_config_fill(&large, false, config);
	assert_memory_equal(config, capacity, sizeof(capacity));
	assert_memory_equal(config + 20, topology, sizeof(topology));
	assert_int_equal(config[32], 0);
}

static void
without_discard_its_fields_are_zero(void **state)
{
	struct blk_disk without = disk;
	static const uint8_t zero[12];

	without.info.max_discard_bytes = 0;
	blk_config_fill(&without, true, config);
	assert_memory_equal(config + 36, zero, 12);
	assert_int_equal(config[56], 0);
	assert_memory_equal(config + 48, expected + 48, 8);
	assert_int_equal(blk_features(&without) & (1 << 13), 0);
	assert_int_equal(blk_features(&without) & (1 << 14), 1 << 14);
}

static void
limits_fit_their_32_bits(void **state)
{
	struct blk_disk huge = disk;

	huge.info.max_zeroes_bytes = UINT64_MAX;
	huge.block_bytes = 4096;
	/* Whole blocks of 8 sectors */
	assert_int_equal(blk_max_zeroes_sectors(&huge), 0xfffffff8);
}

static void
features_of_a_disk(void **state)
{
	/* SEG_MAX, BLK_SIZE, FLUSH, TOPOLOGY, CONFIG_WCE, MQ, DISCARD, WRITE_ZEROES */
	assert_int_equal(blk_features(&disk), 0x7e44);
}

static void
read_only_disk_offers_nothing_that_writes(void **state)
{
	struct blk_disk ro = disk;

	ro.info.read_only = true;
	/* SEG_MAX, RO, BLK_SIZE, TOPOLOGY, MQ */
	assert_int_equal(blk_features(&ro), 0x1464);
	assert_int_equal(blk_max_discard_sectors(&ro), 0);
	assert_int_equal(blk_max_zeroes_sectors(&ro), 0);
}

static void
every_part_can_be_read_and_nothing_beyond(void **state)
{
	uint8_t data[128];
	uint32_t offset, size;

	for (offset = 0; offset <= 96; offset++) {
		for (size = 0; size <= 96 - offset; size++) {
			assert_int_equal(blk_config_get(config, offset, size, data), 0);
			assert_memory_equal(data, expected + offset, size);
		}
		assert_int_equal(blk_config_get(config, offset, 97 - offset, data), -EINVAL);
	}
	assert_int_equal(blk_config_get(config, 97, 0, data), -EINVAL);
	assert_int_equal(blk_config_get(config, UINT32_MAX, 2, data), -EINVAL);
	assert_int_equal(blk_config_get(config, 2, UINT32_MAX, data), -EINVAL);
}

static void
driver_writes_writeback_only(void **state)
{
	const uint8_t zero = 0, one = 1, two = 2;
	bool writeback = true;
	uint32_t at;

	assert_int_equal(blk_config_set(config, 32, 1, &zero, false, &writeback), 0);
	assert_false(writeback);
	assert_int_equal(blk_config_set(config, 32, 1, &one, false, &writeback), 0);
	assert_true(writeback);
	assert_int_equal(blk_config_set(config, 32, 1, &two, false, &writeback), -EINVAL);
	for (at = 0; at < 96; at++) {
		uint8_t other = (uint8_t)(expected[at] ^ 0x80);

		assert_int_equal(blk_config_set(config, at, 1, &other, false, &writeback),
				 -EINVAL);
	}
	assert_int_equal(blk_config_set(config, 96, 1, &zero, false, &writeback), -EINVAL);
	assert_int_equal(blk_config_set(config, UINT32_MAX, 2, &zero, false, &writeback), -EINVAL);
}

static void
driver_may_write_all_of_it_as_it_is(void **state)
{
	uint8_t data[96];
	bool writeback = true;

	memcpy(data, expected, sizeof(data));
	data[32] = 0;
	assert_int_equal(blk_config_set(config, 0, sizeof(data), data, false, &writeback), 0);
	assert_false(writeback);
}

static void
migration_brings_writeback_and_has_to_be_of_this_disk(void **state)
{
	uint8_t data[60];
	bool writeback = true;
	uint32_t at;

	for (at = 0; at < sizeof(data); at++) {
		bool ours = at < 8 || (at >= 20 && at < 24);

		memcpy(data, expected, sizeof(data));
		data[32] = 0;
		if (at != 32)
			data[at] ^= 0x40;
		assert_int_equal(blk_config_set(config, 0, sizeof(data), data, true, &writeback),
				 ours ? -EINVAL : 0);
		assert_true(ours || !writeback);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_bytes, setup),
		cmocka_unit_test_setup(capacity_is_in_sectors_also_with_larger_blocks, setup),
		cmocka_unit_test_setup(without_discard_its_fields_are_zero, setup),
		cmocka_unit_test_setup(limits_fit_their_32_bits, setup),
		cmocka_unit_test_setup(features_of_a_disk, setup),
		cmocka_unit_test_setup(read_only_disk_offers_nothing_that_writes, setup),
		cmocka_unit_test_setup(every_part_can_be_read_and_nothing_beyond, setup),
		cmocka_unit_test_setup(driver_writes_writeback_only, setup),
		cmocka_unit_test_setup(driver_may_write_all_of_it_as_it_is, setup),
		cmocka_unit_test_setup(migration_brings_writeback_and_has_to_be_of_this_disk,
				       setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
