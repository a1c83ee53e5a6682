/* SPDX-License-Identifier: BSD-3-Clause */
/* VERIFY, WRITE AND VERIFY, COMPARE AND WRITE, UNMAP, WRITE SAME */
#include <errno.h>

#include "fixture.h"

#define OWN STORE_F_PAGE_BACKED	/* buffers of our own */

static void verify_reads_without_bytchk(void **state)
{
	command(0x2f, 0, 0, 0, 0, 2, 0, 0, 3, 0);
	expect_good(0);
	expect_op(0, STORE_READ, OWN, 2, 3);
	fake->fail[STORE_READ] = -EIO;
	command(0x8f, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0);
	expect_sense(SCSI_MEDIUM_ERROR, 0x1100);
}

static void verify_compares_with_bytchk_1(void **state)
{
	fill(1, 0x11);
	memset(first->data_out, 0x11, 512);
	memset(first->data_out + 512, 0, 512);
	command_out(1024, 0x2f, 0x02, 0, 0, 0, 1, 0, 0, 2, 0);
	expect_good(1024);
	first->data_out[1023] = 1;
	command_out(1024, 0xaf, 0x02, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0);
	expect_sense(SCSI_MISCOMPARE, 0x1d00);
	assert_int_equal(first->task.sense[0], 0x70);
}

static void verify_compares_one_block_with_bytchk_3(void **state)
{
	fill(1, 0x11);
	fill(2, 0x11);
	memset(first->data_out, 0x11, 512);
	command_out(512, 0x8f, 0x06, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0);
	expect_good(512);
	command_out(512, 0x8f, 0x06, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0);
	expect_sense(SCSI_MISCOMPARE, 0x1d00);
}

static void bytchk_2_is_reserved(void **state)
{
	command_out(512, 0x2f, 0x04, 0, 0, 0, 1, 0, 0, 1, 0);
	expect_bad_cdb(1, 2);
	command_out(512, 0x2e, 0x06, 0, 0, 0, 1, 0, 0, 1, 0);
	expect_bad_cdb(1, 2);
}

