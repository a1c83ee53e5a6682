/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

static void assert_sound(const struct vvu_bar_layout *l)
{
	const struct vvu_range *in_order[] = { &l->memory, &l->log, &l->inflight, &l->doorbell,
					       &l->kick };
	uint64_t end = 0;
	unsigned int i;

	assert_int_equal(l->memory.offset, 0);
	for (i = 0; i < 5; i++) {
		assert_true(in_order[i]->offset >= end);
		assert_true(in_order[i]->length != 0);
		assert_int_equal(in_order[i]->offset % VVU_PAGE_SIZE, 0);
		assert_int_equal(in_order[i]->length % VVU_PAGE_SIZE, 0);
		end = in_order[i]->offset + in_order[i]->length;
	}
	assert_int_equal(end, l->bar_size);
	assert_int_equal(l->kick.offset, l->bar_size - VVU_PAGE_SIZE);
}

static void every_size_and_queue_count_gives_a_sound_layout(void **state)
{
	struct vvu_bar_layout l;
	struct vhu_reason reason;
	unsigned int shift, queues, per_vq;

	for (shift = 22; shift < 52; shift++) {
		for (queues = 1; queues <= VHU_MAX_VRINGS; queues++) {
			for (per_vq = 0; per_vq < 2; per_vq++) {
				assert_int_equal(vvu_layout_init(&l, 1ull << shift, queues,
								 per_vq != 0, &reason),
						 0);
				assert_sound(&l);
				assert_true(l.doorbell.length >= (uint64_t)l.doorbell_multiplier *
									 VVU_NUM_DOORBELLS(queues));
			}
		}
	}
}

static void doorbells_are_4_bytes_or_a_page_apart(void **state)
{
	struct vvu_bar_layout l;
	struct vhu_reason reason;

	assert_int_equal(vvu_layout_init(&l, 64 * MIB, 4, false, &reason), 0);
	assert_int_equal(l.doorbell_multiplier, 4);
	assert_int_equal(l.doorbell.length, 4096);
	assert_int_equal(vvu_layout_init(&l, 64 * MIB, 4, true, &reason), 0);
	assert_int_equal(l.doorbell_multiplier, 4096);
	assert_int_equal(l.doorbell.length, 9 * 4096);
}

static void memory_is_whole_huge_pages_and_most_of_the_bar(void **state)
{
	struct vvu_bar_layout l;
	struct vhu_reason reason;

	assert_int_equal(vvu_layout_init(&l, VVU_BAR_SIZE_DEFAULT, 256, false, &reason), 0);
	assert_int_equal(l.memory.length % (2 * MIB), 0);
	assert_true(l.memory.length > l.bar_size - l.bar_size / 128);
	/* Two logs for as much memory as the window holds. */
	assert_true(l.log.length >= 2 * (l.memory.length / 4096 / 8));
}

static void bad_sizes_are_refused_by_name(void **state)
{
	struct vvu_bar_layout l;
	struct vhu_reason reason;

	assert_int_equal(vvu_layout_init(&l, 2 * MIB, 4, false, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "0x200000"));
	assert_int_equal(vvu_layout_init(&l, 48 * MIB, 4, false, &reason), -EINVAL);
	assert_int_equal(vvu_layout_init(&l, 64 * MIB, 0, false, &reason), -EINVAL);
	assert_int_equal(vvu_layout_init(&l, 64 * MIB, 257, false, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "257"));
}

static void each_shmid_has_its_range_and_others_have_none(void **state)
{
	struct vvu_bar_layout l;
	struct vhu_reason reason;

	assert_int_equal(vvu_layout_init(&l, 64 * MIB, 4, false, &reason), 0);
	assert_ptr_equal(vvu_layout_shm(&l, VVU_SHMID_MEMORY), &l.memory);
	assert_ptr_equal(vvu_layout_shm(&l, VVU_SHMID_LOG), &l.log);
	assert_ptr_equal(vvu_layout_shm(&l, VVU_SHMID_INFLIGHT), &l.inflight);
	assert_null(vvu_layout_shm(&l, 0));
	assert_null(vvu_layout_shm(&l, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_and_queue_count_gives_a_sound_layout),
		cmocka_unit_test(doorbells_are_4_bytes_or_a_page_apart),
		cmocka_unit_test(memory_is_whole_huge_pages_and_most_of_the_bar),
		cmocka_unit_test(bad_sizes_are_refused_by_name),
		cmocka_unit_test(each_shmid_has_its_range_and_others_have_none),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
