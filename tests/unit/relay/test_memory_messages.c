/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages about the memory table, and rings that move with it. */
#include "session_fixture.h"

static struct vhu_msg
table_of(struct vhu_mem_region a)
{
	struct vhu_msg msg = request_table();

	msg.table.region[0] = a;
	return msg;
}

static struct vhu_msg
single(uint32_t id, uint64_t gpa, uint64_t size, uint64_t uva, uint64_t offset)
{
	struct vhu_msg msg = request(id, sizeof(msg.single));

	msg.single.region = (struct vhu_mem_region){ gpa, size, uva, offset };
	return msg;
}

static unsigned int
regions(void)
{
	struct vhr_status status;

	vhr_status(session, &status);
	return status.regions;
}

static void
table_is_put_under_every_ring(void **state)
{
	unsigned int i, changed[RINGS];

	memcpy(changed, rec.changed, sizeof(changed));
	give_acked(request_table(), 0);
	assert_int_equal(regions(), 1);
	for (i = 0; i < RINGS; i++) {
		assert_int_equal(rec.changed[i], changed[i] + 1);
		assert_int_equal(vhr_ring(session, i)->memory->num, 1);
	}
}

static void
empty_table_takes_the_rings_down(void **state)
{
	start_ring(0);
	give_acked(request(VHU_SET_MEM_TABLE, 8), 0);
	assert_int_equal(regions(), 0);
	assert_false(rec.ready[0]);
	assert_true(vhr_ring(session, 0)->started);
}

static void
ring_moves_with_a_new_table_and_keeps_its_indices(void **state)
{
	struct vhr_ring *ring;

	start_ring(0);
	ring = data_lock(0);
	ring->last_avail = 4;
	ring->used_idx = 4;
	data_unlock(0);
	/* The same addresses now live half a window further. */
	give_acked(table_of((struct vhu_mem_region){ MEM_GPA, MEM_SIZE / 2, MEM_UVA,
						     MEM_SIZE / 2 }), 0);
	assert_true(ring->ready);
	assert_ptr_equal(ring->desc, fake.window + MEM_SIZE / 2 + RING_OFFSET(0));
	assert_int_equal(ring->last_avail, 4);
	assert_int_equal(ring->used_idx, 4);
	assert_int_equal(rec.ready_calls, 1);
}

static void
ring_outside_a_new_table_waits_for_the_next(void **state)
{
	start_ring(0);
	give_acked(table_of((struct vhu_mem_region){ MEM_GPA, 0x1000, MEM_UVA, 0 }), 0);
	assert_false(rec.ready[0]);
	assert_null(vhr_ring(session, 0)->desc);
	give_acked(request_table(), 0);
	assert_true(rec.ready[0]);
}

static void
same_table_twice_is_legal(void **state)
{
	start_ring(0);
	give_acked(request_table(), 0);
	give_acked(request_table(), 0);
	assert_true(rec.ready[0]);
	assert_int_equal(regions(), 1);
}

static void
old_table_is_gone_before_the_answer(void **state)
{
	const struct vhr_memory *old;
	struct vhr_ring *ring = vhr_ring(session, 0);

	start_ring(0);
	old = ring->memory;
	fake.txq_full = true;
	struct vhu_msg msg = need_reply(request_table());

	fake_push(VHU_SPACE_FRONTEND, &msg);
	vhr_run(session);
	no_answer();
	assert_ptr_not_equal(ring->memory, old);
	fake.txq_full = false;
	session_run();
	assert_int_equal(answer()->u64, 0);
}

static void
device_is_told_before_and_after_a_new_table(void **state)
{
	give_acked(request(VHU_SET_MEM_TABLE, 8), 0);
	assert_int_equal(rec.memory_begins, 2);
	assert_int_equal(rec.memory_ends, 2);
	assert_int_equal(rec.regions_at_begin, 1);
	assert_int_equal(rec.regions_at_end, 0);
}