static void verify_beyond_the_end_and_of_nothing(void **state)
{
	command(0x2f, 0, 0, 0, 0, 0xff, 0, 0, 2, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
	command(0x2f, 0x02, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_good(0);
}

static void verify_with_too_little_data_is_an_overrun(void **state)
{
	command_out(512, 0x2f, 0x02, 0, 0, 0, 1, 0, 0, 2, 0);
	assert_int_equal(first->task.outcome, SCSI_OVERRUN);
}

static void write_and_verify_writes_to_the_medium_and_reads(void **state)
{
	memset(first->data_out, 0x77, 1024);
	command_out(1024, 0x2e, 0x02, 0, 0, 0, 4, 0, 0, 2, 0);
	expect_good(1024);
	expect_op(0, STORE_WRITE, OWN | STORE_F_FUA, 4, 2);
	expect_op(1, STORE_READ, OWN, 4, 2);
	assert_int_equal(block_value(5), 0x77);
	command_out(512, 0xae, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0);
	expect_good(512);
	command_out(512, 0x8e, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0);
	expect_good(512);
}

#define CAW(lba, blocks) 0x89, 0, 0, 0, 0, 0, 0, 0, 0, lba, 0, 0, 0, blocks, 0, 0

static void compare_and_write_writes_what_agrees(void **state)
{
	fill(8, 0x88);
	memset(first->data_out, 0x88, 512);
	memset(first->data_out + 512, 0x99, 512);
	command_out(1024, CAW(8, 1));
	expect_good(1024);
	expect_op(0, STORE_READ, OWN, 8, 1);
	expect_op(1, STORE_WRITE, OWN, 8, 1);
	assert_int_equal(block_value(8), 0x99);
	assert_int_equal(block_value(9), 0);
}

static void compare_and_write_tells_where_it_differs(void **state)
{
	fill(8, 0x88);
	memset(first->data_out, 0x88, 512);
	memset(first->data_out + 512, 0, 512);
	first->data_out[0x1f2] = 1;
	command_out(2048, CAW(8, 2));
	expect_sense(SCSI_MISCOMPARE, 0x1d00);
	assert_memory_equal(first->task.sense, "\xf0\x00\x0e\x00\x00\x01\xf2\x0a", 8);
	assert_int_equal(block_value(8), 0x88);
	assert_int_equal(fake->ops, 1);
}

static void compare_and_write_limits(void **state)
{
	command(CAW(8, 0));
	expect_good(0);
	command_out(2048, CAW(0, 65));
	expect_bad_cdb(13, -1);
	command_out(1024, CAW(0xff, 2));
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
	command_out(1023, CAW(8, 1));
	assert_int_equal(first->task.outcome, SCSI_OVERRUN);
}

static void commands_wait_for_a_compare_and_write_of_their_blocks(void **state)
{
	memset(first->data_out, 0, 512);
	fake->hold = true;
	command_out(1024, CAW(8, 1));
	start(second, 1, CDB(0x28, 0, 0, 0, 0, 8, 0, 0, 1, 0), 0, 512);
	assert_int_equal(fake->ops, 1);
	assert_true(fake_complete_one(fake));	/* what the first read */
	assert_int_equal(second->woken, 0);
	assert_true(fake_complete_one(fake));	/* what it writes */
	expect_good(1024);
	resume(second);
	assert_true(fake_complete_one(fake));
	assert_int_equal(second->done, 1);
}

static void commands_of_other_blocks_do_not_wait(void **state)
{
	memset(first->data_out, 0, 512);
	fake->hold = true;
	command_out(1024, CAW(8, 1));
	start(second, 1, CDB(0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0), 0, 512);
	assert_int_equal(fake->ops, 2);
	fake_release(fake);
	expect_good(1024);
	assert_int_equal(second->done, 1);
}

static void a_compare_and_write_waits_for_those_before_it(void **state)
{
	fake->hold = true;
	start(second, 1, CDB(0x2a, 0, 0, 0, 0, 8, 0, 0, 1, 0), 512, 0);
	command_out(2048, CAW(7, 2));
	assert_int_equal(fake->ops, 1);
	assert_true(fake_complete_one(fake));
	assert_int_equal(second->done, 1);
	resume(first);
	assert_int_equal(fake->ops, 2);
	fake_release(fake);
	assert_int_equal(first->done, 1);
}

static void an_ordered_command_waits_for_all_before_it(void **state)
{
	fake->hold = true;
	start(second, 1, CDB(0x2a, 0, 0, 0, 0, 8, 0, 0, 1, 0), 512, 0);
	ordered = true;
	command_in(512, 0x28, 0, 0, 0, 0, 20, 0, 0, 1, 0);
	assert_int_equal(fake->ops, 1);
	assert_true(fake_complete_one(fake));
	resume(first);
	fake_release(fake);
	expect_good(512);
}

static void all_wait_for_an_ordered_command(void **state)
{
	fake->hold = true;
	ordered = true;
	command_in(512, 0x28, 0, 0, 0, 0, 20, 0, 0, 1, 0);
	ordered = false;
	start(second, 1, CDB(0x2a, 0, 0, 0, 0, 8, 0, 0, 1, 0), 512, 0);
	assert_int_equal(fake->ops, 1);
	assert_true(fake_complete_one(fake));
	expect_good(512);
	resume(second);
	fake_release(fake);
	assert_int_equal(second->done, 1);
}

#define UNMAP(length) 0x42, 0, 0, 0, 0, 0, 0, 0, length, 0

static void unmap_discards_each_extent(void **state)
{
	fill(2, 0x22);
	fill(13, 0x33);
	send(BYTES(0, 0x26, 0, 0x20, 0, 0, 0, 0,
		   0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0,
		   0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 10, 0, 0, 0, 0));
	command_out(40, UNMAP(40));
	expect_good(40);
	expect_op(0, STORE_DISCARD, 0, 2, 1);
	expect_op(1, STORE_DISCARD, 0, 4, 8);	/* as much as the store takes */
	expect_op(2, STORE_DISCARD, 0, 12, 2);
	assert_int_equal(fake->ops, 3);
	assert_int_equal(block_value(2), 0);
	assert_int_equal(block_value(13), 0);
}

static void unmap_of_nothing(void **state)
{
	command(UNMAP(0));
	expect_good(0);
	send(BYTES(0, 6, 0, 0, 0, 0, 0, 0));
	command_out(8, UNMAP(8));
	expect_good(8);
	/* A descriptor without blocks, and one that is cut off */
	send(BYTES(0, 0x26, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
		   0, 0, 0, 0, 0, 0, 0, 4));
	command_out(32, UNMAP(32));
	expect_good(32);
	assert_int_equal(fake->ops, 0);
}

static void unmap_errors(void **state)
{
	command_out(7, UNMAP(7));
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x1a00);
	command_out(24, 0x42, 1, 0, 0, 0, 0, 0, 0, 24, 0);	/* ANCHOR */
	expect_bad_cdb(1, 0);
	send(BYTES(0, 0x16, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 2, 0, 0, 0,
		   0));
	command_out(24, UNMAP(24));
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
	send(BYTES(0, 0x16, 0, 0x10, 0, 0, 0, 0,
		   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2, 0, 0, 0, 0));
	command_out(24, UNMAP(24));
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
	command_out(23, UNMAP(24));
	assert_int_equal(first->task.outcome, SCSI_OVERRUN);
	assert_int_equal(fake->ops, 0);
}

static void more_unmap_descriptors_than_told(void **state)
{
	uint8_t *list = first->data_out;
	const size_t bytes = 8 + 257 * 16;

	memset(list, 0, bytes);
	scsi_put16(list, (uint16_t)(bytes - 2));
	scsi_put16(list + 2, 257 * 16);
	command_on(0, CDB(0x42, 0, 0, 0, 0, 0, 0, 0x10, 0x18, 0), bytes, 0);
	expect_bad_list(2, -1);
}

static void make_thick(struct store_info *info)
{
	info->max_discard_bytes = 0;
}

static int setup_thick(void **state)
{
	return scsi_setup_with(make_thick);
}

static void a_thick_unit_knows_no_unmap(void **state)
{
	command(UNMAP(0));
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2000);
	command_out(512, 0x41, 0x08, 0, 0, 0, 0, 0, 0, 1, 0);
	expect_bad_cdb(1, 3);
}

