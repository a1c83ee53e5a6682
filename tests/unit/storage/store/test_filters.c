/* SPDX-License-Identifier: BSD-3-Clause */
/* The filters: delay, error, throttle, stats, and all of them together. */
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fixture.h"

#define RAM "{\"type\": \"ram\", \"size\": \"1M\"}"

static json_int_t stat_of(struct store *store, const char *op, const char *name)
{
	json_t *object = store_describe(store), *value;
	json_int_t number;

	value = json_object_get(json_object_get(json_object_get(object, "ops"), op), name);
	assert_true(json_is_integer(value));
	number = json_integer_value(value);
	json_decref(object);
	return number;
}

static double latency_of(struct store *store, const char *op, const char *name)
{
	json_t *object = store_describe(store), *value;
	double number;

	value = json_object_get(json_object_get(json_object_get(json_object_get(object, "ops"), op),
						"latency_us"), name);
	assert_true(json_is_number(value));
	number = json_number_value(value);
	json_decref(object);
	return number;
}

static void a_filter_has_the_properties_of_what_it_wraps(void **state)
{
	static const char *const filters[] = {
		"\"delay\", \"read_us\": 1", "\"error\"", "\"throttle\", \"iops\": 1000000",
		"\"stats\"",
	};

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		struct store *store = open_store("{\"type\": %s, \"inner\": {\"type\": \"ram\", "
						 "\"size\": \"1M\", \"block_bytes\": 4096, "
						 "\"read_only\": true}}", filters[i]);

		assert_int_equal(store_size(store), 1 << 20);
		assert_int_equal(store->info.block_bytes, 4096);
		assert_true(store->info.read_only);
		store_close(store);
		store = open_store("{\"type\": %s, \"read_only\": true, \"inner\": " RAM "}",
				   filters[i]);
		assert_true(store->info.read_only);
		assert_true(store->inner->info.read_only);
		store_close(store);
		/* Its size follows. */
		store = open_store("{\"type\": %s, \"inner\": " RAM "}", filters[i]);
		assert_int_equal(store_resize(store, 1 << 21), 0);
		assert_int_equal(store_size(store), 1 << 21);
		store_close(store);
	}
}

static void data_goes_through_all_filters_in_any_order_and_twice(void **state)
{
	static const char *const orders[] = {
		"{\"type\": \"stats\", \"inner\": {\"type\": \"delay\", \"read_us\": 20, "
		"\"jitter_us\": 100, \"inner\": {\"type\": \"throttle\", \"iops\": 100000, "
		"\"inner\": {\"type\": \"error\", \"inner\": {\"type\": \"delay\", "
		"\"write_us\": 30, \"inner\": {\"type\": \"stats\", \"inner\": "
		"{\"type\": \"throttle\", \"bytes_per_s\": \"10G\", \"inner\": " RAM "}}}}}}}",
		"{\"type\": \"error\", \"inner\": {\"type\": \"throttle\", \"iops\": 100000, "
		"\"inner\": {\"type\": \"delay\", \"flush_us\": 200, \"inner\": " RAM "}}}",
	};

	for (size_t i = 0; i < 2; i++) {
		struct store *store = open_store("%s", orders[i]);
		struct store_queue *queue = open_queue(store);

		compare_random(queue, 150, 0, (unsigned int)i);
		store_queue_close(queue);
		store_close(store);
	}
}

static void too_many_filters_are_refused(void **state)
{
	char text[1024] = RAM, more[1024];

	for (unsigned int i = 1; i < STORE_MAX_DEPTH; i++) {
		snprintf(more, sizeof(more), "{\"type\": \"stats\", \"inner\": %s}", text);
		memcpy(text, more, sizeof(text));
	}
	store_close(open_store("%s", text));
	snprintf(more, sizeof(more), "{\"type\": \"stats\", \"inner\": %s}", text);
	open_fails(more, -EINVAL, "more than 8");
}

