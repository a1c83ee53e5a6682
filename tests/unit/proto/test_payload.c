/* SPDX-License-Identifier: BSD-3-Clause */
/* Lengths that disagree: of the buffer, of the header, of a count in the payload. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "golden.h"

/* Decode @len bytes from a buffer that ends where they end. */
static int
decode_exact(const struct golden *g, const uint8_t *bytes, size_t len, struct vhu_reason *reason)
{
	uint8_t *copy = calloc(1, len != 0 ? len : 1);
	size_t have = VHU_HEADER_SIZE + g->size;
	struct vhu_msg msg;
	int ret;

	assert_non_null(copy);
	memcpy(copy, bytes, len < have ? len : have);
	ret = vhu_decode(VHU_ORDER_LE, g->space, g->reply, copy, len, &msg, reason);
	free(copy);
	return ret;
}

static void
every_message_is_refused_when_cut_short_anywhere(void **state)
{
	struct vhu_reason reason;

	for (size_t i = 0; i < golden_messages_count; i++) {
		const struct golden *g = &golden_messages[i];

		for (size_t len = 0; len < VHU_HEADER_SIZE + g->size; len++)
			assert_int_equal(decode_exact(g, g->little, len, &reason), -EBADMSG);
	}
}

static void
every_message_is_refused_with_a_byte_too_many(void **state)
{
	struct vhu_reason reason;

	for (size_t i = 0; i < golden_messages_count; i++) {
		const struct golden *g = &golden_messages[i];
		size_t len = VHU_HEADER_SIZE + g->size;

		assert_int_equal(decode_exact(g, g->little, len + 1, &reason), -EBADMSG);
		assert_says(reason, vhu_message_name(g->space, g->id));
		assert_int_equal(decode_exact(g, g->little, 8192, &reason), -EBADMSG);
	}
}

/* A request in native order with @size bytes of payload taken from @payload. */
static int
decode_request(uint32_t id, bool reply, const void *payload, uint32_t size,
	       struct vhu_reason *reason)
{
	struct vhu_header hdr = {
		.request = id,
		.flags = VHU_VERSION | (reply ? VHU_FLAG_REPLY : 0),
		.size = size,
	};
	uint8_t *wire = malloc(sizeof(hdr) + size);
	struct vhu_msg msg;
	int ret;

	assert_non_null(wire);
	memcpy(wire, &hdr, sizeof(hdr));
	memcpy(wire + sizeof(hdr), payload, size);
	memset(reason, 0, sizeof(*reason));
	ret = vhu_decode(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, reply, wire, sizeof(hdr) + size,
			 &msg, reason);
	free(wire);
	return ret;
}

static void
a_region_count_other_than_the_regions_sent_is_refused(void **state)
{
	static const uint32_t counts[] = { 0, 1, 2, 3, 7, 8, 9, 0x08000000, 0x08000001, 0x7fffffff,
					   0x80000000, 0xffffffff };
	struct vhu_mem_table table = { 0 };
	struct vhu_reason reason;
	char count[16];

	for (uint32_t sent = 0; sent <= VHU_MAX_TABLE_REGIONS; sent++) {
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
			table.nregions = counts[i];
			if (counts[i] == sent) {
				assert_int_equal(decode_request(VHU_SET_MEM_TABLE, false, &table,
								8 + 32 * sent, &reason), 0);
				continue;
			}
			assert_int_equal(decode_request(VHU_SET_MEM_TABLE, false, &table,
							8 + 32 * sent, &reason), -EBADMSG);
			assert_says(reason, "SET_MEM_TABLE");
			snprintf(count, sizeof(count), "nregions %u", counts[i]);
			assert_says(reason, count);
		}
	}
}

static void
a_config_size_other_than_the_bytes_sent_is_refused(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 31, 33, 256, 257, 0xfffffff4, 0xffffffff };
	static const struct {
		uint32_t id;
		bool reply;
	} messages[] = {
		{ VHU_GET_CONFIG, false }, { VHU_GET_CONFIG, true }, { VHU_SET_CONFIG, false },
	};
	struct vhu_config config = { 0 };
	struct vhu_reason reason;

	for (size_t m = 0; m < 3; m++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			config.size = sizes[i];
			assert_int_equal(decode_request(messages[m].id, messages[m].reply, &config,
							12 + 32, &reason), -EBADMSG);
			assert_says(reason, "_CONFIG: size ");
		}
		config.size = 32;
		assert_int_equal(decode_request(messages[m].id, messages[m].reply, &config,
						12 + 32, &reason), 0);
	}
}