static void write_same_of_zeroes(void **state)
{
	memset(first->data_out, 0, 512);
	command_out(512, 0x41, 0, 0, 0, 0, 3, 0, 0, 20, 0);
	expect_good(512);
	expect_op(0, STORE_WRITE_ZEROES, 0, 3, 16);
	expect_op(1, STORE_WRITE_ZEROES, 0, 19, 4);
}

static void write_same_with_unmap(void **state)
{
	memset(first->data_out, 0, 512);
	command_out(512, 0x93, 0x08, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0);
	expect_good(512);
	expect_op(0, STORE_WRITE_ZEROES, STORE_F_UNMAP, 3, 2);
}

static void write_same_without_data(void **state)
{
	fill(3, 3);
	command(0x93, 0x01, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0);
	expect_good(0);
	expect_op(0, STORE_WRITE_ZEROES, 0, 3, 1);
	assert_int_equal(block_value(3), 0);
}

static void write_same_of_a_pattern(void **state)
{
	memset(first->data_out, 0x5a, 512);
	/* Unmapped blocks would read as something else, so they are written. */
	command_out(512, 0x93, 0x08, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 100, 0, 0);
	expect_good(512);
	expect_op(0, STORE_WRITE, OWN, 10, 64);
	expect_op(1, STORE_WRITE, OWN, 74, 36);
	assert_int_equal(block_value(9), 0);
	assert_int_equal(block_value(10), 0x5a);
	assert_int_equal(block_value(109), 0x5a);
	assert_int_equal(block_value(110), 0);
}

static void write_same_errors(void **state)
{
	command_out(512, 0x41, 0, 0, 0, 0, 0, 0, 0, 0, 0);	/* no number: WSNZ */
	expect_bad_cdb(7, -1);
	command_out(512, 0x93, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);	/* ANCHOR */
	expect_bad_cdb(1, 4);
	command_out(512, 0x41, 0, 0, 0, 0, 0xff, 0, 0, 2, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
	for (unsigned int bytes = 511; bytes <= 513; bytes += 2) {
		command_out(bytes, 0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0);
		expect_sense(SCSI_ILLEGAL_REQUEST, 0x2400);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, scsi_setup, scsi_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(verify_reads_without_bytchk),
		T(verify_compares_with_bytchk_1),
		T(verify_compares_one_block_with_bytchk_3),
		T(bytchk_2_is_reserved),
		T(verify_beyond_the_end_and_of_nothing),
		T(verify_with_too_little_data_is_an_overrun),
		T(write_and_verify_writes_to_the_medium_and_reads),
		T(compare_and_write_writes_what_agrees),
		T(compare_and_write_tells_where_it_differs),
		T(compare_and_write_limits),
		T(commands_wait_for_a_compare_and_write_of_their_blocks),
		T(commands_of_other_blocks_do_not_wait),
		T(a_compare_and_write_waits_for_those_before_it),
		T(an_ordered_command_waits_for_all_before_it),
		T(all_wait_for_an_ordered_command),
		T(unmap_discards_each_extent),
		T(unmap_of_nothing),
		T(unmap_errors),
		T(more_unmap_descriptors_than_told),
		cmocka_unit_test_setup_teardown(a_thick_unit_knows_no_unmap, setup_thick,
						scsi_teardown),
		T(write_same_of_zeroes),
		T(write_same_with_unmap),
		T(write_same_without_data),
		T(write_same_of_a_pattern),
		T(write_same_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
