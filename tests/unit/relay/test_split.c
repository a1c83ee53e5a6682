/* SPDX-License-Identifier: BSD-3-Clause */
/* Indices, completion and suppression of the split ring. */
#include <errno.h>

#include "vring_fixture.h"

static void
set_used_event(struct vring_fixture *f, uint16_t event)
{
	f->ring.avail->ring[RING_SIZE] = htole16(event);
}

static uint16_t
get_avail_event(struct vring_fixture *f)
{
	uint16_t event;

	memcpy(&event, &f->ring.used->ring[RING_SIZE], sizeof(event));
	return le16toh(event);
}

static void
available_counts_what_was_not_taken(void **state)
{
	struct vring_fixture *f = *state;

	assert_int_equal(vhr_split_available(&f->ring), 0);
	vring_make_available(f, 1);
	vring_make_available(f, 2);
	assert_int_equal(vhr_split_available(&f->ring), 2);
	f->ring.last_avail++;
	assert_int_equal(vhr_split_available(&f->ring), 1);
}

static void
available_works_across_the_wrap_of_the_index(void **state)
{
	struct vring_fixture *f = *state;

	f->ring.last_avail = 0xfffe;
	vring_set_avail_idx(f, 3);
	assert_int_equal(vhr_split_available(&f->ring), 5);
	assert_false(f->ring.broken);
}

static void
full_ring_is_available(void **state)
{
	struct vring_fixture *f = *state;

	vring_set_avail_idx(f, RING_SIZE);
	assert_int_equal(vhr_split_available(&f->ring), RING_SIZE);
	assert_false(f->ring.broken);
}

static void
avail_idx_that_jumps_breaks_the_ring(void **state)
{
	struct vring_fixture *f = *state;

	vring_set_avail_idx(f, RING_SIZE + 1);
	assert_int_equal(vhr_split_available(&f->ring), 0);
	assert_true(f->ring.broken);
	assert_false(f->ring.ready);
	assert_non_null(strstr(f->ring.broken_reason.text, "avail idx 9 is 9 ahead of 0"));
}

static void
avail_idx_that_goes_back_breaks_the_ring(void **state)
{
	struct vring_fixture *f = *state;

	f->ring.last_avail = 5;
	vring_set_avail_idx(f, 4);
	assert_int_equal(vhr_split_available(&f->ring), 0);
	assert_true(f->ring.broken);
}

static void
head_is_taken_in_order_and_around_the_ring(void **state)
{
	struct vring_fixture *f = *state;
	uint16_t head;

	f->ring.last_avail = 0xffff;
	vring_set_avail_idx(f, 0xffff);
	vring_make_available(f, 6);
	vring_make_available(f, 4);
	assert_int_equal(vhr_split_head(&f->ring, 0, &head), 0);
	assert_int_equal(head, 6);
	assert_int_equal(vhr_split_head(&f->ring, 1, &head), 0);
	assert_int_equal(head, 4);
}

static void
head_outside_the_ring_breaks_it(void **state)
{
	struct vring_fixture *f = *state;
	uint16_t head;

	vring_make_available(f, RING_SIZE);
	assert_int_equal(vhr_split_head(&f->ring, 0, &head), -EPROTO);
	assert_true(f->ring.broken);
}

static void
used_elements_become_visible_with_publish(void **state)
{
	struct vring_fixture *f = *state;

	f->ring.used_idx = 0xffff;
	vhr_split_put_used(&f->ring, 0, 3, 0x11223344);
	vhr_split_put_used(&f->ring, 1, 5, 7);
	assert_int_equal(vring_used_idx(f), 0);
	vhr_split_publish(&f->ring, 2);
	assert_int_equal(vring_used_idx(f), 1);
	assert_int_equal(f->ring.used_idx, 1);
	assert_int_equal(le32toh(f->ring.used->ring[0xffff % RING_SIZE].id), 3);
	assert_int_equal(le32toh(f->ring.used->ring[0xffff % RING_SIZE].len), 0x11223344);
	assert_int_equal(le32toh(f->ring.used->ring[0].id), 5);
	assert_int_equal(le32toh(f->ring.used->ring[0].len), 7);
}