static void
a_config_range_that_wraps_is_refused(void **state)
{
	struct vhu_config config = { .offset = 0xffffffff, .size = 1 };
	struct vhu_reason reason;

	assert_int_equal(decode_request(VHU_SET_CONFIG, false, &config, 13, &reason), -EBADMSG);
	assert_says(reason, "offset 4294967295 + size 1");
	config.size = 2;
	assert_int_equal(decode_request(VHU_SET_CONFIG, false, &config, 14, &reason), -EBADMSG);
	config.offset = 0xffffff00;
	config.size = 256;
	assert_int_equal(decode_request(VHU_GET_CONFIG, false, &config, 268, &reason), -EBADMSG);
	config.offset = 0xfffffeff;
	assert_int_equal(decode_request(VHU_GET_CONFIG, false, &config, 268, &reason), 0);
}

static void
a_ring_number_above_255_is_refused_not_cut(void **state)
{
	static const uint32_t ids[] = { VHU_SET_VRING_KICK, VHU_SET_VRING_CALL, VHU_SET_VRING_ERR };
	struct vhu_reason reason;
	uint64_t u64;

	for (size_t i = 0; i < 3; i++) {
		for (unsigned int bit = 9; bit < 64; bit++) {
			u64 = 3 | 1ull << bit;
			assert_int_equal(decode_request(ids[i], false, &u64, 8, &reason), -EBADMSG);
			assert_says(reason, "SET_VRING_");
			assert_says(reason, "undefined bits");
		}
		u64 = 0x1ff;
		assert_int_equal(decode_request(ids[i], false, &u64, 8, &reason), 0);
		/* An acknowledgement is any u64. */
		u64 = ~0ull;
		assert_int_equal(decode_request(ids[i], true, &u64, 8, &reason), 0);
	}
}

static void
more_than_256_shmem_regions_are_refused(void **state)
{
	struct vhu_shmem_config shmem = { .nregions = 257 };
	struct vhu_reason reason;

	assert_int_equal(decode_request(VHU_GET_SHMEM_CONFIG, true, &shmem, sizeof(shmem),
					&reason), -EBADMSG);
	assert_says(reason, "nregions 257");
	shmem.nregions = 256;
	assert_int_equal(decode_request(VHU_GET_SHMEM_CONFIG, true, &shmem, sizeof(shmem),
					&reason), 0);
}

static void
padding_is_zero_after_decoding(void **state)
{
	struct vhu_inflight in;
	struct vhu_msg msg;
	uint8_t wire[VHU_HEADER_SIZE + sizeof(in)];
	struct vhu_header hdr = { VHU_SET_INFLIGHT_FD, VHU_VERSION, sizeof(in) };

	memset(&in, 0xee, sizeof(in));
	memcpy(wire, &hdr, sizeof(hdr));
	memcpy(wire + sizeof(hdr), &in, sizeof(in));
	assert_int_equal(vhu_decode(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, false, wire,
				    sizeof(wire), &msg, NULL), 0);
	assert_int_equal(msg.inflight.queue_size, 0xeeee);
	assert_int_equal(msg.inflight.padding, 0);
}

static void
encode_fits_exactly_or_writes_nothing(void **state)
{
	uint8_t out[VHU_MAX_MESSAGE], untouched[VHU_MAX_MESSAGE];
	struct vhu_reason reason;
	struct vhu_msg msg;

	memset(untouched, 0xcc, sizeof(untouched));
	for (size_t i = 0; i < golden_messages_count; i++) {
		const struct golden *g = &golden_messages[i];
		size_t len = VHU_HEADER_SIZE + g->size;

		memset(&msg, 0, sizeof(msg));
		msg.hdr = (struct vhu_header){ g->id, g->flags, g->size };
		g->fill(&msg);
		for (size_t cap = 0; cap < len; cap++) {
			memset(out, 0xcc, len);
			assert_int_equal(vhu_encode(VHU_ORDER_LE, g->space, &msg, out, cap,
						    &reason), -ENOSPC);
			assert_memory_equal(out, untouched, len);
		}
		assert_int_equal(vhu_encode(VHU_ORDER_LE, g->space, &msg, out, len, &reason),
				 (int)len);
	}
}

