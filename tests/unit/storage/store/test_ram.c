/* SPDX-License-Identifier: BSD-3-Clause */
/* ram and null, and the checks that are the same for every store. */
#include <pthread.h>

#include "fixture.h"

static void written_bytes_are_read_again_through_any_pieces(void **state)
{
	struct store *store = open_store("ram:1M");
	struct store_queue *queue = open_queue(store);

	compare_random(queue, 400, 0, 1);
	compare_random(queue, 100, STORE_F_PAGE_BACKED, 2);
	store_queue_close(queue);
	store_close(store);
}

static void a_new_disk_is_zeroes(void **state)
{
	static const char zeroes[65536];
	char data[65536];
	struct store *store = open_store("ram:64K");
	struct store_queue *queue = open_queue(store);

	memset(data, 1, sizeof(data));
	assert_int_equal(do_read(queue, 0, data, sizeof(data)), 0);
	assert_memory_equal(data, zeroes, sizeof(data));
	store_queue_close(queue);
	store_close(store);
}

/* Discards of part of a page, of whole pages, and across. */
static void discarded_blocks_read_as_zeroes_and_their_neighbours_stay(void **state)
{
	char data[32768], expected[32768];
	struct store *store = open_store("ram:32K");
	struct store_queue *queue = open_queue(store);
	static const struct {
		uint64_t offset, length;
	} ranges[] = { { 512, 512 }, { 4096, 4096 }, { 7680, 9728 }, { 20480, 1024 } };

	assert_true(store->info.discard_zeroes);
	memset(expected, 0x77, sizeof(expected));
	assert_int_equal(do_write(queue, 0, expected, sizeof(expected)), 0);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		assert_int_equal(do_op(queue, STORE_DISCARD, 0, ranges[i].offset,
				       ranges[i].length, NULL, 0), 0);
		memset(expected + ranges[i].offset, 0, ranges[i].length);
		assert_int_equal(do_read(queue, 0, data, sizeof(data)), 0);
		assert_memory_equal(data, expected, sizeof(data));
	}
	store_queue_close(queue);
	store_close(store);
}

static void what_is_not_inside_the_disk_or_not_whole_blocks_is_refused(void **state)
{
	static char data[8192];
	struct store *store =
		open_store("{\"type\": \"ram\", \"size\": \"64K\", \"block_bytes\": 4096}");
	struct store_queue *queue = open_queue(store);
	struct iovec iov = { data, 4096 };
	static const struct {
		uint64_t offset, length;
	} wrong[] = {
		{ 65536, 4096 },
		{ 61440, 8192 },
		{ UINT64_MAX - 4095, 4096 },
		{ UINT64_MAX - 4095, 8192 },
		{ 0, UINT64_MAX - 4095 },
		{ 512, 4096 },
		{ 0, 512 },
		{ 1, 4096 },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		for (enum store_op op = 0; op < STORE_NUM_OPS; op++) {
			iov.iov_len = wrong[i].length;
			if (op != STORE_FLUSH)
				assert_int_equal(do_op(queue, op, 0, wrong[i].offset,
						       wrong[i].length, &iov, 1), -EINVAL);
		}
	}
	assert_int_equal(do_op(queue, STORE_NUM_OPS, 0, 0, 4096, &iov, 1), -EINVAL);
	/* No bytes at the end are inside; and nothing to do. */
	assert_int_equal(do_op(queue, STORE_READ, 0, 65536, 0, NULL, 0), 0);
	assert_int_equal(do_op(queue, STORE_DISCARD, 0, 0, 0, NULL, 0), 0);
	store_queue_close(queue);
	store_close(store);
}

static void buffers_that_are_not_as_long_as_the_operation_are_refused(void **state)
{
	static char data[8192];
	struct store *store = open_store("ram:64K");
	struct store_queue *queue = open_queue(store);
	struct iovec shorter[] = { { data, 512 }, { data, 511 } };
	struct iovec longer[] = { { data, 512 }, { data, 513 } };
	struct iovec wraps[] = { { data, SIZE_MAX }, { data, 1025 } };

	for (enum store_op op = STORE_READ; op <= STORE_WRITE; op++) {
		assert_int_equal(do_op(queue, op, 0, 0, 1024, shorter, 2), -EINVAL);
		assert_int_equal(do_op(queue, op, 0, 0, 1024, longer, 2), -EINVAL);
		assert_int_equal(do_op(queue, op, 0, 0, 1024, wraps, 2), -EINVAL);
		assert_int_equal(do_op(queue, op, 0, 0, 1024, NULL, 0), -EINVAL);
	}
	store_queue_close(queue);
	store_close(store);
}

static void a_read_only_store_is_not_written(void **state)
{
	char data[512] = "x";
	struct store *store =
		open_store("{\"type\": \"ram\", \"size\": 4096, \"read_only\": true}");
	struct store_queue *queue = open_queue(store);

	assert_int_equal(do_write(queue, 0, data, 512), -EROFS);
	assert_int_equal(do_op(queue, STORE_DISCARD, 0, 0, 512, NULL, 0), -EROFS);
	assert_int_equal(do_op(queue, STORE_WRITE_ZEROES, 0, 0, 512, NULL, 0), -EROFS);
	assert_int_equal(do_op(queue, STORE_FLUSH, 0, 0, 0, NULL, 0), 0);
	assert_int_equal(do_read(queue, 0, data, 512), 0);
	assert_int_equal(data[0], 0);
	store_queue_close(queue);
	store_close(store);
}