static void
ring_memory_is_little_endian(void **state)
{
	struct vring_fixture *f = *state;
	const uint8_t *elem = (const uint8_t *)&f->ring.used->ring[0];

	vhr_split_put_used(&f->ring, 0, 2, 0x0a0b0c0d);
	vhr_split_publish(&f->ring, 1);
	assert_memory_equal(elem, "\x02\0\0\0\x0d\x0c\x0b\x0a", 8);
	assert_memory_equal((const uint8_t *)f->ring.used + 2, "\x01\0", 2);
}

static void
flags_decide_about_calls_without_event_idx(void **state)
{
	struct vring_fixture *f = *state;

	vhr_split_publish(&f->ring, 1);
	assert_true(vhr_split_should_call(&f->ring));
	f->ring.avail->flags = htole16(VRING_AVAIL_F_NO_INTERRUPT);
	vhr_split_publish(&f->ring, 1);
	assert_false(vhr_split_should_call(&f->ring));
}

static void
first_look_at_used_event_always_calls(void **state)
{
	struct vring_fixture *f = *state;

	f->ring.event_idx = true;
	set_used_event(f, 100);
	vhr_split_publish(&f->ring, 1);
	assert_true(vhr_split_should_call(&f->ring));
	vhr_split_publish(&f->ring, 1);
	assert_false(vhr_split_should_call(&f->ring));
}

static void
used_event_is_met_by_the_entry_it_names(void **state)
{
	struct vring_fixture *f = *state;

	f->ring.event_idx = true;
	vhr_split_publish(&f->ring, 1);
	vhr_split_should_call(&f->ring);
	set_used_event(f, 3);
	vhr_split_publish(&f->ring, 2);		/* entries 1 and 2 */
	assert_false(vhr_split_should_call(&f->ring));
	vhr_split_publish(&f->ring, 1);		/* entry 3 */
	assert_true(vhr_split_should_call(&f->ring));
	vhr_split_publish(&f->ring, 1);
	assert_false(vhr_split_should_call(&f->ring));
}

static void
used_event_works_across_the_wrap_of_the_index(void **state)
{
	struct vring_fixture *f = *state;

	f->ring.event_idx = true;
	f->ring.used_idx = 0xfffd;
	vhr_split_publish(&f->ring, 1);
	vhr_split_should_call(&f->ring);
	set_used_event(f, 1);
	vhr_split_publish(&f->ring, 3);		/* 0xfffe, 0xffff, 0 */
	assert_int_equal(f->ring.used_idx, 1);
	assert_false(vhr_split_should_call(&f->ring));
	vhr_split_publish(&f->ring, 1);		/* 1 */
	assert_true(vhr_split_should_call(&f->ring));
}

static void
many_entries_between_two_looks_always_call(void **state)
{
	struct vring_fixture *f = *state;
	unsigned int i;

	f->ring.event_idx = true;
	vhr_split_publish(&f->ring, 1);
	vhr_split_should_call(&f->ring);
	set_used_event(f, 40000);
	/* All the way round and a bit: the distance alone would say that 40000 is ahead. */
	for (i = 0; i < 65536 / RING_SIZE + 1; i++)
		vhr_split_publish(&f->ring, RING_SIZE);
	assert_true(vhr_split_should_call(&f->ring));
}

/* Against the definition, for every distance: is there an entry old..new-1 equal to event? */
static void
event_arithmetic_matches_its_definition(void **state)
{
	static const uint16_t starts[] = { 0, 1, 0x7ffe, 0xfff9, 0xffff };
	struct vring_fixture *f = *state;
	unsigned int s, n, d, k;

	f->ring.event_idx = true;
	for (s = 0; s < sizeof(starts) / sizeof(starts[0]); s++)
		for (n = 1; n <= RING_SIZE; n++)
			for (d = 0; d < 24; d++) {
				uint16_t event = (uint16_t)(starts[s] - 8 + d);
				bool expected = false;

				for (k = 0; k < n; k++)
					expected |= event == (uint16_t)(starts[s] + k);
				f->ring.used_idx = starts[s];
				f->ring.signalled_used = starts[s];
				f->ring.signalled_valid = true;
				set_used_event(f, event);
				vhr_split_publish(&f->ring, (uint16_t)n);
				assert_int_equal(vhr_split_should_call(&f->ring), expected);
			}
}

