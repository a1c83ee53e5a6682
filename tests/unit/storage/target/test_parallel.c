/* SPDX-License-Identifier: BSD-3-Clause */
/* Several targets with several queues on several workers, all of them busy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vhost-proto/wire.h"

#include "frontend.h"
#include "slow_type.h"

#define WORKERS	3u
#define TARGETS	3u
#define QUEUES	3u

static struct worker_pool *pool;
static struct slow_type type[TARGETS];
static struct frontend fe[TARGETS];

static int
setup_mode(enum worker_mode mode)
{
	unsigned int t, i;

	pool = slow_pool(WORKERS, mode);
	for (t = 0; t < TARGETS; t++) {
		slow_create(&type[t], pool, QUEUES);
		atomic_store(&type[t].open, true);
		frontend_open(&fe[t], type[t].path, t == 1 ? 1ull << 29 : 0);
		for (i = 0; i < QUEUES; i++)
			frontend_start_ring(&fe[t], i);
	}
	return 0;
}

static int
setup(void **state)
{
	return setup_mode(WORKER_ADAPTIVE);
}

static int
setup_interrupt(void **state)
{
	return setup_mode(WORKER_INTERRUPT);
}

static int
teardown(void **state)
{
	unsigned int t;

	for (t = 0; t < TARGETS; t++) {
		frontend_close(&fe[t]);
		slow_destroy(&type[t]);
	}
	worker_pool_destroy(pool);
	return 0;
}

static void
put_everywhere(unsigned int each)
{
	unsigned int t, i, k;

	for (k = 0; k < each; k++)
		for (t = 0; t < TARGETS; t++)
			for (i = 0; i < QUEUES; i++)
				frontend_put_simple(&fe[t], i);
}

static void
wait_everywhere(uint16_t count)
{
	unsigned int t, i;

	for (t = 0; t < TARGETS; t++)
		for (i = 0; i < QUEUES; i++)
			frontend_wait_used(&fe[t], i, count);
}

static void
queues_are_spread_over_the_workers(void **state)
{
	unsigned int t, i, seen;

	for (t = 0; t < TARGETS; t++) {
		seen = 0;
		for (i = 0; i < QUEUES; i++)
			seen |= 1u << atomic_load(&type[t].queue[i].worker);
		assert_int_equal(seen, (1u << WORKERS) - 1);
	}
}

static void
all_queues_of_all_targets_work(void **state)
{
	unsigned int round;

	for (round = 0; round < 40; round++) {
		put_everywhere(8);
		wait_everywhere((uint16_t)(8 * (round + 1)));
	}
}

static void
one_target_pauses_and_stops_while_others_work(void **state)
{
	unsigned int round, i;
	uint16_t count = 0;

	for (round = 0; round < 20; round++) {
		put_everywhere(4);
		target_pause(type[0].target);
		/* It does not hold up the others. */
		count = (uint16_t)(count + 4);
		for (i = 0; i < QUEUES; i++) {
			frontend_wait_used(&fe[1], i, count);
			frontend_wait_used(&fe[2], i, count);
		}
		target_resume(type[0].target);
		wait_everywhere(count);
	}
	for (i = 0; i < QUEUES; i++) {
		frontend_ask_stop(&fe[0], i);
		assert_int_equal(frontend_await_stop(&fe[0], i), count);
	}
	frontend_put_simple(&fe[1], 0);
	frontend_wait_used(&fe[1], 0, (uint16_t)(count + 1));
}

static void
targets_come_and_go_while_others_work(void **state)
{
	unsigned int round, i;

	for (round = 0; round < 10; round++) {
		put_everywhere(4);
		/* With requests under way or not, as it happens. */
		frontend_close(&fe[2]);
		slow_destroy(&type[2]);
		for (i = 0; i < QUEUES; i++) {
			frontend_wait_used(&fe[0], i, (uint16_t)(4 * (round + 1)));
			frontend_wait_used(&fe[1], i, (uint16_t)(4 * (round + 1)));
		}
		slow_create(&type[2], pool, QUEUES);
		atomic_store(&type[2].open, true);
		frontend_open(&fe[2], type[2].path, 0);
		for (i = 0; i < QUEUES; i++)
			frontend_start_ring(&fe[2], i);
	}
}

static void
describe_while_all_are_busy(void **state)
{
	unsigned int round, t;

	for (round = 0; round < 50; round++) {
		put_everywhere(4);
		for (t = 0; t < TARGETS; t++) {
			json_t *object = target_describe(type[t].target);

			assert_true(json_is_true(json_object_get(object, "connected")));
			assert_int_equal(json_array_size(json_object_get(object, "queues")),
					 QUEUES);
			json_decref(object);
		}
		wait_everywhere((uint16_t)(4 * (round + 1)));
	}
}

static void
noop(void *arg)
{
	atomic_fetch_add((atomic_uint *)arg, 1);
}

static void
mail_is_read_by_busy_and_by_sleeping_workers(void **state)
{
	unsigned int round, w;
	atomic_uint count = 0;

	for (round = 0; round < 100; round++) {
		if (round % 4 == 0)
			put_everywhere(1);
		if (round % 10 == 0)
			usleep(1000);
		for (w = 0; w < WORKERS; w++)
			worker_call(worker_pool_get(pool, w), noop, &count);
	}
	assert_int_equal(atomic_load(&count), 100 * WORKERS);
	wait_everywhere(25);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define INTERRUPT(name) cmocka_unit_test_setup_teardown(name, setup_interrupt, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(queues_are_spread_over_the_workers),
		T(all_queues_of_all_targets_work),
		INTERRUPT(all_queues_of_all_targets_work),
		T(one_target_pauses_and_stops_while_others_work),
		INTERRUPT(targets_come_and_go_while_others_work),
		T(targets_come_and_go_while_others_work),
		INTERRUPT(describe_while_all_are_busy),
		T(mail_is_read_by_busy_and_by_sleeping_workers),
		INTERRUPT(mail_is_read_by_busy_and_by_sleeping_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
