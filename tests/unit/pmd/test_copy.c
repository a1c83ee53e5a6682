/* SPDX-License-Identifier: BSD-3-Clause */
/* Every size and alignment: all bytes, and no byte more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vvu_copy.h"

#define AROUND	64u
#define MOST	9200u

static void
copies_exactly(uint32_t len, unsigned int src_at, unsigned int dst_at, bool uncached)
{
	static uint8_t dst[MOST + 2 * AROUND], expected[MOST + 2 * AROUND];
	/* Of this size on the heap: a read beyond it is seen by the sanitizer. */
	uint8_t *src = malloc(src_at + len + 1);
	uint32_t i;

	assert_non_null(src);
	for (i = 0; i < len; i++)
		src[src_at + i] = (uint8_t)(i * 7 + i / 256 + len);
	memset(dst, 0xee, len + 2 * AROUND);
	memset(expected, 0xee, len + 2 * AROUND);
	for (i = 0; i < len; i++)
		expected[AROUND + dst_at + i] = src[src_at + i];
	src = realloc(src, src_at + len + (len == 0));
	assert_non_null(src);
	vvu_copy(dst + AROUND + dst_at, src + src_at, len, uncached);
	free(src);
	assert_memory_equal(dst, expected, len + 2 * AROUND);
}

static void
small_frames_of_every_size_and_alignment(void **state)
{
	unsigned int len, at;

	for (len = 0; len <= 300; len++) {
		for (at = 0; at < 16; at++) {
			copies_exactly(len, at, (at * 5) % 16, false);
			copies_exactly(len, at, (at * 5) % 16, true);
		}
	}
}

static void
large_frames_on_both_sides_of_each_piece(void **state)
{
	static const uint32_t near[] = { 1024, 2048, 3072, 4096, 8192, 9000 };
	unsigned int i, at;
	int off;

	for (i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		for (off = -2; off <= 2; off++) {
			for (at = 0; at < 16; at += 5) {
				copies_exactly(near[i] + (uint32_t)off, at, 15 - at, false);
				copies_exactly(near[i] + (uint32_t)off, at, 15 - at, true);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_frames_of_every_size_and_alignment),
		cmocka_unit_test(large_frames_on_both_sides_of_each_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