static void
encode_refuses_what_decode_would_refuse(void **state)
{
	uint8_t out[VHU_MAX_MESSAGE];
	struct vhu_reason reason;
	struct vhu_msg msg = { .hdr = { 77, VHU_VERSION, 0 } };

	assert_int_equal(vhu_encode(VHU_ORDER_LE, VHU_SPACE_FRONTEND, &msg, out, sizeof(out),
				    &reason), -EOPNOTSUPP);
	msg.hdr = (struct vhu_header){ VHU_SET_OWNER, 0, 0 };
	assert_int_equal(vhu_encode(VHU_ORDER_LE, VHU_SPACE_FRONTEND, &msg, out, sizeof(out),
				    &reason), -EPROTO);
	msg.hdr = (struct vhu_header){ VHU_SET_OWNER, 0xd, 8 };
	assert_int_equal(vhu_encode(VHU_ORDER_LE, VHU_SPACE_FRONTEND, &msg, out, sizeof(out),
				    &reason), -EPROTO);
	msg.hdr = (struct vhu_header){ VHU_SET_VRING_NUM, VHU_VERSION, 0xffffffff };
	assert_int_equal(vhu_encode(VHU_ORDER_LE, VHU_SPACE_FRONTEND, &msg, out, sizeof(out),
				    &reason), -EMSGSIZE);
	msg.hdr = (struct vhu_header){ VHU_SET_MEM_TABLE, VHU_VERSION, 8 + 32 };
	msg.table.nregions = 2;
	assert_int_equal(vhu_encode(VHU_ORDER_LE, VHU_SPACE_FRONTEND, &msg, out, sizeof(out),
				    &reason), -EBADMSG);
	assert_says(reason, "nregions 2");
}

static void
a_reply_is_prepared_from_its_request(void **state)
{
	struct vhu_msg request = { .hdr = { VHU_SET_VRING_NUM, 0x9, 8 }, .state = { 1, 2 } };
	struct vhu_msg reply;
	static const uint8_t zero[VHU_MAX_PAYLOAD];

	memset(&reply, 0xff, sizeof(reply));
	vhu_reply_init(&reply, &request, 8);
	assert_int_equal(reply.hdr.request, VHU_SET_VRING_NUM);
	assert_int_equal(reply.hdr.flags, 0x5);
	assert_int_equal(reply.hdr.size, 8);
	assert_memory_equal(reply.raw, zero, VHU_MAX_PAYLOAD);
}

static void
a_request_can_become_its_own_reply(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_VRING_NUM, 0x9, 8 }, .state = { 1, 2 } };

	vhu_reply_init(&msg, &msg, 8);
	assert_int_equal(msg.hdr.request, VHU_SET_VRING_NUM);
	assert_int_equal(msg.hdr.flags, 0x5);
	assert_int_equal(msg.u64, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_is_refused_when_cut_short_anywhere),
		cmocka_unit_test(every_message_is_refused_with_a_byte_too_many),
		cmocka_unit_test(a_region_count_other_than_the_regions_sent_is_refused),
		cmocka_unit_test(a_config_size_other_than_the_bytes_sent_is_refused),
		cmocka_unit_test(a_config_range_that_wraps_is_refused),
		cmocka_unit_test(a_ring_number_above_255_is_refused_not_cut),
		cmocka_unit_test(more_than_256_shmem_regions_are_refused),
		cmocka_unit_test(padding_is_zero_after_decoding),
		cmocka_unit_test(encode_fits_exactly_or_writes_nothing),
		cmocka_unit_test(encode_refuses_what_decode_would_refuse),
		cmocka_unit_test(a_reply_is_prepared_from_its_request),
		cmocka_unit_test(a_request_can_become_its_own_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