static void the_descriptor_of_many_filters_can_be_waited_for(void **state)
{
	char text[1024] = RAM, more[1024], data[512];
	struct epoll_event event = { .events = EPOLLIN };
	struct store_queue *queue;
	struct store *store;
	int fd = epoll_create1(0), outer = epoll_create1(0);

	for (unsigned int i = 1; i < STORE_MAX_DEPTH; i++) {
		snprintf(more, sizeof(more), "{\"type\": \"%s, \"inner\": %s}",
			 i == 3 ? "stats\"" : "delay\", \"read_us\": 1000", text);
		memcpy(text, more, sizeof(text));
	}
	store = open_store("%s", text);
	queue = open_queue(store);
	/* As a worker does it, whose own descriptor another one watches. */
	assert_int_equal(epoll_ctl(fd, EPOLL_CTL_ADD, store_fd(queue), &event), 0);
	assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, fd, &event), 0);
	assert_int_equal(do_read(queue, 0, data, 512), 0);
	close(outer);
	close(fd);
	store_queue_close(queue);
	store_close(store);
}

static void what_is_wrong_below_a_filter_is_said(void **state)
{
	open_fails("{\"type\": \"delay\"}", -EINVAL, "delay|\"inner\"|missing");
	open_fails("{\"type\": \"delay\", \"inner\": \"ram:1M\"}", -EINVAL,
		   "delay|\"inner\"|an object");
	open_fails("{\"type\": \"delay\", \"inner\": {\"type\": \"ram\"}}", -EINVAL,
		   "ram|\"size\"");
	open_fails("{\"type\": \"throttle\", \"inner\": " RAM "}", -EINVAL,
		   "throttle|iops|bytes_per_s");
	open_fails("{\"type\": \"throttle\", \"iops\": 0, \"inner\": " RAM "}", -EINVAL, "iops|0");
}

static void each_kind_of_operation_has_its_delay(void **state)
{
	static char data[512];
	struct store *store =
		open_store("{\"type\": \"delay\", \"read_us\": 20000, \"write_us\": 40000, "
			   "\"flush_us\": 60000, \"inner\": " RAM "}");
	struct store_queue *queue = open_queue(store);
	uint64_t before = now_us();

	assert_int_equal(do_read(queue, 0, data, 512), 0);
	assert_in_range(now_us() - before, 20000, 10000000);
	before = now_us();
	assert_int_equal(do_write(queue, 0, data, 512), 0);
	assert_in_range(now_us() - before, 40000, 10000000);
	before = now_us();
	assert_int_equal(do_op(queue, STORE_FLUSH, 0, 0, 0, NULL, 0), 0);
	assert_in_range(now_us() - before, 60000, 10000000);
	store_queue_close(queue);
	store_close(store);
}

struct batch {
	unsigned int done, wrong;
	unsigned int at_once;		/* before anybody polled */
	unsigned int order[64];
	struct store_io *ios;
};

static void note(struct store_io *io, int result, void *arg)
{
	struct batch *batch = arg;

	batch->wrong += result != 0;
	batch->order[batch->done++ % 64] = (unsigned int)(io - batch->ios);
}

/* @num reads of 512 bytes at once; microseconds until all are done. */
static uint64_t read_many(struct store_queue *queue, struct batch *batch, unsigned int num)
{
	static char data[512];
	static struct store_io ios[4096];
	struct iovec iov = { data, sizeof(data) };
	uint64_t begin = now_us();

	memset(batch, 0, sizeof(*batch));
	memset(ios, 0, sizeof(ios));
	batch->ios = ios;
	for (unsigned int i = 0; i < num; i++) {
		ios[i] = (struct store_io){ .op = STORE_READ, .length = 512, .iov = &iov,
					    .iov_num = 1 };
		store_submit(queue, &ios[i], note, batch);
	}
	batch->at_once = batch->done;
	store_kick(queue);
	while (batch->done < num) {
		assert_true(now_us() - begin < 20000000);
		store_poll(queue);
		store_kick(queue);
	}
	assert_int_equal(batch->wrong, 0);
	return now_us() - begin;
}

