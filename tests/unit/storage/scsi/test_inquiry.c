/* SPDX-License-Identifier: BSD-3-Clause */
/* INQUIRY: standard data and vital product data, byte by byte */
#include <errno.h>

#include "fixture.h"

static void standard_data(void **state)
{
	uint8_t expected[96] = {
		0x00, 0x00, 0x06, 0x12, 0x5b, 0x00, 0x00, 0x02,
		'V', 'H', 'O', 'S', 'T', ' ', ' ', ' ',
		'D', 'I', 'S', 'K', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ',
		'1', ' ', ' ', ' ',
	};

	memcpy(expected + 58, "\x00\xa0\x04\x60\x04\xc0", 6);
	command_in(255, 0x12, 0, 0, 0, 255, 0);
	expect_data(expected, sizeof(expected));
}

static void allocation_length_truncates(void **state)
{
	command_in(255, 0x12, 0, 0, 0, 5, 0);
	expect_data(BYTES(0x00, 0x00, 0x06, 0x12, 0x5b));
	command_in(255, 0x12, 0, 0, 0, 0, 0);
	expect_good(0);
}

static void more_data_than_buffers_is_an_overrun(void **state)
{
	command_in(36, 0x12, 0, 0, 0, 96, 0);
	assert_int_equal(first->done, 1);
	assert_int_equal(first->task.outcome, SCSI_OVERRUN);
	assert_int_equal(first->task.transferred, 0);
}

static void page_code_without_evpd(void **state)
{
	command_in(255, 0x12, 0, 0x80, 0, 255, 0);
	expect_bad_cdb(2, 7);
}

static void unknown_page(void **state)
{
	command_in(255, 0x12, 1, 0xc5, 0, 255, 0);
	expect_bad_cdb(2, 7);
}

static void obsolete_cmddt(void **state)
{
	command_in(255, 0x12, 2, 0, 0, 255, 0);
	expect_bad_cdb(1, 1);
}

static void supported_pages(void **state)
{
	command_in(255, 0x12, 1, 0x00, 0, 255, 0);
	expect_data(BYTES(0x00, 0x00, 0x00, 0x06, 0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2));
}

static void unit_serial_number(void **state)
{
	command_in(255, 0x12, 1, 0x80, 0, 255, 0);
	expect_data(BYTES(0x00, 0x80, 0x00, 0x04, 'S', '1', '2', '3'));
}

/* FNV-1a of "S123" is 0x93b6cd23d50df6d6 (computed apart), shifted into 60 bits. */
static void device_identification(void **state)
{
	command_in(255, 0x12, 1, 0x83, 0, 255, 0);
	expect_data(BYTES(0x00, 0x83, 0x00, 0x1c,
			  0x01, 0x03, 0x00, 0x08,
			  0x39, 0x3b, 0x6c, 0xd2, 0x3d, 0x50, 0xdf, 0x6d,
			  0x02, 0x01, 0x00, 0x0c, 'V', 'H', 'O', 'S', 'T', ' ', ' ', ' ',
			  'S', '1', '2', '3'));
}

static void block_limits(void **state)
{
	command_in(255, 0x12, 1, 0xb0, 0, 255, 0);
	expect_data(BYTES(0x00, 0xb0, 0x00, 0x3c, 0x01, /* WSNZ */
			  0x40, /* COMPARE AND WRITE: 64 blocks, what the store transfers */
			  0x00, 0x00, 0x00, 0x00, 0x00, 0x40, /* maximum transfer */
			  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00,
			  0x00, /* unmap: 512 MiB */
			  0x00, 0x00, 0x01, 0x00, /* descriptors */
			  0x00, 0x00, 0x00, 0x01, /* granularity */
			  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10,
			  0x00, /* write same: 2 MiB */
			  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

static void characteristics_of_a_disk_that_does_not_rotate(void **state)
{
	command_in(255, 0x12, 1, 0xb1, 0, 6, 0);
	expect_data(BYTES(0x00, 0xb1, 0x00, 0x3c, 0x00, 0x01));
}

static void thin_provisioning(void **state)
{
	command_in(255, 0x12, 1, 0xb2, 0, 255, 0);
	expect_data(BYTES(0x00, 0xb2, 0x00, 0x04, 0x00, 0xe4, 0x02, 0x00));
}

static void make_thick(struct store_info *info)
{
	info->max_discard_bytes = 0;
	info->rotational = true;
	info->optimal_bytes = 4096;
}

static int setup_thick(void **state)
{
	return scsi_setup_with(make_thick);
}

static void thick_provisioning(void **state)
{
	command_in(255, 0x12, 1, 0xb2, 0, 255, 0);
	expect_data(BYTES(0x00, 0xb2, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00));
}

static void thick_block_limits(void **state)
{
	command_in(255, 0x12, 1, 0xb0, 0, 32, 0);
	expect_data(BYTES(0x00, 0xb0, 0x00, 0x3c, 0x01, 0x40, 0x00, 0x08, 0, 0, 0, 0x40,
			  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

static void rotating_disk(void **state)
{
	command_in(255, 0x12, 1, 0xb1, 0, 6, 0);
	expect_data(BYTES(0x00, 0xb1, 0x00, 0x3c, 0x00, 0x00));
}

static void no_logical_unit(void **state)
{
	command_on(PATHS, CDB(0x12, 0, 0, 0, 5, 0), 0, 255);
	expect_data(BYTES(0x7f, 0x00, 0x06, 0x12, 0x5b));
}

static void a_serial_that_is_too_long_is_refused(void **state)
{
	struct scsi_lu_config config = {
		.store = &fake->store, .serial = "0123456789012345678901234567890123456"
	};
	struct vhu_reason reason;
	struct scsi_lu *other;

	assert_int_equal(scsi_lu_create(&config, &other, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "serial"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, scsi_setup, scsi_teardown)
#define THICK(f) cmocka_unit_test_setup_teardown(f, setup_thick, scsi_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(standard_data),
		T(allocation_length_truncates),
		T(more_data_than_buffers_is_an_overrun),
		T(page_code_without_evpd),
		T(unknown_page),
		T(obsolete_cmddt),
		T(supported_pages),
		T(unit_serial_number),
		T(device_identification),
		T(block_limits),
		T(characteristics_of_a_disk_that_does_not_rotate),
		T(thin_provisioning),
		THICK(thick_provisioning),
		THICK(thick_block_limits),
		THICK(rotating_disk),
		T(no_logical_unit),
		T(a_serial_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
