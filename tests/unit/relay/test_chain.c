/* SPDX-License-Identifier: BSD-3-Clause */
/* The chain walk, against drivers that mean well and drivers that do not. */
#include <errno.h>

#include "vring_fixture.h"

#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT

static void
assert_broken(struct vring_fixture *f, const char *why)
{
	assert_true(f->ring.broken);
	assert_false(f->ring.ready);
	if (strstr(f->ring.broken_reason.text, why) == NULL)
		fail_msg("\"%s\" says nothing of \"%s\"", f->ring.broken_reason.text, why);
}

static void
one_readable_descriptor(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 3, GPA_A + BUFFERS, 100, 0, 0);
	assert_int_equal(vring_walk(f, 3), 0);
	assert_int_equal(f->chain.readable, 1);
	assert_int_equal(f->chain.writable, 0);
	assert_int_equal(f->chain.readable_bytes, 100);
	assert_int_equal(f->chain.entries, 1);
	assert_ptr_equal(f->iov[0].iov_base, f->a + BUFFERS);
	assert_int_equal(f->iov[0].iov_len, 100);
	assert_false(f->ring.broken);
}

static void
readable_then_writable(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, GPA_A + BUFFERS, 16, NEXT, 5);
	vring_desc(f, 5, GPA_C, 512, NEXT | WRITE, 2);
	vring_desc(f, 2, GPA_B, 1, WRITE, 0);
	assert_int_equal(vring_walk(f, 0), 0);
	assert_int_equal(f->chain.readable, 1);
	assert_int_equal(f->chain.writable, 2);
	assert_int_equal(f->chain.readable_bytes, 16);
	assert_int_equal(f->chain.writable_bytes, 513);
	assert_int_equal(f->chain.entries, 3);
	assert_ptr_equal(f->iov[1].iov_base, f->c);
	assert_ptr_equal(f->iov[2].iov_base, f->b);
}

static void
chain_as_long_as_the_ring(void **state)
{
	struct vring_fixture *f = *state;
	unsigned int i;

	for (i = 0; i < RING_SIZE; i++)
		vring_desc(f, i, GPA_C + i, 1, i < RING_SIZE - 1 ? NEXT : 0, (uint16_t)(i + 1));
	assert_int_equal(vring_walk(f, 0), 0);
	assert_int_equal(f->chain.readable, RING_SIZE);
	assert_int_equal(f->chain.entries, RING_SIZE);
}

static void
indirect_table(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc_at(f->c, 0, GPA_A + BUFFERS, 10, NEXT, 2);
	vring_desc_at(f->c, 2, GPA_B, 20, WRITE, 0);
	vring_desc(f, 1, GPA_C, 3 * 16, INDIRECT, 0);
	assert_int_equal(vring_walk(f, 1), 0);
	assert_int_equal(f->chain.readable, 1);
	assert_int_equal(f->chain.writable, 1);
	assert_int_equal(f->iov[1].iov_len, 20);
	assert_int_equal(f->chain.entries, 1);
}

static void
indirect_table_after_direct_descriptors(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, GPA_A + BUFFERS, 4, NEXT, 1);
	vring_desc(f, 1, GPA_C, 16, INDIRECT, 0);
	vring_desc_at(f->c, 0, GPA_B, 20, WRITE, 0);
	assert_int_equal(vring_walk(f, 0), 0);
	assert_int_equal(f->chain.readable_bytes, 4);
	assert_int_equal(f->chain.writable_bytes, 20);
	assert_int_equal(f->chain.entries, 2);
}

static void
indirect_table_need_not_be_aligned(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc_at(f->c + 3, 0, GPA_B, 20, 0, 0);
	vring_desc(f, 0, GPA_C + 3, 16, INDIRECT, 0);
	assert_int_equal(vring_walk(f, 0), 0);
	assert_ptr_equal(f->iov[0].iov_base, f->b);
}

