/* SPDX-License-Identifier: BSD-3-Clause */
/* Queues of filters that hold operations back for a time. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "filter.h"

static inline struct hold_queue *hold_queue_of(struct store_queue *queue)
{
	return (struct hold_queue *)queue;
}

void hold(struct hold_queue *queue, struct store_io *io, uint64_t due_ns)
{
	struct store_io **at = &queue->first;

	*store_data(io) = due_ns;
	/* Mostly what comes later is also due later. */
	if (queue->last && *store_data(queue->last) <= due_ns)
		at = &queue->last->next;
	else
		while (*at && *store_data(*at) <= due_ns)
			at = &(*at)->next;
	io->next = *at;
	*at = io;
	if (!io->next)
		queue->last = io;
}

void hold_no_longer(struct hold_queue *queue)
{
	for (struct store_io *io = queue->first; io; io = io->next)
		*store_data(io) = 0;
}

/* The first that is due, or NULL. */
static struct store_io *take(struct hold_queue *queue)
{
	struct store_io *io = queue->first;

	if (!io || *store_data(io) > filter_now_ns())
		return NULL;
	queue->first = io->next;
	if (!queue->first)
		queue->last = NULL;
	return io;
}

/* Set the timer for the first that waits. */
static void arm(struct hold_queue *queue)
{
	uint64_t due_ns = queue->first ? *store_data(queue->first) : 0;
	struct itimerspec when = {
		.it_value = { (time_t)(due_ns / 1000000000), (long)(due_ns % 1000000000) },
	};

	/* Setting it also takes back what it had said. */
	if (due_ns != queue->armed_ns && !timerfd_settime(queue->timer_fd, TFD_TIMER_ABSTIME,
							   &when, NULL))
		queue->armed_ns = due_ns;
}

void hold_kick(struct store_queue *arg)
{
	arm(hold_queue_of(arg));
	store_kick(arg->inner);
}

unsigned int hold_poll(struct store_queue *arg)
{
	struct hold_queue *queue = hold_queue_of(arg);
	unsigned int passed = 0, done;
	struct store_io *io;

	for (; (io = take(queue)); passed++)
		store_forward(arg->inner, io, filter_done, queue);
	if (passed)
		store_kick(arg->inner);
	done = store_poll(arg->inner);
	arm(queue);
	/* Some may have completed at once; then poll said nothing of them. */
	return done + passed;
}

int hold_fd(struct store_queue *queue)
{
	return hold_queue_of(queue)->fd;
}

static int watch(const struct hold_queue *queue, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return fd < 0 || !epoll_ctl(queue->fd, EPOLL_CTL_ADD, fd, &event) ? 0 : -errno;
}

void hold_queue_close(struct store_queue *arg)
{
	struct hold_queue *queue = hold_queue_of(arg);

	if (queue->fd >= 0 && queue->owns_fd)
		close(queue->fd);
	if (queue->timer_fd >= 0)
		close(queue->timer_fd);
	filter_queue_close(arg);
}

/*
 * The next filter below that has a descriptor like ours, if there are only such between that just
 * pass theirs on. The system lets only a few epoll descriptors watch each other, so it is shared.
 */
static struct hold_queue *hold_below(struct store_queue *queue)
{
	while (queue->ops->fd == filter_fd)
		queue = queue->inner;
	return queue->ops->fd == hold_fd ? hold_queue_of(queue) : NULL;
}

static int open_fds(struct hold_queue *queue)
{
	struct hold_queue *below = hold_below(queue->queue.inner);
	int ret;

	queue->owns_fd = !below;
	queue->fd = below ? below->fd : epoll_create1(EPOLL_CLOEXEC);
	queue->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (queue->fd < 0 || queue->timer_fd < 0)
		return -errno;
	ret = watch(queue, queue->timer_fd);
	return ret || below ? ret : watch(queue, store_fd(queue->queue.inner));
}

int hold_queue_open(struct store *store, size_t bytes, struct store_queue **result)
{
	struct hold_queue *queue = calloc(1, bytes);
	int ret;

	if (!queue)
		return -ENOMEM;
	ret = filter_queue_open_inner(store, &queue->queue);
	if (ret) {
		free(queue);
		return ret;
	}
	ret = open_fds(queue);
	if (ret)
		hold_queue_close(&queue->queue);
	else
		*result = &queue->queue;
	return ret;
}
