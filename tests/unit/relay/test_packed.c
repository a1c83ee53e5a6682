/* SPDX-License-Identifier: BSD-3-Clause */
/* The packed ring: laps, lists, completion out of order, event suppression, hostile drivers. */
#include <errno.h>

#include "packed_fixture.h"
#include "vhost-relay/vring/packed.h"

static int
pop(struct packed_fixture *f, struct vhr_taken *taken)
{
	return vhr_queue_pop(&f->ring, taken, &f->chain);
}

static void
push(struct packed_fixture *f, const struct vhr_taken *taken, uint32_t len)
{
	vhr_queue_push(&f->ring, taken, len);
	vhr_queue_flush(&f->ring);
}

static void
expect_broken(struct packed_fixture *f, const char *why)
{
	struct vhr_taken taken;

	assert_int_equal(pop(f, &taken), -EPROTO);
	assert_true(f->ring.broken);
	if (strstr(f->ring.broken_reason.text, why) == NULL)
		fail_msg("\"%s\" says nothing of \"%s\"", f->ring.broken_reason.text, why);
	assert_int_equal(f->ring.last_avail, 0);
}

static void
zeroed_ring_has_nothing_available(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	assert_int_equal(pop(f, &taken), 0);
	f->ring.avail_wrap = false;
	f->ring.used_wrap = false;
	assert_int_equal(pop(f, &taken), 0);
}

static void
descriptors_of_another_lap_are_not_available(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;
	/* Of bits 7 and 15 only one of four means "available". */
	static const uint16_t others[] = { 0, 0x8000, 0x8080 };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		packed_desc(f->va, PACKED_GPA + BUFFERS, 16, 0, others[i]);
		assert_int_equal(pop(f, &taken), 0);
	}
}

static void
single_descriptor_is_a_request(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	packed_put(f, PACKED_GPA + BUFFERS, 64, 5, F_WRITE);
	assert_int_equal(pop(f, &taken), 1);
	assert_int_equal(taken.id, 5);
	assert_int_equal(taken.num, 1);
	assert_int_equal(f->chain.writable, 1);
	assert_int_equal(f->chain.writable_bytes, 64);
	assert_ptr_equal(f->iov[0].iov_base, f->va + BUFFERS);
	assert_int_equal(pop(f, &taken), 0);
}

static void
id_of_a_list_is_in_its_last_descriptor(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	packed_list(f, 2, 3);
	assert_int_equal(pop(f, &taken), 1);
	assert_int_equal(taken.id, 2);
	assert_int_equal(taken.num, 3);
	assert_int_equal(f->chain.readable, 3);
	assert_int_equal(f->chain.readable_bytes, 48);
	assert_int_equal(f->ring.last_avail, 3);
}

static void
list_goes_on_at_the_beginning_of_the_ring(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	packed_list(f, 0, 4);
	assert_int_equal(pop(f, &taken), 1);
	push(f, &taken, 0);
	assert_int_equal(packed_used(f, 4), 0);
	packed_list(f, 1, 4);		/* entries 4, 5, 0, 1 */
	assert_int_equal(pop(f, &taken), 1);
	assert_int_equal(taken.id, 1);
	assert_int_equal(taken.num, 4);
	assert_int_equal(f->ring.last_avail, 2);
	assert_false(f->ring.avail_wrap);
	assert_int_equal(packed_used(f, 4), -1);
	push(f, &taken, 0);
	assert_int_equal(packed_used(f, 4), 1);
	assert_int_equal(f->ring.used_idx, 2);
	assert_false(f->ring.used_wrap);
}

static void
used_descriptor_has_id_length_and_marks_of_the_lap(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	packed_put(f, PACKED_GPA + BUFFERS, 64, 5, F_WRITE);
	packed_request(f, 3);
	assert_int_equal(pop(f, &taken), 1);
	push(f, &taken, 0x0a0b0c0d);
	/* length, id, AVAIL | USED | WRITE */
	assert_memory_equal(f->va + 8, "\x0d\x0c\x0b\x0a\5\0\x82\x80", 8);
	assert_int_equal(pop(f, &taken), 1);
	push(f, &taken, 0);
	assert_memory_equal(f->va + 16 + 8, "\0\0\0\0\3\0\x80\x80", 8);
}