static void delayed_operations_wait_side_by_side(void **state)
{
	struct store *store =
		open_store("{\"type\": \"delay\", \"read_us\": 50000, \"inner\": " RAM "}");
	struct store_queue *queue = open_queue(store);
	struct batch batch;

	/* One after the other they would take 3.2 s. */
	assert_in_range(read_many(queue, &batch, 64), 50000, 3000000);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(batch.order[i], i);
	store_queue_close(queue);
	store_close(store);
}

static void throttled_operations_start_at_the_rate_and_in_order(void **state)
{
	struct store *store = open_store("{\"type\": \"throttle\", \"iops\": 100, \"burst_ms\": 0, "
					 "\"inner\": " RAM "}");
	struct store_queue *queue = open_queue(store);
	struct batch batch;

	/* The first at once, and 30 more at one in 10 ms. */
	assert_in_range(read_many(queue, &batch, 31), 300000, 10000000);
	for (unsigned int i = 0; i < 31; i++)
		assert_int_equal(batch.order[i], i);
	store_queue_close(queue);
	store_close(store);
}

static void a_burst_is_let_through_at_once(void **state)
{
	struct store *store =
		open_store("{\"type\": \"throttle\", \"iops\": 100, \"burst_ms\": 1000, "
			   "\"inner\": " RAM "}");
	struct store_queue *queue = open_queue(store);
	struct batch batch;

	read_many(queue, &batch, 100);
	assert_int_equal(batch.at_once, 100);
	/* The burst is used up. */
	assert_in_range(read_many(queue, &batch, 20), 50000, 10000000);
	store_queue_close(queue);
	store_close(store);
}

static void bytes_are_throttled(void **state)
{
	static char data[65536];
	struct store *store = open_store("{\"type\": \"throttle\", \"bytes_per_s\": \"1M\", "
					 "\"burst_ms\": 0, \"inner\": " RAM "}");
	struct store_queue *queue = open_queue(store);
	uint64_t before = now_us();

	/* 64 KiB at 1 MiB/s are 62.5 ms, after which the next may start. */
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(do_write(queue, 0, data, sizeof(data)), 0);
	assert_in_range(now_us() - before, 250000, 10000000);
	store_queue_close(queue);
	store_close(store);
}

static void what_is_throttled_starts_when_somebody_waits_for_it(void **state)
{
	/* Below another filter; a read of 32 KiB in 64 s. */
	struct store *store =
		open_store("{\"type\": \"stats\", \"inner\": {\"type\": \"throttle\", \"iops\": 1, "
			   "\"bytes_per_s\": 512, \"burst_ms\": 0, \"inner\": " RAM "}}");
	struct store_queue *queue = open_queue(store);
	static char data[32768];
	static struct store_io ios[16];
	struct iovec iov = { data, sizeof(data) };
	struct batch batch = { .ios = ios };

	for (unsigned int i = 0; i < 16; i++) {
		ios[i] = (struct store_io){ .op = STORE_READ, .length = sizeof(data), .iov = &iov,
					    .iov_num = 1 };
		store_submit(queue, &ios[i], note, &batch);
	}
	store_kick(queue);
	assert_int_equal(store_poll(queue), 0);
	assert_int_equal(batch.done, 1);
	store_hurry(queue);
	store_poll(queue);
	assert_int_equal(batch.done, 16);
	assert_int_equal(batch.wrong, 0);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(batch.order[i], i);
	/* It was paid for, so the next one waits again. */
	ios[0] = (struct store_io){ .op = STORE_READ, .length = 512, .iov = &iov, .iov_num = 1 };
	iov.iov_len = 512;
	store_submit(queue, &ios[0], note, &batch);
	store_kick(queue);
	assert_int_equal(store_poll(queue), 0);
	assert_int_equal(batch.done, 16);
	store_hurry(queue);
	store_poll(queue);
	assert_int_equal(batch.done, 17);
	store_queue_close(queue);
	store_close(store);
}

