/* SPDX-License-Identifier: BSD-3-Clause */
/* READ and WRITE of all lengths: what they ask of the store, and what they refuse */
#include <errno.h>

#include "fixture.h"

#define FUA STORE_F_FUA

static void read_6(void **state)
{
	fill(3, 0x33);
	fill(4, 0x44);
	command_in(1024, 0x08, 0, 0, 3, 2, 0);
	expect_good(1024);
	expect_op(0, STORE_READ, 0, 3, 2);
	assert_int_equal(first->data_in[0], 0x33);
	assert_int_equal(first->data_in[511], 0x33);
	assert_int_equal(first->data_in[512], 0x44);
	assert_int_equal(first->data_in[1024], 0xaa);
}

static void large(struct store_info *info)
{
	info->max_transfer_bytes = 1 << 20;
}

static int setup_large(void **state)
{
	return scsi_setup_with(large);
}

static void length_0_of_read_6_is_256_blocks(void **state)
{
	command_in(BUFFER_BYTES, 0x08, 0, 0, 0, 0, 0);
	expect_good(256 * BLOCK);
	expect_op(0, STORE_READ, 0, 0, 256);
}

static void read_10(void **state)
{
	command_in(512, 0x28, 0, 0, 0, 0, 0xff, 0, 0, 1, 0);
	expect_good(512);
	expect_op(0, STORE_READ, 0, 255, 1);
}

static void read_12(void **state)
{
	command_in(512, 0xa8, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0);
	expect_good(512);
	expect_op(0, STORE_READ, 0, 7, 1);
}

static void read_16(void **state)
{
	command_in(512, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0);
	expect_good(512);
	expect_op(0, STORE_READ, 0, 9, 1);
}

static void write_6(void **state)
{
	memset(first->data_out, 0x66, 512);
	command_out(512, 0x0a, 0, 0, 5, 1, 0);
	expect_good(512);
	expect_op(0, STORE_WRITE, 0, 5, 1);
	assert_int_equal(block_value(5), 0x66);
}

static void write_10_with_dpo_and_fua(void **state)
{
	command_out(512, 0x2a, 0x18, 0, 0, 0, 6, 0, 0, 1, 0);
	expect_good(512);
	expect_op(0, STORE_WRITE, FUA, 6, 1);
}

static void write_12(void **state)
{
	command_out(1024, 0xaa, 0, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0);
	expect_good(1024);
	expect_op(0, STORE_WRITE, 0, 6, 2);
}

static void write_16(void **state)
{
	command_out(1024, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0);
	expect_good(1024);
	expect_op(0, STORE_WRITE, 0, 6, 2);
}

