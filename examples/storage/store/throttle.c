/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * throttle: no more than so many operations and bytes per second, of all queues together.
 *
 * A token bucket, kept as a time: when the work that was let through so far would be done at
 * the allowed rate. An operation moves that time on by its own cost, and starts when the time
 * before was not further ahead of the clock than the burst. Taking a place in that order is one
 * atomic operation, so those of several queues start in the order in which they came, and a
 * large one is not overtaken for ever by small ones.
 */
#include <errno.h>
#include <stdlib.h>

#include "filter.h"

struct throttle_options {
	struct filter_options filter;
	uint64_t iops, bytes_per_s, burst_ms;
};

struct throttle {
	struct store store;
	uint64_t iops, bytes_per_s;	/* 0: as many as there are */
	uint64_t burst_ns;
	uint64_t ops_until_ns, bytes_until_ns;	/* atomic */
};

struct throttle_queue {
	struct hold_queue hold;
	uint64_t last_due_ns;
};

static inline struct throttle_queue *throttle_queue_of(struct store_queue *queue)
{
	return (struct throttle_queue *)queue;
}

/* A place for @cost_ns of work: when it may start. */
static uint64_t take_place(uint64_t *until_ns, uint64_t cost_ns, uint64_t burst_ns, uint64_t now_ns)
{
	uint64_t seen = __atomic_load_n(until_ns, __ATOMIC_RELAXED), begin;

	do {
		/* Time that nobody used is not kept: the burst is all that may be caught up. */
		begin = seen > now_ns ? seen : now_ns;
	} while (!__atomic_compare_exchange_n(until_ns, &seen, begin + cost_ns, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return begin > now_ns + burst_ns ? begin - burst_ns : now_ns;
}

static uint64_t cost_ns(uint64_t amount, uint64_t per_second)
{
	/* At most 2^30 bytes; a rate of 1 byte per second makes that 2^60 ns. */
	return amount * 1000000000 / per_second;
}

static uint64_t start_ns(struct throttle *throttle, const struct store_io *io, uint64_t now_ns)
{
	uint64_t due_ns = now_ns, other_ns;

	if (throttle->iops)
		due_ns = take_place(&throttle->ops_until_ns, cost_ns(1, throttle->iops),
				    throttle->burst_ns, now_ns);
	if (throttle->bytes_per_s && (io->op == STORE_READ || io->op == STORE_WRITE)) {
		other_ns = take_place(&throttle->bytes_until_ns,
				      cost_ns(io->length, throttle->bytes_per_s),
				      throttle->burst_ns, now_ns);
		if (other_ns > due_ns)
			due_ns = other_ns;
	}
	return due_ns;
}

static void throttle_submit(struct store_queue *arg, struct store_io *io)
{
	struct throttle_queue *queue = throttle_queue_of(arg);
	struct throttle *throttle = (struct throttle *)arg->store;
	uint64_t now_ns = filter_now_ns(), due_ns = now_ns;

	/* A flush is not work of its own, but it stays behind what came before it. */
	if (io->op != STORE_FLUSH)
		due_ns = start_ns(throttle, io, now_ns);
	if (due_ns < queue->last_due_ns)
		due_ns = queue->last_due_ns;
	queue->last_due_ns = due_ns;
	if (due_ns <= now_ns && !queue->hold.first)
		store_forward(arg->inner, io, filter_done, queue);
	else
		hold(&queue->hold, io, due_ns);
}

/*
 * A guest that is stopped, or goes, is not kept waiting for its turn. It gains little: what starts
 * early is paid for like the rest, and what it asks for next comes after that.
 */
static void throttle_hurry(struct store_queue *arg)
{
	struct throttle_queue *queue = throttle_queue_of(arg);

	hold_no_longer(&queue->hold);
	queue->last_due_ns = 0;
}

static int throttle_queue_open(struct store *store, struct store_queue **queue)
{
	return hold_queue_open(store, sizeof(struct throttle_queue), queue);
}

static json_t *throttle_describe(struct store *store)
{
	const struct throttle *throttle = (const struct throttle *)store;

	return json_pack("{s:s, s:s, s:I, s:I, s:I}", "type", "throttle", "state", "ok", "iops",
			 (json_int_t)throttle->iops, "bytes_per_s",
			 (json_int_t)throttle->bytes_per_s, "burst_ms",
			 (json_int_t)throttle->burst_ns / 1000000);
}

static const struct store_ops throttle_ops = {
	.type = "throttle",
	.queue_open = throttle_queue_open,
	.queue_close = hold_queue_close,
	.submit = throttle_submit,
	.kick = hold_kick,
	.poll = hold_poll,
	.hurry = throttle_hurry,
	.fd = hold_fd,
	.describe = throttle_describe,
	.close = filter_close,
};

static void throttle_defaults(void *options)
{
	((struct throttle_options *)options)->burst_ms = 100;
}

static int throttle_open(const void *arg, struct store **store, struct vhu_reason *reason)
{
	const struct throttle_options *options = arg;
	struct throttle *throttle;
	int ret;

	if (!options->iops && !options->bytes_per_s) {
		vhu_reason_set(reason, "throttle: neither \"iops\" nor \"bytes_per_s\"");
		return -EINVAL;
	}
	throttle = calloc(1, sizeof(*throttle));
	if (!throttle)
		return -ENOMEM;
	ret = filter_open_inner(&throttle->store, &throttle_ops, &options->filter, reason);
	if (ret) {
		free(throttle);
		return ret;
	}
	throttle->iops = options->iops;
	throttle->bytes_per_s = options->bytes_per_s;
	throttle->burst_ns = options->burst_ms * 1000000;
	*store = &throttle->store;
	return 0;
}

STORE_OPTIONS_FIT(throttle_options);

static const struct store_key throttle_keys[] = {
	FILTER_KEY_INNER,
	{ "iops", STORE_KEY_NUMBER, false, offsetof(struct throttle_options, iops), 1,
	  1000000000, NULL },
	{ "bytes_per_s", STORE_KEY_SIZE, false, offsetof(struct throttle_options, bytes_per_s),
	  512, 1ull << 40, NULL },
	{ "burst_ms", STORE_KEY_NUMBER, false, offsetof(struct throttle_options, burst_ms), 0,
	  60000, NULL },
	{ 0 },
};

const struct store_kind store_kind_throttle = {
	.type = "throttle",
	.keys = throttle_keys,
	.defaults = throttle_defaults,
	.open = throttle_open,
};
