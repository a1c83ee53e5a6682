/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive: what a whole burst leaves in the ring, plain buffers and tables given back in
 * batches, is what bursts of one frame leave there, with random rings.
 */
#include "burst_world.h"

#define SEEDS	1500
#define BURSTS	4

/* What happened in all worlds. */
struct found {
	uint64_t packets, walked, called, broken;
};

/* As many frames, those that are dropped included, as one burst of @n takes. */
static uint16_t
one_by_one(struct world *w, vvu_burst_fn burst, uint16_t n)
{
	uint16_t done = 0;

	while (n-- > 0 && w->ring.ready)
		done += burst(w->q, &w->pkts[done], 1);
	return done;
}

static void
compare(struct world *whole, struct world *single, uint16_t done, struct found *found)
{
	/* Who waits for one of these frames is called. */
	if (single->ring.calls != 0)
		assert_true(whole->ring.calls == 1);
	found->called += whole->ring.calls;
	found->packets += done;
	found->walked += whole->q->stats.slow_chains;
	whole->ring.calls = single->ring.calls = 0;
	whole->q->stats.calls = single->q->stats.calls = 0;
	/* An end that is found by walking is found more than once, one by one. */
	whole->q->stats.slow_chains = single->q->stats.slow_chains = 0;
	world_assert_equal(whole, single, done);
}

static void
same_as_one_by_one(bool packed, vvu_burst_fn burst)
{
	struct found found = { 0 };
	unsigned int i;
	uint64_t seed;

	for (seed = 1; seed <= SEEDS; seed++) {
		struct world *whole = world_new(seed, true, packed);
		struct world *single = world_new(seed, true, packed);

		for (i = 0; i < BURSTS && whole->ring.ready; i++) {
			uint16_t n = world_prepare(whole);
			uint16_t done;

			assert_int_equal(world_prepare(single), n);
			done = burst(whole->q, whole->pkts, n);
			assert_true(done <= n);
			/* A burst asks for many mbufs at once: it ends before the last is taken. */
			if (whole->q->stats.no_mbuf != 0)
				break;
			assert_int_equal(one_by_one(single, burst, n), done);
			compare(whole, single, done, &found);
			world_finish(whole, done);
			world_finish(single, done);
		}
		found.broken += whole->ring.broken;
		world_free(whole);
		world_free(single);
	}
	assert_true(found.packets > SEEDS && found.walked > SEEDS / 2 && found.called > SEEDS / 2);
	assert_true(found.broken > SEEDS / 20 && found.broken < SEEDS * 9 / 10);
}

static void
split_same_as_one_by_one(void **state)
{
	same_as_one_by_one(false, vvu_rx_burst_split);
}

static void
packed_same_as_one_by_one(void **state)
{
	same_as_one_by_one(true, vvu_rx_burst_packed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_same_as_one_by_one),
		cmocka_unit_test(packed_same_as_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
