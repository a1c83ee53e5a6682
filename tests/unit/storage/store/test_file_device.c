/* SPDX-License-Identifier: BSD-3-Clause */
/* The file store on a block device: a loop device, where the machine lets us have one. */
#include <fcntl.h>
#include <linux/loop.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fixture.h"

#define DISK_BYTES (4 << 20)

static char backing[64], device[64];
static int loop_fd = -1;

/* A loop device with blocks of @block_bytes. False: there can be none here. */
static bool make_device(uint32_t block_bytes)
{
	struct loop_config config = { .block_size = block_bytes };
	int control, fd, index;

	snprintf(backing, sizeof(backing), "/var/tmp/store-loop-XXXXXX");
	fd = mkstemp(backing);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, DISK_BYTES), 0);
	config.fd = (uint32_t)fd;
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	/* Somebody else may take the free one first. */
	for (unsigned int tries = 0; control >= 0 && loop_fd < 0 && tries < 20; tries++) {
		index = ioctl(control, LOOP_CTL_GET_FREE);
		if (index < 0)
			break;
		snprintf(device, sizeof(device), "/dev/loop%d", index);
		loop_fd = open(device, O_RDWR | O_CLOEXEC);
		if (loop_fd >= 0 && ioctl(loop_fd, LOOP_CONFIGURE, &config)) {
			close(loop_fd);
			loop_fd = -1;
		}
	}
	if (loop_fd < 0)
		print_message("skipped: no loop device: %s\n", strerror(errno));
	if (control >= 0)
		close(control);
	close(fd);
	return loop_fd >= 0;
}

static int remove_device(void **state)
{
	if (loop_fd >= 0) {
		ioctl(loop_fd, LOOP_CLR_FD);
		close(loop_fd);
		loop_fd = -1;
	}
	if (backing[0])
		unlink(backing);
	backing[0] = '\0';
	return 0;
}

static void data_goes_through(void **state)
{
	static const unsigned int flags[] = { STORE_F_PAGE_BACKED, 0 };

	if (!make_device(512))
		skip();
	for (unsigned int i = 0; i < 2; i++) {
		struct store *store = open_store("file:%s", device);
		struct store_queue *queue = open_queue(store);

		assert_int_equal(store_size(store), DISK_BYTES);
		compare_random(queue, 100, flags[i], i);
		store_queue_close(queue);
		store_close(store);
	}
}

static void blocks_are_those_of_the_device(void **state)
{
	char data[4096], text[128];
	struct store_queue *queue;
	struct store *store;

	if (!make_device(4096))
		skip();
	store = open_store("file:%s", device);
	queue = open_queue(store);
	assert_int_equal(store->info.block_bytes, 4096);
	assert_int_equal(do_read(queue, 512, data, 512), -EINVAL);
	assert_int_equal(do_read(queue, 4096, data, 4096), 0);
	store_queue_close(queue);
	store_close(store);
	snprintf(text, sizeof(text), "{\"type\": \"file\", \"path\": \"%s\", \"block_bytes\": 512}",
		 device);
	open_fails(text, -EINVAL, "block_bytes|512|4096");
}

static void discarded_blocks_read_as_zeroes(void **state)
{
	static char data[65536], zeroes[65536];
	struct store_queue *queue;
	struct store *store;

	if (!make_device(512))
		skip();
	store = open_store("file:%s", device);
	queue = open_queue(store);
	if (!store->info.max_discard_bytes) {
		print_message("skipped: this loop device does not discard\n");
		skip();
	}
	memset(data, 0xab, sizeof(data));
	assert_int_equal(do_write(queue, 0, data, sizeof(data)), 0);
	assert_int_equal(do_op(queue, STORE_DISCARD, 0, 4096, 8192, NULL, 0), 0);
	assert_int_equal(do_read(queue, 0, data, sizeof(data)), 0);
	assert_memory_equal(data + 4096, zeroes, 8192);
	assert_int_equal((unsigned char)data[4095], 0xab);
	assert_int_equal((unsigned char)data[12288], 0xab);
	store_queue_close(queue);
	store_close(store);
}

static void a_device_that_grew_is_looked_at_again(void **state)
{
	struct store *store;

	if (!make_device(512))
		skip();
	store = open_store("file:%s", device);
	assert_int_equal(store_resize(store, 8 << 20), -EOPNOTSUPP);
	assert_int_equal(truncate(backing, 8 << 20), 0);
	assert_int_equal(ioctl(loop_fd, LOOP_SET_CAPACITY, 0), 0);
	assert_int_equal(store_size(store), DISK_BYTES);
	assert_int_equal(store_resize(store, 0), 0);
	assert_int_equal(store_size(store), 8 << 20);
	store_close(store);
}

static void a_device_is_written_by_one_store_only(void **state)
{
	struct store *store;

	if (!make_device(512))
		skip();
	store = open_store("file:%s", device);
	open_fails(device, -EINVAL, "is no store");
	for (unsigned int i = 0; i < 2; i++) {
		char text[160];

		snprintf(text, sizeof(text), "{\"type\": \"file\", \"path\": \"%s\", "
			 "\"lock_wait_ms\": 0, \"read_only\": %s}", device, i ? "true" : "false");
		open_fails(text, -EBUSY, device);
	}
	store_close(store);
	store_close(open_store("file:%s", device));
}

static void *close_soon(void *fd)
{
	usleep(200000);
	close(*(int *)fd);
	return NULL;
}

/* As after a crash, when the kernel still has to finish what the old process began. */
static void a_device_that_is_held_is_waited_for(void **state)
{
	pthread_t thread;
	char text[160];
	int fd;

	if (!make_device(512))
		skip();
	fd = open(device, O_RDWR | O_EXCL | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(text, sizeof(text), "{\"type\": \"file\", \"path\": \"%s\", "
		 "\"lock_wait_ms\": 100}", device);
	open_fails(text, -EBUSY, "in use|exclusively|100 ms");
	assert_int_equal(pthread_create(&thread, NULL, close_soon, &fd), 0);
	store_close(open_store("{\"type\": \"file\", \"path\": \"%s\", "
			       "\"lock_wait_ms\": 60000}", device));
	assert_int_equal(pthread_join(thread, NULL), 0);
}

#define test_of(function) cmocka_unit_test_teardown(function, remove_device)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test_of(data_goes_through),
		test_of(blocks_are_those_of_the_device),
		test_of(discarded_blocks_read_as_zeroes),
		test_of(a_device_that_grew_is_looked_at_again),
		test_of(a_device_is_written_by_one_store_only),
		test_of(a_device_that_is_held_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
