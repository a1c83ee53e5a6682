/* SPDX-License-Identifier: BSD-3-Clause */
/* The unit as a whole: ready or not, sense, unit attentions, capacity, cache, mode pages */
#include <errno.h>

#include "fixture.h"

static void test_unit_ready(void **state)
{
	command(0, 0, 0, 0, 0, 0);
	expect_good(0);
}

static void a_reserved_bit_is_pointed_at(void **state)
{
	command(0, 0, 0, 0x10, 0, 0);
	expect_bad_cdb(3, 4);
}

static void a_stopped_unit_is_not_ready_until_it_is_started(void **state)
{
	command(0x1b, 0, 0, 0, 0, 0);
	expect_good(0);
	expect_op(0, STORE_FLUSH, 0, 0, 0);
	command(0, 0, 0, 0, 0, 0);
	expect_sense(SCSI_NOT_READY, 0x0402);
	command_in(512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	expect_sense(SCSI_NOT_READY, 0x0402);
	command_in(18, 0x03, 0, 0, 0, 18, 0);
	expect_data(BYTES(0x70, 0, 0x02, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0x04, 0x02, 0, 0, 0, 0));
	command(0x1b, 0, 0, 0, 1, 0);
	expect_good(0);
	command(0, 0, 0, 0, 0, 0);
	expect_good(0);
}

static void start_stop_refuses_eject_and_power_conditions(void **state)
{
	command(0x1b, 0, 0, 0, 2, 0);
	expect_bad_cdb(4, 1);
	command(0x1b, 0, 0, 0, 0x31, 0);
	expect_bad_cdb(4, 7);
}

static void request_sense_in_both_formats(void **state)
{
	command_in(252, 0x03, 0, 0, 0, 252, 0);
	expect_data(BYTES(0x70, 0, 0, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	command_in(252, 0x03, 1, 0, 0, 252, 0);
	expect_data(BYTES(0x72, 0, 0, 0, 0, 0, 0, 0));
	command_in(252, 0x03, 1, 0, 0, 3, 0);
	expect_data(BYTES(0x72, 0, 0));
}

static void request_sense_takes_a_unit_attention(void **state)
{
	scsi_ua_set(paths[0], SCSI_UA_CAPACITY_CHANGED);
	command_in(252, 0x03, 1, 0, 0, 252, 0);
	expect_data(BYTES(0x72, 0x06, 0x2a, 0x09, 0, 0, 0, 0));
	command(0, 0, 0, 0, 0, 0);
	expect_good(0);
}

static void power_on_is_told_first_and_once(void **state)
{
	struct scsi_path *path;

	assert_int_equal(scsi_path_add(lu, "four", &path), 0);
	scsi_path_remove(paths[0]);
	paths[0] = path;
	command(0, 0, 0, 0, 0, 0);
	expect_sense(SCSI_UNIT_ATTENTION, 0x2900);
	command(0, 0, 0, 0, 0, 0);
	expect_good(0);
}

static void unit_attentions_have_an_order(void **state)
{
	static const enum scsi_asc order[] = {
		0x2900, 0x2903, 0x2907, 0x2a03, 0x2a04, 0x2a05, 0x2f00, 0x2a01, 0x2a09, 0x3f0e,
	};

	for (int ua = SCSI_NUM_UA - 1; ua >= 0; ua--)
		scsi_ua_set(paths[0], (enum scsi_ua)ua);
	for (unsigned int i = 0; i < 10; i++) {
		command(0, 0, 0, 0, 0, 0);
		expect_sense(SCSI_UNIT_ATTENTION, order[i]);
	}
	command(0, 0, 0, 0, 0, 0);
	expect_good(0);
}

static void inquiry_and_report_luns_leave_a_unit_attention(void **state)
{
	scsi_ua_set(paths[0], SCSI_UA_RESET);
	command_in(96, 0x12, 0, 0, 0, 96, 0);
	expect_good(96);
	command_in(64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0);
	expect_good(24);
	command(0, 0, 0, 0, 0, 0);
	expect_sense(SCSI_UNIT_ATTENTION, 0x2903);
}

static void report_luns_clears_that_they_changed(void **state)
{
	scsi_ua_set(paths[0], SCSI_UA_LUNS_CHANGED);
	command_in(64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0);
	expect_good(24);
	command(0, 0, 0, 0, 0, 0);
	expect_good(0);
}

static void a_unit_attention_comes_before_a_wrong_cdb(void **state)
{
	scsi_ua_set(paths[0], SCSI_UA_RESET);
	command(0xc1, 0, 0, 0, 0, 0);
	expect_sense(SCSI_UNIT_ATTENTION, 0x2903);
	command(0xc1, 0, 0, 0, 0, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2000);
}

static void no_logical_unit(void **state)
{
	command_on(PATHS, CDB(0, 0, 0, 0, 0, 0), 0, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2500);
	command_on(PATHS, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), 0, 512);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2500);
	command_on(PATHS, CDB(3, 1, 0, 0, 252, 0), 0, 252);
	expect_data(BYTES(0x72, 0x05, 0x25, 0x00, 0, 0, 0, 0));
	command_on(PATHS, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0), 0, 16);
	expect_data(BYTES(0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

static void read_capacity_10(void **state)
{
	command_in(8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_data(BYTES(0, 0, 0, 0xff, 0, 0, 2, 0));
	command_in(8, 0x25, 0, 0, 0, 0, 1, 0, 0, 0, 0);
	expect_bad_cdb(2, -1);
	lu->blocks = 1ull << 32;
	command_in(8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_data(BYTES(0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0));
}

static void read_capacity_16(void **state)
{
	lu->info.physical_bytes = 4096;
	command_in(32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
	expect_data(BYTES(0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 2, 0, 0, 3, 0xc0, 0, 0, 0, 0, 0,
			  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	command_in(32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0);
	expect_data(BYTES(0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 2, 0));
	command_in(32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 12, 0, 0);
	expect_bad_cdb(2, -1);
}

static void get_lba_status(void **state)
{
	command_in(24, 0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 24, 0, 0);
	expect_data(BYTES(0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0xf0,
			  0, 0, 0, 0));
	command_in(24, 0x9e, 0x12, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 24, 0, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
}

static void a_new_size_is_told_to_all(void **state)
{
	fake->store.info.size_bytes = 100 * BLOCK;
	scsi_lu_resized(lu);
	for (unsigned int i = 0; i < PATHS; i++) {
		command_by(i, 0, 0, 0, 0, 0, 0);
		expect_sense(SCSI_UNIT_ATTENTION, 0x2a09);
	}
	command_in(8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_data(BYTES(0, 0, 0, 99, 0, 0, 2, 0));
	command_in(512, 0x28, 0, 0, 0, 0, 100, 0, 0, 1, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
}

static void synchronize_cache(void **state)
{
	command(0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_good(0);
	expect_op(0, STORE_FLUSH, 0, 0, 0);
	command(0x91, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 1, 0, 0);
	expect_good(0);
	expect_op(1, STORE_FLUSH, 0, 0, 0);
	command(0x35, 0, 0, 0, 0, 0xff, 0, 0, 2, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
	fake->fail[STORE_FLUSH] = -EIO;
	command(0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_sense(SCSI_MEDIUM_ERROR, 0x0c00);
}

static void pre_fetch(void **state)
{
	command(0x34, 0, 0, 0, 0, 0, 0, 0, 8, 0);
	expect_good(0);
	command(0x90, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2100);
}

#define CACHING 0x08, 0x12, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define CONTROL 0x0a, 0x0a, 0x02, 0x10, 0, 0, 0, 0, 0, 0, 0, 0
#define EXCEPTIONS 0x1c, 0x0a, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0

static void mode_sense_6_of_all_pages(void **state)
{
	command_in(255, 0x1a, 0, 0x3f, 0, 255, 0);
	expect_data(BYTES(0x37, 0, 0x10, 8, 0, 0, 1, 0, 0, 0, 2, 0, CACHING, CONTROL, EXCEPTIONS));
	command_in(255, 0x1a, 8, 0x3f, 0xff, 255, 0);
	expect_data(BYTES(0x2f, 0, 0x10, 0, CACHING, CONTROL, EXCEPTIONS));
}

static void mode_sense_10_with_long_addresses(void **state)
{
	command_in(255, 0x5a, 0x10, 0x0a, 0, 0, 0, 0, 0, 255, 0);
	expect_data(BYTES(0, 0x22, 0, 0x10, 1, 0, 0, 16, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0,
			  0, 0, 2, 0, CONTROL));
	command_in(255, 0x5a, 0x08, 0x1c, 0, 0, 0, 0, 0, 9, 0);
	expect_data(BYTES(0, 0x12, 0, 0x10, 0, 0, 0, 0, 0x1c));
}

static void mode_sense_of_what_can_be_changed(void **state)
{
	command_in(255, 0x1a, 8, 0x48, 0, 255, 0);
	expect_data(BYTES(0x17, 0, 0x10, 0, CACHING));
	command_in(255, 0x1a, 8, 0x4a, 0, 255, 0);
	expect_data(BYTES(0x0f, 0, 0x10, 0, 0x0a, 0x0a, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	command_in(255, 0x1a, 8, 0x5c, 0, 255, 0);
	expect_data(BYTES(0x0f, 0, 0x10, 0, 0x1c, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

static void mode_sense_errors(void **state)
{
	command_in(255, 0x1a, 0, 0xc8, 0, 255, 0);	/* saved */
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x3900);
	command_in(255, 0x1a, 0, 0x01, 0, 255, 0);
	expect_bad_cdb(2, 5);
	command_in(255, 0x1a, 0, 0x0a, 0x01, 255, 0);
	expect_bad_cdb(3, 7);
}

static void write_protection_is_a_mode_bit(void **state)
{
	lu->info.read_only = true;
	command_in(4, 0x1a, 8, 0x3f, 0, 4, 0);
	expect_data(BYTES(0x2f, 0, 0x90, 0));
}

static void mode_select_switches_the_write_cache(void **state)
{
	send(BYTES(0, 0, 0, 0, 0x08, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	command_out(24, 0x15, 0x10, 0, 0, 24, 0);
	expect_good(24);
	/* What it had is on the medium before it is off. */
	expect_op(0, STORE_FLUSH, 0, 0, 0);
	command_in(7, 0x1a, 8, 0x08, 0, 7, 0);
	expect_data(BYTES(0x17, 0, 0x10, 0, 0x08, 0x12, 0));
	/* The default is as it was. */
	command_in(7, 0x1a, 8, 0x88, 0, 7, 0);
	expect_data(BYTES(0x17, 0, 0x10, 0, 0x08, 0x12, 4));
	/* Others are told, whoever did it is not. */
	command_by(1, 0, 0, 0, 0, 0, 0);
	expect_sense(SCSI_UNIT_ATTENTION, 0x2a01);
	command(0, 0, 0, 0, 0, 0);
	expect_good(0);
}

static void mode_select_chooses_the_format_of_sense(void **state)
{
	send(BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0x0a, 0x06, 0x10, 0, 0, 0, 0, 0, 0, 0, 0));
	command_out(20, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 20, 0);
	expect_good(20);
	command(0, 0, 0, 0x10, 0, 0);
	expect_status(SCSI_CHECK_CONDITION);
	assert_int_equal(first->task.sense_bytes, 16);
	assert_memory_equal(first->task.sense,
			    "\x72\x05\x24\x00\x00\x00\x00\x08\x02\x06\x00\x00\xcc\x00\x03\x00", 16);
}

static void mode_select_with_a_block_descriptor(void **state)
{
	send(BYTES(0, 0, 0, 8, 0, 0, 1, 0, 0, 0, 2, 0, CONTROL));
	command_out(24, 0x15, 0x10, 0, 0, 24, 0);
	expect_good(24);
	send(BYTES(0, 0, 0, 8, 0, 0, 1, 0, 0, 0, 4, 0, CONTROL));
	command_out(24, 0x15, 0x10, 0, 0, 24, 0);
	expect_bad_list(4, -1);
	send(BYTES(0, 0, 0, 16));
	command_out(4, 0x15, 0x10, 0, 0, 4, 0);
	expect_bad_list(3, -1);
}

static void mode_select_refuses_what_cannot_be_changed(void **state)
{
	/* SWP, in byte 4 of the page behind a header of 4 bytes */
	send(BYTES(0, 0, 0, 0, 0x0a, 0x0a, 0x02, 0x10, 0x08, 0, 0, 0, 0, 0, 0, 0));
	command_out(16, 0x15, 0x10, 0, 0, 16, 0);
	expect_bad_list(8, 3);
	/* A page that is not there, a length that is not the page's */
	send(BYTES(0, 0, 0, 0, 0x01, 0x0a));
	command_out(6, 0x15, 0x10, 0, 0, 6, 0);
	expect_bad_list(4, 6);
	send(BYTES(0, 0, 0, 0, 0x0a, 0x0b, 0x02, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	command_out(17, 0x15, 0x10, 0, 0, 17, 0);
	expect_bad_list(5, 7);
}

static void mode_select_is_all_or_nothing(void **state)
{
	send(BYTES(0, 0, 0, 0, 0x08, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		   0x1f, 0));
	command_out(26, 0x15, 0x10, 0, 0, 26, 0);
	expect_bad_list(24, 6);
	assert_true(lu->mode.wce);
}

static void mode_select_errors(void **state)
{
	command_out(24, 0x15, 0, 0, 0, 24, 0);		/* PF=0 */
	expect_bad_cdb(1, 4);
	command_out(24, 0x15, 0x11, 0, 0, 24, 0);	/* SP */
	expect_bad_cdb(1, 0);
	command(0x15, 0x10, 0, 0, 0, 0);
	expect_good(0);
	command_out(3, 0x15, 0x10, 0, 0, 3, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x1a00);
	send(BYTES(0, 0, 0, 0, 0x0a, 0x0a, 0x02, 0x10));
	command_out(8, 0x15, 0x10, 0, 0, 8, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x1a00);
	command_out(8, 0x15, 0x10, 0, 0, 24, 0);
	assert_int_equal(first->task.outcome, SCSI_OVERRUN);
}

static void a_store_without_cache_has_none_to_switch(void **state)
{
	lu->info.volatile_cache = false;
	lu->mode.wce = false;
	command_in(7, 0x1a, 8, 0x48, 0, 7, 0);
	expect_data(BYTES(0x17, 0, 0x10, 0, 0x08, 0x12, 0));
	send(BYTES(0, 0, 0, 0, CACHING));
	command_out(24, 0x15, 0x10, 0, 0, 24, 0);
	expect_bad_list(6, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, scsi_setup, scsi_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_unit_ready),
		T(a_reserved_bit_is_pointed_at),
		T(a_stopped_unit_is_not_ready_until_it_is_started),
		T(start_stop_refuses_eject_and_power_conditions),
		T(request_sense_in_both_formats),
		T(request_sense_takes_a_unit_attention),
		T(power_on_is_told_first_and_once),
		T(unit_attentions_have_an_order),
		T(inquiry_and_report_luns_leave_a_unit_attention),
		T(report_luns_clears_that_they_changed),
		T(a_unit_attention_comes_before_a_wrong_cdb),
		T(no_logical_unit),
		T(read_capacity_10),
		T(read_capacity_16),
		T(get_lba_status),
		T(a_new_size_is_told_to_all),
		T(synchronize_cache),
		T(pre_fetch),
		T(mode_sense_6_of_all_pages),
		T(mode_sense_10_with_long_addresses),
		T(mode_sense_of_what_can_be_changed),
		T(mode_sense_errors),
		T(write_protection_is_a_mode_bit),
		T(mode_select_switches_the_write_cache),
		T(mode_select_chooses_the_format_of_sense),
		T(mode_select_with_a_block_descriptor),
		T(mode_select_refuses_what_cannot_be_changed),
		T(mode_select_is_all_or_nothing),
		T(mode_select_errors),
		T(a_store_without_cache_has_none_to_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
