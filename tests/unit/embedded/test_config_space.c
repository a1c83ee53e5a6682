/* SPDX-License-Identifier: BSD-3-Clause */
#include "test.h"

/* 64 MiB BAR 0, 16 vhost queues, 19 vectors; from the device contract's tables. */
static const uint8_t golden[256] = {
	/* 1af4:106b, no command, capability list; revision 1, class 00ff00 */
	0xf4, 0x1a, 0x6b, 0x10, 0x00, 0x00, 0x10, 0x00,
	0x01, 0x00, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00,
	/* BAR 0: 64-bit prefetchable; BAR 2 and 4: 32-bit */
	0x0c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0xf4, 0x1a, 0x6b, 0x10,
	0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	/* 40: MSI-X, 19 vectors, table at 0 and pending bits at 0x1000 of BAR 2 */
	0x11, 0x4c, 0x12, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x10, 0x00, 0x00,
	/* 4c: common configuration, BAR 4 */
	0x09, 0x5c, 0x10, 0x01, 0x04, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00,
	/* 5c: notifications, multiplier 4 */
	0x09, 0x70, 0x14, 0x02, 0x04, 0x00, 0x00, 0x00,
	0x00, 0x30, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00,
	0x04, 0x00, 0x00, 0x00,
	/* 70: ISR */
	0x09, 0x80, 0x10, 0x03, 0x04, 0x00, 0x00, 0x00,
	0x00, 0x10, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
	/* 80: device configuration, 32 bytes */
	0x09, 0x90, 0x10, 0x04, 0x04, 0x00, 0x00, 0x00,
	0x00, 0x20, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00,
	/* 90: doorbells, BAR 0, one page before the last, multiplier 4 */
	0x09, 0xa4, 0x14, 0x06, 0x00, 0x00, 0x00, 0x00,
	0x00, 0xe0, 0xff, 0x03, 0x00, 0x10, 0x00, 0x00,
	0x04, 0x00, 0x00, 0x00,
	/* a4: kick vectors, BAR 0, last page */
	0x09, 0xb4, 0x10, 0x07, 0x00, 0x00, 0x00, 0x00,
	0x00, 0xf0, 0xff, 0x03, 0x04, 0x00, 0x00, 0x00,
	/* b4: shmid 1 at 0, 62 MiB */
	0x09, 0xcc, 0x18, 0x08, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xe0, 0x03,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	/* cc: shmid 2 */
	0x09, 0xe4, 0x18, 0x08, 0x00, 0x02, 0x00, 0x00,
	0x00, 0x00, 0xe0, 0x03, 0x00, 0xe0, 0x1b, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	/* e4: shmid 3, 256 KiB */
	0x09, 0x00, 0x18, 0x08, 0x00, 0x03, 0x00, 0x00,
	0x00, 0xe0, 0xfb, 0x03, 0x00, 0x00, 0x04, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	/* fc: nothing */
	0x00, 0x00, 0x00, 0x00,
};

static void all_bytes_are_as_written_down(void **state)
{
	struct mini_driver mini;
	uint8_t space[256];

	mini_create(&mini);
	assert_int_equal(vvu_emb_cfg_read(mini.emb, 0, space, sizeof(space)), 0);
	for (unsigned int i = 0; i < sizeof(space); i++)
		if (space[i] != golden[i])
			fail_msg("byte 0x%02x is 0x%02x, should be 0x%02x", i, space[i], golden[i]);
	mini_destroy(&mini);
}

static void reads_of_any_width_and_offset_agree(void **state)
{
	struct mini_driver mini;
	uint8_t piece[4];

	mini_create(&mini);
	for (unsigned int at = 0; at < 252; at++)
		for (unsigned int width = 1; width <= 4; width++) {
			assert_int_equal(vvu_emb_cfg_read(mini.emb, at, piece, width), 0);
			assert_memory_equal(piece, &golden[at], width);
		}
	mini_destroy(&mini);
}

static void access_past_the_end_is_refused(void **state)
{
	struct mini_driver mini;
	uint8_t bytes[8] = { 0 };

	mini_create(&mini);
	assert_int_equal(vvu_emb_cfg_read(mini.emb, 253, bytes, 4), -EINVAL);
	assert_int_equal(vvu_emb_cfg_read(mini.emb, 256, bytes, 1), -EINVAL);
	assert_int_equal(vvu_emb_cfg_read(mini.emb, UINT32_MAX, bytes, 4), -EINVAL);
	assert_int_equal(vvu_emb_cfg_write(mini.emb, 253, bytes, 4), -EINVAL);
	mini_destroy(&mini);
}

