/* SPDX-License-Identifier: BSD-3-Clause */
/* The message table against the specification's columns as golden.py has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "golden.h"

static void
every_row_says_what_the_specification_says(void **state)
{
	for (size_t i = 0; i < golden_rows_count; i++) {
		const struct golden_row *row = &golden_rows[i];
		const struct vhu_message_info *info = vhu_message_info(row->space, row->id);

		assert_non_null(info);
		assert_string_equal(info->name, row->name);
		assert_int_equal(info->id, row->id);
		if (info->fds != row->fds || info->reply_fds != row->reply_fds ||
		    info->rule != row->rule || info->gate != row->gate)
			fail_msg("%s: fds %d/%d, reply fds %d/%d, rule %d/%d, gate %d/%d",
				 row->name, info->fds, row->fds, info->reply_fds, row->reply_fds,
				 info->rule, row->rule, info->gate, row->gate);
	}
}

static void
the_two_spaces_have_44_and_10_messages_and_no_other(void **state)
{
	for (uint32_t id = 0; id < 1024; id++) {
		assert_int_equal(vhu_message_info(VHU_SPACE_FRONTEND, id) != NULL,
				 id >= 1 && id <= 44);
		assert_int_equal(vhu_message_info(VHU_SPACE_BACKEND, id) != NULL,
				 id >= 1 && id <= 10);
	}
	assert_null(vhu_message_info(VHU_SPACE_FRONTEND, 0xffffffff));
	assert_null(vhu_message_info(VHU_SPACE_BACKEND, 0xffffffff));
}

static void
an_id_is_looked_up_in_its_own_space(void **state)
{
	assert_string_equal(vhu_message_name(VHU_SPACE_FRONTEND, 2), "SET_FEATURES");
	assert_string_equal(vhu_message_name(VHU_SPACE_BACKEND, 2), "BACKEND_CONFIG_CHANGE_MSG");
}

static void
an_unknown_id_has_a_name_all_the_same(void **state)
{
	assert_string_equal(vhu_message_name(VHU_SPACE_FRONTEND, 0), "unknown");
	assert_string_equal(vhu_message_name(VHU_SPACE_BACKEND, 0xffffffff), "unknown");
}

static void
every_protocol_feature_has_its_bit_and_policy(void **state)
{
	uint64_t passed = 0;

	for (size_t i = 0; i < golden_features_count; i++) {
		const struct golden_feature *g = &golden_features[i];
		const struct vhu_protocol_feature_info *info = vhu_protocol_feature_info(g->bit);

		assert_non_null(info);
		assert_int_equal(info->bit, g->bit);
		assert_string_equal(info->name, g->name);
		assert_int_equal(info->pass, g->pass);
		assert_true(strlen(info->why) > 0);
		if (g->pass)
			passed |= 1ull << g->bit;
	}
	assert_int_equal(vhu_protocol_features_passed(), passed);
	assert_int_equal(passed, 0x31b23f);
}

static void
protocol_feature_bits_above_22_have_no_row(void **state)
{
	for (unsigned int bit = 23; bit < 200; bit++)
		assert_null(vhu_protocol_feature_info(bit));
	assert_null(vhu_protocol_feature_info(0xffffffff));
}

/* A feature that is masked must not leave a message behind that the device would relay. */
static void
messages_of_masked_features_are_refused_and_no_others(void **state)
{
	for (size_t i = 0; i < golden_rows_count; i++) {
		const struct vhu_message_info *info =
			vhu_message_info(golden_rows[i].space, golden_rows[i].id);
		const struct vhu_protocol_feature_info *feature =
			vhu_protocol_feature_info(info->gate);

		if (feature != NULL)
			assert_int_equal(info->action == VHU_DO_REFUSE, !feature->pass);
		else if (strcmp(info->name, "GPU_SET_SOCKET") == 0)
			assert_int_equal(info->action, VHU_DO_REFUSE);
		else
			assert_int_not_equal(info->action, VHU_DO_REFUSE);
	}
}

/* Descriptors mean a resource, and the device must know which before it lets one in. */
static void
a_message_with_descriptors_is_never_merely_relayed(void **state)
{
	for (size_t i = 0; i < golden_rows_count; i++) {
		const struct vhu_message_info *info =
			vhu_message_info(golden_rows[i].space, golden_rows[i].id);

		if (info->fds != VHU_FDS_NONE || info->reply_fds != VHU_FDS_NONE)
			assert_int_not_equal(info->action, VHU_DO_RELAY);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_says_what_the_specification_says),
		cmocka_unit_test(the_two_spaces_have_44_and_10_messages_and_no_other),
		cmocka_unit_test(an_id_is_looked_up_in_its_own_space),
		cmocka_unit_test(an_unknown_id_has_a_name_all_the_same),
		cmocka_unit_test(every_protocol_feature_has_its_bit_and_policy),
		cmocka_unit_test(protocol_feature_bits_above_22_have_no_row),
		cmocka_unit_test(messages_of_masked_features_are_refused_and_no_others),
		cmocka_unit_test(a_message_with_descriptors_is_never_merely_relayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
