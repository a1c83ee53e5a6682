/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "record_store.h"

struct record_queue {
	struct store_queue queue;
	struct store_io *first;
	unsigned int refusals;
	int fd;
};

static int
queue_open(struct store *store, struct store_queue **queue)
{
	struct record_queue *q = calloc(1, sizeof(*q));

	q->queue.ops = store->ops;
	q->queue.store = store;
	q->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	*queue = &q->queue;
	return 0;
}

static void
queue_close(struct store_queue *queue)
{
	close(((struct record_queue *)queue)->fd);
	free(queue);
}

static void
transfer(struct record_store *r, struct store_io *io)
{
	uint8_t *at = r->data + io->offset;
	unsigned int i;

	for (i = 0; i < io->iov_num; i++) {
		if (io->op == STORE_READ)
			memcpy(io->iov[i].iov_base, at, io->iov[i].iov_len);
		else
			memcpy(at, io->iov[i].iov_base, io->iov[i].iov_len);
		at += io->iov[i].iov_len;
	}
}

static void
carry_out(struct record_store *r, struct store_io *io)
{
	unsigned int n = atomic_load(&r->num);
	bool fails;

	if (n < RECORD_OPS)
		r->op[n] = (struct record_op){
			.op = io->op, .flags = io->flags, .offset = io->offset,
			.length = io->length,
		};
	/* Also the order between the data and a test that wrote it, or looks at it. */
	fails = atomic_load(&r->fail_at) == (int)n;
	if (!fails && (io->op == STORE_READ || io->op == STORE_WRITE))
		transfer(r, io);
	atomic_store(&r->num, n + 1);
	store_complete(io, fails ? -EIO : 0);
}

static void
submit(struct store_queue *queue, struct store_io *io)
{
	struct record_store *r = (struct record_store *)queue->store;
	struct record_queue *q = (struct record_queue *)queue;
	uint64_t one = 1;

	if (!r->later) {
		carry_out(r, io);
		return;
	}
	io->next = q->first;
	q->first = io;
	assert_int_equal(write(q->fd, &one, sizeof(one)), sizeof(one));
}

static unsigned int
poll_queue(struct store_queue *queue)
{
	struct record_queue *q = (struct record_queue *)queue;
	struct record_store *r = (struct record_store *)queue->store;
	struct store_io *io = q->first, *next;
	unsigned int n = 0;
	uint64_t count;

	if (read(q->fd, &count, sizeof(count)) >= 0)
		q->refusals = r->reluctant;
	else if (q->first == NULL)
		return 0;
	if (q->refusals != 0) {
		q->refusals--;
		return 1;
	}
	q->first = NULL;
	for (; io != NULL; io = next, n++) {
		next = io->next;
		carry_out(r, io);
	}
	return n;
}

static int
queue_fd(struct store_queue *queue)
{
	return ((struct record_queue *)queue)->fd;
}

static int
resize(struct store *store, uint64_t size_bytes)
{
	if (size_bytes > RECORD_BYTES)
		return -ENOSPC;
	__atomic_store_n(&store->info.size_bytes, size_bytes, __ATOMIC_RELAXED);
	return 0;
}

static json_t *
describe(struct store *store)
{
	return json_pack("{s:s, s:s}", "type", "record", "state", "ok");
}

static void
close_store(struct store *store)
{
	free(store);
}

static const struct store_ops ops = {
	.type = "record",
	.queue_open = queue_open,
	.queue_close = queue_close,
	.submit = submit,
	.poll = poll_queue,
	.fd = queue_fd,
	.resize = resize,
	.describe = describe,
	.close = close_store,
};

struct record_store *
record_store_new(void)
{
	struct record_store *r = calloc(1, sizeof(*r));

	r->store.ops = &ops;
	r->store.info = (struct store_info){
		.size_bytes = RECORD_BYTES,
		.block_bytes = 512,
		.physical_bytes = 512,
		.max_transfer_bytes = 8192,
		.max_discard_bytes = RECORD_BYTES,
		.max_zeroes_bytes = RECORD_BYTES,
		.volatile_cache = true,
	};
	atomic_store(&r->fail_at, -1);
	return r;
}