/* Three used descriptors that belong together, the second lap begins with the last. */
static void
descriptors_put_ahead_are_whole_and_of_their_own_lap(void **state)
{
	struct packed_fixture *f = *state;

	f->ring.used_idx = 3;
	f->ring.last_avail = 1;
	f->ring.avail_wrap = false;
	f->ring.out = 4;
	vhr_packed_put_used(&f->ring, 1, 4, 0x0102);
	vhr_packed_put_used(&f->ring, 3, 2, 0);
	/* length, id, AVAIL | USED | WRITE; and behind the end neither mark */
	assert_memory_equal(f->va + 4 * 16 + 8, "\2\1\0\0\4\0\x82\x80", 8);
	assert_memory_equal(f->va + 8, "\0\0\0\0\2\0\0\0", 8);
	/* Nothing is published yet. */
	assert_int_equal(f->ring.used_idx, 3);
	assert_memory_equal(f->va + 3 * 16 + 14, "\0\0", 2);
	vhr_packed_fill(&f->ring, 5, 9);
	vhr_packed_publish(&f->ring, 4, 9);
	assert_memory_equal(f->va + 3 * 16 + 8, "\x9\0\0\0\5\0\x82\x80", 8);
	assert_int_equal(f->ring.used_idx, 1);
	assert_false(f->ring.used_wrap);
	assert_int_equal(f->ring.out, 0);
}

static void
requests_are_used_in_the_order_of_their_completion(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken a, b, c;

	packed_list(f, 0, 2);
	packed_list(f, 1, 1);
	packed_list(f, 2, 3);
	assert_int_equal(pop(f, &a), 1);
	assert_int_equal(pop(f, &b), 1);
	assert_int_equal(pop(f, &c), 1);
	push(f, &c, 0);
	push(f, &a, 0);
	push(f, &b, 0);
	assert_int_equal(packed_used(f, 3), 2);
	assert_int_equal(packed_used(f, 2), 0);
	assert_int_equal(packed_used(f, 1), 1);
	assert_int_equal(packed_used(f, 1), -1);
	assert_int_equal(f->ring.out, 0);
}

static void
many_laps_of_lists_of_every_length(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		unsigned int num = 1 + i % PACKED_SIZE;
		uint16_t id = i % 3;

		packed_list(f, id, num);
		assert_int_equal(pop(f, &taken), 1);
		assert_int_equal(taken.id, id);
		assert_int_equal(taken.num, num);
		assert_int_equal(f->chain.entries, num);
		assert_int_equal(pop(f, &taken), 0);
		taken = (struct vhr_taken){ id, (uint16_t)num };
		push(f, &taken, 0);
		assert_int_equal(packed_used(f, num), id);
	}
	assert_int_equal(f->ring.last_avail, f->next);
	assert_int_equal(f->ring.avail_wrap, f->wrap);
	assert_int_equal(f->ring.used_idx, f->used);
	assert_int_equal(f->ring.used_wrap, f->used_wrap);
}

static void
indirect_table_is_read_entry_after_entry(void **state)
{
	struct packed_fixture *f = *state;
	uint8_t *table = f->va + 0x2000;
	struct vhr_taken taken;

	/* NEXT and the marks mean nothing in a table. */
	packed_desc(table, PACKED_GPA + BUFFERS, 16, 0xeeee, F_NEXT);
	packed_desc(table + 16, PACKED_GPA + BUFFERS + 64, 32, 0xeeee, 0x8080);
	packed_desc(table + 32, PACKED_GPA + BUFFERS + 128, 1, 0xeeee, F_WRITE);
	packed_put(f, PACKED_GPA + 0x2000, 48, 4, F_INDIRECT | F_WRITE);
	assert_int_equal(pop(f, &taken), 1);
	assert_int_equal(taken.id, 4);
	assert_int_equal(taken.num, 1);
	assert_int_equal(f->chain.readable, 2);
	assert_int_equal(f->chain.writable, 1);
	assert_int_equal(f->chain.readable_bytes, 48);
	assert_ptr_equal(f->iov[1].iov_base, f->va + BUFFERS + 64);
}

