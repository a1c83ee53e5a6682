/* SPDX-License-Identifier: BSD-3-Clause */
/* The record of a packed ring: what is stored, and areas that no honest backend left. */
#include <errno.h>
#include <stdlib.h>

#include "packed_fixture.h"
#include "vhost-relay/vring/inflight.h"

#define AREA_AT	0x3000u
#define BYTES (32 + PACKED_SIZE * 32)
#define NONE PACKED_SIZE	/* how a list of free entries ends */

static void
attach(struct packed_fixture *f)
{
	vhr_inflight_free(f->ring.inflight);
	packed_attach(f);
	f->ring.inflight = vhr_inflight_new(true, f->va + AREA_AT, PACKED_SIZE, PACKED_SIZE);
	assert_non_null(f->ring.inflight);
}

static int
setup(void **state)
{
	struct packed_fixture *f;

	packed_setup(state);
	f = *state;
	f->ring.inflight = NULL;
	attach(f);
	return 0;
}

static int
teardown(void **state)
{
	struct packed_fixture *f = *state;

	vhr_inflight_free(f->ring.inflight);
	return packed_teardown(state);
}

static uint8_t *
area(struct packed_fixture *f)
{
	return f->va + AREA_AT;
}

static uint8_t *
entry(struct packed_fixture *f, unsigned int i)
{
	return area(f) + 32 + 32 * i;
}

static void
link_to(struct packed_fixture *f, unsigned int i, uint16_t next)
{
	packed_put16(entry(f, i) + 2, next);
}

/* A record in which nothing is under way, at position 0 of the first lap. */
static void
valid(struct packed_fixture *f)
{
	unsigned int i;

	memset(area(f), 0, BYTES);
	packed_put16(area(f) + 8, 1);
	packed_put16(area(f) + 10, PACKED_SIZE);
	area(f)[20] = 1;
	area(f)[21] = 1;
	for (i = 0; i < PACKED_SIZE; i++)
		link_to(f, i, (uint16_t)(i + 1));
}

/* Entries @head..@head + num - 1 are a request; free ones begin behind them. */
static void
under_way(struct packed_fixture *f, unsigned int head, uint16_t num, uint16_t id, uint8_t counter)
{
	unsigned int i;

	entry(f, head)[0] = 1;
	packed_put16(entry(f, head) + 4, (uint16_t)(head + num - 1));
	packed_put16(entry(f, head) + 6, num);
	entry(f, head)[8] = counter;
	for (i = head; i < head + num; i++) {
		packed_put16(entry(f, i) + 16, i + 1 == head + num ? id : 0xeeee);
		packed_put16(entry(f, i) + 18, i + 1 == head + num ? 0x80 : 0x81);
		entry(f, i)[20] = 16;
		packed_put16(entry(f, i) + 24, (uint16_t)(BUFFERS + i * 16));
		entry(f, i)[26] = 1;	/* 0x10000 */
	}
	packed_put16(area(f) + 12, (uint16_t)(head + num));
	packed_put16(area(f) + 14, (uint16_t)(head + num));
}

static struct vhr_taken
pop(struct packed_fixture *f)
{
	struct vhr_taken taken;

	assert_int_equal(vhr_queue_pop(&f->ring, &taken, &f->chain), 1);
	return taken;
}

static void
expect_broken(struct packed_fixture *f, const char *why)
{
	assert_int_equal(vhr_inflight_packed_start(&f->ring), -EPROTO);
	assert_true(f->ring.broken);
	if (strstr(f->ring.broken_reason.text, why) == NULL)
		fail_msg("\"%s\" says nothing of \"%s\"", f->ring.broken_reason.text, why);
}

static void
size_is_a_header_and_entries_in_whole_cache_lines(void **state)
{
	assert_int_equal(vhr_inflight_stride(true, 1), 64);
	assert_int_equal(vhr_inflight_stride(true, 2), 128);
	assert_int_equal(vhr_inflight_stride(true, 128), 4160);
	assert_int_equal(vhr_inflight_stride(true, 32768), 1048640);
}

