/* SPDX-License-Identifier: BSD-3-Clause */
/* What filters share. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "filter.h"

/* What nobody may write is not opened for writing: that may be forbidden, or lock others out. */
static int open_for_reading(const json_t *description, struct store **store,
			    struct vhu_reason *reason)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)description);
	int ret = -ENOMEM;

	if (copy && !json_object_set_new(copy, "read_only", json_true()))
		ret = store_open_inner(copy, store, reason);
	json_decref(copy);
	return ret;
}

int filter_open_inner(struct store *filter, const struct store_ops *ops,
		      const struct filter_options *options, struct vhu_reason *reason)
{
	int ret;

	if (options->common.read_only)
		ret = open_for_reading(options->inner, &filter->inner, reason);
	else
		ret = store_open_inner(options->inner, &filter->inner, reason);
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