static struct store *open_error(const char *rules)
{
	return open_store("{\"type\": \"error\", \"rules\": %s, \"inner\": " RAM "}", rules);
}

static void every_third_read_fails_and_nothing_else(void **state)
{
	char data[512];
	struct store *store = open_error("[{\"ops\": [\"read\"], \"every\": 3}]");
	struct store_queue *queue = open_queue(store);

	for (unsigned int i = 1; i <= 30; i++) {
		assert_int_equal(do_read(queue, 0, data, 512), i % 3 ? 0 : -EIO);
		assert_int_equal(do_write(queue, 0, data, 512), 0);
		assert_int_equal(do_op(queue, STORE_FLUSH, 0, 0, 0, NULL, 0), 0);
	}
	store_queue_close(queue);
	store_close(store);
}

static void a_range_fails_with_the_error_it_says(void **state)
{
	static char data[4096];
	struct store *store =
		open_error("[{\"ops\": [\"write\", \"discard\"], \"offset\": \"64K\", "
			   "\"length\": \"4K\", \"errno\": \"ENOSPC\"}]");
	struct store_queue *queue = open_queue(store);

	assert_int_equal(do_write(queue, 65536 - 512, data, 512), 0);
	assert_int_equal(do_write(queue, 65536 - 512, data, 1024), -ENOSPC);
	assert_int_equal(do_write(queue, 65536, data, 512), -ENOSPC);
	assert_int_equal(do_write(queue, 65536 + 4096 - 512, data, 512), -ENOSPC);
	assert_int_equal(do_write(queue, 65536 + 4096, data, 512), 0);
	assert_int_equal(do_op(queue, STORE_DISCARD, 0, 0, 1 << 20, NULL, 0), -ENOSPC);
	assert_int_equal(do_read(queue, 65536, data, 512), 0);
	store_queue_close(queue);
	store_close(store);
}

static void a_failed_write_did_not_happen(void **state)
{
	char data[512], back[512];
	struct store *store = open_error("[{\"ops\": [\"write\"], \"times\": 1}]");
	struct store_queue *queue = open_queue(store);

	memset(data, 7, sizeof(data));
	assert_int_equal(do_write(queue, 0, data, 512), -EIO);
	assert_int_equal(do_read(queue, 0, back, 512), 0);
	assert_int_equal(back[0], 0);
	/* That was the one time. */
	assert_int_equal(do_write(queue, 0, data, 512), 0);
	store_queue_close(queue);
	store_close(store);
}

static unsigned int failures_of_1000(const char *rules, char *which)
{
	char data[512];
	struct store *store = open_error(rules);
	struct store_queue *queue = open_queue(store);
	unsigned int failures = 0;

	for (unsigned int i = 0; i < 1000; i++) {
		which[i] = do_read(queue, 0, data, 512) == -EIO;
		failures += (unsigned int)which[i];
	}
	store_queue_close(queue);
	store_close(store);
	return failures;
}

static void a_probability_is_met_and_its_seed_repeats_it(void **state)
{
	char first[1000], second[1000], other[1000];

	/* 200 expected, with a standard deviation of 12.6. */
	assert_in_range(failures_of_1000("[{\"probability\": 0.2, \"seed\": 1}]", first), 130, 270);
	failures_of_1000("[{\"probability\": 0.2, \"seed\": 1}]", second);
	failures_of_1000("[{\"probability\": 0.2, \"seed\": 2}]", other);
	assert_memory_equal(first, second, 1000);
	assert_memory_not_equal(first, other, 1000);
	assert_int_equal(failures_of_1000("[{\"probability\": 0}]", first), 0);
	assert_int_equal(failures_of_1000("[{\"probability\": 1}]", first), 1000);
}