static void
new_area_is_initialized(void **state)
{
	struct packed_fixture *f = *state;
	unsigned int i;

	memset(area(f), 0xee, BYTES);
	packed_put16(area(f) + 8, 0);
	f->ring.used_idx = f->ring.last_avail = 3;
	f->ring.used_wrap = false;
	assert_int_equal(vhr_inflight_packed_start(&f->ring), 0);
	assert_memory_equal(area(f), "\0\0\0\0\0\0\0\0\1\0\6\0\0\0\0\0\3\0\3\0\0\0\0\0", 24);
	for (i = 0; i < PACKED_SIZE; i++) {
		assert_int_equal(entry(f, i)[0], 0);
		assert_int_equal(packed_get16(entry(f, i) + 2), i + 1);
	}
}

static void
taken_list_is_copied_and_marked(void **state)
{
	struct packed_fixture *f = *state;

	assert_int_equal(vhr_inflight_packed_start(&f->ring), 0);
	packed_put(f, PACKED_GPA + BUFFERS, 0x21, 0xeeee, F_NEXT);
	packed_put(f, PACKED_GPA + BUFFERS + 64, 0x22, 4, F_WRITE);
	packed_request(f, 1);
	pop(f);
	/* inflight, next 1, last 1, num 2, counter 0, id, flags, len, addr */
	assert_memory_equal(entry(f, 0), "\1\0\1\0\1\0\2\0\0\0\0\0\0\0\0\0\xee\xee\x81\0\x21\0\0\0"
			    "\0\x10\1\0\0\0\0\0", 32);
	assert_memory_equal(entry(f, 1) + 16, "\4\0\x82\0\x22\0\0\0\x40\x10\1\0\0\0\0\0", 16);
	assert_memory_equal(area(f) + 12, "\2\0\2\0", 4);
	pop(f);
	assert_memory_equal(entry(f, 2), "\1\0\3\0\2\0\1\0\1", 9);
	assert_memory_equal(area(f) + 12, "\3\0\3\0", 4);
}

static void
completed_list_goes_to_the_front_of_the_free_ones(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	assert_int_equal(vhr_inflight_packed_start(&f->ring), 0);
	packed_list(f, 4, 2);
	packed_request(f, 1);
	taken = pop(f);
	pop(f);
	vhr_queue_push(&f->ring, &taken, 0);
	assert_int_equal(entry(f, 0)[0], 0);
	assert_int_equal(entry(f, 2)[0], 1);
	assert_int_equal(packed_get16(entry(f, 1) + 2), 3);
	/* free_head 0, old 0, used_idx 2, old 2, wraps 1 and 1 */
	assert_memory_equal(area(f) + 12, "\0\0\0\0\2\0\2\0\1\1", 10);
}

static void
buffer_id_that_is_available_twice_breaks_the_ring(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	assert_int_equal(vhr_inflight_packed_start(&f->ring), 0);
	packed_request(f, 3);
	packed_request(f, 3);
	pop(f);
	assert_int_equal(vhr_queue_pop(&f->ring, &taken, &f->chain), -EPROTO);
	assert_non_null(strstr(f->ring.broken_reason.text,
			       "buffer id 3 is available and under way"));
}

static void
resubmission_is_from_the_copies_in_the_order_of_the_counters(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	valid(f);
	under_way(f, 0, 2, 5, 9);
	under_way(f, 2, 1, 3, 4);
	packed_put16(area(f) + 16, 4);
	packed_put16(area(f) + 18, 4);
	assert_int_equal(vhr_inflight_packed_start(&f->ring), 1);
	assert_int_equal(vhr_queue_left(&f->ring), 2);
	/* Three entries ahead of position 4, in the next lap. */
	assert_int_equal(f->ring.last_avail, 1);
	assert_false(f->ring.avail_wrap);
	assert_int_equal(f->ring.used_idx, 4);
	assert_true(f->ring.used_wrap);
	taken = pop(f);
	assert_int_equal(taken.id, 3);
	assert_int_equal(taken.num, 1);
	assert_ptr_equal(f->iov[0].iov_base, f->va + BUFFERS + 32);
	taken = pop(f);
	assert_int_equal(taken.id, 5);
	assert_int_equal(taken.num, 2);
	assert_ptr_equal(f->iov[1].iov_base, f->va + BUFFERS + 16);
	assert_int_equal(vhr_queue_pop(&f->ring, &taken, &f->chain), 0);
}

