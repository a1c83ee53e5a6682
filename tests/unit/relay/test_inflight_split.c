/* SPDX-License-Identifier: BSD-3-Clause */
/* The record of a split ring: what is stored when, and areas that no honest backend left. */
#include <errno.h>
#include <stdlib.h>

#include "vring_fixture.h"
#include "vhost-relay/vring/inflight.h"
#include "vhost-relay/vring/queue.h"

#define BYTES (16 + RING_SIZE * 16)

struct record {
	struct vring_fixture *f;
	uint8_t *area;		/* in region C, layout by hand */
};

static int
setup(void **state)
{
	static struct record r;
	void *fixture;

	vring_setup(&fixture);
	r.f = fixture;
	r.area = r.f->c;
	r.f->ring.inflight = vhr_inflight_new(false, r.area, RING_SIZE, RING_SIZE);
	assert_non_null(r.f->ring.inflight);
	*state = &r;
	return 0;
}

static int
teardown(void **state)
{
	struct record *r = *state;
	void *fixture = r->f;

	vhr_inflight_free(r->f->ring.inflight);
	return vring_teardown(&fixture);
}

static void
put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static uint8_t *
entry(struct record *r, unsigned int i)
{
	return r->area + 16 + 16 * i;
}

/* A record in which nothing is under way. */
static void
valid(struct record *r, uint16_t used_idx)
{
	memset(r->area, 0, BYTES);
	put16(r->area + 8, 1);
	put16(r->area + 10, RING_SIZE);
	put16(r->area + 14, used_idx);
}

static void
under_way(struct record *r, unsigned int head, uint8_t counter)
{
	entry(r, head)[0] = 1;
	entry(r, head)[8] = counter;
}

static int
start(struct record *r, uint16_t used_idx)
{
	r->f->ring.used_idx = used_idx;
	r->f->ring.used->idx = htole16(used_idx);
	return vhr_inflight_split_start(&r->f->ring);
}

static void
expect_broken(struct record *r, uint16_t used_idx, const char *why)
{
	assert_int_equal(start(r, used_idx), -EPROTO);
	assert_true(r->f->ring.broken);
	if (strstr(r->f->ring.broken_reason.text, why) == NULL)
		fail_msg("\"%s\" says nothing of \"%s\"", r->f->ring.broken_reason.text, why);
}

static void
make_request(struct record *r, uint16_t head)
{
	vring_desc(r->f, head, GPA_A + BUFFERS, 16, 0, 0);
	vring_make_available(r->f, head);
}

static struct vhr_taken
pop(struct record *r)
{
	struct vhr_taken taken;

	assert_int_equal(vhr_queue_pop(&r->f->ring, &taken, &r->f->chain), 1);
	return taken;
}

static void
size_is_a_header_and_entries_in_whole_cache_lines(void **state)
{
	/* protocols: 16 + 16 * n, rounded up to 64 */
	assert_int_equal(vhr_inflight_stride(false, 1), 64);
	assert_int_equal(vhr_inflight_stride(false, 3), 64);
	assert_int_equal(vhr_inflight_stride(false, 4), 128);
	assert_int_equal(vhr_inflight_stride(false, 128), 2112);
	assert_int_equal(vhr_inflight_stride(false, 32768), 524352);
}

