/* SPDX-License-Identifier: BSD-3-Clause */
/* The region set: building, changing and translating with length. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vhost-relay/memory/memory.h"

#define MIB (1ull << 20)
#define WINDOW_SIZE (64 * MIB)

/* Never touched: only its address is computed with. */
static uint8_t *const window = (uint8_t *)0x100000000ull;

static struct vhr_memory memory;
static struct vhu_reason reason;

static struct vhu_mem_region
region(uint64_t gpa, uint64_t size, uint64_t uva, uint64_t mmap_offset)
{
	return (struct vhu_mem_region){ gpa, size, uva, mmap_offset };
}

static int
build2(enum vhr_layout layout, struct vhu_mem_region a, struct vhu_mem_region b)
{
	struct vhu_mem_table table = { .nregions = 2, .region = { a, b } };

	reason.text[0] = '\0';
	return vhr_memory_from_table(&memory, &table, layout, window, WINDOW_SIZE, &reason);
}

static int
build1(struct vhu_mem_region a)
{
	struct vhu_mem_table table = { .nregions = 1, .region = { a } };

	reason.text[0] = '\0';
	return vhr_memory_from_table(&memory, &table, VHR_LAYOUT_SUM, window, WINDOW_SIZE,
				     &reason);
}

static void
empty_table_is_legal(void **state)
{
	struct vhu_mem_table table = { .nregions = 0 };

	assert_int_equal(vhr_memory_from_table(&memory, &table, VHR_LAYOUT_SUM, window,
					       WINDOW_SIZE, &reason), 0);
	assert_int_equal(memory.num, 0);
	assert_null(vhr_memory_find(&memory, 0));
}

static void
more_regions_than_a_table_holds_are_refused(void **state)
{
	struct vhu_mem_table table = { .nregions = VHU_MAX_TABLE_REGIONS + 1 };

	assert_int_equal(vhr_memory_from_table(&memory, &table, VHR_LAYOUT_SUM, window,
					       WINDOW_SIZE, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "nregions 9"));
}

static void
size_zero_is_refused(void **state)
{
	assert_int_equal(build1(region(0, 0, 0x1000, 0)), -EINVAL);
	assert_non_null(strstr(reason.text, "region 0: size 0"));
}

static void
guest_address_wrap_is_refused(void **state)
{
	assert_int_equal(build1(region(UINT64_MAX - 0xfff, 0x2000, 0, 0)), -EINVAL);
	assert_non_null(strstr(reason.text, "guest address"));
}

static void
user_address_wrap_is_refused(void **state)
{
	assert_int_equal(build1(region(0, 0x2000, UINT64_MAX - 0xfff, 0)), -EINVAL);
	assert_non_null(strstr(reason.text, "user address"));
}

static void
guest_address_overlap_is_refused(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, 2 * MIB, 0x10000000, 0),
				region(MIB, MIB, 0x20000000, 0)), -EINVAL);
	assert_non_null(strstr(reason.text, "region 1: guest address"));
}

static void
user_address_overlap_is_refused(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, MIB, 0x10000000, 0),
				region(MIB, MIB, 0x10080000, 0)), -EINVAL);
	assert_non_null(strstr(reason.text, "region 1: user address"));
}

static void
adjacent_regions_do_not_overlap(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, MIB, 0x10000000, 0),
				region(MIB, MIB, 0x10100000, 0)), 0);
	assert_int_equal(memory.num, 2);
}

static void
region_that_leaves_the_window_is_refused(void **state)
{
	assert_int_equal(build1(region(0, WINDOW_SIZE + 1, 0, 0)), -ERANGE);
	assert_int_equal(build1(region(0, WINDOW_SIZE, 0, 0)), 0);
	assert_int_equal(build1(region(0, WINDOW_SIZE, 0, 1)), -ERANGE);
	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, WINDOW_SIZE / 2, 0, 0),
				region(WINDOW_SIZE, WINDOW_SIZE / 2 + 1, WINDOW_SIZE, 0)), -ERANGE);
	assert_non_null(strstr(reason.text, "region 1"));
}

