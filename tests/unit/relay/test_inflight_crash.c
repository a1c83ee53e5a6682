/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A backend is killed at every store that it makes, and the next one takes over from what is in
 * memory: every request is finished just once, in the order in which it was made available.
 * Meanwhile the driver has done nothing, or has gone on with what it got back.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "crash.h"
#include "vring_fixture.h"
#include "vhost-relay/vring/inflight.h"
#include "vhost-relay/vring/packed.h"
#include "vhost-relay/vring/queue.h"

#define MEMORY		8192u
#define AVAIL_AT	0x200u	/* packed: the driver's event area */
#define USED_AT		0x400u	/* packed: the device's */
#define AREA_AT		0x800u
#define DRIVER_AT	0xf00u
#define BUFFERS_AT	0x1000u
#define GPA		0x10000ull
#define REQUESTS	6u

/* Heads, or buffer ids: not in the order of the table. */
static const uint16_t ids[REQUESTS] = { 4, 1, 7, 0, 5, 2 };
/* Descriptors of each in a packed ring, which they fill. */
static const uint16_t nums[REQUESTS] = { 2, 1, 1, 2, 1, 1 };

/* Around the end of the ring, and of the indices. */
#define BASE_SPLIT	0xfffdu
#define BASE_PACKED	5u

/* A sanitizer makes many steps of one: there, not every first crash has a second one. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EVERY 7u
#define ROUNDS 6u
#else
#define EVERY 1u
#define ROUNDS 20u
#endif
#define SEEDS 4u

/* In shared memory too: it goes on where the backend has crashed. */
struct driver {
	uint16_t avail, used;
	bool avail_wrap, used_wrap;
	uint8_t num_out;
	uint8_t out[REQUESTS];		/* requests not back yet, in the order of their posting */
};

struct crash {
	bool packed;
	bool goes_on;			/* the driver, after the crash */
	struct vhr_memory memory;
	uint8_t *shared;
	struct driver *driver;
	uint32_t seed;
	struct vhr_ring ring;
	struct iovec iov[4];
	struct vhr_chain chain;
	struct vhr_taken taken[REQUESTS];
	unsigned int first_crashes;
	bool seen_done[REQUESTS + 1];	/* in some state, so many were used */
	bool seen_left[REQUESTS + 1];	/* ... so many had to be done again */
};

/* ---- the driver ---- */

static uint64_t
buffer_of(unsigned int r)
{
	return GPA + BUFFERS_AT + r * 64u;
}

static void
put_packed(struct crash *c, unsigned int r)
{
	struct vring_packed_desc *ring = (struct vring_packed_desc *)(void *)c->shared;
	unsigned int i;

	for (i = 0; i < nums[r]; i++) {
		struct vhr_packed_position next =
			vhr_packed_advance(c->driver->avail, c->driver->avail_wrap, 1, RING_SIZE);

		ring[c->driver->avail] = (struct vring_packed_desc){
			.addr = htole64(buffer_of(r) + 16 * i),
			.len = htole32(16),
			.id = htole16(ids[r]),
			.flags = htole16((c->driver->avail_wrap ? 0x80u : 0x8000u) |
					 (i + 1 < nums[r] ? VRING_DESC_F_NEXT : 0)),
		};
		c->driver->avail = next.idx;
		c->driver->avail_wrap = next.wrap;
	}
}

static void
put_split(struct crash *c, unsigned int r)
{
	struct vring_avail *avail = (struct vring_avail *)(void *)(c->shared + AVAIL_AT);

	vring_desc_at(c->shared, ids[r], buffer_of(r), 16, 0, 0);
	avail->ring[c->driver->avail % RING_SIZE] = htole16(ids[r]);
	avail->idx = htole16(++c->driver->avail);
}

static void
put(struct crash *c, unsigned int r)
{
	if (c->packed)
		put_packed(c, r);
	else
		put_split(c, r);
	c->driver->out[c->driver->num_out++] = (uint8_t)r;
}

static unsigned int
request_of(uint32_t id)
{
	unsigned int i;

	for (i = 0; i < REQUESTS; i++)
		if (ids[i] == id)
			return i;
	fail_msg("%u is no request", id);
	return 0;
}

/* The next request that the ring says is back; -1: none. */
static int
reap_ring(struct crash *c)
{
	struct vring_used *used = (struct vring_used *)(void *)(c->shared + USED_AT);
	struct vring_packed_desc *desc = (struct vring_packed_desc *)(void *)c->shared;
	struct vhr_packed_position next;
	unsigned int r;

	if (!c->packed) {
		if (c->driver->used == le16toh(used->idx))
			return -1;
		return (int)request_of(le32toh(used->ring[c->driver->used++ % RING_SIZE].id));
	}
	desc += c->driver->used;
	if ((le16toh(desc->flags) & 0x8080u) != (c->driver->used_wrap ? 0x8080u : 0))
		return -1;
	r = request_of(le16toh(desc->id));
	next = vhr_packed_advance(c->driver->used, c->driver->used_wrap, nums[r], RING_SIZE);
	c->driver->used = next.idx;
	c->driver->used_wrap = next.wrap;
	return (int)r;
}