static void buffers_beyond_the_transfer_are_left_alone(void **state)
{
	command_in(2048, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	expect_good(512);
	assert_int_equal(first->data_in[512], 0xaa);
	/* 1, 2, 5 and 504 of the 509 */
	assert_int_equal(fake->log[0].iov_num, 4);
}

static void fewer_buffers_than_the_transfer_are_an_overrun(void **state)
{
	command_in(512, 0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0);
	assert_int_equal(first->task.outcome, SCSI_OVERRUN);
	command_out(511, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	assert_int_equal(first->task.outcome, SCSI_OVERRUN);
	assert_int_equal(fake->ops, 0);
}

static void a_read_with_fua_writes_the_cache_first(void **state)
{
	command_in(512, 0x28, 0x08, 0, 0, 0, 2, 0, 0, 1, 0);
	expect_good(512);
	expect_op(0, STORE_FLUSH, 0, 0, 0);
	expect_op(1, STORE_READ, 0, 2, 1);
}

static void protection_is_refused(void **state)
{
	command_in(512, 0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0);
	expect_bad_cdb(1, 5);
	command_out(512, 0x8a, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
	expect_bad_cdb(1, 7);
}

static void naca_is_refused(void **state)
{
	command_in(512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0x04);
	expect_bad_cdb(9, 2);
}

static void an_lba_beyond_the_end(void **state)
{
	command_in(512, 0x28, 0, 0, 0, 1, 0, 0, 0, 1, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
	command_in(1024, 0x28, 0, 0, 0, 0, 0xff, 0, 0, 2, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
	command_out(512, 0x8a, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
	assert_int_equal(fake->ops, 0);
}

static void zero_blocks_are_no_error(void **state)
{
	command(0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_good(0);
	command(0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0);
	expect_good(0);
	assert_int_equal(fake->ops, 0);
}

static void more_than_the_maximum_transfer(void **state)
{
	command_in(BUFFER_BYTES, 0x28, 0, 0, 0, 0, 0, 0, 0, 65, 0);
	expect_bad_cdb(7, -1);
	command_in(BUFFER_BYTES, 0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 65, 0, 0);
	expect_bad_cdb(6, -1);
	command_out(BUFFER_BYTES, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 65, 0, 0);
	expect_bad_cdb(10, -1);
}

static void store_errors(void **state)
{
	static const struct {
		int error;
		enum scsi_key key;
		enum scsi_asc asc;
	} reads[] = {
		{ -EIO, SCSI_MEDIUM_ERROR, 0x1100 },
		{ -ETIMEDOUT, SCSI_ABORTED_COMMAND, 0x0801 },
		{ -EINVAL, SCSI_ILLEGAL_REQUEST, 0x2100 },
		{ -ENODEV, SCSI_HARDWARE_ERROR, 0x4400 },
	}, writes[] = {
		  { -EIO, SCSI_MEDIUM_ERROR, 0x0c00 },
		  { -ENOSPC, SCSI_DATA_PROTECT, 0x2707 },
		  { -EROFS, SCSI_DATA_PROTECT, 0x2700 },
	  };

	for (unsigned int i = 0; i < 4; i++) {
		fake->fail[STORE_READ] = reads[i].error;
		command_in(512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
		expect_sense(reads[i].key, reads[i].asc);
		assert_int_equal(first->task.transferred, 0);
	}
	for (unsigned int i = 0; i < 3; i++) {
		fake->fail[STORE_WRITE] = writes[i].error;
		command_out(512, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
		expect_sense(writes[i].key, writes[i].asc);
	}
}

static void a_store_without_memory_is_busy(void **state)
{
	fake->fail[STORE_READ] = -ENOMEM;
	command_in(512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	expect_status(SCSI_BUSY);
}

static void read_only(struct store_info *info)
{
	info->read_only = true;
}

static int setup_read_only(void **state)
{
	return scsi_setup_with(read_only);
}

static void a_read_only_unit_is_write_protected(void **state)
{
	static const uint8_t cdbs[][16] = {
		{ 0x0a, 0, 0, 0, 1 },
		{ 0x2a, 0, 0, 0, 0, 0, 0, 0, 1 },
		{ 0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
		{ 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
		{ 0x2e, 0, 0, 0, 0, 0, 0, 0, 1 },
		{ 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
		{ 0x41, 0, 0, 0, 0, 0, 0, 0, 1 },
		{ 0x93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
	};

	for (unsigned int i = 0; i < sizeof(cdbs) / sizeof(cdbs[0]); i++) {
		command_on(0, cdbs[i], 16, 1024, 0);
		expect_sense(SCSI_DATA_PROTECT, 0x2700);
	}
	command_in(512, 0x28, 0x08, 0, 0, 0, 0, 0, 0, 1, 0);
	expect_good(512);
}

static void without_write_cache_writes_go_to_the_medium(void **state)
{
	lu->mode.wce = false;
	command_out(512, 0x2a, 0, 0, 0, 0, 6, 0, 0, 1, 0);
	expect_op(0, STORE_WRITE, FUA, 6, 1);
}

static void stable(struct store_info *info)
{
	info->volatile_cache = false;
}

static int setup_stable(void **state)
{
	return scsi_setup_with(stable);
}

static void a_store_that_loses_nothing_needs_no_fua(void **state)
{
	command_out(512, 0x2a, 0x08, 0, 0, 0, 6, 0, 0, 1, 0);
	expect_op(0, STORE_WRITE, 0, 6, 1);
	command(0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_good(0);
	assert_int_equal(fake->ops, 1);
}

static void a_command_under_way_is_done_when_the_store_is(void **state)
{
	fake->hold = true;
	command_in(512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	assert_int_equal(first->done, 0);
	fake_release(fake);
	expect_good(512);
}

static void unknown_operation_code(void **state)
{
	command(0xc1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2000);
	/* REPORT TARGET PORT GROUPS, and a service action that nobody has */
	command(0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_bad_cdb(1, 4);
	command(0x9e, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_bad_cdb(1, 4);
}

#define T(f) cmocka_unit_test_setup_teardown(f, scsi_setup, scsi_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(read_6),
		cmocka_unit_test_setup_teardown(length_0_of_read_6_is_256_blocks, setup_large,
						scsi_teardown),
		T(read_10),
		T(read_12),
		T(read_16),
		T(write_6),
		T(write_10_with_dpo_and_fua),
		T(write_12),
		T(write_16),
		T(buffers_beyond_the_transfer_are_left_alone),
		T(fewer_buffers_than_the_transfer_are_an_overrun),
		T(a_read_with_fua_writes_the_cache_first),
		T(protection_is_refused),
		T(naca_is_refused),
		T(an_lba_beyond_the_end),
		T(zero_blocks_are_no_error),
		T(more_than_the_maximum_transfer),
		T(store_errors),
		T(a_store_without_memory_is_busy),
		cmocka_unit_test_setup_teardown(a_read_only_unit_is_write_protected,
						setup_read_only, scsi_teardown),
		T(without_write_cache_writes_go_to_the_medium),
		cmocka_unit_test_setup_teardown(a_store_that_loses_nothing_needs_no_fua,
						setup_stable, scsi_teardown),
		T(a_command_under_way_is_done_when_the_store_is),
		T(unknown_operation_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