static void
table_of_a_ring_that_is_only_read_has_no_writable_entries(void **state)
{
	struct packed_fixture *f = *state;
	uint8_t *table = f->va + 0x2000;
	struct vhr_taken taken;

	/* As DPDK's virtio driver makes it. */
	packed_desc(table, PACKED_GPA + BUFFERS, 12, 0, F_WRITE);
	packed_desc(table + 16, PACKED_GPA + BUFFERS + 64, 32, 0, F_NEXT);
	packed_desc(table + 32, PACKED_GPA + BUFFERS + 128, 7, 0, 0);
	packed_put(f, PACKED_GPA + 0x2000, 48, 4, F_INDIRECT);
	f->chain.table_is_readable = true;
	assert_int_equal(pop(f, &taken), 1);
	assert_int_equal(taken.id, 4);
	assert_int_equal(f->chain.readable, 3);
	assert_int_equal(f->chain.writable, 0);
	assert_int_equal(f->chain.readable_bytes, 51);
	assert_int_equal(f->chain.writable_bytes, 0);
}

static void
request_with_too_many_pieces_is_taken_with_its_whole_list(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	packed_list(f, 3, 4);
	packed_request(f, 1);
	f->chain.iov_max = 2;
	assert_int_equal(pop(f, &taken), -E2BIG);
	assert_int_equal(taken.id, 3);
	assert_int_equal(taken.num, 4);
	assert_int_equal(f->chain.readable, 2);
	push(f, &taken, 0);
	assert_int_equal(packed_used(f, 4), 3);
	assert_int_equal(pop(f, &taken), 1);
	assert_int_equal(taken.id, 1);
}

/* ---- hostile drivers ---- */

static void
list_longer_than_the_ring(void **state)
{
	struct packed_fixture *f = *state;
	unsigned int i;

	for (i = 0; i < PACKED_SIZE; i++)
		packed_put(f, PACKED_GPA + BUFFERS, 16, 0, F_NEXT);
	expect_broken(f, "more than 6 descriptors");
}

static void
more_descriptors_than_were_given_back(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	packed_list(f, 0, 5);
	assert_int_equal(pop(f, &taken), 1);
	packed_list(f, 1, 2);
	assert_int_equal(pop(f, &taken), -EPROTO);
	assert_non_null(strstr(f->ring.broken_reason.text,
			       "more than 1 descriptors, 5 of 6 are not used"));
}

static void
whole_ring_available_again_and_nothing_used(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;
	uint16_t i;

	for (i = 0; i < PACKED_SIZE; i++) {
		packed_request(f, i);
		assert_int_equal(pop(f, &taken), 1);
	}
	packed_request(f, 0);
	assert_int_equal(pop(f, &taken), -EPROTO);
}

static void
buffer_id_outside_the_ring(void **state)
{
	struct packed_fixture *f = *state;

	packed_request(f, PACKED_SIZE);
	expect_broken(f, "buffer id 6, ring of 6");
}

static void
buffer_id_outside_the_ring_in_a_list_with_too_many_pieces(void **state)
{
	struct packed_fixture *f = *state;

	packed_put(f, PACKED_GPA + BUFFERS, 16, 0, F_NEXT);
	packed_put(f, PACKED_GPA + BUFFERS, 16, 0xffff, 0);
	f->chain.iov_max = 0;
	expect_broken(f, "buffer id 65535");
}

static void
address_outside_the_memory_table(void **state)
{
	struct packed_fixture *f = *state;

	packed_put(f, 0, 16, 0, 0);
	expect_broken(f, "outside the memory table");
}

static void
readable_after_writable(void **state)
{
	struct packed_fixture *f = *state;

	packed_put(f, PACKED_GPA + BUFFERS, 16, 0, F_WRITE | F_NEXT);
	packed_put(f, PACKED_GPA + BUFFERS, 16, 0, 0);
	expect_broken(f, "readable descriptor after a writable one");
}

static void
indirect_not_negotiated(void **state)
{
	struct packed_fixture *f = *state;

	f->ring.indirect = false;
	packed_put(f, PACKED_GPA + 0x2000, 16, 0, F_INDIRECT);
	expect_broken(f, "not negotiated");
}

static void
indirect_in_a_list(void **state)
{
	struct packed_fixture *f = *state;

	packed_put(f, PACKED_GPA + BUFFERS, 16, 0, F_NEXT);
	packed_put(f, PACKED_GPA + 0x2000, 16, 0, F_INDIRECT);
	expect_broken(f, "indirect descriptor in a list");
}

