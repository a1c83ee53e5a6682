/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of a split ring one at a time, completed in any order. */
#include <errno.h>

#include "vring_fixture.h"
#include "vhost-relay/vring/queue.h"

static void
make_request(struct vring_fixture *f, uint16_t head)
{
	vring_desc(f, head, GPA_A + BUFFERS + head * 0x100ull, 0x40, VRING_DESC_F_WRITE, 0);
	vring_make_available(f, head);
}

static int
pop(struct vring_fixture *f, struct vhr_taken *taken)
{
	return vhr_queue_pop(&f->ring, taken, &f->chain);
}

static uint32_t
used_id(struct vring_fixture *f, uint16_t n)
{
	return le32toh(f->ring.used->ring[n % RING_SIZE].id);
}

static void
empty_ring_has_nothing_to_pop(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken taken;

	assert_int_equal(pop(f, &taken), 0);
	assert_false(f->ring.broken);
}

static void
requests_are_popped_in_the_order_they_were_made_available(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken taken;

	make_request(f, 5);
	make_request(f, 2);
	assert_int_equal(pop(f, &taken), 1);
	assert_int_equal(taken.id, 5);
	assert_int_equal(taken.num, 1);
	assert_int_equal(f->chain.writable, 1);
	assert_ptr_equal(f->chain.iov[0].iov_base, f->a + BUFFERS + 0x500);
	assert_int_equal(pop(f, &taken), 1);
	assert_int_equal(taken.id, 2);
	assert_int_equal(pop(f, &taken), 0);
}

static void
request_that_comes_after_an_empty_look_is_popped(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken taken;

	make_request(f, 0);
	assert_int_equal(pop(f, &taken), 1);
	assert_int_equal(pop(f, &taken), 0);
	make_request(f, 1);
	assert_int_equal(pop(f, &taken), 1);
	assert_int_equal(taken.id, 1);
}

static void
requests_are_used_in_the_order_of_their_completion(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken first, second;

	make_request(f, 3);
	make_request(f, 4);
	assert_int_equal(pop(f, &first), 1);
	assert_int_equal(pop(f, &second), 1);
	vhr_queue_push(&f->ring, &second, 7);
	vhr_queue_push(&f->ring, &first, 9);
	vhr_queue_flush(&f->ring);
	assert_int_equal(vring_used_idx(f), 2);
	assert_int_equal(used_id(f, 0), 4);
	assert_int_equal(le32toh(f->ring.used->ring[0].len), 7);
	assert_int_equal(used_id(f, 1), 3);
	assert_int_equal(le32toh(f->ring.used->ring[1].len), 9);
}

static void
completion_is_not_visible_before_the_flush(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken taken;

	make_request(f, 0);
	assert_int_equal(pop(f, &taken), 1);
	vhr_queue_push(&f->ring, &taken, 0);
	assert_int_equal(vring_used_idx(f), 0);
	vhr_queue_flush(&f->ring);
	assert_int_equal(vring_used_idx(f), 1);
	vhr_queue_flush(&f->ring);
	assert_int_equal(vring_used_idx(f), 1);
}

static void
request_with_too_many_pieces_is_taken_and_can_be_completed(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken taken;

	vring_desc(f, 1, GPA_A + BUFFERS, 16, VRING_DESC_F_NEXT, 2);
	vring_desc(f, 2, GPA_A + BUFFERS, 16, VRING_DESC_F_WRITE, 0);
	vring_make_available(f, 1);
	f->chain.iov_max = 1;
	assert_int_equal(pop(f, &taken), -E2BIG);
	assert_false(f->ring.broken);
	assert_int_equal(taken.id, 1);
	vhr_queue_push(&f->ring, &taken, 0);
	vhr_queue_flush(&f->ring);
	assert_int_equal(vring_used_idx(f), 1);
	assert_int_equal(used_id(f, 0), 1);
	assert_int_equal(pop(f, &taken), 0);
}

