/* SPDX-License-Identifier: BSD-3-Clause */
/* ADD_MEM_REG, REM_MEM_REG and GET_MAX_MEM_SLOTS. */
#include "fixture.h"

#include <fcntl.h>

#define NEED_REPLY VHU_FLAG_NEED_REPLY

static struct region region(unsigned int i, uint64_t size)
{
	struct region r = {
		.gpa = (uint64_t)i << 32,
		.size = size,
		.uva = 0x7f0000000000ull + ((uint64_t)i << 32),
		.offset = 0,
		.fd = make_memfd(size),
	};

	return r;
}

static void added_region_goes_to_the_first_hole_and_is_told_where(void **state)
{
	struct fixture *f = *state;
	struct region r[3] = { region(0, MIB), region(1, 2 * MIB), region(2, MIB) };
	struct region gone = r[1];
	struct region small = region(4, MIB);

	start(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, r, 3), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	gone.fd = -1;
	assert_int_equal(frontend_region(f, VHU_REM_MEM_REG, NEED_REPLY, &gone), 0);
	assert_int_equal(rxq_last(f)->single.region.mmap_offset, MIB);
	assert_int_equal(driver_reply_u64(f, VHU_REM_MEM_REG, 0), 0);
	op_clear(f);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, NEED_REPLY, &small), 0);
	assert_ops(f, "begin", "map 1 0x100000+0x100000", "commit", "rxq ADD_MEM_REG", NULL);
	assert_int_equal(rxq_last(f)->single.region.mmap_offset, MIB);
	assert_int_equal(rxq_last(f)->single.region.user_addr, small.uva);
	assert_int_equal(driver_reply_u64(f, VHU_ADD_MEM_REG, 0), 0);
}

static void removed_region_stays_until_the_driver_answers(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB);

	start(f);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, NEED_REPLY, &a), 0);
	assert_int_equal(driver_reply_u64(f, VHU_ADD_MEM_REG, 0), 0);
	a.fd = -1;
	a.offset = 0x123456; /* is not compared */
	op_clear(f);
	assert_int_equal(frontend_region(f, VHU_REM_MEM_REG, 0, &a), 0);
	assert_int_equal(rxq_last(f)->hdr.flags, VHU_VERSION | NEED_REPLY);
	assert_no_op(f, "unmap");
	assert_int_equal(driver_reply_u64(f, VHU_REM_MEM_REG, 0), 0);
	assert_ops(f, "rxq REM_MEM_REG", "unmap 1 0x0+0x100000", NULL);
	assert_no_op(f, "send REM_MEM_REG");
}

static void descriptor_with_rem_mem_reg_is_closed(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB);

	start(f);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, 0, &a), 0);
	a.fd = make_memfd(4096);
	assert_int_equal(frontend_region(f, VHU_REM_MEM_REG, 0, &a), 0);
	assert_true(is_connected(f));
	assert_int_equal(fcntl(a.fd, F_GETFD), -1);
}

static void unknown_region_cannot_be_removed(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB);

	start(f);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, 0, &a), 0);
	a.fd = -1;
	a.size += 4096;
	assert_int_equal(frontend_region(f, VHU_REM_MEM_REG, 0, &a), -ENOENT);
	assert_disconnected(f, "REM_MEM_REG: no region has guest_addr 0x0");
}

static void region_can_be_removed_only_once(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB);

	start(f);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, 0, &a), 0);
	a.fd = -1;
	assert_int_equal(frontend_region(f, VHU_REM_MEM_REG, 0, &a), 0);
	assert_int_equal(frontend_region(f, VHU_REM_MEM_REG, 0, &a), -ENOENT);
	assert_disconnected(f, "REM_MEM_REG");
}

static void added_region_over_another_disconnects(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, MIB);

	start(f);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, 0, &a), 0);
	b.gpa = a.gpa + MIB - 4096;
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, 0, &b), -EINVAL);
	assert_disconnected(f, "ADD_MEM_REG: guest_addr 0xff000");
}