static void
taken_request_has_a_counter_and_is_marked(void **state)
{
	struct record *r = *state;

	assert_int_equal(start(r, 0), 0);
	make_request(r, 6);
	make_request(r, 2);
	pop(r);
	assert_memory_equal(entry(r, 6), "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(entry(r, 2)[0], 0);
	pop(r);
	assert_memory_equal(entry(r, 2), "\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 16);
}

static void
batch_is_a_list_from_its_newest_head(void **state)
{
	struct record *r = *state;
	struct vhr_taken a, b;

	assert_int_equal(start(r, 0), 0);
	make_request(r, 6);
	make_request(r, 2);
	a = pop(r);
	b = pop(r);
	vhr_queue_push(&r->f->ring, &a, 0);
	vhr_queue_push(&r->f->ring, &b, 0);
	assert_memory_equal(r->area + 12, "\2\0\0\0", 4);
	assert_memory_equal(entry(r, 2) + 6, "\6\0", 2);
	assert_int_equal(entry(r, 6)[0], 1);
	vhr_queue_flush(&r->f->ring);
	assert_memory_equal(r->area + 12, "\2\0\2\0", 4);
	assert_int_equal(entry(r, 6)[0], 0);
	assert_int_equal(entry(r, 2)[0], 0);
}

static void
chain_that_breaks_the_ring_is_not_recorded(void **state)
{
	struct record *r = *state;
	struct vhr_taken taken;

	assert_int_equal(start(r, 0), 0);
	vring_desc(r->f, 3, 0, 16, 0, 0);
	vring_make_available(r->f, 3);
	assert_int_equal(vhr_queue_pop(&r->f->ring, &taken, &r->f->chain), -EPROTO);
	assert_int_equal(entry(r, 3)[0], 0);
}

static void
request_with_too_many_pieces_is_recorded(void **state)
{
	struct record *r = *state;
	struct vhr_taken taken;

	assert_int_equal(start(r, 0), 0);
	make_request(r, 3);
	r->f->chain.iov_max = 0;
	assert_int_equal(vhr_queue_pop(&r->f->ring, &taken, &r->f->chain), -E2BIG);
	assert_int_equal(entry(r, 3)[0], 1);
	vhr_queue_push(&r->f->ring, &taken, 0);
	vhr_queue_flush(&r->f->ring);
	assert_int_equal(entry(r, 3)[0], 0);
}

static void
head_that_is_available_twice_breaks_the_ring(void **state)
{
	struct record *r = *state;
	struct vhr_taken taken;

	assert_int_equal(start(r, 0), 0);
	make_request(r, 3);
	make_request(r, 3);
	pop(r);
	assert_int_equal(vhr_queue_pop(&r->f->ring, &taken, &r->f->chain), -EPROTO);
	assert_non_null(strstr(r->f->ring.broken_reason.text,
			       "descriptor 3 is available and under way"));
}

static void
resubmission_is_in_the_order_of_the_counters(void **state)
{
	struct record *r = *state;

	valid(r, 50);
	under_way(r, 1, 9);
	under_way(r, 4, 3);
	under_way(r, 7, 5);
	assert_int_equal(start(r, 50), 1);
	assert_int_equal(r->f->ring.last_avail, 53);
	assert_int_equal(vhr_queue_left(&r->f->ring), 3);
	assert_int_equal(pop(r).id, 4);
	assert_int_equal(pop(r).id, 7);
	assert_int_equal(pop(r).id, 1);
	assert_int_equal(vhr_queue_left(&r->f->ring), 0);
}

static void
counter_goes_on_above_the_greatest(void **state)
{
	struct record *r = *state;

	valid(r, 0);
	under_way(r, 1, 9);
	assert_int_equal(start(r, 0), 1);
	vring_set_avail_idx(r->f, 1);
	r->f->ring.avail_seen = 1;
	make_request(r, 2);
	pop(r);
	pop(r);
	assert_int_equal(entry(r, 2)[8], 10);
	assert_int_equal(entry(r, 1)[8], 9);
}

static void
resubmitted_head_that_is_available_again_breaks_the_ring(void **state)
{
	struct record *r = *state;
	struct vhr_taken taken;

	valid(r, 0);
	under_way(r, 1, 0);
	assert_int_equal(start(r, 0), 1);
	vring_set_avail_idx(r->f, 1);
	r->f->ring.avail_seen = 1;
	make_request(r, 1);
	pop(r);
	assert_int_equal(vhr_queue_pop(&r->f->ring, &taken, &r->f->chain), -EPROTO);
}

static void
half_done_batch_is_finished(void **state)
{
	struct record *r = *state;

	/* Used 1, then 5 and 2 in one batch: their marks are half cleared. */
	valid(r, 1);
	put16(r->area + 12, 2);
	put16(entry(r, 2) + 6, 5);
	put16(entry(r, 5) + 6, 1);
	under_way(r, 5, 1);
	under_way(r, 6, 3);
	assert_int_equal(start(r, 3), 1);
	assert_memory_equal(r->area + 12, "\2\0\3\0", 4);
	assert_int_equal(entry(r, 5)[0], 0);
	assert_int_equal(vhr_queue_left(&r->f->ring), 1);
	assert_int_equal(r->f->ring.last_avail, 4);
	vring_desc(r->f, 6, GPA_A + BUFFERS, 16, 0, 0);
	assert_int_equal(pop(r).id, 6);
}

static void
kicks_are_not_waited_for_while_requests_are_left(void **state)
{
	struct record *r = *state;

	valid(r, 0);
	under_way(r, 1, 0);
	assert_int_equal(start(r, 0), 1);
	vring_set_avail_idx(r->f, 1);
	r->f->ring.avail_seen = 1;
	assert_true(vhr_queue_want_kicks(&r->f->ring, true));
	pop(r);
	assert_false(vhr_queue_want_kicks(&r->f->ring, true));
}

static void
resubmitted_chain_that_makes_no_sense_breaks_the_ring(void **state)
{
	struct record *r = *state;
	struct vhr_taken taken;

	valid(r, 0);
	under_way(r, 1, 0);
	vring_desc(r->f, 1, 0, 16, 0, 0);
	assert_int_equal(start(r, 0), 1);
	assert_int_equal(vhr_queue_pop(&r->f->ring, &taken, &r->f->chain), -EPROTO);
	assert_int_equal(entry(r, 1)[0], 1);
}

/* ---- hostile areas ---- */

static void
version_not_known(void **state)
{
	struct record *r = *state;

	valid(r, 0);
	put16(r->area + 8, 2);
	expect_broken(r, 0, "version 2, features 0x0");
}

static void
features_not_known(void **state)
{
	struct record *r = *state;

	valid(r, 0);
	r->area[7] = 1;
	expect_broken(r, 0, "version 1, features 0x100000000000000");
}

static void
number_of_entries_is_another(void **state)
{
	struct record *r = *state;

	valid(r, 0);
	put16(r->area + 10, RING_SIZE + 1);
	expect_broken(r, 0, "desc_num 9");
}

static void
last_batch_head_outside_the_area(void **state)
{
	struct record *r = *state;

	valid(r, 0);
	put16(r->area + 12, RING_SIZE);
	expect_broken(r, 0, "last_batch_head 8");
}

static void
used_idx_too_far_behind(void **state)
{
	struct record *r = *state;

	valid(r, 0);
	expect_broken(r, RING_SIZE + 1, "used_idx 0, the used ring's is 9");
}

static void
used_idx_ahead(void **state)
{
	struct record *r = *state;

	valid(r, 1);
	expect_broken(r, 0, "used_idx 1, the used ring's is 0");
}

static void
batch_list_leaves_the_area(void **state)
{
	struct record *r = *state;

	valid(r, 0);
	put16(r->area + 12, 3);
	put16(entry(r, 3) + 6, RING_SIZE);
	expect_broken(r, 2, "batch entry 8");
}

static void
batch_list_that_loops_ends(void **state)
{
	struct record *r = *state;

	valid(r, 0);
	put16(r->area + 12, 3);
	put16(entry(r, 3) + 6, 3);
	assert_int_equal(start(r, RING_SIZE), 1);
	assert_false(r->f->ring.broken);
}

static void
mark_that_is_neither_0_nor_1(void **state)
{
	struct record *r = *state;

	valid(r, 0);
	entry(r, 2)[0] = 2;
	expect_broken(r, 0, "entry 2 has inflight 2");
}

static void
mark_behind_the_ring(void **state)
{
	struct record *r = *state;

	vhr_inflight_free(r->f->ring.inflight);
	r->f->ring.inflight = vhr_inflight_new(false, r->area, 2 * RING_SIZE, RING_SIZE);
	valid(r, 0);
	put16(r->area + 10, 2 * RING_SIZE);
	under_way(r, RING_SIZE, 0);
	expect_broken(r, 0, "entry 8 has inflight 1, ring of 8");
}

static void
every_counter_the_same(void **state)
{
	struct record *r = *state;
	unsigned int i;

	valid(r, 0);
	memset(r->area + 16, 0xff, RING_SIZE * 16);
	for (i = 0; i < RING_SIZE; i++) {
		entry(r, i)[0] = 1;
		vring_desc(r->f, i, GPA_A + BUFFERS, 16, 0, 0);
	}
	assert_int_equal(start(r, 0), 1);
	for (i = 0; i < RING_SIZE; i++)
		assert_int_equal(pop(r).id, i);
	assert_int_equal(r->f->ring.last_avail, RING_SIZE);
}

static void
area_that_changes_while_the_ring_runs_is_not_believed(void **state)
{
	struct record *r = *state;
	struct vhr_taken a, b;

	assert_int_equal(start(r, 0), 0);
	make_request(r, 1);
	make_request(r, 2);
	a = pop(r);
	memset(r->area, 0xff, BYTES);
	b = pop(r);
	vhr_queue_push(&r->f->ring, &a, 0);
	vhr_queue_push(&r->f->ring, &b, 0);
	memset(r->area, 0xff, BYTES);
	vhr_queue_flush(&r->f->ring);
	assert_false(r->f->ring.broken);
	assert_int_equal(vring_used_idx(r->f), 2);
	make_request(r, 1);
	assert_int_equal(pop(r).id, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(size_is_a_header_and_entries_in_whole_cache_lines),
		TEST(taken_request_has_a_counter_and_is_marked),
		TEST(batch_is_a_list_from_its_newest_head),
		TEST(chain_that_breaks_the_ring_is_not_recorded),
		TEST(request_with_too_many_pieces_is_recorded),
		TEST(head_that_is_available_twice_breaks_the_ring),
		TEST(resubmission_is_in_the_order_of_the_counters),
		TEST(counter_goes_on_above_the_greatest),
		TEST(resubmitted_head_that_is_available_again_breaks_the_ring),
		TEST(half_done_batch_is_finished),
		TEST(kicks_are_not_waited_for_while_requests_are_left),
		TEST(resubmitted_chain_that_makes_no_sense_breaks_the_ring),
		TEST(version_not_known),
		TEST(features_not_known),
		TEST(number_of_entries_is_another),
		TEST(last_batch_head_outside_the_area),
		TEST(used_idx_too_far_behind),
		TEST(used_idx_ahead),
		TEST(batch_list_leaves_the_area),
		TEST(batch_list_that_loops_ends),
		TEST(mark_that_is_neither_0_nor_1),
		TEST(mark_behind_the_ring),
		TEST(every_counter_the_same),
		TEST(area_that_changes_while_the_ring_runs_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
