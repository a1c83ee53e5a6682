/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "vvu-device/placement.h"

#define LIMIT (64 * MIB)

static struct vvu_wanted want(uint64_t ino, uint64_t length, uint64_t align)
{
	struct vvu_wanted w = {
		.backing = { .dev = 1, .ino = ino, .fd_offset = 0, .length = length },
		.align = align,
	};

	return w;
}

static struct vvu_placed placed(uint64_t ino, uint64_t offset, uint64_t length, int order)
{
	struct vvu_placed p = {
		.offset = offset,
		.backing = { .dev = 1, .ino = ino, .fd_offset = 0, .length = length },
		.order = order,
	};

	return p;
}

static void first_fit_takes_the_lowest_gap_that_holds_it(void **state)
{
	const struct vvu_placed p[] = {
		placed(1, 16 * MIB, 4 * MIB, 0),
		placed(2, 0, 4 * MIB, 1),
		placed(3, 5 * MIB, 4 * MIB, 2),
	};
	uint64_t offset;

	assert_int_equal(vvu_place_first_fit(p, 3, MIB, 4096, LIMIT, &offset), 0);
	assert_int_equal(offset, 4 * MIB);
	assert_int_equal(vvu_place_first_fit(p, 3, 2 * MIB, 4096, LIMIT, &offset), 0);
	assert_int_equal(offset, 9 * MIB);
	assert_int_equal(vvu_place_first_fit(p, 3, 2 * MIB, 2 * MIB, LIMIT, &offset), 0);
	assert_int_equal(offset, 10 * MIB);
	assert_int_equal(vvu_place_first_fit(p, 3, 44 * MIB, 4096, LIMIT, &offset), 0);
	assert_int_equal(offset, 20 * MIB);
	assert_int_equal(vvu_place_first_fit(p, 3, 44 * MIB + 4096, 4096, LIMIT, &offset),
			 -ENOSPC);
}

static void first_fit_survives_the_end_of_the_number_range(void **state)
{
	uint64_t offset;

	assert_int_equal(vvu_place_first_fit(NULL, 0, UINT64_MAX, 4096, LIMIT, &offset), -ENOSPC);
	assert_int_equal(vvu_place_first_fit(NULL, 0, UINT64_MAX - 4095, 4096, UINT64_MAX,
					     &offset),
			 0);
	assert_int_equal(offset, 0);
}

static void empty_window_gets_the_layout_of_the_draft(void **state)
{
	const struct vvu_wanted w[] = { want(1, 640 * KIB, 4096), want(2, 2 * MIB, 4096),
					want(3, 4096, 4096) };
	struct vvu_placement r;
	unsigned int i;

	assert_int_equal(vvu_place_table(NULL, 0, w, 3, LIMIT, true, &r), 0);
	assert_int_equal(r.offset[0], 0);
	assert_int_equal(r.offset[1], 640 * KIB);
	assert_int_equal(r.offset[2], 640 * KIB + 2 * MIB);
	for (i = 0; i < 3; i++) {
		assert_int_equal(r.gap[i], 0);
		assert_int_equal(r.reuse[i], -1);
	}
}

static void alignment_is_told_as_a_gap(void **state)
{
	const struct vvu_wanted w[] = { want(1, 640 * KIB, 4096), want(2, 2 * MIB, 2 * MIB),
					want(3, 4096, 4096) };
	struct vvu_placement r;

	assert_int_equal(vvu_place_table(NULL, 0, w, 3, LIMIT, false, &r), 0);
	assert_int_equal(r.offset[1], 2 * MIB);
	assert_int_equal(r.gap[1], 2 * MIB - 640 * KIB);
	assert_int_equal(r.offset[2], 4 * MIB);
	assert_int_equal(r.gap[2], 0);
}

static void table_in_force_stays_where_it_is_also_away_from_the_draft(void **state)
{
	const struct vvu_placed p[] = { placed(2, 11 * MIB, MIB, 1), placed(1, 9 * MIB, MIB, 0) };
	const struct vvu_wanted w[] = { want(1, MIB, 4096), want(2, MIB, 4096) };
	struct vvu_placement r;

	assert_int_equal(vvu_place_table(p, 2, w, 2, LIMIT, false, &r), 0);
	assert_int_equal(r.offset[0], 9 * MIB);
	assert_int_equal(r.offset[1], 11 * MIB);
	assert_int_equal(r.gap[0], 9 * MIB);
	assert_int_equal(r.gap[1], MIB);
	assert_int_equal(r.reuse[0], 1);
	assert_int_equal(r.reuse[1], 0);
}