static void rules_are_changed_while_the_store_is_open(void **state)
{
	char data[512];
	struct vhu_reason reason = { "" };
	struct store *store =
		open_store("{\"type\": \"stats\", \"inner\": {\"type\": \"error\", \"inner\": "
			   "{\"type\": \"error\", \"inner\": " RAM "}}}");
	struct store_queue *queue = open_queue(store);
	json_t *rules = json_loads("[{\"errno\": \"EROFS\"}]", 0, NULL);
	json_t *wrong = json_loads("[{\"errno\": \"ENOENT\"}]", 0, NULL);

	assert_int_equal(do_read(queue, 0, data, 512), 0);
	assert_int_equal(store_error_set(store, 1, rules, &reason), 0);
	assert_int_equal(do_read(queue, 0, data, 512), -EROFS);
	assert_int_equal(store_error_set(store, 1, wrong, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "ENOENT"));
	assert_int_equal(do_read(queue, 0, data, 512), -EROFS);
	assert_int_equal(store_error_set(store, 2, rules, &reason), -ENOENT);
	assert_non_null(strstr(reason.text, "number 2"));
	assert_int_equal(store_error_set(store, 1, NULL, &reason), 0);
	assert_int_equal(do_read(queue, 0, data, 512), 0);
	json_decref(rules);
	json_decref(wrong);
	store_queue_close(queue);
	store_close(store);
}

static void wrong_rules_are_named(void **state)
{
	static const struct {
		const char *rules, *words;
	} wrong[] = {
		{ "{}", "error|\"rules\"|an array" },
		{ "[7]", "a rule is not an object" },
		{ "[{\"op\": \"read\"}]", "\"op\"" },
		{ "[{\"ops\": [\"reed\"]}]", "\"ops\"|reed|write_zeroes" },
		{ "[{\"ops\": []}]", "\"ops\"|empty" },
		{ "[{\"every\": 0}]", "\"every\"|0" },
		{ "[{\"probability\": 1.5}]", "\"probability\"|1.5" },
		{ "[{\"errno\": 5}]", "\"errno\"|5" },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text),
			 "{\"type\": \"error\", \"rules\": %s, \"inner\": " RAM "}",
			 wrong[i].rules);
		open_fails(text, -EINVAL, wrong[i].words);
	}
}

static void operations_are_counted_by_kind(void **state)
{
	static char data[4096];
	struct store *store =
		open_store("{\"type\": \"stats\", \"inner\": {\"type\": \"error\", "
			   "\"rules\": [{\"ops\": [\"write\"], \"every\": 2}], \"inner\": "
			   "{\"type\": \"delay\", \"read_us\": 5000, \"inner\": " RAM "}}}");
	struct store_queue *queue = open_queue(store);
	struct store_queue *second = open_queue(store);

	assert_int_equal(do_read(queue, 0, data, 4096), 0);
	assert_int_equal(do_read(second, 0, data, 512), 0);
	assert_int_equal(do_write(queue, 0, data, 512), 0);
	assert_int_equal(do_write(queue, 0, data, 1024), -EIO);
	assert_int_equal(do_op(queue, STORE_FLUSH, 0, 0, 0, NULL, 0), 0);
	/* Those that are refused before they reach a store are not operations on it. */
	assert_int_equal(do_read(queue, 1 << 20, data, 512), -EINVAL);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(stat_of(store, "read", "count"), 2);
		assert_int_equal(stat_of(store, "read", "bytes"), 4608);
		assert_int_equal(stat_of(store, "read", "errors"), 0);
		assert_int_equal(stat_of(store, "read", "in_flight"), 0);
		assert_int_equal(stat_of(store, "write", "count"), 2);
		assert_int_equal(stat_of(store, "write", "bytes"), 512);
		assert_int_equal(stat_of(store, "write", "errors"), 1);
		assert_int_equal(stat_of(store, "flush", "count"), 1);
		assert_int_equal(stat_of(store, "discard", "count"), 0);
		assert_true(latency_of(store, "read", "p50") >= 4850);
		assert_true(latency_of(store, "read", "max") >= 5000);
		assert_true(latency_of(store, "read", "mean") >= 5000);
		/* The same after a queue has gone. */
		if (!i)
			store_queue_close(second);
	}
	store_queue_close(queue);
	store_close(store);
}

