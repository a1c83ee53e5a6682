/* SPDX-License-Identifier: BSD-3-Clause */
/* What a header alone is refused for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "golden.h"

static int
decode_header(enum vhu_space space, bool reply, uint32_t id, uint32_t flags, uint32_t size,
	      struct vhu_reason *reason)
{
	struct vhu_header raw = { .request = id, .flags = flags, .size = size };
	struct vhu_header hdr;

	memset(reason, 0, sizeof(*reason));
	return vhu_decode_header(VHU_ORDER_NATIVE, space, reply, &raw, &hdr, reason);
}

static int
frontend_request(uint32_t id, uint32_t flags, uint32_t size, struct vhu_reason *reason)
{
	return decode_header(VHU_SPACE_FRONTEND, false, id, flags, size, reason);
}

static void
version_0_2_and_3_are_refused(void **state)
{
	static const uint32_t versions[] = { 0, 2, 3 };
	struct vhu_reason reason;

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(frontend_request(VHU_SET_OWNER, versions[i], 0, &reason),
				 -EPROTO);
		assert_says(reason, "SET_OWNER");
		assert_says(reason, "version");
		assert_int_equal(frontend_request(VHU_SET_OWNER, versions[i] | VHU_FLAG_NEED_REPLY,
						  0, &reason), -EPROTO);
	}
	assert_int_equal(frontend_request(VHU_SET_OWNER, 1, 0, &reason), 0);
}

static void
every_unknown_flag_bit_is_refused(void **state)
{
	struct vhu_reason reason;

	for (unsigned int bit = 4; bit < 32; bit++) {
		assert_int_equal(frontend_request(VHU_SET_OWNER, 1u | 1u << bit, 0, &reason),
				 -EPROTO);
		assert_says(reason, "unknown bits");
	}
}

static void
a_reply_flag_in_a_request_is_refused(void **state)
{
	struct vhu_reason reason;

	assert_int_equal(frontend_request(VHU_GET_FEATURES, 0x5, 0, &reason), -EPROTO);
	assert_says(reason, "GET_FEATURES");
	assert_says(reason, "reply flag");
	assert_int_equal(frontend_request(VHU_GET_FEATURES, 0xd, 0, &reason), -EPROTO);
}

static void
a_reply_without_its_flag_is_refused(void **state)
{
	struct vhu_reason reason;

	assert_int_equal(decode_header(VHU_SPACE_FRONTEND, true, VHU_GET_FEATURES, 0x1, 8,
				       &reason), -EPROTO);
	assert_says(reason, "reply flag clear");
	assert_int_equal(decode_header(VHU_SPACE_FRONTEND, true, VHU_GET_FEATURES, 0x5, 8,
				       &reason), 0);
}

static void
a_reply_that_asks_for_a_reply_is_refused(void **state)
{
	struct vhu_reason reason;

	assert_int_equal(decode_header(VHU_SPACE_FRONTEND, true, VHU_GET_FEATURES, 0xd, 8,
				       &reason), -EPROTO);
	assert_says(reason, "need_reply");
}

static void
an_id_without_a_row_is_refused(void **state)
{
	static const uint32_t ids[] = { 0, 45, 100, 255, 256, 0x10001, 0x7fffffff, 0xffffffff };
	static const uint32_t backend_ids[] = { 0, 11, 44, 256, 0xffffffff };
	struct vhu_reason reason;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_int_equal(frontend_request(ids[i], 1, 0, &reason), -EOPNOTSUPP);
		assert_says(reason, "no such front-end message");
	}
	for (size_t i = 0; i < sizeof(backend_ids) / sizeof(backend_ids[0]); i++) {
		assert_int_equal(decode_header(VHU_SPACE_BACKEND, false, backend_ids[i], 1, 0,
					       &reason), -EOPNOTSUPP);
		assert_says(reason, "no such back-end message");
	}
}

/* Is @size the payload size of a golden message? (those have every boundary size) */
static bool
golden_size(enum vhu_space space, uint32_t id, bool reply, uint32_t size)
{
	for (size_t i = 0; i < golden_messages_count; i++) {
		const struct golden *g = &golden_messages[i];

		if (g->space == space && g->id == id && g->reply == reply && g->size == size)
			return true;
	}
	return false;
}

