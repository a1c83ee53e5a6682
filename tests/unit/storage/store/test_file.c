/* SPDX-License-Identifier: BSD-3-Clause */
/* The file store, on memory (tmpfs) and on a disk, buffered and direct. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

#define DISK_BYTES (1 << 20)

static const char *const directories[] = { "/dev/shm", "/var/tmp" };
static char path[64];

/* A new file of @bytes, all 0xee, in @directory. */
static void make_file(const char *directory, size_t bytes)
{
	char *data = malloc(bytes ? bytes : 1);
	int fd;

	snprintf(path, sizeof(path), "%s/store-XXXXXX", directory);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	memset(data, 0xee, bytes);
	assert_int_equal(write(fd, data, bytes), bytes);
	/* So that the blocks it has do not change by themselves. */
	assert_int_equal(fsync(fd), 0);
	free(data);
	close(fd);
}

static int remove_file(void **state)
{
	if (path[0])
		unlink(path);
	path[0] = '\0';
	return 0;
}

static struct store *open_file(const char *more)
{
	return open_store("{\"type\": \"file\", \"path\": \"%s\"%s}", path, more);
}

static bool is_direct(struct store *store)
{
	json_t *object = store_describe(store);
	bool direct = json_is_true(json_object_get(object, "direct"));

	if (!direct)
		print_message("not direct: %s\n", json_string_value(
					json_object_get(object, "why_not_direct")));
	json_decref(object);
	return direct;
}

static void written_bytes_are_read_again(const char *more, unsigned int flags)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct store *store;
		struct store_queue *queue;

		make_file(directories[i], DISK_BYTES);
		store = open_file(more);
		queue = open_queue(store);
		compare_random(queue, 150, flags, i + 1);
		store_queue_close(queue);
		store_close(store);
		remove_file(NULL);
	}
}

static void data_goes_through_buffered(void **state)
{
	written_bytes_are_read_again(", \"direct\": \"off\"", STORE_F_PAGE_BACKED);
}

static void data_goes_through_buffered_from_memory_that_is_no_pages(void **state)
{
	written_bytes_are_read_again(", \"direct\": \"off\"", 0);
}

static void data_goes_through_direct_where_possible(void **state)
{
	written_bytes_are_read_again("", STORE_F_PAGE_BACKED);
}

static void data_goes_through_direct_from_memory_that_is_no_pages(void **state)
{
	written_bytes_are_read_again("", 0);
}

/* Operations wait for pieces, and large ones for several. */
static void a_ring_of_one_is_enough(void **state)
{
	written_bytes_are_read_again(", \"queue_depth\": 1", 0);
}

static void direct_io_is_used_on_a_disk(void **state)
{
	struct store *store;
	int fd;

	make_file("/var/tmp", DISK_BYTES);
	fd = open(path, O_RDONLY | O_DIRECT);
	if (fd < 0) {
		print_message("skipped: no O_DIRECT in /var/tmp: %s\n", strerror(errno));
		skip();
	}
	close(fd);
	store = open_file(", \"direct\": \"on\"");
	assert_true(is_direct(store));
	store_close(store);
	store = open_file("");
	assert_true(is_direct(store));
	store_close(store);
	store = open_file(", \"direct\": \"off\"");
	assert_false(is_direct(store));
	store_close(store);
}

/* procfs has regular files that cannot do it. */
static void direct_io_that_is_not_possible_is_an_error_or_left(void **state)
{
	struct store *store;

	open_fails("{\"type\": \"file\", \"path\": \"/proc/version\", \"direct\": \"on\", "
		   "\"read_only\": true, \"lock\": false}", -EOPNOTSUPP, "/proc/version|direct");
	store = open_store("{\"type\": \"file\", \"path\": \"/proc/version\", "
			   "\"read_only\": true, \"lock\": false}");
	assert_false(is_direct(store));
	store_close(store);
}

struct batch {
	unsigned int done;
	unsigned int wrong;
};

static void count(struct store_io *io, int result, void *arg)
{
	struct batch *batch = arg;

	batch->done++;
	batch->wrong += result != 0;
}

