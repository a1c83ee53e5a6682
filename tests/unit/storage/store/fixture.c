/* SPDX-License-Identifier: BSD-3-Clause */
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "fixture.h"

struct store *open_store(const char *format, ...)
{
	struct vhu_reason reason = { "" };
	struct store *store = NULL;
	char text[2048];
	va_list ap;
	int ret;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	ret = store_open_text(text, false, &store, &reason);
	if (ret)
		print_error("%s: %d: %s\n", text, ret, reason.text);
	assert_int_equal(ret, 0);
	return store;
}

void open_fails(const char *text, int error, const char *words)
{
	struct vhu_reason reason = { "" };
	struct store *store = NULL;
	char copy[256], *word, *rest = copy;

	assert_int_equal(store_open_text(text, false, &store, &reason), error);
	assert_null(store);
	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, "|"))) {
		if (!strstr(reason.text, word))
			print_error("\"%s\" does not say \"%s\"\n", reason.text, word);
		assert_non_null(strstr(reason.text, word));
	}
}

struct store_queue *open_queue(struct store *store)
{
	struct store_queue *queue = NULL;

	assert_int_equal(store_queue_open(store, &queue), 0);
	return queue;
}

uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void wait_for(struct store_queue *queue, const bool *done, unsigned int seconds)
{
	uint64_t end = now_us() + seconds * 1000000ull;

	store_kick(queue);
	while (!*done) {
		struct pollfd fd = { .fd = store_fd(queue), .events = POLLIN };
		uint64_t now = now_us();

		assert_true(now < end);
		/* Its descriptor must wake us up, and until then it need not be polled. */
		if (poll(&fd, 1, (int)((end - now) / 1000 + 1)) > 0) {
			store_poll(queue);
			store_kick(queue);
		}
	}
}

struct waiter {
	int result;
	bool done;
};

static void wake(struct store_io *io, int result, void *arg)
{
	struct waiter *waiter = arg;

	assert_false(waiter->done);
	waiter->result = result;
	waiter->done = true;
}

int do_op(struct store_queue *queue, enum store_op op, unsigned int flags, uint64_t offset,
	  uint64_t length, const struct iovec *iov, unsigned int iov_num)
{
	struct store_io io = { .op = op, .flags = flags, .offset = offset, .length = length,
			       .iov = iov, .iov_num = iov_num };
	struct waiter waiter = { 0 };

	store_submit(queue, &io, wake, &waiter);
	wait_for(queue, &waiter.done, 20);
	return waiter.result;
}

int do_read(struct store_queue *queue, uint64_t offset, void *data, size_t length)
{
	struct iovec iov = { data, length };

	return do_op(queue, STORE_READ, 0, offset, length, &iov, 1);
}

int do_write(struct store_queue *queue, uint64_t offset, const void *data, size_t length)
{
	struct iovec iov = { (void *)data, length };

	return do_op(queue, STORE_WRITE, 0, offset, length, &iov, 1);
}

#define PIECES_MAX 24u

/* Cut @length bytes at @data into pieces of any size, empty ones too. */
static unsigned int cut(char *data, size_t length, struct iovec *iov, unsigned int *seed)
{
	unsigned int num = 0;

	while (length && num < PIECES_MAX - 1) {
		size_t piece = (size_t)rand_r(seed) % (length + 1);

		/* Many are aligned, as most of real ones. */
		if (rand_r(seed) % 2)
			piece &= ~(size_t)511;
		iov[num++] = (struct iovec){ data, piece };
		data += piece;
		length -= piece;
	}
	iov[num++] = (struct iovec){ data, length };
	return num;
}

void compare_random(struct store_queue *queue, unsigned int operations, unsigned int flags,
		    unsigned int seed)
{
	const struct store_info *info = &queue->store->info;
	size_t size = store_size(queue->store), block = info->block_bytes;
	char *shadow = malloc(size), *data = aligned_alloc(4096, size);
	struct iovec iov[PIECES_MAX];

	assert_non_null(shadow);
	assert_non_null(data);
	assert_int_equal(do_read(queue, 0, shadow, size), 0);
	for (unsigned int i = 0; i < operations; i++) {
		size_t offset = (size_t)rand_r(&seed) % (size / block) * block;
		size_t most = size - offset < 300000 ? size - offset : 300000;
		size_t length = ((size_t)rand_r(&seed) % (most / block) + 1) * block;
		unsigned int num;

		switch (rand_r(&seed) % 5) {
		case 0:
			assert_int_equal(do_op(queue, STORE_WRITE_ZEROES,
					       rand_r(&seed) % 2 ? STORE_F_UNMAP : 0, offset,
					       length, NULL, 0), 0);
			memset(shadow + offset, 0, length);
			break;
		case 1:
		case 2:
			for (size_t k = 0; k < length; k++)
				data[k] = (char)((k >> 9) * 7 + k + i);
			num = cut(data, length, iov, &seed);
			assert_int_equal(do_op(queue, STORE_WRITE,
					       flags | (rand_r(&seed) % 4 ? 0 : STORE_F_FUA),
					       offset, length, iov, num), 0);
			memcpy(shadow + offset, data, length);
			break;
		default:
			memset(data, 0x5a, length);
			num = cut(data, length, iov, &seed);
			assert_int_equal(do_op(queue, STORE_READ, flags, offset, length, iov,
					       num), 0);
			assert_memory_equal(data, shadow + offset, length);
		}
	}
	assert_int_equal(do_op(queue, STORE_FLUSH, 0, 0, 0, NULL, 0), 0);
	assert_int_equal(do_read(queue, 0, data, size), 0);
	assert_memory_equal(data, shadow, size);
	free(shadow);
	free(data);
}