static void
indirect_table_across_regions(void **state)
{
	struct vring_fixture *f = *state;
	uint8_t table[2 * 16];

	vring_desc_at(table, 0, GPA_C, 7, NEXT, 1);
	vring_desc_at(table, 1, GPA_C + 7, 9, 0, 0);
	/* The second entry lies half here, half there. */
	memcpy(f->a + REGION_SIZE - 24, table, 24);
	memcpy(f->b, table + 24, 8);
	vring_desc(f, 0, GPA_B - 24, sizeof(table), INDIRECT, 0);
	assert_int_equal(vring_walk(f, 0), 0);
	assert_int_equal(f->chain.readable_bytes, 16);
	assert_ptr_equal(f->iov[1].iov_base, f->c + 7);
}

static void
indirect_table_outside_memory(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, GPA_B + REGION_SIZE - 8, 16, INDIRECT, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "indirect table");
}

static void
empty_descriptor_yields_no_entry(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, 0xdead0000, 0, NEXT, 1);
	vring_desc(f, 1, GPA_C, 5, 0, 0);
	assert_int_equal(vring_walk(f, 0), 0);
	assert_int_equal(f->chain.readable, 1);
	assert_ptr_equal(f->iov[0].iov_base, f->c);
}

static void
too_many_entries_for_the_caller_do_not_break_the_ring(void **state)
{
	struct vring_fixture *f = *state;

	f->chain.iov_max = 2;
	vring_desc(f, 0, GPA_C, 1, NEXT, 1);
	vring_desc(f, 1, GPA_C, 1, NEXT, 2);
	vring_desc(f, 2, GPA_C, 1, 0, 0);
	assert_int_equal(vring_walk(f, 0), -E2BIG);
	assert_false(f->ring.broken);
	assert_true(f->ring.ready);
}

static void
cve_2018_1059_region_crossing(void **state)
{
	struct vring_fixture *f = *state;

	/* 32 bytes in A and 68 in B: what lies behind A here is not ours to touch. */
	vring_desc(f, 0, GPA_B - 32, 100, WRITE, 0);
	assert_int_equal(vring_walk(f, 0), 0);
	assert_int_equal(f->chain.writable, 2);
	assert_ptr_equal(f->iov[0].iov_base, f->a + REGION_SIZE - 32);
	assert_int_equal(f->iov[0].iov_len, 32);
	assert_ptr_equal(f->iov[1].iov_base, f->b);
	assert_int_equal(f->iov[1].iov_len, 68);
	assert_int_equal(f->chain.writable_bytes, 100);
}

static void
cve_2018_1059_region_crossing_into_nothing(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, GPA_B + REGION_SIZE - 1, 2, WRITE, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "outside the memory table");
}

static void
cve_2019_9547_circular_chain(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, GPA_C, 1, NEXT, 1);
	vring_desc(f, 1, GPA_C, 1, NEXT, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "more than 8 descriptors");
}

static void
cve_2019_9547_circular_chain_of_empty_descriptors(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, 0, 0, NEXT, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "more than 8 descriptors");
}

static void
cve_2019_9547_circular_indirect_table(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc_at(f->c, 0, GPA_A, 1, NEXT, 1);
	vring_desc_at(f->c, 1, GPA_A, 1, NEXT, 1);
	vring_desc(f, 0, GPA_C, 2 * 16, INDIRECT, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "more than 8 descriptors");
}

static void
cve_2020_10725_unmapped_address(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, 0, 64, 0, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "outside the memory table");
}

static void
cve_2020_14375_length_wraps_the_address_space(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, UINT64_MAX - 10, 0xffffffff, WRITE, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "outside the memory table");
}

static void
cve_2022_2132_chain_of_headers_is_bounded(void **state)
{
	struct vring_fixture *f = *state;
	unsigned int i;

	/* One-byte pieces are legal, but no more of them than the ring has. */
	for (i = 0; i < 16; i++)
		vring_desc_at(f->c, i, GPA_A, 1, NEXT, (uint16_t)(i + 1));
	vring_desc(f, 0, GPA_C, 16 * 16, INDIRECT, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "indirect table of 256 bytes");
}

static void
next_outside_the_ring(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, GPA_C, 1, NEXT, RING_SIZE);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "next 8");
}

static void
next_outside_the_indirect_table(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc_at(f->c, 0, GPA_A, 1, NEXT, 2);
	vring_desc(f, 0, GPA_C, 2 * 16, INDIRECT, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "next 2");
}