static void
completion_that_is_visible_is_finished(void **state)
{
	struct packed_fixture *f = *state;

	valid(f);
	under_way(f, 0, 2, 5, 0);
	under_way(f, 2, 1, 3, 1);
	/* The request at entry 2 was given back: free_head and used_idx say so, old ones not. */
	packed_put16(area(f) + 12, 2);
	packed_put16(area(f) + 16, 1);
	packed_desc(f->va, 0, 0, 3, 0x8080);
	assert_int_equal(vhr_inflight_packed_start(&f->ring), 1);
	assert_memory_equal(area(f) + 12, "\2\0\2\0\1\0\1\0\1\1", 10);
	assert_int_equal(entry(f, 2)[0], 0);
	assert_int_equal(vhr_queue_left(&f->ring), 1);
	assert_int_equal(f->ring.used_idx, 1);
	assert_int_equal(pop(f).id, 5);
}

static void
completion_that_is_not_visible_is_undone(void **state)
{
	struct packed_fixture *f = *state;

	valid(f);
	under_way(f, 0, 2, 5, 0);
	under_way(f, 2, 1, 3, 1);
	packed_put16(area(f) + 12, 2);
	packed_put16(area(f) + 16, 1);
	packed_desc(f->va, 0, 0, 3, 0x0080);
	assert_int_equal(vhr_inflight_packed_start(&f->ring), 1);
	assert_memory_equal(area(f) + 12, "\3\0\3\0\0\0\0\0\1\1", 10);
	assert_int_equal(vhr_queue_left(&f->ring), 2);
	assert_int_equal(f->ring.used_idx, 0);
}

static void
half_taken_list_is_forgotten(void **state)
{
	struct packed_fixture *f = *state;

	valid(f);
	under_way(f, 0, 2, 5, 0);
	packed_put16(area(f) + 14, 0);
	assert_int_equal(vhr_inflight_packed_start(&f->ring), 1);
	assert_int_equal(vhr_queue_left(&f->ring), 0);
	assert_int_equal(entry(f, 0)[0], 0);
	assert_memory_equal(area(f) + 12, "\0\0\0\0", 4);
}

static void
record_of_a_full_ring(void **state)
{
	struct packed_fixture *f = *state;

	valid(f);
	under_way(f, 0, 3, 0, 0);
	under_way(f, 3, 3, 1, 1);
	assert_int_equal(vhr_inflight_packed_start(&f->ring), 1);
	assert_int_equal(f->ring.out, PACKED_SIZE);
	assert_int_equal(f->ring.last_avail, 0);
	assert_false(f->ring.avail_wrap);
	assert_int_equal(pop(f).id, 0);
	assert_int_equal(pop(f).id, 1);
}

/* ---- hostile areas ---- */

static void
numbers_in_the_header(void **state)
{
	static const struct {
		unsigned int at;
		uint16_t value;
		const char *why;
	} wrong[] = {
		{ 0, 1, "features 0x1" },
		{ 8, 2, "version 2" },
		{ 10, PACKED_SIZE - 1, "desc_num 5" },
		{ 12, PACKED_SIZE + 1, "free_head 7" },
		{ 14, PACKED_SIZE + 1, "old_free_head 7" },
		{ 16, PACKED_SIZE, "used_idx 6" },
		{ 18, PACKED_SIZE, "old_used_idx 6" },
		{ 20, 0x0102, "wrap counters 2 and 1" },
		{ 20, 0x0201, "wrap counters 1 and 2" },
	};
	struct packed_fixture *f = *state;
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		attach(f);
		valid(f);
		packed_put16(area(f) + wrong[i].at, wrong[i].value);
		expect_broken(f, wrong[i].why);
	}
}

static void
free_list_that_loops(void **state)
{
	struct packed_fixture *f = *state;

	valid(f);
	link_to(f, 3, 1);
	expect_broken(f, "free entry 1, a loop");
}

static void
free_list_that_leaves_the_area(void **state)
{
	struct packed_fixture *f = *state;

	valid(f);
	link_to(f, 3, NONE + 1);
	expect_broken(f, "free entry 7, there is none");
}

static void
entries_that_are_in_no_list(void **state)
{
	struct packed_fixture *f = *state;

	valid(f);
	link_to(f, 3, NONE);
	expect_broken(f, "2 of 6 entries are neither free nor under way");
}

static void
list_of_a_request_that_is_none(void **state)
{
	static const struct {
		unsigned int at;	/* in the entry */
		uint16_t value;
	} wrong[] = {
		{ 6, 0 },		/* num */
		{ 6, 3 },		/* ... over the free ones */
		{ 6, 0xffff },
		{ 4, 0 },		/* last */
		{ 4, 0xffff },
		{ 2, 0 },		/* next: itself */
		{ 2, NONE },
		{ 2, 0xffff },
	};
	struct packed_fixture *f = *state;
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		attach(f);
		valid(f);
		under_way(f, 0, 2, 1, 0);
		packed_put16(entry(f, 0) + wrong[i].at, wrong[i].value);
		expect_broken(f, "no list of entries");
	}
}

