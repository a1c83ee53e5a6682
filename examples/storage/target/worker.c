/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's thread: rounds over its sources, and when it sleeps. */
#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "worker_internal.h"
#include "worker_window.h"

#define TICK_MS		1
#define MAX_EVENTS	32
/* Rounds between two looks at the clock. */
#define CLOCK_ROUNDS	8u
/*
 * Rounds without work between two times that a worker lets others run: what it waits for may be
 * the kernel's worker, or the driver, on the same CPU.
 */
#define YIELD_ROUNDS	64u
/*
 * Rounds with work between two looks at descriptors: a store may have something to say while
 * nothing is under way in it for a ring, and other rings keep the worker busy.
 */
#define BUSY_ROUNDS	256u
/* Rounds without work after which a polling worker asks whether there can be any. */
#define DORMANT_ROUNDS	1024u

/* What an event is about, in the low bits of its data: kicks carry their fd, others a pointer. */
enum { EVENT_WAKE = 0, EVENT_KICK = 1, EVENT_SOURCE = 2, EVENT_MASK = 3 };

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void
relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static inline void
count(atomic_ulong *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

void
worker_add(struct worker *w, struct worker_source *source)
{
	struct worker_source **link = &w->sources;

	while (*link != NULL)
		link = &(*link)->next;
	source->next = NULL;
	source->dormant = false;
	*link = source;
	atomic_fetch_add(&w->num_sources, 1);
}

void
worker_remove(struct worker *w, struct worker_source *source)
{
	struct worker_source **link;

	for (link = &w->sources; *link != NULL; link = &(*link)->next) {
		if (*link != source)
			continue;
		*link = source->next;
		atomic_fetch_sub(&w->num_sources, 1);
		return;
	}
}

static int
watch(struct worker *w, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int
worker_watch(struct worker *w, struct worker_source *source, int fd)
{
	return watch(w, fd, EPOLLIN, (uint64_t)(uintptr_t)source | EVENT_SOURCE);
}

void
worker_unwatch(struct worker *w, int fd)
{
	epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

int
worker_watch_kick(struct worker *w, int fd)
{
	/* Edge-triggered: nobody has to read it, so that any number of workers may wait for it. */
	int ret = watch(w, fd, EPOLLIN | EPOLLET, (uint64_t)(unsigned int)fd << 2 | EVENT_KICK);

	return ret == -EEXIST ? 0 : ret;
}

void
worker_unwatch_kick(struct worker *w, int fd)
{
	epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void
worker_wake(struct worker *w)
{
	uint64_t one = 1;

	atomic_fetch_add(&w->wakes, 1);
	/* A write fails only when the counter is full, and then it is readable. */
	if (atomic_load(&w->sleeping) && write(w->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void
handle_event(struct worker *w, uint64_t data)
{
	struct worker_source *source;
	uint64_t value;

	switch (data & EVENT_MASK) {
	case EVENT_KICK:
		for (source = w->sources; source != NULL; source = source->next)
			source->ops->kicked(source, (int)(data >> 2));
		return;
	case EVENT_SOURCE:
		source = (struct worker_source *)(uintptr_t)(data & ~(uint64_t)EVENT_MASK);
		source->ops->readable(source);
		return;
	default:
		/* Empty already: what woke us is looked for in any case. */
		if (read(w->wake_fd, &value, sizeof(value)) < 0)
			return;
	}
}

static void
wait_events(struct worker *w, int timeout_ms)
{
	struct epoll_event events[MAX_EVENTS];
	int i, n;

	n = epoll_wait(w->epoll_fd, events, MAX_EVENTS, timeout_ms);
	for (i = 0; i < n; i++)
		handle_event(w, events[i].data.u64);
}

/* The time since there was work. */
struct idle {
	unsigned int empty;		/* rounds that found nothing */
	uint64_t since_ns;		/* when the first of them was; adaptive */
	uint64_t window_ns;		/* how long to poll; adaptive */
	bool slept;
	bool unwatched;			/* nothing tells of work: it may have waited for a tick */
	bool dormant;			/* nothing was polled for */
};

/* @wakes: the count before the last round, which found nothing. */
static void
sleep_until_work(struct worker *w, unsigned int wakes, struct idle *idle)
{
	struct worker_source *source;
	bool busy = false;
	int timeout_ms = -1;

	atomic_store(&w->sleeping, true);
	for (source = w->sources; source != NULL; source = source->next) {
		enum worker_armed armed = source->ops->arm(source);

		busy |= armed == WORKER_BUSY;
		if (armed == WORKER_WAIT_TICK)
			timeout_ms = TICK_MS;
	}
	if (!busy && atomic_load(&w->wakes) == wakes) {
		count(&w->sleeps);
		idle->slept = true;
		idle->unwatched |= timeout_ms >= 0;
		wait_events(w, timeout_ms);
	}
	atomic_store(&w->sleeping, false);
}

static bool
all_dormant(const struct worker *w)
{
	const struct worker_source *source;

	for (source = w->sources; source != NULL; source = source->next)
		if (!source->dormant)
			return false;
	return true;
}

/* After one more round that found nothing. */
static bool
may_sleep(struct worker *w, struct idle *idle)
{
	const unsigned int empty = ++idle->empty;

	switch (w->mode) {
	case WORKER_INTERRUPT:
		return true;
	case WORKER_ADAPTIVE:
		/* Woken up for nothing: its window is over. */
		if (idle->slept)
			return true;
		if (empty == 1) {
			idle->since_ns = now_ns();
			idle->window_ns = atomic_load(&w->window_ns);
			if (atomic_load(&w->sleeps) % WORKER_WINDOW_PROBE == 0)
				idle->window_ns = w->poll_ns;
			idle->dormant = all_dormant(w);
			return idle->dormant || idle->window_ns == 0;
		}
		return empty % CLOCK_ROUNDS == 0 &&
		       now_ns() - idle->since_ns >= idle->window_ns;
	case WORKER_POLL:
		break;
	}
	if (empty % DORMANT_ROUNDS != 0)
		return false;
	/* A store may have something to say while nothing is under way in it. */
	wait_events(w, 0);
	return all_dormant(w);
}

/* There is work again. */
static void
learn(struct worker *w, const struct idle *idle)
{
	uint64_t window_ns = atomic_load(&w->window_ns);

	if (w->mode != WORKER_ADAPTIVE || idle->empty == 0 || idle->dormant)
		return;
	if (!idle->slept) {
		/* Only a probe, which is rare, can have found what the window would not have. */
		if (idle->window_ns == window_ns)
			return;
		window_ns = worker_window_found(window_ns, now_ns() - idle->since_ns, w->poll_ns);
		atomic_store(&w->window_ns, window_ns);
		return;
	}
	/* Work that waits for a tick is late by up to that: worth all the polling there may be. */
	if (idle->unwatched)
		window_ns = w->poll_ns;
	else
		window_ns = worker_window_next(window_ns, now_ns() - idle->since_ns, w->poll_ns);
	atomic_store(&w->window_ns, window_ns);
}

void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct worker_source *source;
	struct idle idle = { 0 };
	unsigned int busy = 0;

	while (!w->stop) {
		unsigned int wakes = atomic_load(&w->wakes), done = 0;
		bool mail = atomic_load_explicit(&w->mail, memory_order_relaxed);

		if (mail)
			worker_read_mail(w);
		for (source = w->sources; source != NULL; source = source->next)
			done += source->ops->run(source);
		count(&w->rounds);
		if (done != 0 || mail) {
			count(&w->busy_rounds);
			/* Mail is no work that polling could have found. */
			if (done != 0) {
				learn(w, &idle);
				idle = (struct idle){ 0 };
			}
			if (++busy % BUSY_ROUNDS == 0)
				wait_events(w, 0);
			continue;
		}
		if (!may_sleep(w, &idle)) {
			if (idle.empty % YIELD_ROUNDS == 0)
				sched_yield();
			else
				relax();
			continue;
		}
		sleep_until_work(w, wakes, &idle);
	}
	return NULL;
}
