/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "slow_type.h"

struct slow_private {
	struct target_request *next;
};

static struct slow_queue *
slow_queue(struct target_queue *queue)
{
	return target_queue_context(queue);
}

static void
start(struct target_request *request)
{
	struct slow_type *type = target_queue_priv(request->queue);
	struct slow_queue *q = slow_queue(request->queue);
	struct slow_private *private = target_request_private(request);

	atomic_fetch_add(&type->too_many, request->too_many);
	private->next = NULL;
	*q->last = request;
	q->last = &private->next;
	atomic_fetch_add(&q->started, 1);
}

static unsigned int
poll_queue(struct target_queue *queue)
{
	struct slow_type *type = target_queue_priv(queue);
	struct slow_queue *q = slow_queue(queue);
	unsigned int n = 0;
	uint64_t count;

	if (read(q->event_fd, &count, sizeof(count)) < 0)
		count = 0;
	if (!atomic_load(&type->open))
		return 0;
	while (q->first != NULL) {
		struct target_request *request = q->first;
		struct slow_private *private = target_request_private(request);
		const struct vhr_chain *chain = &request->chain;

		q->first = private->next;
		if (chain->writable != 0 && chain->iov[chain->readable].iov_len >= 4)
			memset(chain->iov[chain->readable].iov_base, 0x51, 4);
		atomic_fetch_add(&q->done, 1);
		target_done(request, 4);
		n++;
	}
	q->last = &q->first;
	return n;
}

static int
queue_in(struct target_queue *queue)
{
	struct slow_type *type = target_queue_priv(queue);
	struct slow_queue *q = &type->queue[target_queue_index(queue)];

	q->last = &q->first;
	atomic_store(&q->worker, worker_index(target_queue_worker(queue)));
	target_queue_set_context(queue, q);
	return target_queue_watch(queue, q->event_fd);
}

static int
get_config(void *priv, uint32_t offset, uint32_t size, uint8_t *data)
{
	if (offset > 8 || size > 8 - offset)
		return -1;
	memset(data, 0x77, size);
	return 0;
}

static int
set_features(void *priv, uint64_t features)
{
	struct slow_type *type = priv;

	atomic_store(&type->features, features);
	return 0;
}

static void
reset(void *priv)
{
	struct slow_type *type = priv;

	atomic_fetch_add(&type->resets, 1);
}

const struct target_ops slow_ops = {
	.name = "slow",
	.request_bytes = sizeof(struct slow_private),
	.start = start,
	.poll = poll_queue,
	.queue_in = queue_in,
	.get_config = get_config,
	.set_features = set_features,
	.reset = reset,
};

struct worker_pool *
slow_pool(unsigned int threads, enum worker_mode mode)
{
	struct worker_pool_config config = { .threads = threads, .mode = mode };
	struct vhu_reason reason = { "" };
	struct worker_pool *pool;

	if (worker_pool_create(&config, &pool, &reason) < 0)
		fail_msg("workers: %s", reason.text);
	return pool;
}

static void
quiet(int level, const char *text)
{
}

void
slow_create(struct slow_type *type, struct worker_pool *pool, unsigned int queues)
{
	static unsigned int serial;
	struct target_config config = {
		.name = "slow",
		.ops = &slow_ops,
		.priv = type,
		.socket_path = type->path,
		.socket_fd = -1,
		.queues = queues,
		.log = quiet,
	};
	struct vhu_reason reason = { "" };
	unsigned int i;

	memset(type, 0, sizeof(*type));
	snprintf(type->path, sizeof(type->path), "/tmp/target-%d-%u.sock", getpid(), serial++);
	for (i = 0; i < SLOW_QUEUES; i++) {
		type->queue[i].event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		assert_true(type->queue[i].event_fd >= 0);
	}
	type->pool = pool;
	if (target_create(pool, &config, &type->target, &reason) < 0)
		fail_msg("target: %s", reason.text);
}

void
slow_destroy(struct slow_type *type)
{
	unsigned int i;

	target_destroy(type->target);
	for (i = 0; i < SLOW_QUEUES; i++)
		close(type->queue[i].event_fd);
	assert_int_equal(access(type->path, F_OK), -1);
}

void
slow_open(struct slow_type *type, bool open)
{
	uint64_t one = 1;
	unsigned int i;

	atomic_store(&type->open, open);
	for (i = 0; open && i < SLOW_QUEUES; i++)
		assert_int_equal(write(type->queue[i].event_fd, &one, sizeof(one)), sizeof(one));
}
