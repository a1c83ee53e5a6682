/* SPDX-License-Identifier: BSD-3-Clause */
/* The file store with a kernel that takes no entries of its ring, for a while or for good. */
#include <liburing.h>
#include <stdio.h>
#include <unistd.h>

#include "fixture.h"

#define BLOCK 4096u
#define NUM 4u

static struct {
	uint64_t now_ns;
	int refusal;			/* 0: the kernel is asked */
	unsigned int refused;
} fake;

/* The linker puts these in place of the functions. */
int __wrap_io_uring_submit(struct io_uring *ring);
int __real_io_uring_submit(struct io_uring *ring);
uint64_t __wrap_filter_now_ns(void);

int __wrap_io_uring_submit(struct io_uring *ring)
{
	if (!fake.refusal)
		return __real_io_uring_submit(ring);
	fake.refused++;
	return fake.refusal;
}

uint64_t __wrap_filter_now_ns(void)
{
	return fake.now_ns;
}

static char path[64];
static struct store *file;
static struct store_queue *queue;
static struct writing {
	struct store_io io;
	struct iovec iov;
	char data[BLOCK];
	int result;			/* 1: not done */
} writing[NUM];

static int setup(void **state)
{
	int fd;

	memset(&fake, 0, sizeof(fake));
	fake.now_ns = 1000000000;
	snprintf(path, sizeof(path), "/var/tmp/refused-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, NUM * BLOCK), 0);
	close(fd);
	file = open_store("{\"type\": \"file\", \"path\": \"%s\", \"direct\": \"off\", "
			  "\"queue_depth\": 2}", path);
	queue = open_queue(file);
	return 0;
}

static int teardown(void **state)
{
	store_queue_close(queue);
	store_close(file);
	unlink(path);
	return 0;
}

static void written(struct store_io *io, int result, void *arg)
{
	((struct writing *)arg)->result = result;
}

/* More than the ring has entries: some wait. */
static void write_all(char fill)
{
	for (unsigned int i = 0; i < NUM; i++) {
		struct writing *w = &writing[i];

		memset(w->data, fill, BLOCK);
		w->iov = (struct iovec){ w->data, BLOCK };
		w->io = (struct store_io){
			.op = STORE_WRITE, .offset = i * BLOCK, .length = BLOCK,
			.iov = &w->iov, .iov_num = 1,
		};
		w->result = 1;
		store_submit(queue, &w->io, written, w);
	}
	store_kick(queue);
}

static bool all_are(int result)
{
	bool all = true;

	for (unsigned int i = 0; i < NUM; i++)
		all &= writing[i].result == result;
	return all;
}

static void wait_all(int result)
{
	for (uint64_t end = now_us() + 20000000; !all_are(result);) {
		assert_true(now_us() < end);
		store_kick(queue);
		store_poll(queue);
	}
}

static void refuse_until_all_are(int result)
{
	for (unsigned int rounds = 0; !all_are(result); rounds++) {
		assert_true(rounds < 1000);
		fake.now_ns += 10000000;
		store_kick(queue);
		store_poll(queue);
	}
}

static void what_was_refused_for_a_while_is_done(void **state)
{
	fake.refusal = -EAGAIN;
	write_all('a');
	for (unsigned int i = 0; i < 200; i++) {
		fake.now_ns += 1000000;
		/* Nothing else would wake a worker up. */
		assert_true(store_poll(queue) > 0);
		assert_true(all_are(1));
	}
	fake.refusal = 0;
	wait_all(0);
	/* Nor is it done once more. */
	assert_int_equal(store_poll(queue), 0);
}

static void what_is_refused_for_long_fails(void **state)
{
	static char back[BLOCK], zero[BLOCK];

	fake.refusal = -EAGAIN;
	write_all('b');
	refuse_until_all_are(-ENOMEM);
	assert_int_equal(store_poll(queue), 0);
	/* It is not done later, behind what others do then. */
	fake.refusal = 0;
	assert_int_equal(do_read(queue, 0, back, BLOCK), 0);
	assert_memory_equal(back, zero, BLOCK);
	write_all('c');
	wait_all(0);
	assert_int_equal(do_read(queue, 3 * BLOCK, back, BLOCK), 0);
	assert_memory_equal(back, writing[3].data, BLOCK);
}

static void other_errors_fail_as_errors_of_the_disk(void **state)
{
	fake.refusal = -EBADFD;
	write_all('d');
	refuse_until_all_are(-EIO);
}

static void a_kick_does_not_wait(void **state)
{
	fake.refusal = -EAGAIN;
	write_all('e');
	assert_int_equal(fake.refused, 1);
	fake.refusal = -EINTR;
	fake.refused = 0;
	store_kick(queue);
	assert_in_range(fake.refused, 2, 1000);
	fake.refusal = 0;
	wait_all(0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_refused_for_a_while_is_done),
		T(what_is_refused_for_long_fails),
		T(other_errors_fail_as_errors_of_the_disk),
		T(a_kick_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