static void
head_outside_the_ring(void **state)
{
	struct vring_fixture *f = *state;

	assert_int_equal(vring_walk(f, RING_SIZE), -EPROTO);
	assert_broken(f, "head 8");
}

static void
readable_after_writable(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, GPA_C, 1, NEXT | WRITE, 1);
	vring_desc(f, 1, GPA_C, 1, 0, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "readable descriptor after a writable one");
}

static void
readable_after_an_empty_writable(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, GPA_C, 0, NEXT | WRITE, 1);
	vring_desc(f, 1, GPA_C, 1, 0, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "readable descriptor after a writable one");
}

static void
nested_indirect_table(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc_at(f->c, 0, GPA_C, 16, INDIRECT, 0);
	vring_desc(f, 0, GPA_C, 16, INDIRECT, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "in an indirect table");
}

static void
indirect_with_next(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, GPA_C, 16, INDIRECT | NEXT, 1);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "with a next one");
}

static void
indirect_not_negotiated(void **state)
{
	struct vring_fixture *f = *state;

	f->ring.indirect = false;
	vring_desc(f, 0, GPA_C, 16, INDIRECT, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "not negotiated");
}

static void
ill_sized_indirect_tables(void **state)
{
	static const uint32_t lengths[] = { 0, 15, 17, 9 * 16, 0xfffffff0u };
	struct vring_fixture *f = *state;
	unsigned int i;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		f->ring.broken = false;
		vring_desc(f, 0, GPA_C, lengths[i], INDIRECT, 0);
		assert_int_equal(vring_walk(f, 0), -EPROTO);
		assert_broken(f, "indirect table of");
	}
}

static void
total_beyond_4_gib(void **state)
{
	struct vring_fixture *f = *state;

	/* Regions this large exist only as numbers: nothing here is accessed. */
	f->memory.region[2].size = 8ull << 30;
	vring_desc(f, 0, GPA_C, 0xffffffff, NEXT, 1);
	vring_desc(f, 1, GPA_C, 1, NEXT, 2);
	vring_desc(f, 2, GPA_C, 1, 0, 0);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_broken(f, "4 GiB");
	f->ring.broken = false;
	vring_desc(f, 1, GPA_C, 1, 0, 0);
	assert_int_equal(vring_walk(f, 0), 0);
	assert_true(f->chain.readable_bytes == 1ull << 32);
}

static void
first_reason_of_a_broken_ring_stays(void **state)
{
	struct vring_fixture *f = *state;

	vring_desc(f, 0, GPA_C, 1, NEXT, RING_SIZE);
	assert_int_equal(vring_walk(f, 0), -EPROTO);
	assert_int_equal(vring_walk(f, 100), -EPROTO);
	assert_broken(f, "next 8");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vring_setup, vring_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_readable_descriptor),
		TEST(readable_then_writable),
		TEST(chain_as_long_as_the_ring),
		TEST(indirect_table),
		TEST(indirect_table_after_direct_descriptors),
		TEST(indirect_table_need_not_be_aligned),
		TEST(indirect_table_across_regions),
		TEST(indirect_table_outside_memory),
		TEST(empty_descriptor_yields_no_entry),
		TEST(too_many_entries_for_the_caller_do_not_break_the_ring),
		TEST(cve_2018_1059_region_crossing),
		TEST(cve_2018_1059_region_crossing_into_nothing),
		TEST(cve_2019_9547_circular_chain),
		TEST(cve_2019_9547_circular_chain_of_empty_descriptors),
		TEST(cve_2019_9547_circular_indirect_table),
		TEST(cve_2020_10725_unmapped_address),
		TEST(cve_2020_14375_length_wraps_the_address_space),
		TEST(cve_2022_2132_chain_of_headers_is_bounded),
		TEST(next_outside_the_ring),
		TEST(next_outside_the_indirect_table),
		TEST(head_outside_the_ring),
		TEST(readable_after_writable),
		TEST(readable_after_an_empty_writable),
		TEST(nested_indirect_table),
		TEST(indirect_with_next),
		TEST(indirect_not_negotiated),
		TEST(ill_sized_indirect_tables),
		TEST(total_beyond_4_gib),
		TEST(first_reason_of_a_broken_ring_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
