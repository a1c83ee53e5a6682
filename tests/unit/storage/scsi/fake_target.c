/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>

#include "fake_target.h"

struct target_queue fake_tq[4];
unsigned int requests_done;
uint32_t last_written;
char break_reason[VHU_REASON_MAX];

static struct worker the_worker;
static struct worker_post *posted, **posted_end = &posted;

void target_done(struct target_request *request, uint32_t written)
{
	requests_done++;
	last_written = written;
}

void target_break(struct target_request *request, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(break_reason, sizeof(break_reason), fmt, ap);
	va_end(ap);
	target_done(request, 0);
}

unsigned int target_memory_flags(const struct target_queue *queue)
{
	return VHR_MAP_PAGE_BACKED;
}

void *target_queue_priv(const struct target_queue *queue)
{
	return queue->device;
}

unsigned int target_queue_index(const struct target_queue *queue)
{
	return queue->index;
}

struct worker *target_queue_worker(const struct target_queue *queue)
{
	return &the_worker;
}

void *target_queue_context(const struct target_queue *queue)
{
	return queue->context;
}

int target_queue_watch(struct target_queue *queue, int fd)
{
	return 0;
}

void target_queue_unwatch(struct target_queue *queue, int fd)
{
}

bool target_queue_told(const struct target_queue *queue)
{
	return !queue->not_told;
}

struct target_request *target_queue_take(struct target_queue *queue)
{
	struct target_request *request = queue->event;

	queue->event = NULL;
	return request;
}

void worker_post(struct worker *worker, struct worker_post *post)
{
	post->next = NULL;
	*posted_end = post;
	posted_end = &post->next;
}

void worker_call(struct worker *worker, void (*fn)(void *arg), void *arg)
{
	fn(arg);
}

unsigned int run_posted(unsigned int max)
{
	unsigned int n = 0;

	while (posted && n < max) {
		struct worker_post *post = posted;

		posted = post->next;
		if (posted == NULL)
			posted_end = &posted;
		post->fn(post->arg);
		n++;
	}
	return n;
}