static void read_only_bytes_ignore_writes(void **state)
{
	struct mini_driver mini;
	uint8_t ones[256], space[256];

	mini_create(&mini);
	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(vvu_emb_cfg_write(mini.emb, 0x40, ones, 0xc0), 0);
	assert_int_equal(vvu_emb_cfg_write(mini.emb, 0, ones, 0x10), 0);
	assert_int_equal(vvu_emb_cfg_read(mini.emb, 0, space, sizeof(space)), 0);
	/* Writable: command, cache line, MSI-X enable and function mask */
	space[0x04] = space[0x05] = space[0x0c] = 0;
	space[0x43] &= 0x3f;
	assert_memory_equal(space, golden, sizeof(space));
	mini_destroy(&mini);
}

static void command_keeps_what_a_memory_function_has(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_set_cfg(&mini, 0x04, 2, 0xffff);
	assert_int_equal(mini_cfg(&mini, 0x04, 2), 0x0546);
	assert_int_equal(mini_cfg(&mini, 0x06, 2), 0x0010);
	mini_destroy(&mini);
}

/* Write all ones, read the mask, put the address back. */
static uint64_t size_bar(struct mini_driver *mini, unsigned int bar, bool wide)
{
	unsigned int at = 0x10 + 4 * bar;
	uint64_t mask;

	mini_set_cfg(mini, at, 4, 0xffffffff);
	mask = mini_cfg(mini, at, 4) & ~0xfu;
	if (wide) {
		mini_set_cfg(mini, at + 4, 4, 0xffffffff);
		mask |= (uint64_t)mini_cfg(mini, at + 4, 4) << 32;
	} else {
		mask |= 0xffffffff00000000;
	}
	mini_set_cfg(mini, at, 4, 0xabcd0000);
	return ~mask + 1;
}

static void sizing_a_bar_gives_its_size(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	assert_int_equal(size_bar(&mini, 0, true), 64u << 20);
	assert_int_equal(size_bar(&mini, 2, false), 0x2000);
	assert_int_equal(size_bar(&mini, 4, false), 0x4000);
	assert_int_equal(vvu_emb_bar_size(mini.emb, 0), 64u << 20);
	assert_int_equal(vvu_emb_bar_size(mini.emb, 1), 0);
	assert_int_equal(vvu_emb_bar_size(mini.emb, 2), 0x2000);
	assert_int_equal(vvu_emb_bar_size(mini.emb, 3), 0);
	assert_int_equal(vvu_emb_bar_size(mini.emb, 4), 0x4000);
	assert_int_equal(vvu_emb_bar_size(mini.emb, 6), 0);
	/* Type bits stay, address bits above the size are kept. */
	assert_int_equal(mini_cfg(&mini, 0x10, 4), 0xa800000c);
	assert_int_equal(mini_cfg(&mini, 0x20, 4), 0xabcd0000);
	/* BARs that are not there */
	mini_set_cfg(&mini, 0x1c, 4, 0xffffffff);
	assert_int_equal(mini_cfg(&mini, 0x1c, 4), 0);
	mini_set_cfg(&mini, 0x30, 4, 0xffffffff);
	assert_int_equal(mini_cfg(&mini, 0x30, 4), 0);
	mini_destroy(&mini);
}

static void default_bar_is_64_gib_with_true_lengths(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);

	config.bar_size = 0;
	config.max_vhost_queues = 0;
	mini_create_with(&mini, &config);
	assert_int_equal(size_bar(&mini, 0, true), 64ull << 30);
	assert_int_equal(mini.shm[1].offset, 0);
	assert_true(mini.shm[1].size > 63ull << 30);
	assert_int_equal(mini.shm[2].offset, mini.shm[1].size);
	assert_true(mini.shm[3].offset >= mini.shm[2].offset + mini.shm[2].size);
	assert_true(mini.shm[3].offset + mini.shm[3].size <= 64ull << 30);
	assert_int_equal(vvu_emb_num_vectors(mini.emb), 259);
	assert_int_equal(mini_read(&mini, &mini.cap[4], VVU_CONFIG_MAX_VHOST_QUEUES, 4), 256);
	mini_destroy(&mini);
}