static int
reap(struct crash *c)
{
	struct driver *driver = c->driver;
	int r = reap_ring(c);
	unsigned int i = 0;

	if (r < 0)
		return r;
	/* It was out, once. */
	while (i < driver->num_out && driver->out[i] != r)
		i++;
	assert_true(i < driver->num_out);
	driver->num_out--;
	memmove(&driver->out[i], &driver->out[i + 1], driver->num_out - i);
	return r;
}

/* ---- the backend ---- */

/* The ring as a process that starts finds it; of the frontend it knows where it first began. */
static void
attach(struct crash *c)
{
	struct vhr_ring *ring = &c->ring;

	memset(ring, 0, sizeof(*ring));
	ring->ready = true;
	ring->packed = c->packed;
	ring->size = RING_SIZE;
	ring->memory = &c->memory;
	ring->desc = (struct vring_desc *)(void *)c->shared;
	ring->avail = (struct vring_avail *)(void *)(c->shared + AVAIL_AT);
	ring->used = (struct vring_used *)(void *)(c->shared + USED_AT);
	ring->inflight = vhr_inflight_new(c->packed, c->shared + AREA_AT, RING_SIZE, RING_SIZE);
	assert_non_null(ring->inflight);
	ring->last_avail = c->packed ? BASE_PACKED : le16toh(ring->used->idx);
	ring->used_idx = ring->last_avail;
	ring->avail_wrap = ring->used_wrap = true;
}

static int
resume(struct crash *c)
{
	int ret = c->packed ? vhr_inflight_packed_start(&c->ring) :
			      vhr_inflight_split_start(&c->ring);

	c->ring.avail_seen = c->ring.last_avail;
	return ret;
}

static int
start(struct crash *c)
{
	attach(c);
	return resume(c);
}

static void
stop(struct crash *c)
{
	vhr_inflight_free(c->ring.inflight);
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

	attach(c);
	crash_begin();
	if (resume(c) != 0)
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
}

/* ---- the crash ---- */

static void
setup(struct crash *c, bool packed, bool goes_on)
{
	unsigned int i;

	memset(c, 0, sizeof(*c));
	c->packed = packed;
	c->goes_on = goes_on;
	c->shared = crash_memory(MEMORY);
	c->memory.num = 1;
	c->memory.region[0] = (struct vhr_region){ .gpa = GPA, .size = MEMORY, .va = c->shared };
	c->chain.iov = c->iov;
	c->chain.iov_max = 4;
	c->driver = (struct driver *)(void *)(c->shared + DRIVER_AT);
	c->driver->avail = packed ? BASE_PACKED : BASE_SPLIT;
	c->driver->avail_wrap = true;
	c->driver->used = c->driver->avail;
	c->driver->used_wrap = true;
	if (!packed) {
		struct vring_used *used = (struct vring_used *)(void *)(c->shared + USED_AT);

		used->idx = htole16(BASE_SPLIT);
	}
	for (i = 0; i < REQUESTS; i++)
		put(c, i);
}

/* What the driver gets back; and then it may want some of that again. */
static void
after_crash(struct crash *c)
{
	unsigned int back[REQUESTS], done = 0, i;
	int r;

	while ((r = reap(c)) >= 0)
		back[done++] = (unsigned int)r;
	c->seen_done[done] = true;
	for (i = 0; c->goes_on && i < done; i++)
		put(c, back[i]);
}

/* What the driver has not got back comes out, once and in order, and can be finished. */
static void
next_life(void *arg)
{
	struct crash *c = arg;
	uint8_t order[REQUESTS];
	unsigned int n, i;
	struct vhr_taken taken;

	after_crash(c);
	n = c->driver->num_out;
	memcpy(order, c->driver->out, sizeof(order));
	assert_true(start(c) >= 0);
	assert_false(c->ring.broken);
	c->seen_left[vhr_queue_left(&c->ring)] = true;
	for (i = 0; i < n; i++) {
		assert_int_equal(vhr_queue_pop(&c->ring, &taken, &c->chain), 1);
		assert_int_equal(request_of(taken.id), order[i]);
		assert_int_equal(taken.num, c->packed ? nums[order[i]] : 1);
		assert_int_equal(c->chain.readable, taken.num);
		assert_ptr_equal(c->iov[0].iov_base, c->shared + (buffer_of(order[i]) - GPA));
		vhr_queue_push(&c->ring, &taken, 0);
		if (i % 2 == 0)
			vhr_queue_flush(&c->ring);
	}
	assert_int_equal(vhr_queue_pop(&c->ring, &taken, &c->chain), 0);
	vhr_queue_flush(&c->ring);
	for (i = 0; i < n; i++)
		assert_int_equal(reap(c), order[i]);
	assert_int_equal(reap(c), -1);
	stop(c);
	/* And nothing is left for the life after that. */
	assert_int_equal(start(c), 1);
	assert_int_equal(vhr_queue_left(&c->ring), 0);
	assert_int_equal(c->ring.last_avail, c->driver->avail);
	assert_int_equal(vhr_queue_pop(&c->ring, &taken, &c->chain), 0);
	stop(c);
}