static void
mmap_offset_that_wraps_is_refused(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, MIB, 0, 0),
				region(MIB, MIB, MIB, UINT64_MAX)), -ERANGE);
	assert_int_equal(build1(region(0, MIB, 0, UINT64_MAX - MIB + 1)), -ERANGE);
}

static void
layout_sum_adds_offsets_and_sizes(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, 2 * MIB, 0x10000000, MIB),
				region(8 * MIB, MIB, 0x20000000, 4 * MIB)), 0);
	assert_int_equal(memory.region[0].offset, MIB);
	assert_int_equal(memory.region[1].offset, 7 * MIB);
	assert_ptr_equal(memory.region[1].va, window + 7 * MIB);
}

static void
layout_draft_ignores_mmap_offset(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_DRAFT, region(0, 2 * MIB, 0x10000000, MIB),
				region(8 * MIB, MIB, 0x20000000, 4 * MIB)), 0);
	assert_int_equal(memory.region[0].offset, 0);
	assert_int_equal(memory.region[1].offset, 2 * MIB);
}

static void
layout_offset_takes_mmap_offset_as_it_is(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_OFFSET, region(0, 2 * MIB, 0x10000000, MIB),
				region(8 * MIB, MIB, 0x20000000, 4 * MIB)), 0);
	assert_int_equal(memory.region[0].offset, MIB);
	assert_int_equal(memory.region[1].offset, 4 * MIB);
}

static void
layouts_agree_where_every_mmap_offset_is_zero(void **state)
{
	struct vhr_memory sum;

	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, 2 * MIB, 0x10000000, 0),
				region(8 * MIB, MIB, 0x20000000, 0)), 0);
	sum = memory;
	assert_int_equal(build2(VHR_LAYOUT_DRAFT, region(0, 2 * MIB, 0x10000000, 0),
				region(8 * MIB, MIB, 0x20000000, 0)), 0);
	assert_int_equal(sum.region[0].offset, memory.region[0].offset);
	assert_int_equal(sum.region[1].offset, memory.region[1].offset);
}

static void
two_regions_at_one_window_offset_are_refused(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_OFFSET, region(0, 2 * MIB, 0x10000000, 0),
				region(8 * MIB, MIB, 0x20000000, MIB)), -EINVAL);
	assert_non_null(strstr(reason.text, "window offset"));
}

static void
regions_are_sorted_by_guest_address(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_SUM, region(8 * MIB, MIB, 0x10000000, 0),
				region(0, MIB, 0x20000000, 0)), 0);
	assert_int_equal(memory.region[0].gpa, 0);
	assert_int_equal(memory.region[0].offset, MIB);
	assert_int_equal(memory.region[1].gpa, 8 * MIB);
}

static void
translation_finds_first_and_last_byte_of_each_region(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_SUM, region(8 * MIB, MIB, 0x10000000, 0),
				region(0x1000, MIB, 0x20000000, 0)), 0);
	assert_null(vhr_memory_find(&memory, 0xfff));
	assert_int_equal(vhr_memory_find(&memory, 0x1000)->gpa, 0x1000);
	assert_int_equal(vhr_memory_find(&memory, 0x1000 + MIB - 1)->gpa, 0x1000);
	assert_null(vhr_memory_find(&memory, 0x1000 + MIB));
	assert_int_equal(vhr_memory_find(&memory, 8 * MIB)->gpa, 8 * MIB);
	assert_int_equal(vhr_memory_find(&memory, 9 * MIB - 1)->gpa, 8 * MIB);
	assert_null(vhr_memory_find(&memory, 9 * MIB));
	assert_null(vhr_memory_find(&memory, UINT64_MAX));
}

static void
translation_cuts_the_length_at_the_end_of_a_region(void **state)
{
	uint64_t len = 0x3000;

	/* Adjacent in guest addresses, apart in the window. */
	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, MIB, 0x10000000, 0),
				region(MIB, MIB, 0x20000000, MIB)), 0);
	assert_ptr_equal(vhr_memory_gpa(&memory, MIB - 0x1000, &len), window + MIB - 0x1000);
	assert_int_equal(len, 0x1000);
	len = 0x3000;
	assert_ptr_equal(vhr_memory_gpa(&memory, MIB, &len), window + 2 * MIB);
	assert_int_equal(len, 0x3000);
}