/* struct virtio_pci_cap has 32 bits for an offset. */
static void doorbells_past_4_gib_move_to_bar_4(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);

	config.bar_size = 8ull << 30;
	config.page_per_vq = true;
	mini_create_with(&mini, &config);
	assert_int_equal(mini.cap[6].bar, 4);
	assert_int_equal(mini.cap[6].offset, 0x4000);
	assert_int_equal(mini.cap[6].extra, 4096);
	assert_int_equal(mini.cap[6].size, 33 * 4096);
	assert_int_equal(mini.cap[7].bar, 4);
	assert_int_equal(mini.cap[7].offset, 0x4000 + 33 * 4096);
	assert_true(mini.cap[7].offset + 4 <= vvu_emb_bar_size(mini.emb, 4));
	assert_int_equal(mini_bind_kick(&mini, 5, 7), 7);
	mini_destroy(&mini);
}

static void virtio_id_is_a_property(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);

	config.virtio_id = 53;
	mini_create_with(&mini, &config);
	assert_int_equal(mini_cfg(&mini, 0x02, 2), 0x1075);
	mini_destroy(&mini);
}

/* LOG_SHMFD only: no inflight capability, so there is room for the access window. */
static void create_with_window(struct mini_driver *mini)
{
	struct vvu_emb_config config = mini_config(mini);

	config.protocol_features = 1ull << 1;
	mini_create_with(mini, &config);
	assert_true(mini->cap[5].present);
	assert_int_equal(mini->cap[5].length, 20);
	assert_false(mini->shm[3].present);
	assert_true(mini->shm[2].present);
}

static void aim(struct mini_driver *mini, uint8_t bar, uint32_t offset, uint32_t length)
{
	mini_set_cfg(mini, mini->cap[5].at + 4, 1, bar);
	mini_set_cfg(mini, mini->cap[5].at + 8, 4, offset);
	mini_set_cfg(mini, mini->cap[5].at + 12, 4, length);
}

static void access_window_reads_and_writes_registers(void **state)
{
	struct mini_driver mini;
	unsigned int data;

	create_with_window(&mini);
	data = mini.cap[5].at + 16;
	aim(&mini, mini.cap[1].bar, (uint32_t)mini.cap[1].offset + 18, 2);
	assert_int_equal(mini_cfg(&mini, data, 2), 2);
	aim(&mini, mini.cap[1].bar, (uint32_t)mini.cap[1].offset + 20, 1);
	mini_set_cfg(&mini, data, 1, 1);
	assert_int_equal(mini_device_status(&mini), 1);
	mini_set_common(&mini, 20, 1, 3);
	assert_int_equal(mini_cfg(&mini, data, 1), 3);
	aim(&mini, mini.cap[1].bar, (uint32_t)mini.cap[1].offset, 4);
	mini_set_cfg(&mini, data, 4, 1);
	aim(&mini, mini.cap[1].bar, (uint32_t)mini.cap[1].offset + 4, 4);
	assert_int_equal(mini_cfg(&mini, data, 4), 3);
	mini_destroy(&mini);
}

static void access_window_ignores_illegal_aims(void **state)
{
	struct mini_driver mini;
	unsigned int data;

	create_with_window(&mini);
	data = mini.cap[5].at + 16;
	aim(&mini, 4, 20, 3);
	mini_set_cfg(&mini, data, 4, 1);
	aim(&mini, 4, 19, 2);
	mini_set_cfg(&mini, data, 4, 0x0101);
	aim(&mini, 9, 20, 1);
	mini_set_cfg(&mini, data, 4, 1);
	aim(&mini, 4, 0xfffffffc, 4);
	mini_set_cfg(&mini, data, 4, 1);
	assert_int_equal(mini_cfg(&mini, data, 4), 1);
	assert_int_equal(mini_device_status(&mini), 0);
	mini_destroy(&mini);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_bytes_are_as_written_down),
		cmocka_unit_test(reads_of_any_width_and_offset_agree),
		cmocka_unit_test(access_past_the_end_is_refused),
		cmocka_unit_test(read_only_bytes_ignore_writes),
		cmocka_unit_test(command_keeps_what_a_memory_function_has),
		cmocka_unit_test(sizing_a_bar_gives_its_size),
		cmocka_unit_test(default_bar_is_64_gib_with_true_lengths),
		cmocka_unit_test(doorbells_past_4_gib_move_to_bar_4),
		cmocka_unit_test(virtio_id_is_a_property),
		cmocka_unit_test(access_window_reads_and_writes_registers),
		cmocka_unit_test(access_window_ignores_illegal_aims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