static uint32_t
below(struct crash *c, uint32_t limit)
{
	c->seed = c->seed * 1664525u + 1013904223u;
	return (c->seed >> 16) % limit;
}

/* The driver: takes back what it likes, posts what it likes. */
static void
traffic_driver(struct crash *c)
{
	bool out[REQUESTS] = { false };
	unsigned int i;

	while (below(c, 8) != 0 && reap(c) >= 0)
		;
	for (i = 0; i < c->driver->num_out; i++)
		out[c->driver->out[i]] = true;
	for (i = 0; i < REQUESTS; i++)
		if (!out[i] && below(c, 3) == 0)
			put(c, i);
}

/* Both sides in turn, in no order that anybody thought of. */
static void
traffic(void *arg)
{
	struct crash *c = arg;
	unsigned int held = 0, round, i;

	attach(c);
	if (resume(c) != 0)
		abort();
	for (round = 0; round < ROUNDS; round++) {
		traffic_driver(c);
		crash_begin();
		while (below(c, 6) != 0 &&
		       vhr_queue_pop(&c->ring, &c->taken[held], &c->chain) == 1)
			held++;
		while (held != 0 && below(c, 8) != 0) {
			i = below(c, held);
			push(c, i);
			c->taken[i] = c->taken[--held];
			if (below(c, 2) == 0)
				vhr_queue_flush(&c->ring);
		}
		vhr_queue_flush(&c->ring);
		crash_end();
	}
}

static void
recover(void *arg)
{
	struct crash *c = arg;

	attach(c);
	crash_begin();
	if (resume(c) < 0)
		abort();
}

/* The first crash is anywhere, the second anywhere in the recovery. */
static void
crash_again(void *arg)
{
	struct crash *c = arg;

	if (c->first_crashes++ % EVERY != 0)
		return;
	assert_true(crash_everywhere(c->shared, MEMORY, recover, next_life, c) > 0);
}

static void
crash_once(bool packed, bool goes_on)
{
	static struct crash c;
	unsigned int i;
	int states;

	setup(&c, packed, goes_on);
	states = crash_everywhere(c.shared, MEMORY, serve, next_life, &c);
	munmap(c.shared, MEMORY);
	if (states < 0)
		skip();
	/* 6 requests taken, 4 completed: at least so many stores. */
	assert_true(states > 6 * 2 + 4 * 5);
	for (i = 0; i <= 4; i++)
		assert_int_equal(c.seen_done[i], packed || i != 2);
	for (i = 0; i <= 2; i++)
		assert_true(c.seen_left[i]);
}

static void
crash_twice(bool packed)
{
	static struct crash c;
	int states;

	setup(&c, packed, false);
	states = crash_everywhere(c.shared, MEMORY, serve, crash_again, &c);
	munmap(c.shared, MEMORY);
	if (states < 0)
		skip();
}

static void
crash_in_traffic(bool packed)
{
	static struct crash c;
	uint32_t seed;
	int states;

	for (seed = 0; seed < SEEDS; seed++) {
		setup(&c, packed, false);
		c.seed = seed;
		states = crash_everywhere(c.shared, MEMORY, traffic, next_life, &c);
		munmap(c.shared, MEMORY);
		if (states < 0)
			skip();
		assert_true(states > (int)ROUNDS);
	}
}

static void
split_crash_in_traffic(void **state)
{
	crash_in_traffic(false);
}

static void
packed_crash_in_traffic(void **state)
{
	crash_in_traffic(true);
}

static void
split_crash_anywhere(void **state)
{
	crash_once(false, false);
}

static void
split_crash_anywhere_and_the_driver_goes_on(void **state)
{
	crash_once(false, true);
}

static void
split_crash_in_the_recovery(void **state)
{
	crash_twice(false);
}

static void
packed_crash_anywhere(void **state)
{
	crash_once(true, false);
}

static void
packed_crash_anywhere_and_the_driver_goes_on(void **state)
{
	crash_once(true, true);
}

static void
packed_crash_in_the_recovery(void **state)
{
	crash_twice(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_crash_anywhere),
		cmocka_unit_test(split_crash_anywhere_and_the_driver_goes_on),
		cmocka_unit_test(split_crash_in_the_recovery),
		cmocka_unit_test(split_crash_in_traffic),
		cmocka_unit_test(packed_crash_in_traffic),
		cmocka_unit_test(packed_crash_anywhere),
		cmocka_unit_test(packed_crash_anywhere_and_the_driver_goes_on),
		cmocka_unit_test(packed_crash_in_the_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
