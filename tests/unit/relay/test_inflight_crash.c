/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A backend is killed at every store that it makes, and the next one takes over from what is in
 * memory: every request is finished just once, in the order in which it was made available.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "crash.h"
#include "vring_fixture.h"
#include "vhost-relay/vring/inflight.h"
#include "vhost-relay/vring/queue.h"

#define MEMORY		8192u
#define AVAIL_AT	0x200u
#define USED_AT		0x400u
#define AREA_AT		0x800u
#define GPA		0x10000ull
#define REQUESTS	6u

/* Not in the order of the table, and around the end of the ring. */
static const uint16_t heads[REQUESTS] = { 4, 1, 7, 0, 5, 2 };
#define BASE 0xfffdu

struct crash {
	struct vhr_memory memory;
	uint8_t *shared;
	struct vhr_ring ring;
	struct iovec iov[4];
	struct vhr_chain chain;
	struct vhr_taken taken[REQUESTS];
	bool seen_done[REQUESTS + 1];		/* in some state, so many were used */
	bool seen_left[REQUESTS + 1];		/* ... so many had to be done again */
};

/* The ring as a process that starts finds it. */
static void
attach(struct crash *c)
{
	memset(&c->ring, 0, sizeof(c->ring));
	c->ring.ready = true;
	c->ring.size = RING_SIZE;
	c->ring.memory = &c->memory;
	c->ring.desc = (struct vring_desc *)(void *)c->shared;
	c->ring.avail = (struct vring_avail *)(void *)(c->shared + AVAIL_AT);
	c->ring.used = (struct vring_used *)(void *)(c->shared + USED_AT);
	c->ring.used_idx = le16toh(c->ring.used->idx);
	c->ring.last_avail = c->ring.used_idx;
	c->ring.inflight = vhr_inflight_new(c->shared + AREA_AT, RING_SIZE, RING_SIZE);
	assert_non_null(c->ring.inflight);
}

static int
start(struct crash *c)
{
	int ret;

	attach(c);
	ret = vhr_inflight_split_start(&c->ring);
	c->ring.avail_seen = c->ring.last_avail;
	return ret;
}

static void
stop(struct crash *c)
{
	vhr_inflight_free(c->ring.inflight);
}

static int
setup(void **state)
{
	struct crash *c = calloc(1, sizeof(*c));
	unsigned int i;

	assert_non_null(c);
	c->shared = crash_memory(MEMORY);
	c->memory.num = 1;
	c->memory.region[0] = (struct vhr_region){ .gpa = GPA, .size = MEMORY, .va = c->shared };
	c->chain.iov = c->iov;
	c->chain.iov_max = 4;
	*state = c;
	attach(c);
	for (i = 0; i < REQUESTS; i++) {
		vring_desc_at(c->shared, heads[i], GPA + 0x1000 + i * 16, 16, 0, 0);
		c->ring.avail->ring[(BASE + i) % RING_SIZE] = htole16(heads[i]);
	}
	c->ring.avail->idx = htole16((uint16_t)(BASE + REQUESTS));
	c->ring.used->idx = htole16(BASE);
	stop(c);
	return 0;
}

static int
teardown(void **state)
{
	struct crash *c = *state;

	munmap(c->shared, MEMORY);
	free(c);
	return 0;
}

static void
pop(struct crash *c, unsigned int i)
{
	if (vhr_queue_pop(&c->ring, &c->taken[i], &c->chain) != 1)
		abort();
}

static void
push(struct crash *c, unsigned int i)
{
	vhr_queue_push(&c->ring, &c->taken[i], 0);
}

/* Completions out of order, one by one and in batches; two requests stay under way. */
static void
serve(void *arg)
{
	struct crash *c = arg;

	if (start(c) != 0)
		abort();
	pop(c, 0);
	pop(c, 1);
	push(c, 1);
	vhr_queue_flush(&c->ring);
	pop(c, 2);
	pop(c, 3);
	push(c, 3);
	push(c, 0);
	vhr_queue_flush(&c->ring);
	pop(c, 4);
	push(c, 4);
	vhr_queue_flush(&c->ring);
	pop(c, 5);
	stop(c);
}