static void
device_is_told_of_a_table_that_cannot_be_used(void **state)
{
	give_acked(table_of((struct vhu_mem_region){ MEM_GPA, MEM_SIZE * 2, MEM_UVA, 0 }), 1);
	assert_int_equal(rec.memory_begins, 2);
	assert_int_equal(rec.memory_ends, 2);
	assert_int_equal(rec.regions_at_begin, 1);
	assert_int_equal(rec.regions_at_end, 0);
}

static void
device_is_told_of_a_removed_region_and_of_no_added_one(void **state)
{
	give_acked(single(VHU_ADD_MEM_REG, MEM_GPA, MEM_SIZE / 2, MEM_UVA, 0), 0);
	assert_int_equal(rec.memory_begins, 0);
	give_acked(single(VHU_REM_MEM_REG, MEM_GPA, MEM_SIZE / 2, MEM_UVA + 1, 0), 1);
	assert_int_equal(rec.memory_begins, 0);
	give_acked(single(VHU_REM_MEM_REG, MEM_GPA, MEM_SIZE / 2, MEM_UVA, 0), 0);
	assert_int_equal(rec.memory_begins, 1);
	assert_int_equal(rec.memory_ends, 1);
	assert_int_equal(rec.regions_at_begin, 1);
	assert_int_equal(rec.regions_at_end, 0);
}

static void
device_is_not_told_of_the_end_of_a_connection(void **state)
{
	unsigned int stops = rec.stops[0];

	start_ring(0);
	fake_hang_up();
	session_run();
	assert_int_equal(regions(), 0);
	assert_int_equal(rec.stops[0], stops + 1);
	assert_int_equal(rec.memory_begins, 1);
	assert_int_equal(rec.memory_ends, 1);
}

static void
table_with_an_overlap_ends_the_connection(void **state)
{
	struct vhu_msg msg = request_table();

	msg.table.nregions = 2;
	msg.hdr.size += sizeof(msg.table.region[0]);
	msg.table.region[0].size = 0x2000;
	msg.table.region[1] = (struct vhu_mem_region){ MEM_GPA + 0x1000, 0x1000, 0x1000, 0 };
	give_illegal(need_reply(msg), "SET_MEM_TABLE: region 1: guest address");
}

static void
table_that_does_not_fit_is_refused_and_the_old_one_let_go(void **state)
{
	start_ring(0);
	give_acked(table_of((struct vhu_mem_region){ MEM_GPA, MEM_SIZE * 2, MEM_UVA, 0 }), 1);
	assert_non_null(strstr(vhr_last_error(session), "leaves the window"));
	assert_int_equal(regions(), 0);
	assert_false(rec.ready[0]);
	give_acked(request_table(), 0);
	assert_true(rec.ready[0]);
}

static void
table_that_does_not_fit_ends_the_connection_without_an_answer(void **state)
{
	give_illegal(table_of((struct vhu_mem_region){ MEM_GPA, MEM_SIZE * 2, MEM_UVA, 0 }),
		     "leaves the window");
}

static void
region_at_an_odd_address_makes_no_ring_ready(void **state)
{
	struct vhu_msg msg = request_addr(0);

	/* The user address is aligned, the memory behind it is not. */
	give(table_of((struct vhu_mem_region){ MEM_GPA, MEM_SIZE / 2, MEM_UVA, 1 }));
	expect_connected();
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give_acked(msg, 1);
	assert_non_null(strstr(vhr_last_error(session), "not aligned"));
	assert_null(vhr_ring(session, 0)->desc);
}

static void
max_mem_slots(void **state)
{
	give(request(VHU_GET_MAX_MEM_SLOTS, 0));
	assert_int_equal(answer()->u64, VHR_MAX_REGIONS);
}

