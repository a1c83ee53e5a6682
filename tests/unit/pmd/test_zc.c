/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames on loan: order of use, pressure, and returns that come late or from many threads. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "../../../drivers/vvu_pmd/vvu_zc.h"

static struct vvu_zc_window *window;
static struct vvu_zc *zc;

static int
setup(void **state)
{
	window = vvu_zc_window_new();
	zc = vvu_zc_new(16, 8, window);
	return window == NULL || zc == NULL;
}

/* Every test leaves nothing out: then only the port's reference is left. */
static int
teardown(void **state)
{
	vvu_zc_abandon(zc);
	if (vvu_zc_window_in_use(window))
		return -1;
	vvu_zc_window_put(window);
	return 0;
}

static struct vvu_zc_slot *
lend(uint16_t id)
{
	vvu_zc_lend(zc, id, 1);
	vvu_zc_push(zc, id, 1);
	return &zc->slot[id];
}

static void
copy(uint16_t id)
{
	vvu_zc_push(zc, id, 1);
}

static void
expect_used(uint16_t id)
{
	struct vvu_zc_entry entry = { 0 };

	assert_true(vvu_zc_next_used(zc, &entry));
	assert_int_equal(entry.id, id);
}

static void
expect_none_used(void)
{
	struct vvu_zc_entry entry = { 0 };

	assert_false(vvu_zc_next_used(zc, &entry));
}

static void
copied_frame_is_used_at_once(void **state)
{
	copy(3);
	expect_used(3);
	expect_none_used();
}

static void
lent_frame_is_used_when_it_is_back(void **state)
{
	struct vvu_zc_slot *slot = lend(5);

	vvu_zc_collect(zc);
	expect_none_used();
	vvu_zc_give_back(slot);
	expect_none_used();
	vvu_zc_collect(zc);
	expect_used(5);
	assert_int_equal(zc->out, 0);
}

static void
number_of_descriptors_is_kept(void **state)
{
	struct vvu_zc_entry entry = { 0 };

	vvu_zc_push(zc, 7, 3);
	assert_true(vvu_zc_next_used(zc, &entry));
	assert_int_equal(entry.id, 7);
	assert_int_equal(entry.num, 3);
}

static void
frames_are_used_in_the_order_they_were_taken(void **state)
{
	struct vvu_zc_slot *a = lend(9), *b = lend(2);

	copy(4);
	vvu_zc_give_back(b);
	vvu_zc_collect(zc);
	expect_none_used();
	vvu_zc_give_back(a);
	vvu_zc_collect(zc);
	expect_used(9);
	expect_used(2);
	expect_used(4);
	expect_none_used();
}

static void
no_more_than_allowed_may_be_out(void **state)
{
	struct vvu_zc_slot *slot[8];
	unsigned int i;

	for (i = 0; i < 8; i++) {
		assert_true(vvu_zc_may_lend(zc, (uint16_t)i, 1));
		slot[i] = lend((uint16_t)i);
	}
	assert_false(vvu_zc_may_lend(zc, 8, 1));
	vvu_zc_give_back(slot[3]);
	vvu_zc_collect(zc);
	assert_true(vvu_zc_may_lend(zc, 8, 1));
	for (i = 0; i < 8; i++) {
		if (i != 3)
			vvu_zc_give_back(slot[i]);
	}
}

static void
descriptors_of_a_frame_count(void **state)
{
	vvu_zc_lend(zc, 3, 5);
	vvu_zc_push(zc, 3, 5);
	assert_int_equal(zc->out, 1);
	assert_true(vvu_zc_may_lend(zc, 4, 3));
	assert_false(vvu_zc_may_lend(zc, 4, 4));
	assert_false(vvu_zc_may_lend(zc, 4, UINT16_MAX));
	vvu_zc_lend(zc, 4, 3);
	vvu_zc_push(zc, 4, 3);
	assert_false(vvu_zc_may_lend(zc, 5, 1));
	vvu_zc_give_back(&zc->slot[3]);
	vvu_zc_collect(zc);
	assert_true(vvu_zc_may_lend(zc, 5, 5));
	assert_false(vvu_zc_may_lend(zc, 5, 6));
	vvu_zc_give_back(&zc->slot[4]);
}

static void
ring_has_no_more_entries_than_its_size(void **state)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		assert_int_equal(vvu_zc_room(zc), 16 - i);
		copy((uint16_t)i);
	}
	assert_int_equal(vvu_zc_room(zc), 0);
	expect_used(0);
	assert_int_equal(vvu_zc_room(zc), 1);
}

static void
frame_that_is_out_is_known_to_be(void **state)
{
	struct vvu_zc_slot *slot = lend(6);

	assert_true(vvu_zc_is_lent(zc, 6));
	assert_false(vvu_zc_may_lend(zc, 6, 1));
	assert_false(vvu_zc_is_lent(zc, 5));
	/* A driver that makes it available again: that one is copied, and used after it. */
	copy(6);
	expect_none_used();
	vvu_zc_give_back(slot);
	vvu_zc_collect(zc);
	assert_false(vvu_zc_is_lent(zc, 6));
	expect_used(6);
	expect_used(6);
	expect_none_used();
}

