/* SPDX-License-Identifier: BSD-3-Clause */
/* Every variant for a better processor against the scalar one, with random rings. */
#include <linux/virtio_config.h>

#include "burst_world.h"

#define SEEDS	1500
#define BURSTS	4

static uint16_t
scalar_rx_packed(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	if (q->ring->features & (1ull << VIRTIO_F_IN_ORDER))
		return vvu_rx_burst_packed_in_order(q, pkts, n);
	return vvu_rx_burst_packed(q, pkts, n);
}

struct pair {
	bool rx;
	bool packed;
	vvu_burst_fn scalar;
	vvu_burst_fn vector;
};

static void
same_as_scalar(const struct pair *pair)
{
	uint64_t seed, packets = 0, broken = 0;
	unsigned int burst;

	for (seed = 1; seed <= SEEDS; seed++) {
		struct world *a = world_new(seed, pair->rx, pair->packed);
		struct world *b = world_new(seed, pair->rx, pair->packed);

		for (burst = 0; burst < BURSTS && a->ring.ready; burst++) {
			uint16_t n = world_prepare(a);
			uint16_t done;

			assert_int_equal(world_prepare(b), n);
			done = pair->scalar(a->q, a->pkts, n);
			assert_true(done <= n);
			assert_int_equal(pair->vector(b->q, b->pkts, n), done);
			world_assert_equal(a, b, pair->rx ? done : n);
			world_finish(a, pair->rx ? done : n);
			world_finish(b, pair->rx ? done : n);
			packets += done;
		}
		broken += a->ring.broken;
		world_free(a);
		world_free(b);
	}
	/* The rings were neither all senseless nor all right. */
	assert_true(packets > SEEDS && broken > SEEDS / 20 && broken < SEEDS * 9 / 10);
}

#define PAIR(level, direction, format, is_rx, is_packed, scalar_fn) \
	static void level##_##direction##_##format##_same_as_scalar(void **state) \
	{ \
		const struct pair pair = { is_rx, is_packed, scalar_fn, \
					   vvu_##direction##_burst_##format##_##level }; \
\
		if (!level##_there()) \
			skip(); \
		same_as_scalar(&pair); \
	}

#define PAIRS(level) \
	PAIR(level, rx, split, true, false, vvu_rx_burst_split) \
	PAIR(level, rx, packed, true, true, scalar_rx_packed) \
	PAIR(level, tx, split, false, false, vvu_tx_burst_split) \
	PAIR(level, tx, packed, false, true, vvu_tx_burst_packed)

#define TESTS(level) \
	cmocka_unit_test(level##_rx_split_same_as_scalar), \
	cmocka_unit_test(level##_rx_packed_same_as_scalar), \
	cmocka_unit_test(level##_tx_split_same_as_scalar), \
	cmocka_unit_test(level##_tx_packed_same_as_scalar),

#ifdef VVU_AVX2
PAIR(avx2, rx, packed, true, true, scalar_rx_packed)
#endif

#ifdef VVU_AVX512
PAIRS(avx512)
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef VVU_AVX2
		cmocka_unit_test(avx2_rx_packed_same_as_scalar),
#endif
#ifdef VVU_AVX512
		TESTS(avx512)
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
