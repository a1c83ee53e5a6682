/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a JSON text ends in a stream. */
#include "test.h"

#include "storage/service/rpc_frame.h"

/* Texts found in @stream when it arrives in pieces of @piece bytes, joined by '|'. */
static void texts(const char *stream, size_t piece, char *out, int *last)
{
	struct rpc_frame frame = { .scanned = 0 };
	size_t start = 0, end = 0, total = strlen(stream);

	out[0] = '\0';
	*last = 0;
	while (end < total) {
		end = end + piece < total ? end + piece : total;
		while ((*last = rpc_frame_scan(&frame, stream + start, end - start)) > 0) {
			strncat(out, stream + start + frame.start, frame.scanned - frame.start);
			strcat(out, "|");
			start += frame.scanned;
			frame = (struct rpc_frame){ .scanned = 0 };
		}
		if (*last < 0)
			return;
	}
}

static void assert_texts(const char *stream, const char *expected)
{
	char out[512];
	int last;

	for (size_t piece = 1; piece <= strlen(stream); piece++) {
		texts(stream, piece, out, &last);
		assert_string_equal(out, expected);
		assert_int_equal(last, 0);
	}
}

static void objects_follow_each_other_with_and_without_white_space(void **state)
{
	assert_texts("{}{}", "{}|{}|");
	assert_texts(" {\"a\":1}\r\n\t[2]\n", "{\"a\":1}|[2]|");
	assert_texts("[[{}],{\"b\":[]}]{", "[[{}],{\"b\":[]}]|");
}

static void brackets_in_strings_are_text(void **state)
{
	assert_texts("{\"}{\":\"[\"}{}", "{\"}{\":\"[\"}|{}|");
	assert_texts("{\"a\":\"\\\"}\"}", "{\"a\":\"\\\"}\"}|");
	assert_texts("{\"a\":\"\\\\\"}{}", "{\"a\":\"\\\\\"}|{}|");
}

static void what_is_no_object_is_found(void **state)
{
	static const char *const streams[] = { "x", "1", "\"{}\"", "}", "]", "{}x", "null" };
	char out[512];
	int last;

	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		texts(streams[i], 1, out, &last);
		assert_int_equal(last, -EBADMSG);
	}
}

static void each_byte_is_looked_at_once(void **state)
{
	struct rpc_frame frame = { .scanned = 0 };
	char buf[64];

	memset(buf, '[', sizeof(buf));
	assert_int_equal(rpc_frame_scan(&frame, buf, 10), 0);
	assert_int_equal(frame.scanned, 10);
	/* What was seen is not seen again. */
	memset(buf, 'x', 10);
	assert_int_equal(rpc_frame_scan(&frame, buf, 20), 0);
	assert_int_equal(frame.depth, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_follow_each_other_with_and_without_white_space),
		cmocka_unit_test(brackets_in_strings_are_text),
		cmocka_unit_test(what_is_no_object_is_found),
		cmocka_unit_test(each_byte_is_looked_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