/* More than the ring holds, some of them in many pieces, in one go. */
static void more_operations_than_the_ring_has_entries_all_complete(void **state)
{
	enum { NUM = 300 };
	static char data[NUM][2048];
	static char large[4][200 << 10];
	struct store_io ios[NUM + 4];
	struct iovec iovs[NUM + 4];
	struct batch batch = { 0, 0 };
	struct store_queue *queue;
	struct store *store;
	char back[2048];

	make_file("/var/tmp", 4 << 20);
	store = open_file(", \"queue_depth\": 8");
	queue = open_queue(store);
	memset(ios, 0, sizeof(ios));
	for (unsigned int i = 0; i < NUM + 4; i++) {
		bool is_large = i >= NUM;
		char *at = is_large ? large[i - NUM] : data[i];

		iovs[i] = (struct iovec){ at, is_large ? sizeof(large[0]) : 2048 };
		memset(at, (int)i, iovs[i].iov_len);
		ios[i].op = STORE_WRITE;
		ios[i].flags = i % 2 ? STORE_F_PAGE_BACKED : 0;
		ios[i].offset = is_large ? (1 << 20) + (i - NUM) * sizeof(large[0]) : i * 2048;
		ios[i].length = iovs[i].iov_len;
		ios[i].iov = &iovs[i];
		ios[i].iov_num = 1;
	}
	/* Large ones first and between. */
	for (unsigned int i = 0; i < 4; i++)
		store_submit(queue, &ios[NUM + i], count, &batch);
	for (unsigned int i = 0; i < NUM; i++)
		store_submit(queue, &ios[i], count, &batch);
	for (uint64_t end = now_us() + 20000000; batch.done < NUM + 4;) {
		assert_true(now_us() < end);
		store_kick(queue);
		store_poll(queue);
	}
	assert_int_equal(batch.wrong, 0);
	for (unsigned int i = 0; i < NUM; i++) {
		assert_int_equal(do_read(queue, i * 2048, back, 2048), 0);
		assert_memory_equal(back, data[i], 2048);
	}
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(do_read(queue, (1 << 20) + (i + 1) * sizeof(large[0]) - 2048, back,
					 2048), 0);
		assert_memory_equal(back, large[i], 2048);
	}
	store_queue_close(queue);
	store_close(store);
}

static void reading_beyond_the_end_of_a_truncated_file_fails_alone(void **state)
{
	char data[8192];
	struct store_queue *queue;
	struct store *store;

	for (unsigned int i = 0; i < 2; i++) {
		make_file(directories[i], 65536);
		store = open_file("");
		queue = open_queue(store);
		assert_int_equal(truncate(path, 32768), 0);
		assert_int_equal(do_read(queue, 40960, data, 4096), -EIO);
		assert_int_equal(do_read(queue, 32768 - 4096, data, 8192), -EIO);
		assert_int_equal(do_read(queue, 32768 - 8192, data, 8192), 0);
		assert_int_equal((unsigned char)data[8191], 0xee);
		store_queue_close(queue);
		store_close(store);
		remove_file(NULL);
	}
}

/* Many pieces, of which some fail, and which wait for each other. */
static void a_large_read_that_fails_in_part_completes_once(void **state)
{
	static char data[1 << 20];
	struct iovec iov = { data, sizeof(data) };
	struct store_queue *queue;
	struct store *store;

	make_file("/var/tmp", 1 << 20);
	store = open_file(", \"queue_depth\": 3");
	queue = open_queue(store);
	assert_int_equal(truncate(path, 100 << 10), 0);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(do_op(queue, STORE_READ, 0, 0, sizeof(data), &iov, 1), -EIO);
	assert_int_equal(do_read(queue, 0, data, 65536), 0);
	store_queue_close(queue);
	store_close(store);
}

