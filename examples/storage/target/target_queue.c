/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The datapath of one ring, in its worker: a round takes a number of requests, lets the device
 * type start them, and tells the driver at once of all that are done by then.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "target_internal.h"

/* Of one round: then it is the next queue's turn, and the driver learns what is done. */
#define ROUND_REQUESTS	32u
#define ROUND_BYTES	(512u << 10)

static inline struct target_queue *
queue_of(struct worker_source *source)
{
	return (struct target_queue *)source;
}

static struct target_request *
request_get(struct target_queue *q)
{
	struct target_request *request = q->free;

	if (request != NULL) {
		q->free = request->next;
		return request;
	}
	if (q->fresh == q->pool_num)
		return NULL;
	request = (struct target_request *)(void *)(q->pool + q->fresh++ * q->stride);
	request->queue = q;
	request->chain.iov = request->iov;
	request->chain.iov_max = TARGET_IOV_MAX;
	request->chain.table_is_readable = false;
	return request;
}

static void
request_put(struct target_queue *q, struct target_request *request)
{
	request->next = q->free;
	q->free = request;
}

/* NULL: there is none, or the ring broke, or there is no room for one. */
static struct target_request *
take_one(struct target_queue *q)
{
	struct target_request *request = request_get(q);
	int ret;

	if (request == NULL)
		return NULL;
	ret = vhr_queue_pop(q->ring, &request->taken, &request->chain);
	if (ret == 0 || (ret < 0 && ret != -E2BIG)) {
		request_put(q, request);
		return NULL;
	}
	request->too_many = ret == -E2BIG;
	q->under_way++;
	q->requests++;
	return request;
}

static bool
may_take(const struct target_queue *q)
{
	return q->ring != NULL && q->ring->ready && q->holds == 0 && q->pauses == 0;
}

bool
target_queue_has_left(const struct target_queue *q)
{
	const struct vhr_ring *ring = q->ring;

	return ring != NULL && ring->started && !ring->broken && ring->desc != NULL &&
	       vhr_queue_left(ring) != 0;
}

/*
 * The ring stops. What was taken before this process began is not in the available ring any
 * more, and has to be finished with all else, ready or paused or not (vring/queue.h).
 */
static bool
must_finish(const struct target_queue *q)
{
	return (q->holds & HOLD_STOP) != 0 && target_queue_has_left(q);
}

/* Buffers that wait for an event: the next one, of whoever serves the ring then, is soon enough. */
static unsigned int
give_up_left(struct target_queue *q)
{
	unsigned int n = 0;

	while (n < ROUND_REQUESTS && must_finish(q)) {
		struct target_request *request = take_one(q);

		if (request == NULL)
			break;
		target_done(request, 0);
		n++;
	}
	return n;
}

static unsigned int
take(struct target_queue *q, bool left_only)
{
	const struct target_ops *ops = &q->target->ops;
	struct target_request *batch[ROUND_REQUESTS];
	unsigned int i, n = 0;
	uint64_t bytes = 0;

	while (n < ROUND_REQUESTS && bytes < ROUND_BYTES &&
	       (!left_only || target_queue_has_left(q))) {
		struct target_request *request = take_one(q);

		if (request == NULL)
			break;
		/* The header comes from the driver's CPU; let it travel while others are taken. */
		if (request->chain.readable != 0)
			__builtin_prefetch(request->iov[0].iov_base);
		bytes += request->chain.readable_bytes + request->chain.writable_bytes;
		batch[n++] = request;
	}
	if (n == 0)
		return 0;
	if (q->armed) {
		vhr_queue_want_kicks(q->ring, false);
		q->armed = false;
	}
	for (i = 0; i < n; i++)
		ops->start(batch[i]);
	return n;
}

/* Give back what is done. A ring that is not there any more, or broke, learns nothing. */
static void
give(struct target_queue *q)
{
	struct vhr_ring *ring = q->ring;
	bool there = ring != NULL && ring->started && !ring->broken && ring->desc != NULL;
	struct target_request *request = q->done_first, *next;

	if (request == NULL)
		return;
	q->done_first = NULL;
	q->done_last = &q->done_first;
	for (; request != NULL; request = next) {
		next = request->next;
		if (there)
			vhr_queue_push(ring, &request->taken, request->written);
		else
			q->dropped++;
		request_put(q, request);
		q->under_way--;
	}
	if (there)
		vhr_queue_flush(ring);
}

/* Others come first, or a busy worker would keep them out for ever. */
static bool
try_lock(struct target_queue *q)
{
	return atomic_load_explicit(&q->wanted, memory_order_relaxed) == 0 &&
	       pthread_mutex_trylock(&q->lock) == 0;
}

static unsigned int
queue_run(struct worker_source *source)
{
	struct target_queue *q = queue_of(source);
	unsigned int n = 0;

	/* The next round is soon enough; arm() finds what a last one has missed. */
	if (!try_lock(q))
		return 0;
	q->locked = true;
	q->wait_unseen = false;
	if (q->on_demand)
		n = give_up_left(q);
	else if (may_take(q) || must_finish(q))
		n = take(q, !may_take(q));
	/* An on_demand ring's type may have waited for its ring, or for the end of a hold. */
	if ((q->under_way != 0 || q->poll_due || q->on_demand) && q->target->ops.poll != NULL) {
		q->poll_due = false;
		if (q->waiting != 0 && q->target->ops.hurry != NULL)
			q->target->ops.hurry(q);
		n += q->target->ops.poll(q);
	}
	give(q);
	/* Whether that is all they wait for, they find out. */
	if (q->under_way == 0 && q->waiting != 0)
		pthread_cond_broadcast(&q->drained);
	source->dormant = q->under_way == 0 && !may_take(q);
	q->locked = false;
	pthread_mutex_unlock(&q->lock);
	return n;
}