static void longer_table_reuses_what_is_in_place(void **state)
{
	const struct vvu_placed p[] = { placed(1, 0, MIB, 0), placed(2, MIB, MIB, 1) };
	const struct vvu_wanted w[] = { want(1, MIB, 4096), want(2, MIB, 4096),
					want(3, MIB, 4096) };
	struct vvu_placement r;

	assert_int_equal(vvu_place_table(p, 2, w, 3, LIMIT, true, &r), 0);
	assert_int_equal(r.reuse[0], 0);
	assert_int_equal(r.reuse[1], 1);
	assert_int_equal(r.reuse[2], -1);
	assert_int_equal(r.offset[2], 2 * MIB);
	assert_false(r.in_place);
}

static void running_rings_send_a_conflicting_table_to_free_space(void **state)
{
	const struct vvu_placed p[] = { placed(1, 0, MIB, 0), placed(2, MIB, MIB, 1) };
	const struct vvu_wanted w[] = { want(1, MIB, 4096), want(3, 3 * MIB, 4096) };
	struct vvu_placement r;

	assert_int_equal(vvu_place_table(p, 2, w, 2, LIMIT, true, &r), 0);
	assert_int_equal(r.offset[0], 2 * MIB);
	assert_int_equal(r.gap[0], 2 * MIB);
	assert_int_equal(r.offset[1], 3 * MIB);
	assert_int_equal(r.gap[1], 0);
	assert_int_equal(r.reuse[0], -1);
	assert_false(r.in_place);
}

static void stopped_rings_let_a_conflicting_table_replace_in_place(void **state)
{
	const struct vvu_placed p[] = { placed(1, 0, MIB, 0), placed(2, MIB, MIB, 1) };
	const struct vvu_wanted w[] = { want(1, MIB, 4096), want(3, 3 * MIB, 4096) };
	struct vvu_placement r;

	assert_int_equal(vvu_place_table(p, 2, w, 2, LIMIT, false, &r), 0);
	assert_int_equal(r.offset[1], MIB);
	assert_int_equal(r.reuse[0], 0);
	assert_true(r.in_place);
}

static void full_window_keeps_regions_around_a_removed_one(void **state)
{
	const struct vvu_placed p[] = { placed(1, 0, 30 * MIB, 0), placed(2, 30 * MIB, 4 * MIB, 1),
					placed(3, 34 * MIB, 30 * MIB, 2) };
	const struct vvu_wanted w[] = { want(1, 30 * MIB, 4096), want(3, 30 * MIB, 4096) };
	struct vvu_placement r;

	assert_int_equal(vvu_place_table(p, 3, w, 2, LIMIT, true, &r), 0);
	assert_int_equal(r.reuse[0], 0);
	assert_int_equal(r.reuse[1], 2);
	assert_int_equal(r.gap[0], 0);
	assert_int_equal(r.gap[1], 4 * MIB);
}

static void no_room_is_an_error(void **state)
{
	const struct vvu_placed p[] = { placed(1, 0, 40 * MIB, 0) };
	const struct vvu_wanted w[] = { want(2, 40 * MIB, 4096) };
	const struct vvu_wanted huge[] = { want(2, UINT64_MAX & ~4095ull, 4096),
					   want(3, UINT64_MAX & ~4095ull, 4096) };
	struct vvu_placement r;

	assert_int_equal(vvu_place_table(p, 1, w, 1, LIMIT, true, &r), -ENOSPC);
	assert_int_equal(vvu_place_table(p, 1, w, 1, LIMIT, false, &r), 0);
	assert_int_equal(vvu_place_table(NULL, 0, huge, 2, LIMIT, false, &r), -ENOSPC);
}

static void empty_table_fits_always(void **state)
{
	const struct vvu_placed p[] = { placed(1, 0, LIMIT, 0) };
	struct vvu_placement r;

	assert_int_equal(vvu_place_table(p, 1, NULL, 0, LIMIT, true, &r), 0);
	assert_false(r.in_place);
}

static void waiting_mapping_in_its_old_place_is_taken_back(void **state)
{
	const struct vvu_placed p[] = { placed(1, 0, MIB, -1), placed(2, 2 * MIB, MIB, 0) };
	const struct vvu_wanted w[] = { want(1, MIB, 4096) };
	struct vvu_placement r;

	assert_int_equal(vvu_place_table(p, 2, w, 1, LIMIT, true, &r), 0);
	assert_int_equal(r.reuse[0], 0);
	assert_int_equal(r.offset[0], 0);
}

/* xorshift64: the same tables in every run */
static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

#define MODEL_MAX 64

static bool model_overlaps(const struct vvu_placed *p, uint64_t offset, uint64_t length)
{
	return p->offset < offset + length && offset < p->offset + p->backing.length;
}

