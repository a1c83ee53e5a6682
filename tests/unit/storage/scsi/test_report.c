/* SPDX-License-Identifier: BSD-3-Clause */
/* REPORT LUNS, REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS */
#include "fixture.h"

#define LUNS(select, length) 0xa0, 0, select, 0, 0, 0, 0, 0, 0, length, 0, 0

static void luns_by_number(void **state)
{
	command_in(64, LUNS(0, 64));
	expect_data(BYTES(0, 0, 0, 16, 0, 0, 0, 0,
			  0, 0, 0, 0, 0, 0, 0, 0,
			  0, 3, 0, 0, 0, 0, 0, 0));
	command_in(64, LUNS(0, 8));
	expect_data(BYTES(0, 0, 0, 16, 0, 0, 0, 0));
}

static void well_known_luns(void **state)
{
	command_in(64, LUNS(1, 64));
	expect_data(BYTES(0, 0, 0, 8, 0, 0, 0, 0, 0xc1, 0x01, 0, 0, 0, 0, 0, 0));
}

static void all_luns(void **state)
{
	command_in(64, LUNS(2, 64));
	expect_data(BYTES(0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			  0, 3, 0, 0, 0, 0, 0, 0, 0xc1, 0x01, 0, 0, 0, 0, 0, 0));
}

static void an_unknown_selection_of_luns(void **state)
{
	command_in(64, LUNS(3, 64));
	expect_bad_cdb(2, 7);
}

#define OPCODES(options, opcode, action) 0xa3, 0x0c, options, opcode, 0, action, 0, 0, 0x10, 0, 0, 0

static void one_operation_code(void **state)
{
	command_in(4096, OPCODES(1, 0x28, 0));
	expect_data(BYTES(0, 3, 0, 10, 0x28, 0x18, 0xff, 0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 0));
	command_in(4096, OPCODES(1, 0x93, 0));
	expect_data(BYTES(0, 3, 0, 16, 0x93, 0x09, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff, 0xff, 0x1f, 0));
}

static void an_operation_code_that_is_not_there(void **state)
{
	command_in(4096, OPCODES(1, 0xc7, 0));
	expect_data(BYTES(0, 1, 0, 0));
}

static void one_service_action(void **state)
{
	command_in(4096, OPCODES(2, 0x9e, 0x10));
	expect_data(BYTES(0, 3, 0, 16, 0x9e, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff, 0xff, 0x01, 0));
	command_in(4096, OPCODES(2, 0x9e, 0x11));
	expect_data(BYTES(0, 1, 0, 0));
	command_in(4096, OPCODES(3, 0x5f, 0x06));
	expect_data(BYTES(0, 3, 0, 10, 0x5f, 0x06, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff, 0));
	command_in(4096, OPCODES(3, 0x28, 0x06));
	expect_data(BYTES(0, 1, 0, 0));
}

static void options_that_do_not_go_with_the_operation_code(void **state)
{
	command_in(4096, OPCODES(1, 0x9e, 0));
	expect_bad_cdb(3, -1);
	command_in(4096, OPCODES(2, 0x28, 0));
	expect_bad_cdb(4, -1);
	command_in(4096, OPCODES(4, 0x28, 0));
	expect_bad_cdb(2, 2);
}

static void with_timeouts(void **state)
{
	command_in(4096, OPCODES(0x81, 0x00, 0));
	expect_data(BYTES(0, 0x83, 0, 6, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

/* Every command that is told of is known, with its length; none else is. */
static void all_operation_codes(void **state)
{
	static const uint8_t expected[] = {
		0x00, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x16, 0x17, 0x1a, 0x1b, 0x25, 0x28, 0x2a, 0x2e,
		0x2f, 0x34, 0x35, 0x41, 0x42, 0x55, 0x56, 0x57, 0x5a, 0x5e, 0x5f, 0x88, 0x89, 0x8a,
		0x8e, 0x8f, 0x90, 0x91, 0x93, 0x9e, 0xa0, 0xa3, 0xa8, 0xaa, 0xae, 0xaf,
	};
	bool seen[256] = { false };
	uint32_t length;
	unsigned int num = 0;

	command_in(4096, OPCODES(0, 0, 0));
	expect_status(SCSI_GOOD);
	length = scsi_get32(first->data_in);
	assert_int_equal(length % 8, 0);
	for (uint32_t i = 4; i < 4 + length; i += 8) {
		static const uint8_t by_group[8] = { 6, 10, 10, 0, 16, 12, 0, 0 };
		const uint8_t *at = first->data_in + i;

		seen[at[0]] = true;
		assert_int_equal(scsi_get16(at + 6), by_group[at[0] >> 5]);
		assert_int_equal(at[5], at[0] == 0x5e || at[0] == 0x5f || at[0] == 0x9e ||
				 at[0] == 0xa3);
	}
	for (unsigned int i = 0; i < 256; i++)
		num += seen[i];
	assert_int_equal(num, sizeof(expected));
	for (unsigned int i = 0; i < sizeof(expected); i++)
		assert_true(seen[expected[i]]);
}

static void task_management_functions(void **state)
{
	command_in(64, 0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0);
	expect_data(BYTES(0xdc, 0x03, 0, 0));
	command_in(64, 0xa3, 0x0d, 0x80, 0, 0, 0, 0, 0, 0, 64, 0, 0);
	expect_data(BYTES(0xdc, 0x03, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

#define T(f) cmocka_unit_test_setup_teardown(f, scsi_setup, scsi_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(luns_by_number),
		T(well_known_luns),
		T(all_luns),
		T(an_unknown_selection_of_luns),
		T(one_operation_code),
		T(an_operation_code_that_is_not_there),
		T(one_service_action),
		T(options_that_do_not_go_with_the_operation_code),
		T(with_timeouts),
		T(all_operation_codes),
		T(task_management_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
