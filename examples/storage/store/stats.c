/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stats: counts operations and how long they take. Each queue has counters of its own that only
 * its thread writes; a description adds them up. What a queue had counted stays when it closes.
 *
 * Operations on memory take less than two looks at the clock. So there is one for each completion,
 * and that is also when the next operation begins that is submitted in the same round, which is
 * until the queue is kicked or polled: the worker was busy in between and did not wait.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/histogram.h"
#include "filter.h"

struct counters {
	uint64_t started, finished, bytes, errors;
	struct histogram ns;
};

struct stats_queue {
	struct store_queue queue;
	uint64_t now_ns;		/* the last look at the clock; 0: it is of another round */
	struct counters counters[STORE_NUM_OPS];
	struct stats_queue *next;
};

struct stats {
	struct store store;
	pthread_mutex_t lock;		/* of the list and what closed queues left */
	struct stats_queue *queues;
	struct counters closed[STORE_NUM_OPS];
};

static const char *const op_names[STORE_NUM_OPS] = {
	[STORE_READ] = "read", [STORE_WRITE] = "write", [STORE_FLUSH] = "flush",
	[STORE_DISCARD] = "discard", [STORE_WRITE_ZEROES] = "write_zeroes",
};

/* Only one thread writes. */
static inline void count(uint64_t *number, uint64_t amount)
{
	__atomic_store_n(number, __atomic_load_n(number, __ATOMIC_RELAXED) + amount,
			 __ATOMIC_RELAXED);
}

static void stats_done(struct store_io *io, int result, void *arg)
{
	struct stats_queue *queue = arg;
	struct counters *counters = &queue->counters[io->op];

	queue->now_ns = filter_now_ns();
	histogram_add(&counters->ns, queue->now_ns - *store_data(io));
	if (result)
		count(&counters->errors, 1);
	else if (io->op != STORE_FLUSH)
		count(&counters->bytes, io->length);
	count(&counters->finished, 1);
	store_complete(io, result);
}

static void stats_submit(struct store_queue *arg, struct store_io *io)
{
	struct stats_queue *queue = (struct stats_queue *)arg;

	count(&queue->counters[io->op].started, 1);
	if (!queue->now_ns)
		queue->now_ns = filter_now_ns();
	*store_data(io) = queue->now_ns;
	store_forward(arg->inner, io, stats_done, queue);
}

/* The round is over; the thread may sleep before the next. */
static void stats_kick(struct store_queue *queue)
{
	store_kick(queue->inner);
	((struct stats_queue *)queue)->now_ns = 0;
}

static unsigned int stats_poll(struct store_queue *queue)
{
	unsigned int done = store_poll(queue->inner);

	((struct stats_queue *)queue)->now_ns = 0;
	return done;
}

static void merge(struct counters *to, const struct counters *from)
{
	to->started += __atomic_load_n(&from->started, __ATOMIC_RELAXED);
	to->finished += __atomic_load_n(&from->finished, __ATOMIC_RELAXED);
	to->bytes += __atomic_load_n(&from->bytes, __ATOMIC_RELAXED);
	to->errors += __atomic_load_n(&from->errors, __ATOMIC_RELAXED);
	histogram_merge(&to->ns, &from->ns);
}

static int stats_queue_open(struct store *store, struct store_queue **result)
{
	struct stats *stats = (struct stats *)store;
	struct stats_queue *queue = calloc(1, sizeof(*queue));
	int ret;

	if (!queue)
		return -ENOMEM;
	ret = filter_queue_open_inner(store, &queue->queue);
	if (ret) {
		free(queue);
		return ret;
	}
	pthread_mutex_lock(&stats->lock);
	queue->next = stats->queues;
	stats->queues = queue;
	pthread_mutex_unlock(&stats->lock);
	*result = &queue->queue;
	return 0;
}

static void stats_queue_close(struct store_queue *arg)
{
	struct stats *stats = (struct stats *)arg->store;
	struct stats_queue *queue = (struct stats_queue *)arg, **at = &stats->queues;

	pthread_mutex_lock(&stats->lock);
	while (*at != queue)
		at = &(*at)->next;
	*at = queue->next;
	for (unsigned int op = 0; op < STORE_NUM_OPS; op++)
		merge(&stats->closed[op], &queue->counters[op]);
	pthread_mutex_unlock(&stats->lock);
	filter_queue_close(arg);
}

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

static json_t *describe_counters(const struct counters *counters)
{
	const struct histogram *ns = &counters->ns;
	/* Numbers of a thread that goes on may not fit each other. */
	uint64_t in_flight = counters->started > counters->finished ?
					   counters->started - counters->finished :
					   0;

	return json_pack("{s:I, s:I, s:I, s:I, s:{s:f, s:f, s:f, s:f, s:f, s:f}}",
			 "count", (json_int_t)counters->finished,
			 "bytes", (json_int_t)counters->bytes,
			 "errors", (json_int_t)counters->errors,
			 "in_flight", (json_int_t)in_flight,
			 "latency_us",
			 "mean", ns->count ? us(ns->sum) / (double)ns->count : 0.0,
			 "p50", us(histogram_percentile(ns, 500)),
			 "p90", us(histogram_percentile(ns, 900)),
			 "p99", us(histogram_percentile(ns, 990)),
			 "p99.9", us(histogram_percentile(ns, 999)),
			 "max", us(ns->max));
}

static json_t *stats_describe(struct store *store)
{
	struct stats *stats = (struct stats *)store;
	struct counters *total = calloc(STORE_NUM_OPS, sizeof(*total));
	json_t *ops = json_object();

	if (!total || !ops) {
		free(total);
		json_decref(ops);
		return NULL;
	}
	pthread_mutex_lock(&stats->lock);
	for (unsigned int op = 0; op < STORE_NUM_OPS; op++) {
		merge(&total[op], &stats->closed[op]);
		for (const struct stats_queue *queue = stats->queues; queue; queue = queue->next)
			merge(&total[op], &queue->counters[op]);
	}
	pthread_mutex_unlock(&stats->lock);
	for (unsigned int op = 0; op < STORE_NUM_OPS; op++)
		json_object_set_new(ops, op_names[op], describe_counters(&total[op]));
	free(total);
	return json_pack("{s:s, s:s, s:o}", "type", "stats", "state", "ok", "ops", ops);
}

static void stats_close(struct store *store)
{
	pthread_mutex_destroy(&((struct stats *)store)->lock);
	filter_close(store);
}

static const struct store_ops stats_ops = {
	.type = "stats",
	.queue_open = stats_queue_open,
	.queue_close = stats_queue_close,
	.submit = stats_submit,
	.kick = stats_kick,
	.poll = stats_poll,
	.fd = filter_fd,
	.describe = stats_describe,
	.close = stats_close,
};

static int stats_open(const void *options, struct store **store, struct vhu_reason *reason)
{
	struct stats *stats = calloc(1, sizeof(*stats));
	int ret;

	if (!stats)
		return -ENOMEM;
	ret = filter_open_inner(&stats->store, &stats_ops, options, reason);
	if (ret) {
		free(stats);
		return ret;
	}
	pthread_mutex_init(&stats->lock, NULL);
	*store = &stats->store;
	return 0;
}

static const struct store_key stats_keys[] = {
	FILTER_KEY_INNER,
	{ 0 },
};

const struct store_kind store_kind_stats = {
	.type = "stats",
	.keys = stats_keys,
	.open = stats_open,
};