static void
one_frame_held_does_not_stop_the_ring(void **state)
{
	struct vvu_zc_slot *held = lend(0), *other = lend(1);
	unsigned int i;

	for (i = 2; i < 8; i++)
		copy((uint16_t)i);
	vvu_zc_collect(zc);
	assert_false(vvu_zc_is_blocked(zc));
	copy(8);
	assert_true(vvu_zc_is_blocked(zc));
	vvu_zc_reorder(zc);
	for (i = 2; i <= 8; i++)
		expect_used((uint16_t)i);
	expect_none_used();
	assert_false(vvu_zc_is_blocked(zc));
	/* What is still out keeps its order. */
	vvu_zc_give_back(other);
	vvu_zc_give_back(held);
	vvu_zc_collect(zc);
	expect_used(0);
	expect_used(1);
}

static void
reordering_works_where_the_queue_wraps(void **state)
{
	struct vvu_zc_slot *held;
	unsigned int i;

	for (i = 0; i < 13; i++) {
		copy((uint16_t)i);
		expect_used((uint16_t)i);
	}
	held = lend(15);
	for (i = 0; i < 9; i++)
		copy((uint16_t)i);
	vvu_zc_reorder(zc);
	for (i = 0; i < 9; i++)
		expect_used((uint16_t)i);
	expect_none_used();
	vvu_zc_give_back(held);
	vvu_zc_collect(zc);
	expect_used(15);
}

static void
stopping_ring_uses_what_is_out(void **state)
{
	struct vvu_zc_slot *a = lend(1), *b = lend(2);

	copy(3);
	vvu_zc_give_back(b);
	vvu_zc_collect(zc);
	vvu_zc_force(zc);
	expect_used(1);
	expect_used(2);
	expect_used(3);
	expect_none_used();
	vvu_zc_give_back(a);
}

static void
returns_after_the_stop_meet_no_ring(void **state)
{
	struct vvu_zc_slot *a = lend(1), *b = lend(2), *c = lend(3);

	vvu_zc_give_back(b);
	vvu_zc_force(zc);
	assert_int_equal(vvu_zc_abandon(zc), 2);
	assert_true(vvu_zc_window_in_use(window));
	zc = vvu_zc_new(16, 8, window);
	assert_non_null(zc);
	lend(1);
	vvu_zc_give_back(a);
	vvu_zc_collect(zc);
	assert_true(vvu_zc_is_lent(zc, 1));
	vvu_zc_give_back(c);
	vvu_zc_give_back(&zc->slot[1]);
}

static void
abandoned_ring_is_freed_by_the_last_return(void **state)
{
	struct vvu_zc_slot *a = lend(1), *b = lend(2);

	assert_int_equal(vvu_zc_abandon(zc), 2);
	zc = NULL;
	vvu_zc_give_back(a);
	assert_true(vvu_zc_window_in_use(window));
	vvu_zc_give_back(b);
	assert_false(vvu_zc_window_in_use(window));
}

/* Frames @from to @to of the ring, as one burst frees them. */
static struct vvu_zc_chain
chain_of(uint16_t from, uint16_t to)
{
	struct vvu_zc_chain chain = { .count = 0 };

	for (; from <= to; from++)
		vvu_zc_chain_add(&chain, vvu_zc_of(&zc->slot[from]), &zc->slot[from]);
	return chain;
}

static void
several_frames_come_back_at_once(void **state)
{
	struct vvu_zc_chain chain = { .count = 0 };
	unsigned int i;

	/* Nothing is nothing. */
	vvu_zc_chain_give_back(&chain);
	for (i = 0; i < 6; i++)
		lend((uint16_t)i);
	vvu_zc_give_back(&zc->slot[5]);
	chain = chain_of(0, 2);
	vvu_zc_chain_give_back(&chain);
	assert_int_equal(chain.count, 0);
	chain = chain_of(3, 4);
	vvu_zc_chain_give_back(&chain);
	vvu_zc_collect(zc);
	for (i = 0; i < 6; i++)
		expect_used((uint16_t)i);
	assert_int_equal(zc->out, 0);
}

static void
several_frames_of_an_abandoned_ring_free_it(void **state)
{
	struct vvu_zc_chain first, second;
	unsigned int i;

	for (i = 0; i < 5; i++)
		lend((uint16_t)i);
	first = chain_of(0, 1);
	second = chain_of(2, 4);
	assert_int_equal(vvu_zc_abandon(zc), 5);
	zc = NULL;
	vvu_zc_chain_give_back(&first);
	assert_true(vvu_zc_window_in_use(window));
	vvu_zc_chain_give_back(&second);
	assert_false(vvu_zc_window_in_use(window));
}

static bool
is_mapped(void *page)
{
	unsigned char there;

	return mincore(page, 4096, &there) == 0;
}

