/* SPDX-License-Identifier: BSD-3-Clause */
/* How many file descriptors a request may carry. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "golden.h"

/* Exactly @least to @most descriptors pass, all other counts are refused by name. */
static void
check_range(enum vhu_space space, const struct vhu_msg *msg, unsigned int least,
	    unsigned int most)
{
	static const unsigned int counts[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 253, 0xffffffff };
	struct vhu_reason reason;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int ret = vhu_check_fds(space, msg, counts[i], &reason);

		if (counts[i] >= least && counts[i] <= most) {
			assert_int_equal(ret, 0);
			continue;
		}
		assert_int_equal(ret, -EBADMSG);
		assert_says(reason, vhu_message_name(space, msg->hdr.request));
		assert_says(reason, "file descriptors");
	}
}

static void
check_rows(enum vhu_fds fds, unsigned int least, unsigned int most)
{
	struct vhu_msg msg = { 0 };
	unsigned int rows = 0;

	for (size_t i = 0; i < golden_rows_count; i++) {
		if (golden_rows[i].fds != fds)
			continue;
		msg.hdr.request = golden_rows[i].id;
		check_range(golden_rows[i].space, &msg, least, most);
		rows++;
	}
	assert_true(rows > 0);
}

static void
messages_without_descriptors_refuse_any(void **state)
{
	check_rows(VHU_FDS_NONE, 0, 0);
}

static void
messages_with_one_descriptor_take_exactly_one(void **state)
{
	check_rows(VHU_FDS_ONE, 1, 1);
}

static void
rem_mem_reg_tolerates_one_descriptor(void **state)
{
	check_rows(VHU_FDS_TOLERATED, 0, 1);
}

static void
a_memory_table_takes_one_descriptor_per_region(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_MEM_TABLE, VHU_VERSION, 0 } };

	for (uint32_t n = 0; n <= VHU_MAX_TABLE_REGIONS; n++) {
		msg.hdr.size = 8 + 32 * n;
		msg.table.nregions = n;
		check_range(VHU_SPACE_FRONTEND, &msg, n, n);
	}
}

static void
kick_call_and_err_take_one_descriptor_unless_bit_8_says_none(void **state)
{
	struct vhu_msg msg = { 0 };
	unsigned int rows = 0;

	for (size_t i = 0; i < golden_rows_count; i++) {
		if (golden_rows[i].fds != VHU_FDS_UNLESS_NOFD)
			continue;
		msg.hdr.request = golden_rows[i].id;
		for (uint64_t index = 0; index < 256; index += 51) {
			msg.u64 = index;
			check_range(golden_rows[i].space, &msg, 1, 1);
			msg.u64 = index | VHU_VRING_NOFD;
			check_range(golden_rows[i].space, &msg, 0, 0);
		}
		rows++;
	}
	assert_int_equal(rows, 4);
}

static void
a_descriptor_with_the_nofd_bit_is_refused_with_the_value(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_VRING_CALL, VHU_VERSION, 8 }, .u64 = 0x103 };
	struct vhu_reason reason;

	assert_int_equal(vhu_check_fds(VHU_SPACE_FRONTEND, &msg, 1, &reason), -EBADMSG);
	assert_says(reason, "SET_VRING_CALL");
	assert_says(reason, "0x103");
}

static void
an_unknown_message_may_carry_nothing_not_even_none(void **state)
{
	struct vhu_msg msg = { .hdr = { 45, VHU_VERSION, 0 } };
	struct vhu_reason reason;

	assert_int_equal(vhu_check_fds(VHU_SPACE_FRONTEND, &msg, 0, &reason), -EBADMSG);
	assert_int_equal(vhu_check_fds(VHU_SPACE_FRONTEND, &msg, 1, &reason), -EBADMSG);
	assert_says(reason, "45");
	assert_int_equal(vhu_check_fds(VHU_SPACE_FRONTEND, &msg, 1, NULL), -EBADMSG);
}

static void
every_rule_is_exercised_above(void **state)
{
	/* No request has an optional descriptor that its payload does not announce. */
	for (size_t i = 0; i < golden_rows_count; i++)
		assert_int_not_equal(golden_rows[i].fds, VHU_FDS_OPTIONAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_without_descriptors_refuse_any),
		cmocka_unit_test(messages_with_one_descriptor_take_exactly_one),
		cmocka_unit_test(rem_mem_reg_tolerates_one_descriptor),
		cmocka_unit_test(a_memory_table_takes_one_descriptor_per_region),
		cmocka_unit_test(kick_call_and_err_take_one_descriptor_unless_bit_8_says_none),
		cmocka_unit_test(a_descriptor_with_the_nofd_bit_is_refused_with_the_value),
		cmocka_unit_test(an_unknown_message_may_carry_nothing_not_even_none),
		cmocka_unit_test(every_rule_is_exercised_above),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