/*
 * Tables come and go at random, answered or not. Whatever is chosen: in the limit, no
 * region over another, nothing that is still mapped is covered while rings run, reuse only
 * of the very same memory, the driver's formula finds each region, and an unchanged table
 * does not move.
 */
static void random_tables_keep_all_promises(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15ull;
	struct vvu_placed model[MODEL_MAX];
	unsigned int round, nmodel = 0, placed_tables = 0, reused = 0, in_place = 0, refused = 0;

	for (round = 0; round < 20000; round++) {
		unsigned int n = (unsigned int)(next_random(&seed) % 9), i, j;
		bool running = next_random(&seed) % 2;
		struct vvu_wanted w[VHU_MAX_TABLE_REGIONS];
		bool mapped[MODEL_MAX] = { false };
		struct vvu_placement r, again;
		struct vvu_placed next[MODEL_MAX];
		unsigned int nnext = 0;
		uint64_t start = 0;

		for (i = 0; i < n; i++) {
			uint64_t ino = 1 + (next_random(&seed) % 24) * 8 + i;

			w[i] = want(ino, 4096 * (1 + (ino * 2654435761u) % 1024),
				    next_random(&seed) % 4 == 0 ? 2 * MIB : 4096);
		}
		if (vvu_place_table(model, nmodel, w, n, LIMIT, running, &r) < 0) {
			refused++;
			nmodel = 0;
			continue;
		}
		placed_tables++;
		assert_false(running && r.in_place);
		in_place += r.in_place;

		for (i = 0; i < n; i++) {
			uint64_t length = w[i].backing.length;

			assert_int_equal(start + r.gap[i], r.offset[i]);
			start += r.gap[i] + length;
			assert_true(start <= LIMIT);
			if (r.reuse[i] >= 0) {
				const struct vvu_placed *p = &model[r.reuse[i]];

				assert_false(mapped[r.reuse[i]]);
				mapped[r.reuse[i]] = true;
				assert_int_equal(p->offset, r.offset[i]);
				assert_memory_equal(&p->backing, &w[i].backing,
						    sizeof(p->backing));
				reused++;
				continue;
			}
			assert_int_equal(r.offset[i] % w[i].align, 0);
			for (j = 0; j < nmodel && !r.in_place; j++)
				assert_false(model_overlaps(&model[j], r.offset[i], length));
		}

		/* What remains mapped, sometimes with the answer already in. */
		for (i = 0; i < n; i++)
			next[nnext++] = placed(w[i].backing.ino, r.offset[i],
					       w[i].backing.length, (int)i);
		for (j = 0; j < nmodel; j++) {
			bool gone = mapped[j] || next_random(&seed) % 3 == 0;

			for (i = 0; i < n; i++)
				gone |= model_overlaps(&model[j], r.offset[i],
						       w[i].backing.length);
			if (gone || nnext == MODEL_MAX)
				continue;
			next[nnext] = model[j];
			next[nnext++].order = -1;
		}
		memcpy(model, next, nnext * sizeof(next[0]));
		nmodel = nnext;

		assert_int_equal(vvu_place_table(model, nmodel, w, n, LIMIT, !running, &again),
				 0);
		for (i = 0; i < n; i++) {
			assert_int_equal(again.offset[i], r.offset[i]);
			assert_int_equal(again.gap[i], r.gap[i]);
			assert_true(again.reuse[i] >= 0);
		}
	}
	/* The rounds did meet the cases they are for. */
	assert_true(placed_tables > 10000);
	assert_true(reused > 100);
	assert_true(in_place > 1000);
	assert_true(refused > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_fit_takes_the_lowest_gap_that_holds_it),
		cmocka_unit_test(first_fit_survives_the_end_of_the_number_range),
		cmocka_unit_test(empty_window_gets_the_layout_of_the_draft),
		cmocka_unit_test(alignment_is_told_as_a_gap),
		cmocka_unit_test(table_in_force_stays_where_it_is_also_away_from_the_draft),
		cmocka_unit_test(longer_table_reuses_what_is_in_place),
		cmocka_unit_test(running_rings_send_a_conflicting_table_to_free_space),
		cmocka_unit_test(stopped_rings_let_a_conflicting_table_replace_in_place),
		cmocka_unit_test(full_window_keeps_regions_around_a_removed_one),
		cmocka_unit_test(no_room_is_an_error),
		cmocka_unit_test(empty_table_fits_always),
		cmocka_unit_test(waiting_mapping_in_its_old_place_is_taken_back),
		cmocka_unit_test(random_tables_keep_all_promises),
	};

	return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