static enum worker_armed
arm_ring(struct target_queue *q)
{
	struct vhr_ring *ring = q->ring;
	bool more;

	if (!may_take(q))
		return must_finish(q) ? WORKER_BUSY : WORKER_WAIT;
	/* All requests are under way: a completion comes before the next can be taken. */
	if (!q->on_demand && q->free == NULL && q->fresh == q->pool_num)
		return WORKER_WAIT;
	q->armed = true;
	more = vhr_queue_want_kicks(ring, true);
	if (q->on_demand)
		return WORKER_WAIT;
	if (more)
		return WORKER_BUSY;
	return ring->kick_none || q->kick_fd < 0 ? WORKER_WAIT_TICK : WORKER_WAIT;
}

static enum worker_armed
queue_arm(struct worker_source *source)
{
	struct target_queue *q = queue_of(source);
	enum worker_armed armed;

	/*
	 * Whoever has the lock may be about to wait for us, and have woken us before: the round
	 * that was for it had no lock. Nobody holds it for long, and a worker that is going to
	 * sleep has the time.
	 */
	pthread_mutex_lock(&q->lock);
	armed = q->done_first != NULL || q->poll_due || q->wait_unseen ? WORKER_BUSY : arm_ring(q);
	pthread_mutex_unlock(&q->lock);
	return armed;
}

static void
queue_kicked(struct worker_source *source, int fd)
{
	struct target_queue *q = queue_of(source);

	/* The counter is not worth a wait, and kick_fd only changes with the device. */
	if (!try_lock(q))
		return;
	if (q->kick_fd == fd) {
		q->kicks++;
		q->poll_due |= q->on_demand;
	}
	pthread_mutex_unlock(&q->lock);
}

static void
queue_readable(struct worker_source *source)
{
	queue_of(source)->poll_due = true;
}

const struct worker_source_ops target_queue_source_ops = {
	.run = queue_run,
	.arm = queue_arm,
	.kicked = queue_kicked,
	.readable = queue_readable,
};

struct target_request *
target_queue_take(struct target_queue *q)
{
	struct target_request *request = NULL;
	bool inside = q->locked;

	if (!inside && !try_lock(q))
		return NULL;
	if (q->on_demand && may_take(q))
		request = take_one(q);
	if (!inside)
		pthread_mutex_unlock(&q->lock);
	return request;
}

void
target_done(struct target_request *request, uint32_t written)
{
	struct target_queue *q = request->queue;

	request->written = written;
	request->next = NULL;
	*q->done_last = request;
	q->done_last = &request->next;
}

void
target_break(struct target_request *request, const char *fmt, ...)
{
	struct target_queue *q = request->queue;
	struct vhu_reason why;
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(why.text, sizeof(why.text), fmt, ap) < 0)
		why.text[0] = '\0';
	va_end(ap);
	if (q->ring != NULL)
		vhr_ring_break(q->ring, "%s", why.text);
	target_done(request, 0);
}

void
target_queue_poll_again(struct target_queue *q)
{
	q->poll_due = true;
}

int
target_queue_watch(struct target_queue *q, int fd)
{
	int *watched = realloc(q->watched, (q->num_watched + 1) * sizeof(*watched));
	int ret;

	if (watched == NULL)
		return -ENOMEM;
	q->watched = watched;
	ret = worker_watch(q->worker, &q->source, fd);
	if (ret == 0)
		q->watched[q->num_watched++] = fd;
	return ret;
}

void
target_queue_unwatch(struct target_queue *q, int fd)
{
	unsigned int i;

	for (i = 0; i < q->num_watched && q->watched[i] != fd; i++)
		;
	if (i == q->num_watched)
		return;
	worker_unwatch(q->worker, fd);
	q->watched[i] = q->watched[--q->num_watched];
}

bool
target_queue_told(const struct target_queue *q)
{
	return q->done_first == NULL;
}

static void
unwatch_all(struct target_queue *q)
{
	while (q->num_watched != 0)
		worker_unwatch(q->worker, q->watched[--q->num_watched]);
	free(q->watched);
	q->watched = NULL;
}

int
target_queue_map(struct target_queue *q)
{
	int ret = 0;

	if (q->target->ops.queue_in != NULL)
		ret = q->target->ops.queue_in(q);
	if (ret < 0)
		unwatch_all(q);
	else
		worker_add(q->worker, &q->source);
	return ret;
}

void
target_queue_unmap(struct target_queue *q)
{
	worker_remove(q->worker, &q->source);
	unwatch_all(q);
	if (q->target->ops.queue_out != NULL)
		q->target->ops.queue_out(q);
}

int
target_queue_init(struct target_queue *q, struct target *t, unsigned int index,
		  uint32_t max_ring_size)
{
	size_t bytes = sizeof(struct target_request) + t->ops.request_bytes;
	void *pool;

	q->stride = (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
	/* Only what is used takes memory. */
	pool = mmap(NULL, q->stride * max_ring_size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool == MAP_FAILED)
		return -errno;
	q->pool = pool;
	q->pool_num = max_ring_size;
	q->source.ops = &target_queue_source_ops;
	q->target = t;
	q->index = index;
	q->done_last = &q->done_first;
	q->kick_fd = -1;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->drained, NULL);
	return 0;
}

void
target_queue_fini(struct target_queue *q)
{
	if (q->pool == NULL)
		return;
	munmap(q->pool, q->stride * q->pool_num);
	pthread_cond_destroy(&q->drained);
	pthread_mutex_destroy(&q->lock);
}