/* Layouts that stretch; only their boundaries are golden. */
static bool
stretches(const struct golden *g)
{
	return g->space == VHU_SPACE_FRONTEND &&
	       ((g->id == VHU_SET_MEM_TABLE && !g->reply) || g->id == VHU_GET_CONFIG ||
		(g->id == VHU_SET_CONFIG && !g->reply));
}

static void
every_message_is_refused_at_every_size_that_is_not_its_own(void **state)
{
	struct vhu_reason reason;

	for (size_t i = 0; i < golden_messages_count; i++) {
		const struct golden *g = &golden_messages[i];
		uint32_t size;

		if (stretches(g))
			continue;
		for (size = 0; size <= VHU_MAX_PAYLOAD + 8; size++) {
			int ret = decode_header(g->space, g->reply, g->id, g->flags, size,
						&reason);

			if (golden_size(g->space, g->id, g->reply, size)) {
				assert_int_equal(ret, 0);
				continue;
			}
			assert_int_equal(ret, -EMSGSIZE);
			assert_says(reason, vhu_message_name(g->space, g->id));
		}
		assert_int_equal(decode_header(g->space, g->reply, g->id, g->flags, 0xffffffff,
					       &reason), -EMSGSIZE);
		assert_says(reason, "4294967295");
	}
}

static void
a_memory_table_is_eight_bytes_and_up_to_eight_times_thirty_two(void **state)
{
	struct vhu_reason reason;

	for (uint32_t size = 0; size <= 400; size++) {
		bool ok = size >= 8 && size <= 264 && size % 32 == 8;

		assert_int_equal(frontend_request(VHU_SET_MEM_TABLE, 1, size, &reason),
				 ok ? 0 : -EMSGSIZE);
	}
	assert_int_equal(frontend_request(VHU_SET_MEM_TABLE, 1, 0xffffffe8, &reason), -EMSGSIZE);
}

static void
a_config_payload_is_twelve_bytes_and_up_to_256_more(void **state)
{
	struct vhu_reason reason;

	for (uint32_t size = 0; size <= 400; size++) {
		bool ok = size >= 12 && size <= 268;

		assert_int_equal(frontend_request(VHU_GET_CONFIG, 1, size, &reason),
				 ok ? 0 : -EMSGSIZE);
		assert_int_equal(frontend_request(VHU_SET_CONFIG, 1, size, &reason),
				 ok ? 0 : -EMSGSIZE);
		assert_int_equal(decode_header(VHU_SPACE_FRONTEND, true, VHU_GET_CONFIG, 5, size,
					       &reason), ok || size == 0 ? 0 : -EMSGSIZE);
	}
}

static void
a_refused_header_is_still_handed_out(void **state)
{
	struct vhu_header raw = { .request = 99, .flags = 1, .size = 7 };
	struct vhu_header hdr = { 0 };

	assert_int_equal(vhu_decode_header(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, false, &raw, &hdr,
					   NULL), -EOPNOTSUPP);
	assert_int_equal(hdr.request, 99);
	assert_int_equal(hdr.size, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_0_2_and_3_are_refused),
		cmocka_unit_test(every_unknown_flag_bit_is_refused),
		cmocka_unit_test(a_reply_flag_in_a_request_is_refused),
		cmocka_unit_test(a_reply_without_its_flag_is_refused),
		cmocka_unit_test(a_reply_that_asks_for_a_reply_is_refused),
		cmocka_unit_test(an_id_without_a_row_is_refused),
		cmocka_unit_test(every_message_is_refused_at_every_size_that_is_not_its_own),
		cmocka_unit_test(a_memory_table_is_eight_bytes_and_up_to_eight_times_thirty_two),
		cmocka_unit_test(a_config_payload_is_twelve_bytes_and_up_to_256_more),
		cmocka_unit_test(a_refused_header_is_still_handed_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
