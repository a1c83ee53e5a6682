/* SPDX-License-Identifier: BSD-3-Clause */
/* What filters share. */
#include <stdlib.h>
#include <time.h>

#include "filter.h"

int filter_open_inner(struct store *filter, const struct store_ops *ops,
		      const struct filter_options *options, struct vhu_reason *reason)
{
	int ret = store_open_inner(options->inner, &filter->inner, reason);

	if (ret)
		return ret;
	filter->ops = ops;
	filter->info = filter->inner->info;
	return 0;
}

int filter_queue_open_inner(struct store *filter, struct store_queue *queue)
{
	queue->ops = filter->ops;
	queue->store = filter;
	return store_queue_open(filter->inner, &queue->inner);
}

void filter_done(struct store_io *io, int result, void *arg)
{
	store_complete(io, result);
}

void filter_kick(struct store_queue *queue)
{
	store_kick(queue->inner);
}

unsigned int filter_poll(struct store_queue *queue)
{
	return store_poll(queue->inner);
}

int filter_fd(struct store_queue *queue)
{
	return store_fd(queue->inner);
}

void filter_queue_close(struct store_queue *queue)
{
	store_queue_close(queue->inner);
	free(queue);
}

void filter_close(struct store *filter)
{
	store_close(filter->inner);
	free(filter);
}

uint64_t filter_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
