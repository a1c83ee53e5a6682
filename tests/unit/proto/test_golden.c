/* SPDX-License-Identifier: BSD-3-Clause */
/* Every message of the table against bytes that the codec had no part in making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "golden.h"

static size_t
golden_len(const struct golden *g)
{
	return VHU_HEADER_SIZE + g->size;
}

/* An exact-size heap copy: a sanitizer sees a read past the end of the message. */
static uint8_t *
exact_copy(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return copy;
}

static void
check_decode(enum vhu_order order, const struct golden *g, const uint8_t *bytes)
{
	static const uint8_t zero[VHU_MAX_PAYLOAD];
	uint8_t *copy = exact_copy(bytes, golden_len(g));
	struct vhu_reason reason = { "" };
	struct vhu_header hdr;
	struct vhu_msg msg;
	int ret;

	ret = vhu_decode_header(order, g->space, g->reply, copy, &hdr, &reason);
	if (ret != 0)
		fail_msg("%s: header: %d: %s", g->label, ret, reason.text);
	assert_int_equal(hdr.size, g->size);

	memset(&msg, 0xa5, sizeof(msg));
	ret = vhu_decode(order, g->space, g->reply, copy, golden_len(g), &msg, &reason);
	if (ret != 0)
		fail_msg("%s: %d: %s", g->label, ret, reason.text);
	assert_int_equal(msg.hdr.request, g->id);
	assert_int_equal(msg.hdr.flags, g->flags);
	assert_int_equal(msg.hdr.size, g->size);
	g->check(&msg);
	assert_memory_equal(msg.raw + g->size, zero, VHU_MAX_PAYLOAD - g->size);
	free(copy);
}

static void
check_encode(enum vhu_order order, const struct golden *g, const uint8_t *bytes)
{
	uint8_t *out = malloc(golden_len(g));
	struct vhu_reason reason = { "" };
	struct vhu_msg msg;
	int ret;

	assert_non_null(out);
	/* Padding that is not zero in the message must still be zero on the wire. */
	memset(&msg, 0x5a, sizeof(msg));
	memset(out, 0xa5, golden_len(g));
	msg.hdr.request = g->id;
	msg.hdr.flags = g->flags;
	msg.hdr.size = g->size;
	g->fill(&msg);
	ret = vhu_encode(order, g->space, &msg, out, golden_len(g), &reason);
	if (ret != (int)golden_len(g))
		fail_msg("%s: %d: %s", g->label, ret, reason.text);
	if (memcmp(out, bytes, golden_len(g)) != 0)
		print_error("%s differs\n", g->label);
	assert_memory_equal(out, bytes, golden_len(g));
	free(out);
}

static void
little_endian_bytes_decode_to_every_field(void **state)
{
	for (size_t i = 0; i < golden_messages_count; i++)
		check_decode(VHU_ORDER_LE, &golden_messages[i], golden_messages[i].little);
}

static void
native_bytes_decode_to_every_field(void **state)
{
	for (size_t i = 0; i < golden_messages_count; i++)
		check_decode(VHU_ORDER_NATIVE, &golden_messages[i],
			     golden_native(&golden_messages[i]));
}

static void
every_field_encodes_to_little_endian_bytes(void **state)
{
	for (size_t i = 0; i < golden_messages_count; i++)
		check_encode(VHU_ORDER_LE, &golden_messages[i], golden_messages[i].little);
}

static void
every_field_encodes_to_native_bytes(void **state)
{
	for (size_t i = 0; i < golden_messages_count; i++)
		check_encode(VHU_ORDER_NATIVE, &golden_messages[i],
			     golden_native(&golden_messages[i]));
}

/* Is @word in @line, with a space or an end on both sides? */
static bool
has_word(const char *line, const char *word)
{
	size_t len = strlen(word);
	const char *p = line;

	while ((p = strstr(p, word)) != NULL) {
		if ((p == line || p[-1] == ' ') && (p[len] == '\0' || p[len] == ' '))
			return true;
		p++;
	}
	return false;
}

static void
a_trace_line_has_the_name_the_flags_and_every_field(void **state)
{
	static char line[65536];
	struct vhu_msg msg;
	size_t len;

	for (size_t i = 0; i < golden_messages_count; i++) {
		const struct golden *g = &golden_messages[i];

		assert_int_equal(vhu_decode(VHU_ORDER_LE, g->space, g->reply, g->little,
					    golden_len(g), &msg, NULL), 0);
		len = vhu_print(g->space, &msg, line, sizeof(line));
		assert_int_equal(len, strlen(line));
		assert_int_equal(strncmp(line, g->printed[0], strlen(g->printed[0])), 0);
		for (const char *const *word = g->printed; *word != NULL; word++)
			if (!has_word(line, *word))
				fail_msg("%s: \"%s\" lacks \"%s\"", g->label, line, *word);
		assert_int_equal(has_word(line, "reply"), g->reply);
		assert_int_equal(has_word(line, "need_reply"),
				 (g->flags & VHU_FLAG_NEED_REPLY) != 0);
	}
}

static bool
has_golden(enum vhu_space space, uint32_t id, bool reply)
{
	for (size_t i = 0; i < golden_messages_count; i++)
		if (golden_messages[i].space == space && golden_messages[i].id == id &&
		    golden_messages[i].reply == reply)
			return true;
	return false;
}

static void
every_row_of_the_message_table_has_golden_bytes(void **state)
{
#define COVERED(sp, id, name) \
	if (!has_golden(sp, id, false) || !has_golden(sp, id, true)) \
		fail_msg("no golden request or reply for %s", #name);
#define X(id, name, ...) COVERED(VHU_SPACE_FRONTEND, id, name)
	VHU_FRONTEND_MESSAGES(X)
#undef X
#define X(id, name, ...) COVERED(VHU_SPACE_BACKEND, id, name)
	VHU_BACKEND_MESSAGES(X)
#undef X
}

/* One message written out by hand, so that the generator too has been looked at. */
static void
set_vring_num_is_these_twenty_bytes(void **state)
{
	static const uint8_t wire[] = {
		8, 0, 0, 0, 0x9, 0, 0, 0, 8, 0, 0, 0,
		3, 0, 0, 0, 0x00, 0x01, 0, 0,
	};
	struct vhu_msg msg;
	char line[128];

	assert_int_equal(vhu_decode(VHU_ORDER_LE, VHU_SPACE_FRONTEND, false, wire, sizeof(wire),
				    &msg, NULL), 0);
	assert_int_equal(msg.hdr.request, VHU_SET_VRING_NUM);
	assert_int_equal(msg.state.index, 3);
	assert_int_equal(msg.state.num, 256);
	vhu_print(VHU_SPACE_FRONTEND, &msg, line, sizeof(line));
	assert_string_equal(line, "SET_VRING_NUM need_reply index=3 num=256");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(little_endian_bytes_decode_to_every_field),
		cmocka_unit_test(native_bytes_decode_to_every_field),
		cmocka_unit_test(every_field_encodes_to_little_endian_bytes),
		cmocka_unit_test(every_field_encodes_to_native_bytes),
		cmocka_unit_test(a_trace_line_has_the_name_the_flags_and_every_field),
		cmocka_unit_test(every_row_of_the_message_table_has_golden_bytes),
		cmocka_unit_test(set_vring_num_is_these_twenty_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