static void
addresses_stay_until_the_last_return(void **state)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vvu_zc_slot *slot = lend(4);

	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(vvu_zc_abandon(zc), 1);
	zc = NULL;
	vvu_zc_window_keep(window, page, 4096);
	vvu_zc_window_put(window);
	assert_true(is_mapped(page));
	vvu_zc_give_back(slot);
	assert_false(is_mapped(page));
	window = vvu_zc_window_new();
}

static void
ring_of_any_size_is_possible(void **state)
{
	static const uint32_t sizes[] = { 1, 3, 100, 32768 };
	struct vvu_zc_slot *slot;
	struct vvu_zc *other;
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		other = vvu_zc_new(sizes[i], sizes[i], window);
		assert_non_null(other);
		vvu_zc_lend(other, (uint16_t)(sizes[i] - 1), 1);
		slot = &other->slot[sizes[i] - 1];
		assert_int_equal((uintptr_t)slot->priv % 8, 0);
		vvu_zc_give_back(slot);
		vvu_zc_collect(other);
		assert_int_equal(other->out, 0);
		assert_int_equal(vvu_zc_abandon(other), 0);
	}
}

/* ---- many threads ---- */

#define WORKERS	3u
#define FRAMES	20000u

/* From the owner to a worker, one frame at a time; NULL: none. */
static _Atomic(struct vvu_zc_slot *) mailbox[WORKERS];
static atomic_bool finished;

static void *
work(void *arg)
{
	_Atomic(struct vvu_zc_slot *) *box = arg;
	struct vvu_zc_slot *slot;

	for (;;) {
		bool last = atomic_load(&finished);

		slot = atomic_exchange(box, NULL);
		if (slot != NULL) {
			/* The application's use of the frame, which must be over by the return. */
			slot->priv[0]++;
			vvu_zc_give_back(slot);
		} else if (last) {
			return NULL;
		} else {
			sched_yield();
		}
	}
}

static void
start(pthread_t *thread)
{
	unsigned int i;

	atomic_store(&finished, false);
	for (i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, &mailbox[i]), 0);
}

static void
join(pthread_t *thread)
{
	unsigned int i;

	atomic_store(&finished, true);
	for (i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
}

static void
post(unsigned int worker, struct vvu_zc_slot *slot)
{
	struct vvu_zc_slot *empty = NULL;

	while (!atomic_compare_exchange_weak(&mailbox[worker], &empty, slot)) {
		empty = NULL;
		sched_yield();
	}
}

static void
returns_from_many_threads_are_all_seen(void **state)
{
	uint16_t given = 0, used = 0;
	struct vvu_zc_entry entry = { 0 };
	pthread_t thread[WORKERS];
	unsigned int i;

	start(thread);
	for (i = 0; i < FRAMES; ) {
		vvu_zc_collect(zc);
		while (vvu_zc_next_used(zc, &entry)) {
			assert_int_equal(entry.id, used % 16);
			assert_int_equal(zc->slot[entry.id].priv[0], 1);
			used++;
		}
		if (!vvu_zc_may_lend(zc, given % 16, 1) || vvu_zc_room(zc) == 0) {
			sched_yield();
			continue;
		}
		zc->slot[given % 16].priv[0] = 0;
		post(i % WORKERS, lend(given % 16));
		given++;
		i++;
	}
	join(thread);
	vvu_zc_collect(zc);
	while (vvu_zc_next_used(zc, &entry))
		used++;
	assert_int_equal(zc->out, 0);
	assert_int_equal(used, given);
}

static void
ring_may_stop_while_frames_come_back(void **state)
{
	pthread_t thread[WORKERS];
	unsigned int round, i;

	start(thread);
	for (round = 0; round < FRAMES / 8; round++) {
		for (i = 0; i < 8; i++)
			post(i % WORKERS, lend((uint16_t)i));
		vvu_zc_force(zc);
		assert_in_range(vvu_zc_abandon(zc), 0, 8);
		zc = vvu_zc_new(16, 8, window);
		assert_non_null(zc);
	}
	join(thread);
	/* All that was abandoned is gone: the running ring's reference is the only one. */
	assert_int_equal(atomic_load(&window->references), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copied_frame_is_used_at_once),
		TEST(lent_frame_is_used_when_it_is_back),
		TEST(number_of_descriptors_is_kept),
		TEST(frames_are_used_in_the_order_they_were_taken),
		TEST(no_more_than_allowed_may_be_out),
		TEST(descriptors_of_a_frame_count),
		TEST(ring_has_no_more_entries_than_its_size),
		TEST(frame_that_is_out_is_known_to_be),
		TEST(one_frame_held_does_not_stop_the_ring),
		TEST(reordering_works_where_the_queue_wraps),
		TEST(stopping_ring_uses_what_is_out),
		TEST(returns_after_the_stop_meet_no_ring),
		TEST(abandoned_ring_is_freed_by_the_last_return),
		TEST(several_frames_come_back_at_once),
		TEST(several_frames_of_an_abandoned_ring_free_it),
		TEST(addresses_stay_until_the_last_return),
		TEST(ring_of_any_size_is_possible),
		TEST(returns_from_many_threads_are_all_seen),
		TEST(ring_may_stop_while_frames_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