static void what_is_under_way_is_counted(void **state)
{
	static char data[512];
	struct iovec iov = { data, 512 };
	struct store_io io = { .op = STORE_READ, .length = 512, .iov = &iov, .iov_num = 1 };
	struct store *store = open_store("{\"type\": \"stats\", \"inner\": {\"type\": \"delay\", "
					 "\"read_us\": 30000, \"inner\": " RAM "}}");
	struct store_queue *queue = open_queue(store);
	struct batch batch = { .ios = &io };

	store_submit(queue, &io, note, &batch);
	assert_int_equal(stat_of(store, "read", "in_flight"), 1);
	assert_int_equal(stat_of(store, "read", "count"), 0);
	/* A read that waits in turn until that one is done, too. */
	assert_int_equal(do_read(queue, 0, data, 512), 0);
	assert_int_equal(batch.done, 1);
	assert_int_equal(stat_of(store, "read", "in_flight"), 0);
	store_queue_close(queue);
	store_close(store);
}

static void *read_thousand(void *arg)
{
	struct store_queue *queue = open_queue(arg);
	char data[512];

	for (unsigned int i = 0; i < 1000; i++)
		do_read(queue, i % 64 * 512, data, 512);
	store_queue_close(queue);
	return NULL;
}

/* Four threads, while a fifth looks and changes rules. */
static void threads_share_filters(void **state)
{
	struct store *store =
		open_store("{\"type\": \"stats\", \"inner\": {\"type\": \"error\", \"rules\": "
			   "[{\"every\": 4}], \"inner\": {\"type\": \"throttle\", \"iops\": "
			   "1000000, \"inner\": {\"type\": \"delay\", \"read_us\": 10, "
			   "\"inner\": " RAM "}}}}");
	pthread_t threads[4];

	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_thousand, store), 0);
	for (unsigned int i = 0; i < 100; i++)
		assert_in_range(stat_of(store, "read", "count"), 0, 4000);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	/* Exactly every fourth of all threads' together. */
	assert_int_equal(stat_of(store, "read", "count"), 4000);
	assert_int_equal(stat_of(store, "read", "errors"), 1000);
	assert_int_equal(stat_of(store, "read", "bytes"), 3000 * 512);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_filter_has_the_properties_of_what_it_wraps),
		cmocka_unit_test(data_goes_through_all_filters_in_any_order_and_twice),
		cmocka_unit_test(too_many_filters_are_refused),
		cmocka_unit_test(the_descriptor_of_many_filters_can_be_waited_for),
		cmocka_unit_test(what_is_wrong_below_a_filter_is_said),
		cmocka_unit_test(each_kind_of_operation_has_its_delay),
		cmocka_unit_test(delayed_operations_wait_side_by_side),
		cmocka_unit_test(throttled_operations_start_at_the_rate_and_in_order),
		cmocka_unit_test(a_burst_is_let_through_at_once),
		cmocka_unit_test(bytes_are_throttled),
		cmocka_unit_test(what_is_throttled_starts_when_somebody_waits_for_it),
		cmocka_unit_test(every_third_read_fails_and_nothing_else),
		cmocka_unit_test(a_range_fails_with_the_error_it_says),
		cmocka_unit_test(a_failed_write_did_not_happen),
		cmocka_unit_test(a_probability_is_met_and_its_seed_repeats_it),
		cmocka_unit_test(rules_are_changed_while_the_store_is_open),
		cmocka_unit_test(wrong_rules_are_named),
		cmocka_unit_test(operations_are_counted_by_kind),
		cmocka_unit_test(what_is_under_way_is_counted),
		cmocka_unit_test(threads_share_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