static uint64_t blocks_of_file(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void discarded_blocks_are_given_back_and_read_as_zeroes(void **state)
{
	static char data[65536], zeroes[65536];
	struct store_queue *queue;
	struct store *store;

	for (unsigned int i = 0; i < 2; i++) {
		uint64_t before;

		make_file(directories[i], 262144);
		store = open_file("");
		queue = open_queue(store);
		if (!store->info.max_discard_bytes) {
			print_message("skipped: no holes in files in %s\n", directories[i]);
			skip();
		}
		assert_int_equal(do_op(queue, STORE_FLUSH, 0, 0, 0, NULL, 0), 0);
		before = blocks_of_file();
		assert_int_equal(do_op(queue, STORE_DISCARD, 0, 65536, 65536, NULL, 0), 0);
		assert_int_equal(
			do_op(queue, STORE_WRITE_ZEROES, STORE_F_UNMAP, 131072, 65536, NULL, 0), 0);
		assert_true(blocks_of_file() <= before - 131072);
		assert_true(store->info.discard_zeroes);
		assert_int_equal(do_read(queue, 65536, data, 65536), 0);
		assert_memory_equal(data, zeroes, 65536);
		assert_int_equal(do_read(queue, 131072, data, 65536), 0);
		assert_memory_equal(data, zeroes, 65536);
		assert_int_equal(do_read(queue, 65024, data, 512), 0);
		assert_int_equal((unsigned char)data[0], 0xee);
		/* Without leave to give it back the space stays. */
		before = blocks_of_file();
		assert_int_equal(do_op(queue, STORE_WRITE_ZEROES, 0, 196608, 65536, NULL, 0), 0);
		assert_true(blocks_of_file() >= before);
		assert_int_equal(do_read(queue, 196608, data, 65536), 0);
		assert_memory_equal(data, zeroes, 65536);
		store_queue_close(queue);
		store_close(store);
		remove_file(NULL);
	}
}

static void looking_at_a_file_does_not_change_it(void **state)
{
	struct stat st;
	uint64_t before;

	make_file("/var/tmp", 65536);
	before = blocks_of_file();
	store_close(open_file(""));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 65536);
	assert_int_equal(blocks_of_file(), before);
}

static void a_file_is_resized_and_looked_at_again(void **state)
{
	char data[4096];
	struct store_queue *queue;
	struct store *store;
	struct stat st;

	make_file("/dev/shm", 65536);
	store = open_file("");
	queue = open_queue(store);
	assert_int_equal(store_resize(store, 131072), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 131072);
	assert_int_equal(store_size(store), 131072);
	assert_int_equal(do_read(queue, 126976, data, 4096), 0);
	assert_int_equal(data[0], 0);
	assert_int_equal(truncate(path, 262144 + 100), 0);
	assert_int_equal(store_size(store), 131072);
	assert_int_equal(store_resize(store, 0), 0);
	assert_int_equal(store_size(store), 262144);
	assert_int_equal(store_resize(store, 1000), -EINVAL);
	store_queue_close(queue);
	store_close(store);
	store = open_file(", \"read_only\": true");
	assert_int_equal(store_resize(store, 4096), -EROFS);
	assert_int_equal(store_resize(store, 0), 0);
	store_close(store);
}

static void a_file_is_written_by_one_store_only(void **state)
{
	char text[192];
	struct store *store, *second;

	make_file("/dev/shm", 65536);
	snprintf(text, sizeof(text),
		 "{\"type\": \"file\", \"path\": \"%s\", \"lock_wait_ms\": 0}", path);
	store = open_file("");
	open_fails(text, -EBUSY, "in use|locked");
	snprintf(text, sizeof(text),
		 "{\"type\": \"file\", \"path\": \"%s\", \"lock_wait_ms\": 0, "
		 "\"read_only\": true}", path);
	open_fails(text, -EBUSY, "in use");
	second = open_file(", \"lock\": false");
	store_close(second);
	store_close(store);
	/* Readers do not disturb each other; a writer would. */
	store = open_file(", \"read_only\": true");
	second = open_file(", \"read_only\": true");
	snprintf(text, sizeof(text),
		 "{\"type\": \"file\", \"path\": \"%s\", \"lock_wait_ms\": 0}", path);
	open_fails(text, -EBUSY, "in use");
	store_close(second);
	store_close(store);
	store_close(open_file(""));
}

static void below_a_filter_that_is_read_only_it_is_opened_for_reading(void **state)
{
	struct store *store, *second;

	make_file("/dev/shm", 65536);
	store = open_store(
		"{\"type\": \"stats\", \"read_only\": true, \"inner\": "
		"{\"type\": \"delay\", \"inner\": {\"type\": \"file\", \"path\": \"%s\"}}}",
		path);
	assert_true(store->inner->inner->info.read_only);
	/* Its lock is one that readers share. */
	second = open_file(", \"read_only\": true, \"lock_wait_ms\": 0");
	store_close(second);
	store_close(store);
}

static void *close_soon(void *store)
{
	usleep(200000);
	store_close(store);
	return NULL;
}