static void
indirect_with_next(void **state)
{
	struct packed_fixture *f = *state;

	packed_put(f, PACKED_GPA + 0x2000, 16, 0, F_INDIRECT | F_NEXT);
	expect_broken(f, "indirect descriptor with a next one");
}

static void
indirect_table_of_a_wrong_length(void **state)
{
	static const uint32_t lengths[] = { 0, 15, 17, 16 * (PACKED_SIZE + 1), 0xfffffff0 };
	struct packed_fixture *f = *state;
	unsigned int i;

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		packed_attach(f);
		f->next = 0;
		packed_put(f, PACKED_GPA + 0x2000, lengths[i], 0, F_INDIRECT);
		expect_broken(f, "indirect table of");
	}
}

static void
indirect_in_an_indirect_table(void **state)
{
	struct packed_fixture *f = *state;

	packed_desc(f->va + 0x2000, PACKED_GPA + 0x2000, 16, 0, F_INDIRECT);
	packed_put(f, PACKED_GPA + 0x2000, 16, 0, F_INDIRECT);
	expect_broken(f, "indirect descriptor in an indirect table");
}

static void
indirect_table_outside_the_memory_table(void **state)
{
	struct packed_fixture *f = *state;

	packed_put(f, PACKED_GPA + PACKED_MEMORY - 8, 16, 0, F_INDIRECT);
	expect_broken(f, "indirect table 0x13ff8");
}

static void
broken_ring_takes_no_completions(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	packed_request(f, 0);
	assert_int_equal(pop(f, &taken), 1);
	vhr_ring_break(&f->ring, "by a test");
	push(f, &taken, 0);
	assert_int_equal(packed_used(f, 1), -1);
}

/* ---- event suppression ---- */

static void
driver_event(struct packed_fixture *f, uint16_t off_wrap, uint16_t flags)
{
	packed_put16(f->va + DRIVER_EVENT, off_wrap);
	packed_put16(f->va + DRIVER_EVENT + 2, flags);
}

/* Would the driver be called for @entries up to used_idx? Asked for not the first time. */
static bool
calls(struct packed_fixture *f, uint16_t used_idx, bool wrap, uint16_t entries)
{
	f->ring.used_idx = used_idx;
	f->ring.used_wrap = wrap;
	f->ring.signalled_valid = true;
	return vhr_packed_should_call(&f->ring, entries);
}

static void
flags_of_the_driver_decide_about_calls(void **state)
{
	static const struct {
		uint16_t flags;
		bool event_idx, call;
	} cases[] = {
		{ 0, false, true }, { 0, true, true },		/* enable */
		{ 1, false, false }, { 1, true, false },	/* disable */
		{ 2, false, true },				/* one descriptor: not agreed */
		{ 2, true, false },				/* ... agreed, and another one */
		{ 3, false, true }, { 3, true, true },		/* reserved: rather once more */
		{ 0xfffd, true, false },			/* reserved bits */
	};
	struct packed_fixture *f = *state;
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->ring.event_idx = cases[i].event_idx;
		driver_event(f, 0x8005, cases[i].flags);
		assert_int_equal(calls(f, 3, true, 2), cases[i].call);
	}
}

/* Against the definition: is the descriptor among those given back, in its lap? */
static void
descriptor_that_the_driver_waits_for(void **state)
{
	struct packed_fixture *f = *state;
	uint16_t used, entries, off;
	unsigned int lap;

	f->ring.event_idx = true;
	for (used = 0; used < PACKED_SIZE; used++)
		for (entries = 1; entries < PACKED_SIZE; entries++)
			for (off = 0; off < PACKED_SIZE; off++)
				for (lap = 0; lap < 2; lap++) {
					bool expected = false;
					uint16_t k;

					for (k = 1; k <= entries; k++) {
						bool before = k > used;
						unsigned int at = used + before * PACKED_SIZE - k;

						expected |= at == off && before == (lap == 1);
					}
					driver_event(f, off | (lap == 1 ? 0 : 0x8000), 2);
					assert_int_equal(calls(f, used, true, entries), expected);
					driver_event(f, off | (lap == 1 ? 0x8000 : 0), 2);
					assert_int_equal(calls(f, used, false, entries), expected);
				}
}