static void
kicks_are_refused_and_wanted_by_flag(void **state)
{
	struct vring_fixture *f = *state;

	assert_false(vhr_split_want_kicks(&f->ring, false));
	assert_int_equal(le16toh(f->ring.used->flags), VRING_USED_F_NO_NOTIFY);
	assert_false(vhr_split_want_kicks(&f->ring, true));
	assert_int_equal(le16toh(f->ring.used->flags), 0);
}

static void
wanting_kicks_tells_of_entries_that_came_meanwhile(void **state)
{
	struct vring_fixture *f = *state;

	vhr_split_want_kicks(&f->ring, false);
	vring_make_available(f, 0);
	assert_true(vhr_split_want_kicks(&f->ring, true));
}

static void
entries_counted_and_left_are_not_told_again(void **state)
{
	struct vring_fixture *f = *state;

	f->ring.event_idx = true;
	vring_make_available(f, 0);
	vring_make_available(f, 1);
	assert_int_equal(vhr_split_available(&f->ring), 2);
	/* One was taken, one was too small; a third would do. */
	f->ring.last_avail = 1;
	assert_false(vhr_split_want_kicks(&f->ring, true));
	assert_int_equal(get_avail_event(f), 2);
	vring_make_available(f, 2);
	assert_true(vring_need_event(get_avail_event(f), 3, 2));
	assert_true(vhr_split_want_kicks(&f->ring, true));
}

static void
what_was_seen_before_more_was_taken_does_not_count(void **state)
{
	struct vring_fixture *f = *state;

	f->ring.event_idx = true;
	f->ring.avail_seen = 3;
	f->ring.last_avail = 7;
	vring_set_avail_idx(f, 7);
	assert_false(vhr_split_want_kicks(&f->ring, true));
	assert_int_equal(get_avail_event(f), 7);
}

static void
avail_event_asks_for_the_next_entry(void **state)
{
	struct vring_fixture *f = *state;

	f->ring.event_idx = true;
	f->ring.last_avail = 0xffff;
	vring_set_avail_idx(f, 0xffff);
	assert_int_equal(vhr_split_available(&f->ring), 0);
	assert_false(vhr_split_want_kicks(&f->ring, true));
	assert_int_equal(get_avail_event(f), 0xffff);
	assert_int_equal(le16toh(f->ring.used->flags), 0);
}

static void
avail_event_of_a_poller_is_never_met_soon(void **state)
{
	struct vring_fixture *f = *state;
	unsigned int n;

	f->ring.event_idx = true;
	f->ring.last_avail = 10;
	vhr_split_want_kicks(&f->ring, false);
	for (n = 1; n <= RING_SIZE; n++)
		assert_false(vring_need_event(get_avail_event(f), (uint16_t)(10 + n), 10));
}

static void
a_wish_that_did_not_change_is_not_written_again(void **state)
{
	struct vring_fixture *f = *state;

	vhr_split_want_kicks(&f->ring, false);
	f->ring.used->flags = 0;
	vhr_split_want_kicks(&f->ring, false);
	assert_int_equal(f->ring.used->flags, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vring_setup, vring_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(available_counts_what_was_not_taken),
		TEST(available_works_across_the_wrap_of_the_index),
		TEST(full_ring_is_available),
		TEST(avail_idx_that_jumps_breaks_the_ring),
		TEST(avail_idx_that_goes_back_breaks_the_ring),
		TEST(head_is_taken_in_order_and_around_the_ring),
		TEST(head_outside_the_ring_breaks_it),
		TEST(used_elements_become_visible_with_publish),
		TEST(ring_memory_is_little_endian),
		TEST(flags_decide_about_calls_without_event_idx),
		TEST(first_look_at_used_event_always_calls),
		TEST(used_event_is_met_by_the_entry_it_names),
		TEST(used_event_works_across_the_wrap_of_the_index),
		TEST(many_entries_between_two_looks_always_call),
		TEST(event_arithmetic_matches_its_definition),
		TEST(kicks_are_refused_and_wanted_by_flag),
		TEST(wanting_kicks_tells_of_entries_that_came_meanwhile),
		TEST(entries_counted_and_left_are_not_told_again),
		TEST(what_was_seen_before_more_was_taken_does_not_count),
		TEST(avail_event_asks_for_the_next_entry),
		TEST(avail_event_of_a_poller_is_never_met_soon),
		TEST(a_wish_that_did_not_change_is_not_written_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