static void a_disk_grows_with_zeroes_and_shrinks(void **state)
{
	static char data[65536], zeroes[65536];
	struct store *store = open_store("ram:64K");
	struct store_queue *queue = open_queue(store);

	memset(data, 9, sizeof(data));
	assert_int_equal(do_write(queue, 0, data, sizeof(data)), 0);
	assert_int_equal(store_resize(store, 32768), 0);
	assert_int_equal(store_size(store), 32768);
	assert_int_equal(do_read(queue, 32768, data, 512), -EINVAL);
	assert_int_equal(store_resize(store, 1 << 20), 0);
	assert_int_equal(store_size(store), 1 << 20);
	assert_int_equal(do_read(queue, 0, data, sizeof(data)), 0);
	assert_int_equal(data[32767], 9);
	assert_memory_equal(data + 32768, zeroes, 32768);
	assert_int_equal(do_write(queue, (1 << 20) - 512, zeroes, 512), 0);
	/* 0: look again, which changes nothing here. */
	assert_int_equal(store_resize(store, 0), 0);
	assert_int_equal(store_size(store), 1 << 20);
	assert_int_equal(store_resize(store, 1000), -EINVAL);
	assert_int_equal(store_resize(store, 1ull << 50), -ENOSPC);
	assert_int_equal(store_size(store), 1 << 20);
	store_queue_close(queue);
	store_close(store);
}

static void null_reads_as_zeroes_or_leaves_the_buffer(void **state)
{
	char data[512], same[512], zeroes[512] = "";
	struct store *store = open_store("null:1T");
	struct store_queue *queue = open_queue(store);

	memset(data, 3, sizeof(data));
	memcpy(same, data, sizeof(same));
	assert_int_equal(do_write(queue, 1ull << 39, data, 512), 0);
	assert_int_equal(do_read(queue, 1ull << 39, data, 512), 0);
	assert_memory_equal(data, zeroes, 512);
	store_queue_close(queue);
	store_close(store);

	store = open_store("{\"type\": \"null\", \"size\": \"1T\", \"read_zeroes\": false}");
	queue = open_queue(store);
	memset(data, 3, sizeof(data));
	assert_int_equal(do_read(queue, 0, data, 512), 0);
	assert_memory_equal(data, same, 512);
	store_queue_close(queue);
	store_close(store);
}

static void a_description_tells_what_the_store_is(void **state)
{
	struct store *store =
		open_store("{\"type\": \"ram\", \"size\": \"1M\", \"block_bytes\": 4096}");
	json_t *object = store_describe(store);

	assert_string_equal(json_string_value(json_object_get(object, "type")), "ram");
	assert_string_equal(json_string_value(json_object_get(object, "state")), "ok");
	assert_int_equal(json_integer_value(json_object_get(object, "size_bytes")), 1048576);
	assert_int_equal(json_integer_value(json_object_get(object, "block_bytes")), 4096);
	assert_true(json_is_false(json_object_get(object, "read_only")));
	assert_true(json_is_false(json_object_get(object, "volatile_cache")));
	json_decref(object);
	store_close(store);
}

struct job {
	struct store *store;
	unsigned int index;
	int wrong;
};

/* A quarter of the disk for itself, and the last block together with the others. */
static void *work(void *arg)
{
	struct job *job = arg;
	struct store_queue *queue = open_queue(job->store);
	uint64_t base = job->index * 16384ull;
	char data[512], back[512];

	for (unsigned int i = 0; i < 2000; i++) {
		uint64_t offset = base + i % 31 * 512;

		memset(data, (int)(job->index * 64 + i % 64), sizeof(data));
		job->wrong |= do_write(queue, offset, data, 512);
		job->wrong |= do_read(queue, offset, back, 512);
		job->wrong |= memcmp(data, back, 512);
		job->wrong |= do_write(queue, 65536, data, 512);
		job->wrong |= do_read(queue, 65536, back, 512);
	}
	store_queue_close(queue);
	return NULL;
}

static void threads_with_a_queue_each_share_the_disk(void **state)
{
	struct store *store = open_store("{\"type\": \"ram\", \"size\": 66048}");
	struct job jobs[4];
	pthread_t threads[4];

	for (unsigned int i = 0; i < 4; i++) {
		jobs[i] = (struct job){ store, i, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
	}
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(jobs[i].wrong, 0);
	}
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_bytes_are_read_again_through_any_pieces),
		cmocka_unit_test(a_new_disk_is_zeroes),
		cmocka_unit_test(discarded_blocks_read_as_zeroes_and_their_neighbours_stay),
		cmocka_unit_test(what_is_not_inside_the_disk_or_not_whole_blocks_is_refused),
		cmocka_unit_test(buffers_that_are_not_as_long_as_the_operation_are_refused),
		cmocka_unit_test(a_read_only_store_is_not_written),
		cmocka_unit_test(a_disk_grows_with_zeroes_and_shrinks),
		cmocka_unit_test(null_reads_as_zeroes_or_leaves_the_buffer),
		cmocka_unit_test(a_description_tells_what_the_store_is),
		cmocka_unit_test(threads_with_a_queue_each_share_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
