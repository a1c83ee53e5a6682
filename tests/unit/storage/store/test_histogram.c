/* SPDX-License-Identifier: BSD-3-Clause */
/* The histogram of latencies: exact where it is small, within 3 % everywhere. */
#include "fixture.h"
#include "common/histogram.h"

static struct histogram histogram, other;

static int empty(void **state)
{
	memset(&histogram, 0, sizeof(histogram));
	memset(&other, 0, sizeof(other));
	return 0;
}

static void an_empty_one_has_zero_percentiles(void **state)
{
	assert_int_equal(histogram_percentile(&histogram, 500), 0);
	assert_int_equal(histogram_percentile(&histogram, 1000), 0);
}

static void small_values_are_exact(void **state)
{
	for (uint64_t value = 0; value < 64; value++)
		histogram_add(&histogram, value);
	/* Of 0..63 half are at or below 31, 90 % (57.6) at or below the 58th. */
	assert_int_equal(histogram_percentile(&histogram, 500), 31);
	assert_int_equal(histogram_percentile(&histogram, 900), 57);
	assert_int_equal(histogram_percentile(&histogram, 990), 63);
	assert_int_equal(histogram_percentile(&histogram, 1000), 63);
	assert_int_equal(histogram_percentile(&histogram, 0), 0);
	assert_int_equal(histogram.count, 64);
	assert_int_equal(histogram.sum, 2016);
}

/* Of each value v and the same below 2^40: |read out - v| <= 3 % of v. */
static void a_value_is_read_out_within_three_percent(void **state)
{
	for (uint64_t value = 1; value < 1ull << 40; value += value / 37 + 1) {
		uint64_t out;

		empty(NULL);
		histogram_add(&histogram, value);
		/* Something larger, so that the maximum does not help. */
		histogram_add(&histogram, 1ull << 41);
		out = histogram_percentile(&histogram, 500);
		assert_true((out > value ? out - value : value - out) * 100 <= value * 3);
	}
}

static void the_tail_is_found(void **state)
{
	for (unsigned int i = 0; i < 9990; i++)
		histogram_add(&histogram, 100);
	for (unsigned int i = 0; i < 10; i++)
		histogram_add(&histogram, 1000000);
	assert_in_range(histogram_percentile(&histogram, 500), 97, 103);
	assert_in_range(histogram_percentile(&histogram, 999), 97, 103);
	assert_in_range(histogram_percentile(&histogram, 999.1), 970000, 1030000);
	assert_int_equal(histogram_percentile(&histogram, 1000), 1000000);
}

static void what_is_too_large_is_counted_as_the_largest(void **state)
{
	histogram_add(&histogram, UINT64_MAX);
	assert_int_equal(histogram.count, 1);
	assert_int_equal(histogram_percentile(&histogram, 1000), UINT64_MAX);
	assert_in_range(histogram_percentile(&histogram, 500), 1ull << 39, 1ull << 40);
}

static void two_make_one(void **state)
{
	histogram_add(&histogram, 10);
	histogram_add(&histogram, 20);
	histogram_add(&other, 30);
	histogram_add(&other, 5000);
	histogram_merge(&histogram, &other);
	assert_int_equal(histogram.count, 4);
	assert_int_equal(histogram.sum, 5060);
	assert_int_equal(histogram.max, 5000);
	assert_int_equal(histogram_percentile(&histogram, 250), 10);
	assert_int_equal(histogram_percentile(&histogram, 750), 30);
	assert_int_equal(histogram_percentile(&histogram, 1000), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_one_has_zero_percentiles, empty),
		cmocka_unit_test_setup(small_values_are_exact, empty),
		cmocka_unit_test_setup(a_value_is_read_out_within_three_percent, empty),
		cmocka_unit_test_setup(the_tail_is_found, empty),
		cmocka_unit_test_setup(what_is_too_large_is_counted_as_the_largest, empty),
		cmocka_unit_test_setup(two_make_one, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