static void
regions_are_added_and_removed_one_by_one(void **state)
{
	give_acked(single(VHU_ADD_MEM_REG, MEM_GPA + MEM_SIZE, MEM_SIZE / 2, 0x1000000,
			  MEM_SIZE / 2), 0);
	give_acked(single(VHU_ADD_MEM_REG, MEM_GPA, MEM_SIZE / 2, MEM_UVA, 0), 0);
	assert_int_equal(regions(), 2);
	start_ring(0);
	give_acked(single(VHU_REM_MEM_REG, MEM_GPA + MEM_SIZE, MEM_SIZE / 2, 0x1000000, 0), 0);
	assert_true(rec.ready[0]);
	give_acked(single(VHU_REM_MEM_REG, MEM_GPA, MEM_SIZE / 2, MEM_UVA, 0), 0);
	assert_false(rec.ready[0]);
	assert_int_equal(regions(), 0);
	give_acked(single(VHU_ADD_MEM_REG, MEM_GPA, MEM_SIZE / 2, MEM_UVA, MEM_SIZE / 2), 0);
	assert_true(rec.ready[0]);
	assert_ptr_equal(vhr_ring(session, 0)->desc, fake.window + MEM_SIZE / 2 + RING_OFFSET(0));
}

static void
added_region_that_overlaps_ends_the_connection(void **state)
{
	give_illegal(need_reply(single(VHU_ADD_MEM_REG, MEM_GPA + 0x1000, 0x1000, 0x1000, 0)),
		     "ADD_MEM_REG");
}

static void
added_region_outside_the_window_is_refused_and_the_others_stay(void **state)
{
	start_ring(0);
	give_acked(single(VHU_ADD_MEM_REG, 0, 0x1000, 0, MEM_SIZE), 1);
	assert_true(rec.ready[0]);
	assert_int_equal(regions(), 1);
}

static void
removal_of_an_unknown_region_is_refused(void **state)
{
	start_ring(0);
	give_acked(single(VHU_REM_MEM_REG, MEM_GPA, MEM_SIZE, MEM_UVA + 1, 0), 1);
	assert_true(rec.ready[0]);
	give_illegal(single(VHU_REM_MEM_REG, MEM_GPA, MEM_SIZE, MEM_UVA + 1, 0), "no region");
}

static void
slots_not_negotiated(void **state)
{
	static const uint32_t ids[] = { VHU_ADD_MEM_REG, VHU_REM_MEM_REG };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		give_illegal(single(ids[i], 0, 0x1000, 0, 0), "CONFIGURE_MEM_SLOTS (bit 15)");
		assert_true(fake_connect());
		session_run();
	}
	give_illegal(request(VHU_GET_MAX_MEM_SLOTS, 0), "CONFIGURE_MEM_SLOTS (bit 15)");
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, session_setup, session_teardown)
#define NEGOTIATED(name) \
	cmocka_unit_test_setup_teardown(name, session_setup_negotiated, session_teardown)
#define MEMORY(name) cmocka_unit_test_setup_teardown(name, session_setup_memory, session_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		NEGOTIATED(table_is_put_under_every_ring),
		MEMORY(empty_table_takes_the_rings_down),
		MEMORY(ring_moves_with_a_new_table_and_keeps_its_indices),
		MEMORY(ring_outside_a_new_table_waits_for_the_next),
		MEMORY(same_table_twice_is_legal),
		MEMORY(old_table_is_gone_before_the_answer),
		MEMORY(device_is_told_before_and_after_a_new_table),
		MEMORY(device_is_told_of_a_table_that_cannot_be_used),
		NEGOTIATED(device_is_told_of_a_removed_region_and_of_no_added_one),
		MEMORY(device_is_not_told_of_the_end_of_a_connection),
		NEGOTIATED(table_with_an_overlap_ends_the_connection),
		MEMORY(table_that_does_not_fit_is_refused_and_the_old_one_let_go),
		NEGOTIATED(table_that_does_not_fit_ends_the_connection_without_an_answer),
		NEGOTIATED(region_at_an_odd_address_makes_no_ring_ready),
		NEGOTIATED(max_mem_slots),
		NEGOTIATED(regions_are_added_and_removed_one_by_one),
		MEMORY(added_region_that_overlaps_ends_the_connection),
		MEMORY(added_region_outside_the_window_is_refused_and_the_others_stay),
		MEMORY(removal_of_an_unknown_region_is_refused),
		FRESH(slots_not_negotiated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
