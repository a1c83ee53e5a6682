/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers with sources made for the test: rounds, sleep, what wakes them, mail. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/target/worker_source.h"

#include "frontend.h"

struct source {
	struct worker_source source;
	struct worker *worker;
	atomic_uint runs, kicks, readables;
	atomic_uint work;		/* pieces of it, one for each run */
	atomic_int armed;		/* enum worker_armed: the answer */
	atomic_int kick_fd, watched;
	atomic_bool dormant;
};

static struct worker_pool *pool;
static struct source sources[2];

static struct source *
source_of(struct worker_source *source)
{
	return (struct source *)source;
}

static unsigned int
run(struct worker_source *arg)
{
	struct source *s = source_of(arg);

	atomic_fetch_add(&s->runs, 1);
	arg->dormant = atomic_load(&s->dormant);
	if (atomic_load(&s->work) == 0)
		return 0;
	atomic_fetch_sub(&s->work, 1);
	return 1;
}

static enum worker_armed
arm(struct worker_source *arg)
{
	return (enum worker_armed)atomic_load(&source_of(arg)->armed);
}

static void
kicked(struct worker_source *arg, int fd)
{
	struct source *s = source_of(arg);

	if (atomic_load(&s->kick_fd) == fd)
		atomic_fetch_add(&s->kicks, 1);
}

static void
readable(struct worker_source *arg)
{
	struct source *s = source_of(arg);
	uint64_t count;

	if (read(atomic_load(&s->watched), &count, sizeof(count)) == sizeof(count))
		atomic_fetch_add(&s->readables, 1);
}

static const struct worker_source_ops ops = {
	.run = run,
	.arm = arm,
	.kicked = kicked,
	.readable = readable,
};

static void
add(void *arg)
{
	struct source *s = arg;

	worker_add(s->worker, &s->source);
}

static void
remove_source(void *arg)
{
	struct source *s = arg;

	worker_remove(s->worker, &s->source);
}

static int
setup_mode(enum worker_mode mode)
{
	const struct worker_pool_config config = { .threads = 2, .mode = mode, .poll_us = 100 };
	struct vhu_reason reason = { "" };
	unsigned int i;

	assert_int_equal(worker_pool_create(&config, &pool, &reason), 0);
	memset(sources, 0, sizeof(sources));
	for (i = 0; i < 2; i++) {
		sources[i].source.ops = &ops;
		sources[i].worker = worker_pool_get(pool, i);
		atomic_store(&sources[i].armed, WORKER_WAIT);
		worker_call(sources[i].worker, add, &sources[i]);
	}
	return 0;
}

static int
setup(void **state)
{
	return setup_mode(WORKER_INTERRUPT);
}

static int
setup_adaptive(void **state)
{
	return setup_mode(WORKER_ADAPTIVE);
}

static int
setup_poll(void **state)
{
	return setup_mode(WORKER_POLL);
}

static int
teardown(void **state)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		worker_call(sources[i].worker, remove_source, &sources[i]);
	worker_pool_destroy(pool);
	return 0;
}

static bool
is_not_zero(void *arg)
{
	return atomic_load((atomic_uint *)arg) != 0;
}

static bool
is_zero(void *arg)
{
	return !is_not_zero(arg);
}

static unsigned int
runs_in_50_ms(const struct source *s)
{
	unsigned int before;

	usleep(20000);
	before = atomic_load(&s->runs);
	usleep(50000);
	return atomic_load(&s->runs) - before;
}

struct runs {
	struct source *source;
	unsigned int goal;
};

static bool
ran_often(void *arg)
{
	const struct runs *r = arg;

	return (int)(atomic_load(&r->source->runs) - r->goal) >= 0;
}

/* Without a wake-up it goes on: however slowly, on a busy machine. */
static void
wait_runs(struct source *s, unsigned int num)
{
	struct runs r = { s, atomic_load(&s->runs) + num };

	wait_until(ran_often, &r);
}

static bool
slept_again(void *arg)
{
	const struct worker_stats *before = arg;
	struct worker_stats now;

	worker_stats(sources[0].worker, &now);
	return now.rounds > before->rounds && now.sleeps > before->sleeps;
}

static void
wrong_numbers_are_told(void **state)
{
	const int cpus[] = { 100000 };
	struct worker_pool_config config = { .threads = 0 };
	struct vhu_reason reason = { "" };

	assert_int_equal(worker_pool_create(&config, &pool, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "0 worker threads"));
	config.threads = 65;
	assert_int_equal(worker_pool_create(&config, &pool, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "65"));
	config.threads = 1;
	config.cpus = cpus;
	assert_int_equal(worker_pool_create(&config, &pool, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "CPU 100000"));
}

