/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptions of stores: what is understood, and what is said about the rest. */
#include <stdio.h>

#include "fixture.h"

static void sizes_take_units_of_1024(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {
		{ "null:4096", 4096 },
		{ "null:16K", 16384 },
		{ "null:3M", 3145728 },
		{ "null:2G", 2147483648ull },
		{ "null:5T", 5497558138880ull },
		{ "{\"type\": \"null\", \"size\": 1048576}", 1048576 },
		{ "{\"type\": \"null\", \"size\": \"1M\"}", 1048576 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct store *store = open_store("%s", sizes[i].text);

		assert_int_equal(store_size(store), sizes[i].bytes);
		store_close(store);
	}
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const wrong[] = { "", "M", "-1M", " 1M", "1 M", "1m", "1KK", "1.5G",
					     "0x1000", "99999999999999999999", "17179869184G" };
	char text[64];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "null:%s", wrong[i]);
		open_fails(text, -EINVAL, "null|\"size\"|not a size");
	}
}

static void a_size_that_is_not_whole_blocks_is_refused(void **state)
{
	open_fails("ram:1000", -EINVAL, "ram|1000");
	open_fails("null:1000", -EINVAL, "null|1000");
	open_fails("ram:0", -EINVAL, "ram|\"size\"|512");
	open_fails("{\"type\": \"ram\", \"size\": 5120, \"block_bytes\": 4096}", -EINVAL,
		   "5120|4096");
	open_fails("{\"type\": \"ram\", \"size\": 6000, \"block_bytes\": 600}", -EINVAL,
		   "6000|600");
}

static void an_unknown_key_is_named(void **state)
{
	open_fails("{\"type\": \"ram\", \"size\": 4096, \"extent\": 1}", -EINVAL, "ram|\"extent\"");
	/* A key of another kind is as unknown. */
	open_fails("{\"type\": \"ram\", \"size\": 4096, \"path\": \"/x\"}", -EINVAL,
		   "ram|\"path\"");
}

static void a_missing_key_is_named(void **state)
{
	open_fails("{\"type\": \"ram\"}", -EINVAL, "ram|\"size\"|missing");
}

static void a_wrong_type_is_named_with_its_value(void **state)
{
	open_fails("{\"type\": \"ram\", \"size\": true}", -EINVAL, "ram|\"size\"|true|a size");
	open_fails("{\"type\": \"ram\", \"size\": -4096}", -EINVAL, "ram|\"size\"|-4096");
	open_fails("{\"type\": \"ram\", \"size\": 1.5}", -EINVAL, "ram|\"size\"|1.5");
	open_fails("{\"type\": \"ram\", \"size\": 4096, \"read_only\": 1}", -EINVAL,
		   "ram|\"read_only\"|1|true or false");
	open_fails("{\"type\": \"ram\", \"size\": 4096, \"block_bytes\": \"512\"}", -EINVAL,
		   "ram|\"block_bytes\"|\"512\"|a whole number");
	open_fails("{\"type\": \"ram\", \"size\": 4096, \"block_bytes\": 256}", -EINVAL,
		   "ram|\"block_bytes\"|256|512 to 65536");
}

static void a_type_that_there_is_not_is_named(void **state)
{
	open_fails("{\"type\": \"rum\", \"size\": 4096}", -EINVAL, "\"rum\"");
	open_fails("{\"size\": 4096}", -EINVAL, "\"type\"");
	open_fails("{\"type\": 7}", -EINVAL, "\"type\"");
}

static void a_text_that_is_no_store_is_refused(void **state)
{
	open_fails("", -EINVAL, "is no store");
	open_fails("/dev/sda", -EINVAL, "/dev/sda|file:PATH");
	open_fails("ram", -EINVAL, "ram:SIZE");
	open_fails("{", -EINVAL, "not JSON");
	open_fails("{\"type\": \"ram\", \"size\": 4096} x", -EINVAL, "not JSON");
	open_fails("{\"type\": \"ram\", \"size\": 4096, \"size\": 8192}", -EINVAL, "not JSON");
}

static void a_description_that_is_no_object_is_refused(void **state)
{
	struct vhu_reason reason = { "" };
	json_t *array = json_array();
	struct store *store;

	assert_int_equal(store_open(array, &store, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "not an object"));
	json_decref(array);
}

static void a_text_can_be_opened_for_reading_only(void **state)
{
	struct vhu_reason reason;
	struct store *store;

	assert_int_equal(store_open_text("ram:4096", true, &store, &reason), 0);
	assert_true(store->info.read_only);
	store_close(store);
	/* What the description says does not make it writable. */
	assert_int_equal(
		store_open_text("{\"type\": \"ram\", \"size\": 4096, \"read_only\": false}", true,
				&store, &reason),
		0);
	assert_true(store->info.read_only);
	store_close(store);
	store = open_store("{\"type\": \"ram\", \"size\": 4096, \"read_only\": true}");
	assert_true(store->info.read_only);
	store_close(store);
}

static void a_reason_is_not_needed(void **state)
{
	struct store *store;

	assert_int_equal(store_open_text("ram:1", false, &store, NULL), -EINVAL);
	assert_int_equal(store_open_text("?", false, &store, NULL), -EINVAL);
	store_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_take_units_of_1024),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(a_size_that_is_not_whole_blocks_is_refused),
		cmocka_unit_test(an_unknown_key_is_named),
		cmocka_unit_test(a_missing_key_is_named),
		cmocka_unit_test(a_wrong_type_is_named_with_its_value),
		cmocka_unit_test(a_type_that_there_is_not_is_named),
		cmocka_unit_test(a_text_that_is_no_store_is_refused),
		cmocka_unit_test(a_description_that_is_no_object_is_refused),
		cmocka_unit_test(a_text_can_be_opened_for_reading_only),
		cmocka_unit_test(a_reason_is_not_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