/* The place of @head among the requests. */
static unsigned int
request_of(uint32_t head)
{
	unsigned int i;

	for (i = 0; i < REQUESTS; i++)
		if (heads[i] == head)
			return i;
	fail_msg("%u is no request", head);
	return 0;
}

static unsigned int
count_used(struct crash *c, bool *used)
{
	unsigned int i, n = (uint16_t)(le16toh(c->ring.used->idx) - BASE);

	assert_true(n <= REQUESTS);
	memset(used, 0, REQUESTS * sizeof(*used));
	for (i = 0; i < n; i++) {
		unsigned int r = request_of(le32toh(c->ring.used->ring[(BASE + i) % RING_SIZE].id));

		assert_false(used[r]);
		used[r] = true;
	}
	return n;
}

/* What the driver has not got back comes out, once and in order, and can be finished. */
static void
next_life(void *arg)
{
	struct crash *c = arg;
	bool used[REQUESTS];
	unsigned int done, left, i, expected = 0;
	struct vhr_taken taken;

	assert_true(start(c) >= 0);
	assert_false(c->ring.broken);
	done = count_used(c, used);
	left = vhr_queue_left(&c->ring);
	c->seen_done[done] = true;
	c->seen_left[left] = true;
	for (i = 0; i < REQUESTS - done; i++) {
		assert_int_equal(vhr_queue_pop(&c->ring, &taken, &c->chain), 1);
		while (used[expected])
			expected++;
		assert_int_equal(request_of(taken.id), expected);
		assert_ptr_equal(c->iov[0].iov_base, c->shared + 0x1000 + 16 * expected);
		expected++;
		vhr_queue_push(&c->ring, &taken, 0);
		if (i % 2 == 0)
			vhr_queue_flush(&c->ring);
	}
	assert_int_equal(vhr_queue_pop(&c->ring, &taken, &c->chain), 0);
	vhr_queue_flush(&c->ring);
	assert_int_equal(count_used(c, used), REQUESTS);
	stop(c);
	/* And nothing is left for the life after that. */
	assert_true(start(c) == 1);
	assert_int_equal(vhr_queue_left(&c->ring), 0);
	assert_int_equal(c->ring.last_avail, (uint16_t)(BASE + REQUESTS));
	stop(c);
}

static void
no_request_is_lost_or_done_twice_by_a_crash_anywhere(void **state)
{
	struct crash *c = *state;
	int states = crash_everywhere(c->shared, MEMORY, serve, next_life, c);
	unsigned int i;

	if (states < 0)
		skip();
	/* 6 requests taken, 4 completed: at least so many stores. */
	assert_true(states > 6 * 2 + 4 * 5);
	/* The second and third become visible together. */
	for (i = 0; i <= 4; i++)
		assert_int_equal(c->seen_done[i], i != 2);
	for (i = 0; i <= 2; i++)
		assert_true(c->seen_left[i]);
}

static void
recover(void *arg)
{
	struct crash *c = arg;

	if (start(c) < 0)
		abort();
	stop(c);
}

/* The first crash is anywhere, the second anywhere in the recovery. */
static void
crash_again(void *arg)
{
	struct crash *c = arg;

	assert_true(crash_everywhere(c->shared, MEMORY, recover, next_life, c) > 0);
}

static void
no_request_is_lost_or_done_twice_by_a_crash_in_the_recovery(void **state)
{
	struct crash *c = *state;

	if (crash_everywhere(c->shared, MEMORY, serve, crash_again, c) < 0)
		skip();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_request_is_lost_or_done_twice_by_a_crash_anywhere),
		TEST(no_request_is_lost_or_done_twice_by_a_crash_in_the_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