static void
tell_cpu(void *arg)
{
	*(int *)arg = sched_getcpu();
}

static void
thread_runs_on_its_cpu(void **state)
{
	const int cpus[] = { 0 };
	const struct worker_pool_config config = { .threads = 1, .cpus = cpus };
	struct vhu_reason reason = { "" };
	int cpu = -1;

	assert_int_equal(worker_pool_create(&config, &pool, &reason), 0);
	worker_call(worker_pool_get(pool, 0), tell_cpu, &cpu);
	assert_int_equal(cpu, 0);
	assert_null(worker_pool_get(pool, 1));
	worker_pool_destroy(pool);
}

static void
all_work_is_done_before_a_sleep(void **state)
{
	atomic_store(&sources[0].work, 500);
	worker_wake(sources[0].worker);
	wait_until(is_zero, &sources[0].work);
	assert_true(runs_in_50_ms(&sources[0]) < 10);
}

static void
worker_without_work_sleeps(void **state)
{
	struct worker_stats before;

	assert_true(runs_in_50_ms(&sources[0]) < 10);
	worker_stats(sources[0].worker, &before);
	worker_wake(sources[0].worker);
	wait_until(slept_again, &before);
}

static void
worker_that_no_event_will_wake_looks_again(void **state)
{
	struct timespec begin, end;

	atomic_store(&sources[0].armed, WORKER_WAIT_TICK);
	worker_wake(sources[0].worker);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	wait_runs(&sources[0], 50);
	clock_gettime(CLOCK_MONOTONIC, &end);
	/* Every millisecond; less often when the machine is busy, never more. */
	assert_true((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000 >=
		    25);
}

static void
busy_source_keeps_its_worker_awake(void **state)
{
	atomic_store(&sources[0].armed, WORKER_BUSY);
	worker_wake(sources[0].worker);
	wait_runs(&sources[0], 1000);
}

static uint64_t
window_ns(void)
{
	struct worker_stats stats;

	worker_stats(sources[0].worker, &stats);
	return stats.window_ns;
}

/* Pieces of work, for a worker that has slept for longer than the longest window of 100 us. */
static void
late_work_until_window_is(uint64_t expected_ns)
{
	unsigned int i;

	for (i = 0; window_ns() != expected_ns; i++) {
		/* One that the machine does not let go to sleep in time learns nothing. */
		assert_true(i < 2000);
		usleep(1000);
		atomic_store(&sources[0].work, 1);
		worker_wake(sources[0].worker);
		wait_until(is_zero, &sources[0].work);
	}
}

static void
worker_that_polls_in_vain_stops_polling(void **state)
{
	assert_int_equal(window_ns(), 100000);
	late_work_until_window_is(0);
	/* Mail tells nothing of work, whenever it comes. */
	worker_call(sources[0].worker, remove_source, &sources[0]);
	worker_call(sources[0].worker, add, &sources[0]);
	assert_int_equal(window_ns(), 0);
}

static void
what_no_event_tells_of_is_polled_for_as_long_as_may_be(void **state)
{
	late_work_until_window_is(0);
	atomic_store(&sources[0].armed, WORKER_WAIT_TICK);
	worker_wake(sources[0].worker);
	wait_runs(&sources[0], 10);
	late_work_until_window_is(100000);
}

static void
polling_worker_sleeps_when_all_is_dormant(void **state)
{
	wait_runs(&sources[0], 1000);
	atomic_store(&sources[0].dormant, true);
	assert_true(runs_in_50_ms(&sources[0]) < 10);
	atomic_store(&sources[0].dormant, false);
	worker_wake(sources[0].worker);
	wait_runs(&sources[0], 1000);
}

static void
kick_that_two_workers_share_wakes_both(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t one = 1;
	unsigned int round, i;

	for (i = 0; i < 2; i++) {
		atomic_store(&sources[i].kick_fd, fd);
		assert_int_equal(worker_watch_kick(sources[i].worker, fd), 0);
		/* Rings of one worker may share it, too. */
		assert_int_equal(worker_watch_kick(sources[i].worker, fd), 0);
	}
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 2; i++)
			atomic_store(&sources[i].kicks, 0);
		assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
		for (i = 0; i < 2; i++)
			wait_until(is_not_zero, &sources[i].kicks);
	}
	for (i = 0; i < 2; i++)
		worker_unwatch_kick(sources[i].worker, fd);
	usleep(10000);
	atomic_store(&sources[0].kicks, 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	usleep(10000);
	assert_int_equal(atomic_load(&sources[0].kicks), 0);
	close(fd);
}