static void a_lock_is_waited_for_as_long_as_asked(void **state)
{
	char text[192];
	struct store *store;
	pthread_t thread;
	uint64_t start_us;

	make_file("/dev/shm", 65536);
	store = open_file("");
	snprintf(text, sizeof(text),
		 "{\"type\": \"file\", \"path\": \"%s\", \"lock_wait_ms\": 300}", path);
	start_us = now_us();
	open_fails(text, -EBUSY, "in use|300 ms");
	assert_true(now_us() - start_us >= 300000);
	assert_int_equal(pthread_create(&thread, NULL, close_soon, store), 0);
	/* For longer than the other keeps it. */
	start_us = now_us();
	store_close(open_file(", \"lock_wait_ms\": 60000"));
	assert_true(now_us() - start_us < 30000000);
	assert_int_equal(pthread_join(thread, NULL), 0);
	snprintf(text, sizeof(text),
		 "{\"type\": \"file\", \"path\": \"%s\", \"lock_wait_ms\": 60001}", path);
	open_fails(text, -EINVAL, "lock_wait_ms|60001|60000");
}

static void what_is_no_file_is_refused(void **state)
{
	char text[128];

	open_fails("file:/nonexistent/disk", -ENOENT, "/nonexistent/disk|No such file");
	open_fails("file:/tmp", -EISDIR, "/tmp");
	open_fails("{\"type\": \"file\", \"path\": \"/tmp\", \"read_only\": true}", -EINVAL,
		   "/tmp|neither");
	open_fails("file:/dev/null", -EINVAL, "/dev/null|neither");
	open_fails("file:", -EINVAL, "\"path\"|empty");
	/* Opening one whose other end nobody has would wait. */
	snprintf(path, sizeof(path), "/dev/shm/store-pipe-%d", (int)getpid());
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(text, sizeof(text), "file:%s", path);
	open_fails(text, -EINVAL, "neither");
	remove_file(NULL);
	make_file("/dev/shm", 4096);
	snprintf(text, sizeof(text),
		 "{\"type\": \"file\", \"path\": \"%s\", \"direct\": \"maybe\"}", path);
	open_fails(text, -EINVAL, "\"direct\"|maybe|auto, on, off");
}

static void blocks_can_be_larger(void **state)
{
	char data[4096];
	struct store_queue *queue;
	struct store *store;

	make_file("/var/tmp", 65536 + 512);
	store = open_file(", \"block_bytes\": 4096");
	queue = open_queue(store);
	assert_int_equal(store->info.block_bytes, 4096);
	assert_int_equal(store_size(store), 65536);
	assert_int_equal(do_read(queue, 512, data, 4096), -EINVAL);
	assert_int_equal(do_read(queue, 4096, data, 4096), 0);
	store_queue_close(queue);
	store_close(store);
}

struct job {
	struct store *store;
	unsigned int index;
	int wrong;
};

static void *work(void *arg)
{
	struct job *job = arg;
	struct store_queue *queue = open_queue(job->store);
	char data[4096], back[4096];

	for (unsigned int i = 0; i < 200; i++) {
		uint64_t offset = job->index * 65536ull + i % 16 * 4096;

		memset(data, (int)(job->index * 60 + i % 60), sizeof(data));
		job->wrong |= do_write(queue, offset, data, sizeof(data));
		job->wrong |= do_read(queue, offset, back, sizeof(back));
		job->wrong |= memcmp(data, back, sizeof(data));
	}
	store_queue_close(queue);
	return NULL;
}

static void threads_with_a_queue_each_share_the_file(void **state)
{
	struct job jobs[4];
	pthread_t threads[4];
	struct store *store;

	make_file("/var/tmp", 4 * 65536);
	store = open_file("");
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

#define test_of(function) cmocka_unit_test_teardown(function, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_of(data_goes_through_buffered),
		test_of(data_goes_through_buffered_from_memory_that_is_no_pages),
		test_of(data_goes_through_direct_where_possible),
		test_of(data_goes_through_direct_from_memory_that_is_no_pages),
		test_of(a_ring_of_one_is_enough),
		test_of(direct_io_is_used_on_a_disk),
		test_of(direct_io_that_is_not_possible_is_an_error_or_left),
		test_of(more_operations_than_the_ring_has_entries_all_complete),
		test_of(reading_beyond_the_end_of_a_truncated_file_fails_alone),
		test_of(a_large_read_that_fails_in_part_completes_once),
		test_of(discarded_blocks_are_given_back_and_read_as_zeroes),
		test_of(looking_at_a_file_does_not_change_it),
		test_of(a_file_is_resized_and_looked_at_again),
		test_of(a_file_is_written_by_one_store_only),
		test_of(what_is_no_file_is_refused),
		test_of(below_a_filter_that_is_read_only_it_is_opened_for_reading),
		test_of(a_lock_is_waited_for_as_long_as_asked),
		test_of(blocks_can_be_larger),
		test_of(threads_with_a_queue_each_share_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
