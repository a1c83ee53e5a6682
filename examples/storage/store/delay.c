/* SPDX-License-Identifier: BSD-3-Clause */
/* delay: every operation starts later than it could. */
#include <errno.h>
#include <stdlib.h>

#include "filter.h"

#define DELAY_MAX_US (3600ull * 1000000)

struct delay_options {
	struct filter_options filter;
	uint64_t read_us, write_us, flush_us, jitter_us;
};

struct delay {
	struct store store;
	uint64_t ns[STORE_NUM_OPS];
	uint64_t jitter_ns;
};

struct delay_queue {
	struct hold_queue hold;
	uint64_t random;
};

static inline struct delay_queue *delay_queue_of(struct store_queue *queue)
{
	return (struct delay_queue *)queue;
}

/* 0..max; xorshift, which is random enough for a delay. */
static uint64_t jitter(struct delay_queue *queue, uint64_t max)
{
	queue->random ^= queue->random << 13;
	queue->random ^= queue->random >> 7;
	queue->random ^= queue->random << 17;
	return queue->random % (max + 1);
}

static void delay_submit(struct store_queue *arg, struct store_io *io)
{
	struct delay_queue *queue = delay_queue_of(arg);
	const struct delay *delay = (const struct delay *)arg->store;
	uint64_t ns = delay->ns[io->op];

	if (delay->jitter_ns)
		ns += jitter(queue, delay->jitter_ns);
	if (!ns) {
		store_forward(arg->inner, io, filter_done, queue);
		return;
	}
	hold(&queue->hold, io, filter_now_ns() + ns);
}

static int delay_queue_open(struct store *store, struct store_queue **queue)
{
	int ret = hold_queue_open(store, sizeof(struct delay_queue), queue);

	/* Never zero, which would stay zero. */
	if (!ret)
		delay_queue_of(*queue)->random = filter_now_ns() | 1;
	return ret;
}

static json_t *delay_describe(struct store *store)
{
	const struct delay *delay = (const struct delay *)store;

	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "type", "delay", "state", "ok",
			 "read_us", (json_int_t)delay->ns[STORE_READ] / 1000, "write_us",
			 (json_int_t)delay->ns[STORE_WRITE] / 1000, "flush_us",
			 (json_int_t)delay->ns[STORE_FLUSH] / 1000, "jitter_us",
			 (json_int_t)delay->jitter_ns / 1000);
}

static const struct store_ops delay_ops = {
	.type = "delay",
	.queue_open = delay_queue_open,
	.queue_close = hold_queue_close,
	.submit = delay_submit,
	.kick = hold_kick,
	.poll = hold_poll,
	.fd = hold_fd,
	.describe = delay_describe,
	.close = filter_close,
};

static int delay_open(const void *arg, struct store **store, struct vhu_reason *reason)
{
	const struct delay_options *options = arg;
	struct delay *delay = calloc(1, sizeof(*delay));
	int ret;

	if (!delay)
		return -ENOMEM;
	ret = filter_open_inner(&delay->store, &delay_ops, &options->filter, reason);
	if (ret) {
		free(delay);
		return ret;
	}
	delay->ns[STORE_READ] = options->read_us * 1000;
	delay->ns[STORE_WRITE] = options->write_us * 1000;
	delay->ns[STORE_DISCARD] = options->write_us * 1000;
	delay->ns[STORE_WRITE_ZEROES] = options->write_us * 1000;
	delay->ns[STORE_FLUSH] = options->flush_us * 1000;
	delay->jitter_ns = options->jitter_us * 1000;
	*store = &delay->store;
	return 0;
}

STORE_OPTIONS_FIT(delay_options);

static const struct store_key delay_keys[] = {
	FILTER_KEY_INNER,
	{ "read_us", STORE_KEY_NUMBER, false, offsetof(struct delay_options, read_us), 0,
	  DELAY_MAX_US, NULL },
	{ "write_us", STORE_KEY_NUMBER, false, offsetof(struct delay_options, write_us), 0,
	  DELAY_MAX_US, NULL },
	{ "flush_us", STORE_KEY_NUMBER, false, offsetof(struct delay_options, flush_us), 0,
	  DELAY_MAX_US, NULL },
	{ "jitter_us", STORE_KEY_NUMBER, false, offsetof(struct delay_options, jitter_us), 0,
	  DELAY_MAX_US, NULL },
	{ 0 },
};

const struct store_kind store_kind_delay = {
	.type = "delay",
	.keys = delay_keys,
	.open = delay_open,
};