static void
watch(void *arg)
{
	struct source *s = arg;

	assert_int_equal(worker_watch(s->worker, &s->source, atomic_load(&s->watched)), 0);
}

static void
unwatch(void *arg)
{
	struct source *s = arg;

	worker_unwatch(s->worker, atomic_load(&s->watched));
}

static void
watched_descriptor_is_told_to_its_source(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t one = 1;
	unsigned int round;

	atomic_store(&sources[1].watched, fd);
	worker_call(sources[1].worker, watch, &sources[1]);
	for (round = 0; round < 10; round++) {
		atomic_store(&sources[1].readables, 0);
		assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
		wait_until(is_not_zero, &sources[1].readables);
	}
	assert_int_equal(atomic_load(&sources[0].readables), 0);
	worker_call(sources[1].worker, unwatch, &sources[1]);
	close(fd);
}

/* A flush that nobody but the device asked for completes like that. */
static void
watched_descriptor_is_told_although_others_are_busy(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t one = 1;

	assert_true(fd >= 0);
	/* Both in one worker, which has work for longer than the test takes. */
	worker_call(sources[1].worker, remove_source, &sources[1]);
	sources[1].worker = sources[0].worker;
	worker_call(sources[1].worker, add, &sources[1]);
	atomic_store(&sources[1].watched, fd);
	worker_call(sources[1].worker, watch, &sources[1]);
	atomic_store(&sources[0].work, UINT_MAX);
	atomic_store(&sources[0].runs, 0);
	worker_wake(sources[0].worker);
	wait_until(is_not_zero, &sources[0].runs);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	wait_until(is_not_zero, &sources[1].readables);
	assert_int_not_equal(atomic_load(&sources[0].work), 0);
	atomic_store(&sources[0].work, 0);
	worker_call(sources[1].worker, unwatch, &sources[1]);
	close(fd);
}

struct letter {
	struct worker_post post;
	unsigned int *order;
	unsigned int number;
	atomic_uint *read;
};

static void
read_letter(void *arg)
{
	struct letter *letter = arg;

	letter->order[atomic_load(letter->read)] = letter->number;
	atomic_fetch_add(letter->read, 1);
}

static bool
all_read(void *arg)
{
	return atomic_load((atomic_uint *)arg) == 100;
}

static void
mail_is_read_in_order(void **state)
{
	struct letter letters[100];
	unsigned int order[100], i;
	atomic_uint count = 0;

	for (i = 0; i < 100; i++) {
		letters[i] = (struct letter){
			.post = { .fn = read_letter, .arg = &letters[i] },
			.order = order, .number = i, .read = &count,
		};
		worker_post(sources[0].worker, &letters[i].post);
	}
	wait_until(all_read, &count);
	for (i = 0; i < 100; i++)
		assert_int_equal(order[i], i);
}

static void
description_has_every_worker(void **state)
{
	json_t *array = worker_pool_describe(pool), *second = json_array_get(array, 1);

	assert_int_equal(json_array_size(array), 2);
	assert_int_equal(json_integer_value(json_object_get(second, "index")), 1);
	assert_int_equal(json_integer_value(json_object_get(second, "cpu")), -1);
	assert_int_equal(json_integer_value(json_object_get(second, "queues")), 1);
	assert_string_equal(json_string_value(json_object_get(second, "mode")), "interrupt");
	json_decref(array);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define ADAPTIVE(name) cmocka_unit_test_setup_teardown(name, setup_adaptive, teardown)
#define POLL(name) cmocka_unit_test_setup_teardown(name, setup_poll, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_numbers_are_told),
		cmocka_unit_test(thread_runs_on_its_cpu),
		T(all_work_is_done_before_a_sleep),
		ADAPTIVE(all_work_is_done_before_a_sleep),
		T(worker_without_work_sleeps),
		ADAPTIVE(worker_without_work_sleeps),
		T(worker_that_no_event_will_wake_looks_again),
		T(busy_source_keeps_its_worker_awake),
		ADAPTIVE(worker_that_polls_in_vain_stops_polling),
		ADAPTIVE(what_no_event_tells_of_is_polled_for_as_long_as_may_be),
		POLL(polling_worker_sleeps_when_all_is_dormant),
		T(kick_that_two_workers_share_wakes_both),
		T(watched_descriptor_is_told_to_its_source),
		T(watched_descriptor_is_told_although_others_are_busy),
		POLL(watched_descriptor_is_told_although_others_are_busy),
		T(mail_is_read_in_order),
		T(description_has_every_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
