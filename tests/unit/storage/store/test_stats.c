/* SPDX-License-Identifier: BSD-3-Clause */
/* When the stats filter looks at the clock, which is the test's. */
#include "fixture.h"

static struct {
	uint64_t now_ns;
	unsigned int looks;
} fake;

/* The linker puts it in place of filter_now_ns(). */
uint64_t __wrap_filter_now_ns(void);
uint64_t __wrap_filter_now_ns(void)
{
	fake.looks++;
	return fake.now_ns;
}

struct counted {
	struct store *store;
	struct store_queue *queue;
	struct store_io io[4];
	unsigned int done;
};

static void setup(struct counted *counted)
{
	fake.now_ns = 1000000000;
	fake.looks = 0;
	*counted = (struct counted){
		.store = open_store("{\"type\": \"stats\", \"inner\": {\"type\": \"null\", "
				    "\"size\": \"1M\"}}"),
	};
	counted->queue = open_queue(counted->store);
}

static void teardown(struct counted *counted)
{
	store_queue_close(counted->queue);
	store_close(counted->store);
}

static void one_more(struct store_io *io, int result, void *arg)
{
	assert_int_equal(result, 0);
	++*(unsigned int *)arg;
}

/* One flush, which the null store completes at once. */
static void submit(struct counted *counted, unsigned int index)
{
	counted->io[index] = (struct store_io){ .op = STORE_FLUSH };
	store_submit(counted->queue, &counted->io[index], one_more, &counted->done);
}

static double latency_us(struct store *store, const char *name)
{
	json_t *object = store_describe(store);
	json_t *op = json_object_get(json_object_get(object, "ops"), "flush");
	json_t *value = json_object_get(json_object_get(op, "latency_us"), name);
	double number;

	assert_true(json_is_number(value));
	number = json_number_value(value);
	json_decref(object);
	return number;
}

static void operations_of_a_round_take_a_look_each_and_one_more(void **state)
{
	struct counted counted;

	setup(&counted);
	for (unsigned int i = 0; i < 4; i++)
		submit(&counted, i);
	store_kick(counted.queue);
	assert_int_equal(counted.done, 4);
	assert_int_equal(fake.looks, 5);
	teardown(&counted);
}

static void what_a_worker_does_after_a_kick_is_no_time_of_an_operation(void **state)
{
	struct counted counted;

	setup(&counted);
	submit(&counted, 0);
	store_kick(counted.queue);
	fake.now_ns += 7000000;
	submit(&counted, 1);
	store_kick(counted.queue);
	assert_int_equal(counted.done, 2);
	assert_true(latency_us(counted.store, "max") == 0);
	teardown(&counted);
}

static void nor_is_what_it_does_after_a_poll(void **state)
{
	struct counted counted;

	setup(&counted);
	submit(&counted, 0);
	store_poll(counted.queue);
	fake.now_ns += 7000000;
	submit(&counted, 1);
	assert_true(latency_us(counted.store, "max") == 0);
	teardown(&counted);
}

static void within_a_round_no_time_is_lost(void **state)
{
	struct counted counted;

	setup(&counted);
	submit(&counted, 0);
	fake.now_ns += 3000;
	submit(&counted, 1);
	fake.now_ns += 5000;
	submit(&counted, 2);
	store_kick(counted.queue);
	assert_true(latency_us(counted.store, "max") == 5);
	assert_true(latency_us(counted.store, "mean") > 2.66);
	assert_true(latency_us(counted.store, "mean") < 2.67);
	teardown(&counted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations_of_a_round_take_a_look_each_and_one_more),
		cmocka_unit_test(what_a_worker_does_after_a_kick_is_no_time_of_an_operation),
		cmocka_unit_test(nor_is_what_it_does_after_a_poll),
		cmocka_unit_test(within_a_round_no_time_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
