/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit: packets that go into several plain buffers, or come from several mbufs, by their own
 * path against the one that takes everything, with random rings.
 */
#include "burst_world.h"

#define SEEDS	1500
#define BURSTS	4

/* Packets by the path for parts of all that were sent. */
struct found {
	uint64_t sent, parted, dropped, stopped, broken;
};

static void
compare(struct world *general, struct world *parts, uint16_t n, uint16_t done,
	struct found *found)
{
	struct vvu_queue_stats *a = &general->q->stats, *b = &parts->q->stats;

	found->sent += done;
	found->parted += a->slow_chains - b->slow_chains;
	found->dropped += b->oversize;
	found->stopped += b->no_descriptor;
	/* Only the general path counts those. */
	assert_true(b->slow_chains <= a->slow_chains);
	b->slow_chains = a->slow_chains;
	assert_memory_equal(a, b, sizeof(*a));
	/*
	 * A packet that is dropped or does not go in yet leaves traces in buffers that stay the
	 * device's, which are not the same.
	 */
	if (done == n && b->oversize == 0)
		world_assert_equal(general, parts, n);
	else
		world_assert_equal_rings(general, parts);
	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
}

static void
same_as_general(bool packed, vvu_burst_fn burst)
{
	struct found found = { 0 };
	unsigned int i;
	uint64_t seed;

	for (seed = 1; seed <= SEEDS; seed++) {
		struct world *general = world_new(seed, false, packed);
		struct world *parts = world_new(seed, false, packed);

		general->q->merge = false;
		for (i = 0; i < BURSTS && general->ring.ready; i++) {
			uint16_t n = world_prepare(general);
			uint16_t done;

			assert_int_equal(world_prepare(parts), n);
			done = burst(general->q, general->pkts, n);
			assert_int_equal(burst(parts->q, parts->pkts, n), done);
			compare(general, parts, n, done, &found);
			if (done < n)
				break;
			world_finish(general, n);
			world_finish(parts, n);
		}
		found.broken += general->ring.broken;
		world_free(general);
		world_free(parts);
	}
	/* All that can happen has happened, and often. */
	assert_true(found.parted > SEEDS && found.sent > found.parted);
	assert_true(found.dropped > SEEDS / 20 && found.stopped > SEEDS / 20);
	assert_true(found.broken > SEEDS / 20 && found.broken < SEEDS * 9 / 10);
}

static void
parts_split_same_as_general(void **state)
{
	same_as_general(false, vvu_tx_burst_split);
}

static void
parts_packed_same_as_general(void **state)
{
	same_as_general(true, vvu_tx_burst_packed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_split_same_as_general),
		cmocka_unit_test(parts_packed_same_as_general),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