static void
a_hint_finds_what_is_whole_in_its_region(void **state)
{
	unsigned int hint = 77;
	uint64_t len = 0x10;

	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, MIB, 0x10000000, 0),
				region(MIB, MIB, 0x20000000, MIB)), 0);
	assert_ptr_equal(vhr_memory_gpa_find(&memory, &hint, MIB + 0x20, &len),
			 window + 2 * MIB + 0x20);
	assert_int_equal(hint, 1);
	assert_ptr_equal(vhr_memory_gpa_hint(&memory, 1, 2 * MIB - 8, 8), window + 3 * MIB - 8);
	assert_null(vhr_memory_gpa_hint(&memory, 1, 2 * MIB - 8, 9));
	assert_null(vhr_memory_gpa_hint(&memory, 1, 2 * MIB - 8, UINT64_MAX));
	assert_null(vhr_memory_gpa_hint(&memory, 1, MIB - 1, 1));
	assert_null(vhr_memory_gpa_hint(&memory, 1, UINT64_MAX, 1));
	/* Of a table that had more regions. */
	assert_null(vhr_memory_gpa_hint(&memory, 2, MIB, 1));
	assert_null(vhr_memory_gpa_hint(&memory, VHR_MAX_REGIONS - 1, MIB, 1));
	assert_null(vhr_memory_gpa_find(&memory, &hint, 2 * MIB, &len));
	assert_int_equal(hint, 1);
}

static void
ranges_across_regions_are_not_translated(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, MIB, 0x10000000, 0),
				region(MIB, MIB, 0x10100000, 0)), 0);
	assert_non_null(vhr_memory_gpa_range(&memory, MIB - 0x10, 0x10));
	assert_null(vhr_memory_gpa_range(&memory, MIB - 0x10, 0x11));
	assert_non_null(vhr_memory_uva(&memory, 0x10100000 - 0x10, 0x10));
	assert_null(vhr_memory_uva(&memory, 0x10100000 - 0x10, 0x11));
}

static void
lengths_near_two_to_the_64_do_not_wrap(void **state)
{
	assert_int_equal(build1(region(MIB, MIB, 0x10000000, 0)), 0);
	assert_null(vhr_memory_gpa_range(&memory, MIB + 1, UINT64_MAX));
	assert_null(vhr_memory_uva(&memory, 0x10000001, UINT64_MAX));
}

static void
user_addresses_are_translated_by_user_address(void **state)
{
	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, MIB, 0x20000000, 0),
				region(MIB, MIB, 0x10000000, 0)), 0);
	assert_ptr_equal(vhr_memory_uva(&memory, 0x10000004, 4), window + MIB + 4);
	assert_ptr_equal(vhr_memory_uva(&memory, 0x20000004, 4), window + 4);
	assert_null(vhr_memory_uva(&memory, 4, 4));
}

static void
added_region_lies_at_its_mmap_offset(void **state)
{
	struct vhu_mem_region r = region(8 * MIB, MIB, 0x20000000, 5 * MIB);

	assert_int_equal(build1(region(0, MIB, 0x10000000, 0)), 0);
	assert_int_equal(vhr_memory_add(&memory, &r, window, WINDOW_SIZE, &reason), 0);
	assert_int_equal(memory.num, 2);
	assert_ptr_equal(vhr_memory_gpa_range(&memory, 8 * MIB, MIB), window + 5 * MIB);
}

static void
added_region_is_checked_against_the_others_and_the_window(void **state)
{
	struct vhu_mem_region r;

	assert_int_equal(build1(region(0, MIB, 0x10000000, 0)), 0);
	r = region(MIB / 2, MIB, 0x20000000, 5 * MIB);
	assert_int_equal(vhr_memory_add(&memory, &r, window, WINDOW_SIZE, &reason), -EINVAL);
	r = region(8 * MIB, MIB, 0x20000000, MIB / 2);
	assert_int_equal(vhr_memory_add(&memory, &r, window, WINDOW_SIZE, &reason), -EINVAL);
	r = region(8 * MIB, MIB, 0x20000000, WINDOW_SIZE - MIB + 1);
	assert_int_equal(vhr_memory_add(&memory, &r, window, WINDOW_SIZE, &reason), -ERANGE);
	r = region(8 * MIB, 0, 0x20000000, 5 * MIB);
	assert_int_equal(vhr_memory_add(&memory, &r, window, WINDOW_SIZE, &reason), -EINVAL);
	assert_int_equal(memory.num, 1);
}