static void
whole_lap_always_calls(void **state)
{
	struct packed_fixture *f = *state;

	f->ring.event_idx = true;
	driver_event(f, 0x7fff, 2);
	assert_false(calls(f, 0, true, PACKED_SIZE - 1));
	assert_true(calls(f, 0, true, PACKED_SIZE));
}

static void
first_look_always_calls(void **state)
{
	struct packed_fixture *f = *state;

	f->ring.event_idx = true;
	driver_event(f, 0x8005, 2);
	f->ring.used_idx = 1;
	assert_true(vhr_packed_should_call(&f->ring, 1));
	assert_false(vhr_packed_should_call(&f->ring, 1));
}

static void
kicks_are_refused_and_wanted_by_flag(void **state)
{
	struct packed_fixture *f = *state;

	assert_false(vhr_queue_want_kicks(&f->ring, false));
	assert_memory_equal(f->va + DEVICE_EVENT, "\0\0\1\0", 4);
	assert_false(vhr_queue_want_kicks(&f->ring, true));
	assert_memory_equal(f->va + DEVICE_EVENT, "\0\0\0\0", 4);
}

static void
kick_is_wanted_for_the_next_descriptor_with_event_idx(void **state)
{
	struct packed_fixture *f = *state;

	f->ring.event_idx = true;
	f->ring.last_avail = 3;
	assert_false(vhr_queue_want_kicks(&f->ring, true));
	assert_memory_equal(f->va + DEVICE_EVENT, "\3\x80\2\0", 4);
	f->ring.avail_wrap = false;
	assert_false(vhr_queue_want_kicks(&f->ring, true));
	assert_memory_equal(f->va + DEVICE_EVENT, "\3\0\2\0", 4);
	assert_false(vhr_queue_want_kicks(&f->ring, false));
	assert_int_equal(f->va[DEVICE_EVENT + 2], 1);
}

static void
wanting_kicks_tells_of_requests_that_came_meanwhile(void **state)
{
	struct packed_fixture *f = *state;
	struct vhr_taken taken;

	packed_request(f, 0);
	assert_true(vhr_queue_want_kicks(&f->ring, true));
	assert_int_equal(pop(f, &taken), 1);
	assert_false(vhr_queue_want_kicks(&f->ring, true));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, packed_setup, packed_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(zeroed_ring_has_nothing_available),
		TEST(descriptors_of_another_lap_are_not_available),
		TEST(single_descriptor_is_a_request),
		TEST(id_of_a_list_is_in_its_last_descriptor),
		TEST(list_goes_on_at_the_beginning_of_the_ring),
		TEST(used_descriptor_has_id_length_and_marks_of_the_lap),
		TEST(descriptors_put_ahead_are_whole_and_of_their_own_lap),
		TEST(requests_are_used_in_the_order_of_their_completion),
		TEST(many_laps_of_lists_of_every_length),
		TEST(indirect_table_is_read_entry_after_entry),
		TEST(table_of_a_ring_that_is_only_read_has_no_writable_entries),
		TEST(request_with_too_many_pieces_is_taken_with_its_whole_list),
		TEST(list_longer_than_the_ring),
		TEST(more_descriptors_than_were_given_back),
		TEST(whole_ring_available_again_and_nothing_used),
		TEST(buffer_id_outside_the_ring),
		TEST(buffer_id_outside_the_ring_in_a_list_with_too_many_pieces),
		TEST(address_outside_the_memory_table),
		TEST(readable_after_writable),
		TEST(indirect_not_negotiated),
		TEST(indirect_in_a_list),
		TEST(indirect_with_next),
		TEST(indirect_table_of_a_wrong_length),
		TEST(indirect_in_an_indirect_table),
		TEST(indirect_table_outside_the_memory_table),
		TEST(broken_ring_takes_no_completions),
		TEST(flags_of_the_driver_decide_about_calls),
		TEST(descriptor_that_the_driver_waits_for),
		TEST(whole_lap_always_calls),
		TEST(first_look_always_calls),
		TEST(kicks_are_refused_and_wanted_by_flag),
		TEST(kick_is_wanted_for_the_next_descriptor_with_event_idx),
		TEST(wanting_kicks_tells_of_requests_that_came_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