static void refused_add_is_undone(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, MIB);

	start(f);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, NEED_REPLY, &a), 0);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, NEED_REPLY, &b), 0);
	assert_int_equal(driver_reply_u64(f, VHU_ADD_MEM_REG, 0), 0);
	op_clear(f);
	assert_int_equal(driver_reply_u64(f, VHU_ADD_MEM_REG, 1), 0);
	assert_ops(f, "begin", "unmap 1 0x100000+0x100000", "commit", "send ADD_MEM_REG", NULL);
	assert_int_equal(f->nmaps, 1);
	assert_true(is_connected(f));
}

static void refused_remove_leaves_the_region_in_force(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB);

	start(f);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, 0, &a), 0);
	assert_int_equal(driver_reply_u64(f, VHU_ADD_MEM_REG, 0), 0);
	a.fd = -1;
	assert_int_equal(frontend_region(f, VHU_REM_MEM_REG, NEED_REPLY, &a), 0);
	assert_int_equal(driver_reply_u64(f, VHU_REM_MEM_REG, 1), 0);
	assert_int_equal(f->nmaps, 1);
	assert_int_equal(frontend_region(f, VHU_REM_MEM_REG, NEED_REPLY, &a), 0);
	assert_int_equal(driver_reply_u64(f, VHU_REM_MEM_REG, 0), 0);
	assert_int_equal(f->nmaps, 0);
}

static void refused_remove_of_a_region_that_a_table_replaced_since(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, MIB);

	start(f);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, 0, &a), 0);
	assert_int_equal(driver_reply_u64(f, VHU_ADD_MEM_REG, 0), 0);
	a.fd = -1;
	assert_int_equal(frontend_region(f, VHU_REM_MEM_REG, NEED_REPLY, &a), 0);
	assert_int_equal(frontend_table(f, NEED_REPLY, &b, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_REM_MEM_REG, 1), 0);
	assert_int_equal(f->nmaps, 2);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(f->nmaps, 1);
}

static void regions_never_move_and_slots_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct vvu_device_status status;
	struct region r;
	unsigned int i;

	start(f);
	for (i = 0; i < VVU_MAX_REGIONS; i++) {
		r = region(i, 4096);
		assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, 0, &r), 0);
		assert_int_equal(rxq_last(f)->single.region.mmap_offset, i * 4096);
		assert_int_equal(driver_reply_u64(f, VHU_ADD_MEM_REG, 0), 0);
		f->nrxq = 0;
		f->rxq_buffers = 8;
		f->nops = 0;
	}
	vvu_device_query(f->device, &status);
	assert_int_equal(status.regions, VVU_MAX_REGIONS);
	assert_int_equal(status.window_used, VVU_MAX_REGIONS * 4096);
	r = region(i, 4096);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, 0, &r), -ENOSPC);
	assert_disconnected(f, "ADD_MEM_REG: there are 256 regions");
}

static void slots_told_to_the_frontend_are_capped(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(frontend_none(f, VHU_GET_MAX_MEM_SLOTS, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_MAX_MEM_SLOTS, 509), 0);
	assert_int_equal(f->sent[f->nsent - 1].u64, VVU_MAX_REGIONS);
	assert_int_equal(frontend_none(f, VHU_GET_MAX_MEM_SLOTS, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_MAX_MEM_SLOTS, 8), 0);
	assert_int_equal(f->sent[f->nsent - 1].u64, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(added_region_goes_to_the_first_hole_and_is_told_where),
		device_test(removed_region_stays_until_the_driver_answers),
		device_test(descriptor_with_rem_mem_reg_is_closed),
		device_test(unknown_region_cannot_be_removed),
		device_test(region_can_be_removed_only_once),
		device_test(added_region_over_another_disconnects),
		device_test(refused_add_is_undone),
		device_test(refused_remove_leaves_the_region_in_force),
		device_test(refused_remove_of_a_region_that_a_table_replaced_since),
		device_test(regions_never_move_and_slots_are_bounded),
		device_test(slots_told_to_the_frontend_are_capped),
	};

	return cmocka_run_group_tests_name("regions", tests, NULL, NULL);
}