static void
slots_are_limited(void **state)
{
	unsigned int i;

	memory.num = 0;
	for (i = 0; i < VHR_MAX_REGIONS; i++) {
		struct vhu_mem_region r =
			region(i * 0x2000ull, 0x1000, i * 0x3000ull, i * 0x1000ull);

		assert_int_equal(vhr_memory_add(&memory, &r, window, WINDOW_SIZE, &reason), 0);
	}
	struct vhu_mem_region r = region(i * 0x2000ull, 0x1000, i * 0x3000ull, i * 0x1000ull);

	assert_int_equal(vhr_memory_add(&memory, &r, window, WINDOW_SIZE, &reason), -ENOSPC);
	for (i = 0; i < VHR_MAX_REGIONS; i++)
		assert_int_equal(vhr_memory_find(&memory, i * 0x2000ull + 0xfff)->gpa,
				 i * 0x2000ull);
}

static void
removal_matches_all_but_mmap_offset(void **state)
{
	struct vhu_mem_region r = region(MIB, MIB, 0x20000000, 0x123000);

	assert_int_equal(build2(VHR_LAYOUT_SUM, region(0, MIB, 0x10000000, 0), r), 0);
	r.mmap_offset = 0;
	assert_int_equal(vhr_memory_remove(&memory, &r, &reason), 0);
	assert_int_equal(memory.num, 1);
	assert_int_equal(memory.region[0].gpa, 0);
	assert_null(vhr_memory_find(&memory, MIB));
}

static void
removal_of_what_is_not_there_is_refused(void **state)
{
	struct vhu_mem_region wrong[3];
	unsigned int i;

	assert_int_equal(build1(region(0, MIB, 0x10000000, 0)), 0);
	wrong[0] = region(0x1000, MIB, 0x10000000, 0);
	wrong[1] = region(0, MIB / 2, 0x10000000, 0);
	wrong[2] = region(0, MIB, 0x10000001, 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(vhr_memory_remove(&memory, &wrong[i], &reason), -ENOENT);
	assert_int_equal(memory.num, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_table_is_legal),
		cmocka_unit_test(more_regions_than_a_table_holds_are_refused),
		cmocka_unit_test(size_zero_is_refused),
		cmocka_unit_test(guest_address_wrap_is_refused),
		cmocka_unit_test(user_address_wrap_is_refused),
		cmocka_unit_test(guest_address_overlap_is_refused),
		cmocka_unit_test(user_address_overlap_is_refused),
		cmocka_unit_test(adjacent_regions_do_not_overlap),
		cmocka_unit_test(region_that_leaves_the_window_is_refused),
		cmocka_unit_test(mmap_offset_that_wraps_is_refused),
		cmocka_unit_test(layout_sum_adds_offsets_and_sizes),
		cmocka_unit_test(layout_draft_ignores_mmap_offset),
		cmocka_unit_test(layout_offset_takes_mmap_offset_as_it_is),
		cmocka_unit_test(layouts_agree_where_every_mmap_offset_is_zero),
		cmocka_unit_test(two_regions_at_one_window_offset_are_refused),
		cmocka_unit_test(regions_are_sorted_by_guest_address),
		cmocka_unit_test(translation_finds_first_and_last_byte_of_each_region),
		cmocka_unit_test(translation_cuts_the_length_at_the_end_of_a_region),
		cmocka_unit_test(a_hint_finds_what_is_whole_in_its_region),
		cmocka_unit_test(ranges_across_regions_are_not_translated),
		cmocka_unit_test(lengths_near_two_to_the_64_do_not_wrap),
		cmocka_unit_test(user_addresses_are_translated_by_user_address),
		cmocka_unit_test(added_region_lies_at_its_mmap_offset),
		cmocka_unit_test(added_region_is_checked_against_the_others_and_the_window),
		cmocka_unit_test(slots_are_limited),
		cmocka_unit_test(removal_matches_all_but_mmap_offset),
		cmocka_unit_test(removal_of_what_is_not_there_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
