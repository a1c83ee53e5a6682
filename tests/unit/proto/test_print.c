/* SPDX-License-Identifier: BSD-3-Clause */
/* Trace lines and reasons: what no golden message shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "golden.h"

static const char *
printed(enum vhu_space space, const struct vhu_msg *msg)
{
	static char line[16384];

	size_t len = vhu_print(space, msg, line, sizeof(line));

	assert_int_equal(len, strlen(line));
	return line;
}

static void
a_kick_is_printed_with_its_ring_and_whether_it_has_a_descriptor(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_VRING_KICK, 0x1, 8 }, .u64 = 0x105 };

	assert_string_equal(printed(VHU_SPACE_FRONTEND, &msg),
			    "SET_VRING_KICK u64=0x105 index=5 nofd");
	msg.u64 = 5;
	assert_string_equal(printed(VHU_SPACE_FRONTEND, &msg),
			    "SET_VRING_KICK u64=0x5 index=5");
}

static void
an_ack_is_printed_as_a_reply(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_VRING_KICK, 0x5, 8 }, .u64 = 1 };

	assert_string_equal(printed(VHU_SPACE_FRONTEND, &msg), "SET_VRING_KICK reply u64=0x1");
}

static void
a_mac_is_printed_as_one(void **state)
{
	struct vhu_msg msg = {
		.hdr = { VHU_SEND_RARP, 0x1, 8 },
		.mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 },
	};

	assert_string_equal(printed(VHU_SPACE_FRONTEND, &msg), "SEND_RARP mac=52:54:00:12:34:56");
}

static void
a_memory_table_is_printed_region_by_region(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_MEM_TABLE, 0x1, 72 } };

	msg.table.nregions = 2;
	msg.table.region[1] = (struct vhu_mem_region){ 0x100000000, 0x4000, 0x7f0000000000, 0x80 };
	assert_string_equal(printed(VHU_SPACE_FRONTEND, &msg),
			    "SET_MEM_TABLE nregions=2"
			    " region[0].guest_addr=0x0 region[0].size=0x0"
			    " region[0].user_addr=0x0 region[0].mmap_offset=0x0"
			    " region[1].guest_addr=0x100000000 region[1].size=0x4000"
			    " region[1].user_addr=0x7f0000000000 region[1].mmap_offset=0x80");
}

static void
zero_entries_of_an_array_of_numbers_are_left_out(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_GET_SHMEM_CONFIG, 0x5, sizeof(msg.shmem) } };

	msg.shmem.nregions = 1;
	msg.shmem.size[255] = 0x1000;
	assert_string_equal(printed(VHU_SPACE_FRONTEND, &msg),
			    "GET_SHMEM_CONFIG reply nregions=1 size[255]=0x1000");
}

static void
an_unknown_message_is_printed_by_number(void **state)
{
	struct vhu_msg msg = { .hdr = { 77, 0x9, 5 } };

	assert_string_equal(printed(VHU_SPACE_FRONTEND, &msg),
			    "front-end message 77 (unknown) need_reply size=5");
	assert_string_equal(printed(VHU_SPACE_BACKEND, &msg),
			    "back-end message 77 (unknown) need_reply size=5");
}

static void
a_malformed_message_is_printed_without_its_payload(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_MEM_TABLE, 0x1, 0xffffffff } };

	assert_string_equal(printed(VHU_SPACE_FRONTEND, &msg),
			    "SET_MEM_TABLE size=4294967295 (malformed)");
	msg.hdr = (struct vhu_header){ VHU_SET_OWNER, 0x1000012, 0 };
	assert_string_equal(printed(VHU_SPACE_FRONTEND, &msg), "SET_OWNER flags=0x1000012");
}

/* For every message and every buffer size: the same line, cut, terminated, in bounds. */
static void
a_line_is_cut_to_the_buffer(void **state)
{
	static char whole[65536];
	struct vhu_msg msg;

	for (size_t i = 0; i < golden_messages_count; i++) {
		const struct golden *g = &golden_messages[i];
		size_t len, cap;

		memset(&msg, 0, sizeof(msg));
		msg.hdr = (struct vhu_header){ g->id, g->flags, g->size };
		g->fill(&msg);
		len = vhu_print(g->space, &msg, whole, sizeof(whole));
		for (cap = 1; cap <= len + 1 && cap <= 300; cap++) {
			char *small = malloc(cap);

			assert_non_null(small);
			assert_int_equal(vhu_print(g->space, &msg, small, cap), cap - 1);
			assert_memory_equal(small, whole, cap - 1);
			assert_int_equal(small[cap - 1], '\0');
			free(small);
		}
	}
}

static void
a_buffer_of_no_bytes_is_left_alone(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_OWNER, 0x1, 0 } };
	char c = 'x';

	assert_int_equal(vhu_print(VHU_SPACE_FRONTEND, &msg, &c, 0), 0);
	assert_int_equal(c, 'x');
}

static void
a_reason_is_formatted(void **state)
{
	struct vhu_reason reason;

	vhu_reason_set(&reason, "SET_VRING_NUM: num %u", 3u);
	assert_string_equal(reason.text, "SET_VRING_NUM: num 3");
}

static void
a_reason_that_is_too_long_is_cut(void **state)
{
	struct {
		struct vhu_reason reason;
		char after;
	} r = { .after = 'x' };

	vhu_reason_set(&r.reason, "%0400d", 0);
	assert_int_equal(strlen(r.reason.text), VHU_REASON_MAX - 1);
	assert_int_equal(r.after, 'x');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kick_is_printed_with_its_ring_and_whether_it_has_a_descriptor),
		cmocka_unit_test(an_ack_is_printed_as_a_reply),
		cmocka_unit_test(a_mac_is_printed_as_one),
		cmocka_unit_test(a_memory_table_is_printed_region_by_region),
		cmocka_unit_test(zero_entries_of_an_array_of_numbers_are_left_out),
		cmocka_unit_test(an_unknown_message_is_printed_by_number),
		cmocka_unit_test(a_malformed_message_is_printed_without_its_payload),
		cmocka_unit_test(a_line_is_cut_to_the_buffer),
		cmocka_unit_test(a_buffer_of_no_bytes_is_left_alone),
		cmocka_unit_test(a_reason_is_formatted),
		cmocka_unit_test(a_reason_that_is_too_long_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
