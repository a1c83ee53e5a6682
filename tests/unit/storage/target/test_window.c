/* SPDX-License-Identifier: BSD-3-Clause */
/* How long an adaptive worker polls after what it has seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "storage/target/worker_window.h"

#define MAX_NS		50000u
#define FIRST_NS	WORKER_WINDOW_FIRST_NS

static void
window_in_which_work_came_stays(void **state)
{
	assert_int_equal(worker_window_next(20000, 0, MAX_NS), 20000);
	assert_int_equal(worker_window_next(20000, 20000, MAX_NS), 20000);
	assert_int_equal(worker_window_next(MAX_NS, MAX_NS, MAX_NS), MAX_NS);
}

static void
it_grows_when_a_longer_one_would_have_saved_a_sleep(void **state)
{
	assert_int_equal(worker_window_next(0, 1, MAX_NS), FIRST_NS);
	assert_int_equal(worker_window_next(8000, 8001, MAX_NS), 16000);
	assert_int_equal(worker_window_next(8000, MAX_NS, MAX_NS), 16000);
}

static void
it_never_grows_beyond_the_maximum(void **state)
{
	assert_int_equal(worker_window_next(30000, 40000, MAX_NS), MAX_NS);
	/* Whatever that is. */
	assert_int_equal(worker_window_next(0, 500, 1000), 1000);
	assert_int_equal(worker_window_next(UINT64_MAX / 2 + 1, UINT64_MAX, UINT64_MAX),
			 UINT64_MAX);
}

static void
it_shrinks_when_no_window_would_have_been_enough(void **state)
{
	assert_int_equal(worker_window_next(MAX_NS, MAX_NS + 1, MAX_NS), MAX_NS / 2);
	assert_int_equal(worker_window_next(2 * FIRST_NS, UINT64_MAX, MAX_NS), FIRST_NS);
	assert_int_equal(worker_window_next(2 * FIRST_NS - 1, UINT64_MAX, MAX_NS), 0);
	assert_int_equal(worker_window_next(0, UINT64_MAX, MAX_NS), 0);
}

static void
slow_work_ends_polling_and_fast_work_begins_it_again(void **state)
{
	uint64_t window_ns = MAX_NS;
	unsigned int i;

	for (i = 0; i < 10; i++)
		window_ns = worker_window_next(window_ns, 200000, MAX_NS);
	assert_int_equal(window_ns, 0);
	for (i = 0; i < 10; i++)
		window_ns = worker_window_next(window_ns, 30000, MAX_NS);
	assert_in_range(window_ns, 30000, MAX_NS);
}

static void
what_a_probe_finds_opens_a_window_again(void **state)
{
	assert_int_equal(worker_window_found(0, 10000, MAX_NS), 20000);
	assert_int_equal(worker_window_found(0, 1, MAX_NS), FIRST_NS);
	assert_int_equal(worker_window_found(0, 30000, MAX_NS), MAX_NS);
	assert_int_equal(worker_window_found(0, 500, 1000), 1000);
	/* It would have been found without one. */
	assert_int_equal(worker_window_found(20000, 20000, MAX_NS), 20000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_in_which_work_came_stays),
		cmocka_unit_test(it_grows_when_a_longer_one_would_have_saved_a_sleep),
		cmocka_unit_test(it_never_grows_beyond_the_maximum),
		cmocka_unit_test(it_shrinks_when_no_window_would_have_been_enough),
		cmocka_unit_test(slow_work_ends_polling_and_fast_work_begins_it_again),
		cmocka_unit_test(what_a_probe_finds_opens_a_window_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
