/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive by reference against receive by copy, with random rings: the same packets, and when
 * all are freed the same used ring. And against the same with vectors.
 */
#include <linux/virtio_config.h>

#include "burst_world.h"
#include "vvu_zc_mbuf.h"

#define SEEDS	1500
#define BURSTS	5

/* What happened in all worlds. */
struct found {
	uint64_t packets, lent, segments, broken;
};

/* With zero copy in-order use is not offered. */
static struct world *
new_world(uint64_t seed, bool packed)
{
	struct world *w = world_new(seed, true, packed);

	w->ring.features &= ~(1ull << VIRTIO_F_IN_ORDER);
	return w;
}

static void
free_all(struct world *w, uint16_t n)
{
	uint16_t i;

	/* In any order: the ring is used in its own. */
	for (i = 0; i + 1 < n; i++) {
		uint16_t other = i + world_random(w, n - i);
		struct rte_mbuf *m = w->pkts[i];

		w->pkts[i] = w->pkts[other];
		w->pkts[other] = m;
	}
	if (world_random(w, 2) != 0) {
		vvu_zc_free_packets(w->pkts, n);
		return;
	}
	for (i = 0; i < n; i++)
		rte_pktmbuf_free(w->pkts[i]);
}

static void
count(const struct world *w, uint16_t n, struct found *found)
{
	uint16_t i;

	found->packets += n;
	for (i = 0; i < n; i++) {
		if (RTE_MBUF_HAS_EXTBUF(w->pkts[i]) && w->pkts[i]->nb_segs > 1)
			found->segments++;
	}
}

/*
 * What was lent of a burst and is back is used at the next: of no packets. Or of one, where a
 * list that goes on over entries that were not yet used @breaks the ring: as long as they were
 * not, it ended there.
 */
static void
settle(struct world *w, vvu_burst_fn burst, bool breaks)
{
	if (w->ring.ready)
		assert_int_equal(burst(w->q, w->pkts, breaks ? 1 : 0), 0);
}

static void
same_as_copy(bool packed, vvu_burst_fn copy, vvu_burst_fn lend)
{
	struct found found = { 0 };
	unsigned int i;
	uint64_t seed;

	for (seed = 1; seed <= SEEDS; seed++) {
		struct world *a = new_world(seed, packed);
		struct world *b = new_world(seed, packed);

		world_lend(b, 14 + world_random(b, 300), true);
		for (i = 0; i < BURSTS && a->ring.ready; i++) {
			uint16_t n, done, lent;

			b->random = a->random;
			n = world_prepare(a);
			assert_int_equal(world_prepare(b), n);
			done = copy(a->q, a->pkts, n);
			lent = lend(b->q, b->pkts, n);
			/* They do not take as many. */
			if (a->q->stats.no_mbuf != 0 || b->q->stats.no_mbuf != 0) {
				free_all(b, lent);
				break;
			}
			assert_int_equal(lent, done);
			world_assert_same_bytes(a, b, done);
			count(b, done, &found);
			world_finish(a, done);
			free_all(b, done);
			settle(b, lend, a->ring.broken);
			b->q->stats.calls = a->q->stats.calls;
			b->ring.calls = a->ring.calls;
			found.lent += b->q->stats.lent;
			b->q->stats.lent = 0;
			if (a->ring.ready)
				world_assert_equal(a, b, 0);
			assert_int_equal(b->ring.broken, a->ring.broken);
		}
		found.broken += a->ring.broken;
		world_free(a);
		world_free(b);
	}
	assert_true(found.packets > SEEDS && found.broken > SEEDS / 20);
	assert_true(found.lent > found.packets / 8 && found.lent < found.packets);
	assert_true(found.segments > SEEDS / 10);
}

/* Frames are held over several bursts: both variants do the same all the time. */
static void
same_as_scalar(bool packed, vvu_burst_fn scalar, vvu_burst_fn vector)
{
	struct found found = { 0 };
	unsigned int i;
	uint64_t seed;

	for (seed = 1; seed <= SEEDS; seed++) {
		struct world *a = new_world(seed, packed);
		struct world *b = new_world(seed, packed);
		uint32_t min = 14 + world_random(a, 300);
		uint16_t held = 0;

		world_random(b, 300);
		world_lend(a, min, false);
		world_lend(b, min, false);
		for (i = 0; i < BURSTS && a->ring.ready; i++) {
			uint16_t n = world_prepare(a), done;

			assert_int_equal(world_prepare(b), n);
			if (n > WORLD_BURST - held)
				n = WORLD_BURST - held;
			done = scalar(a->q, &a->pkts[held], n);
			assert_int_equal(vector(b->q, &b->pkts[held], n), done);
			held += done;
			world_assert_equal(a, b, held);
			found.packets += done;
			n = world_random(a, held + 1);
			assert_int_equal(world_random(b, held + 1), n);
			held -= n;
			vvu_zc_free_packets(&a->pkts[held], n);
			vvu_zc_free_packets(&b->pkts[held], n);
		}
		vvu_zc_free_packets(a->pkts, held);
		vvu_zc_free_packets(b->pkts, held);
		found.lent += a->q->stats.lent;
		world_free(a);
		world_free(b);
	}
	assert_true(found.packets > SEEDS && found.lent > found.packets / 8);
}

static void
split_same_as_copy(void **state)
{
	same_as_copy(false, vvu_rx_burst_split, vvu_rx_burst_split_zc);
}

static void
packed_same_as_copy(void **state)
{
	same_as_copy(true, vvu_rx_burst_packed, vvu_rx_burst_packed_zc);
}

#ifdef VVU_AVX2
static void
avx2_packed_same_as_scalar(void **state)
{
	if (!avx2_there())
		skip();
	same_as_scalar(true, vvu_rx_burst_packed_zc, vvu_rx_burst_packed_zc_avx2);
}
#endif

#ifdef VVU_AVX512
static void
avx512_split_same_as_scalar(void **state)
{
	if (!avx512_there())
		skip();
	same_as_scalar(false, vvu_rx_burst_split_zc, vvu_rx_burst_split_zc_avx512);
}

static void
avx512_packed_same_as_scalar(void **state)
{
	if (!avx512_there())
		skip();
	same_as_scalar(true, vvu_rx_burst_packed_zc, vvu_rx_burst_packed_zc_avx512);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_same_as_copy),
		cmocka_unit_test(packed_same_as_copy),
#ifdef VVU_AVX2
		cmocka_unit_test(avx2_packed_same_as_scalar),
#endif
#ifdef VVU_AVX512
		cmocka_unit_test(avx512_split_same_as_scalar),
		cmocka_unit_test(avx512_packed_same_as_scalar),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