static void
list_that_ends_outside_the_area_or_in_a_loop(void **state)
{
	struct packed_fixture *f = *state;
	static const uint16_t ends[] = { NONE, 0xffff, 0 };
	unsigned int i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		attach(f);
		valid(f);
		under_way(f, 0, 2, 1, 0);
		link_to(f, 0, ends[i]);
		packed_put16(entry(f, 0) + 4, ends[i]);
		expect_broken(f, "no list of entries");
	}
}

static void
mark_that_is_neither_0_nor_1(void **state)
{
	struct packed_fixture *f = *state;

	valid(f);
	under_way(f, 0, 2, 1, 0);
	entry(f, 0)[0] = 0x81;
	expect_broken(f, "entry 0 has inflight 129");
}

static void
buffer_ids_of_requests(void **state)
{
	struct packed_fixture *f = *state;

	valid(f);
	under_way(f, 0, 2, PACKED_SIZE, 0);
	expect_broken(f, "entry 0, buffer id 6");
	attach(f);
	valid(f);
	under_way(f, 0, 1, 2, 0);
	under_way(f, 1, 1, 2, 1);
	expect_broken(f, "entry 1, buffer id 2");
}

static void
copies_that_do_not_fit_their_list(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	valid(f);
	under_way(f, 0, 2, 1, 0);
	packed_put16(entry(f, 0) + 18, 0x80);
	assert_int_equal(vhr_inflight_packed_start(&f->ring), 1);
	assert_int_equal(vhr_queue_pop(&f->ring, &taken, &f->chain), -EPROTO);
	assert_non_null(strstr(f->ring.broken_reason.text, "2 descriptors, 1 are linked"));
	attach(f);
	packed_put16(entry(f, 0) + 18, 0x81);
	packed_put16(entry(f, 1) + 18, 0x81);
	assert_int_equal(vhr_inflight_packed_start(&f->ring), 1);
	assert_int_equal(vhr_queue_pop(&f->ring, &taken, &f->chain), -EPROTO);
	assert_non_null(strstr(f->ring.broken_reason.text, "more than 2 descriptors"));
}

static void
area_that_changes_while_the_ring_runs_is_not_believed(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken a, b;

	valid(f);
	under_way(f, 0, 2, 1, 0);
	assert_int_equal(vhr_inflight_packed_start(&f->ring), 1);
	f->next = 2;
	memset(entry(f, 0), 0xff, 16);
	memset(entry(f, 1), 0xff, 16);
	memset(area(f), 0xff, 32);
	packed_list(f, 2, 3);
	a = pop(f);
	memset(entry(f, 2), 0xff, 4 * 32);
	b = pop(f);
	vhr_queue_push(&f->ring, &b, 0);
	memset(area(f), 0xff, BYTES);
	vhr_queue_push(&f->ring, &a, 0);
	assert_false(f->ring.broken);
	assert_int_equal(packed_used(f, 3), 2);
	assert_int_equal(packed_used(f, 2), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(size_is_a_header_and_entries_in_whole_cache_lines),
		TEST(new_area_is_initialized),
		TEST(taken_list_is_copied_and_marked),
		TEST(completed_list_goes_to_the_front_of_the_free_ones),
		TEST(buffer_id_that_is_available_twice_breaks_the_ring),
		TEST(resubmission_is_from_the_copies_in_the_order_of_the_counters),
		TEST(completion_that_is_visible_is_finished),
		TEST(completion_that_is_not_visible_is_undone),
		TEST(half_taken_list_is_forgotten),
		TEST(record_of_a_full_ring),
		TEST(numbers_in_the_header),
		TEST(free_list_that_loops),
		TEST(free_list_that_leaves_the_area),
		TEST(entries_that_are_in_no_list),
		TEST(list_of_a_request_that_is_none),
		TEST(list_that_ends_outside_the_area_or_in_a_loop),
		TEST(mark_that_is_neither_0_nor_1),
		TEST(buffer_ids_of_requests),
		TEST(copies_that_do_not_fit_their_list),
		TEST(area_that_changes_while_the_ring_runs_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