static void
chain_that_makes_no_sense_breaks_the_ring_for_good(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken taken;

	vring_desc(f, 0, 0, 16, 0, 0);
	vring_make_available(f, 0);
	assert_int_equal(pop(f, &taken), -EPROTO);
	assert_non_null(strstr(f->ring.broken_reason.text, "outside the memory table"));
	make_request(f, 1);
	assert_int_equal(pop(f, &taken), -EPROTO);
}

static void
avail_idx_that_jumps_is_an_error_of_pop(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken taken;

	vring_set_avail_idx(f, RING_SIZE + 1);
	assert_int_equal(pop(f, &taken), -EPROTO);
}

static void
broken_ring_takes_no_completions(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken taken;

	make_request(f, 0);
	make_request(f, 1);
	assert_int_equal(pop(f, &taken), 1);
	vhr_queue_push(&f->ring, &taken, 0);
	assert_int_equal(pop(f, &taken), 1);
	vhr_ring_break(&f->ring, "by a test");
	vhr_queue_push(&f->ring, &taken, 0);
	vhr_queue_flush(&f->ring);
	assert_int_equal(vring_used_idx(f), 0);
}

static void
more_requests_than_the_ring_has_break_it(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken taken;
	uint16_t i;

	for (i = 0; i < RING_SIZE; i++)
		make_request(f, i);
	for (i = 0; i < RING_SIZE; i++)
		assert_int_equal(pop(f, &taken), 1);
	make_request(f, 0);
	assert_int_equal(pop(f, &taken), -EPROTO);
	assert_non_null(strstr(f->ring.broken_reason.text,
			       "request 8 is available while 8 are not used"));
}

static void
completed_requests_make_room_for_as_many(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken taken;
	unsigned int i;

	/* All the way round both indices, always full. */
	for (i = 0; i < RING_SIZE; i++)
		make_request(f, (uint16_t)i);
	for (i = 0; i < RING_SIZE; i++)
		assert_int_equal(pop(f, &taken), 1);
	for (i = 0; i < 70000; i++) {
		taken.id = (uint16_t)(i % RING_SIZE);
		vhr_queue_push(&f->ring, &taken, 0);
		vhr_queue_flush(&f->ring);
		make_request(f, taken.id);
		assert_int_equal(pop(f, &taken), 1);
		assert_int_equal(taken.id, i % RING_SIZE);
	}
	assert_int_equal(vring_used_idx(f), (uint16_t)70000);
}

static void
wanting_kicks_tells_of_requests_that_were_left(void **state)
{
	struct vring_fixture *f = *state;
	struct vhr_taken taken;

	make_request(f, 0);
	make_request(f, 1);
	assert_int_equal(pop(f, &taken), 1);
	assert_true(vhr_queue_want_kicks(&f->ring, true));
	assert_int_equal(pop(f, &taken), 1);
	assert_false(vhr_queue_want_kicks(&f->ring, true));
	make_request(f, 2);
	assert_true(vhr_queue_want_kicks(&f->ring, true));
	assert_false(vhr_queue_want_kicks(&f->ring, false));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vring_setup, vring_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(empty_ring_has_nothing_to_pop),
		TEST(requests_are_popped_in_the_order_they_were_made_available),
		TEST(request_that_comes_after_an_empty_look_is_popped),
		TEST(requests_are_used_in_the_order_of_their_completion),
		TEST(completion_is_not_visible_before_the_flush),
		TEST(request_with_too_many_pieces_is_taken_and_can_be_completed),
		TEST(chain_that_makes_no_sense_breaks_the_ring_for_good),
		TEST(avail_idx_that_jumps_is_an_error_of_pop),
		TEST(broken_ring_takes_no_completions),
		TEST(more_requests_than_the_ring_has_break_it),
		TEST(completed_requests_make_room_for_as_many),
		TEST(wanting_kicks_tells_of_requests_that_were_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
