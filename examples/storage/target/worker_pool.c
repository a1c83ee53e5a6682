/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers come, get mail, and go. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "worker_internal.h"

#define MAX_THREADS	64u
#define DEFAULT_POLL_US	50u

void
worker_read_mail(struct worker *w)
{
	struct worker_post *post;

	pthread_mutex_lock(&w->mail_lock);
	post = w->mail_first;
	w->mail_first = NULL;
	w->mail_last = &w->mail_first;
	atomic_store(&w->mail, false);
	pthread_mutex_unlock(&w->mail_lock);
	while (post != NULL) {
		struct worker_post *next = post->next;

		/* It is its owner's again as soon as it runs. */
		post->fn(post->arg);
		post = next;
	}
}

void
worker_post(struct worker *w, struct worker_post *post)
{
	post->next = NULL;
	pthread_mutex_lock(&w->mail_lock);
	*w->mail_last = post;
	w->mail_last = &post->next;
	atomic_store(&w->mail, true);
	pthread_mutex_unlock(&w->mail_lock);
	worker_wake(w);
}

struct call {
	struct worker_post post;
	void (*fn)(void *arg);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool done;
};

static void
run_call(void *arg)
{
	struct call *call = arg;

	call->fn(call->arg);
	pthread_mutex_lock(&call->lock);
	call->done = true;
	pthread_cond_signal(&call->done_cond);
	pthread_mutex_unlock(&call->lock);
}

void
worker_call(struct worker *w, void (*fn)(void *arg), void *arg)
{
	struct call call = { .fn = fn, .arg = arg };

	call.post.fn = run_call;
	call.post.arg = &call;
	pthread_mutex_init(&call.lock, NULL);
	pthread_cond_init(&call.done_cond, NULL);
	worker_post(w, &call.post);
	pthread_mutex_lock(&call.lock);
	while (!call.done)
		pthread_cond_wait(&call.done_cond, &call.lock);
	pthread_mutex_unlock(&call.lock);
	pthread_cond_destroy(&call.done_cond);
	pthread_mutex_destroy(&call.lock);
}

static void
stop(void *arg)
{
	struct worker *w = arg;

	w->stop = true;
}

static void
close_fds(struct worker *w)
{
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
}

static int
open_fds(struct worker *w, struct vhu_reason *reason)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0 };
	int ret = 0;

	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->epoll_fd < 0 || w->wake_fd < 0 ||
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->wake_fd, &event) < 0) {
		ret = -errno;
		vhu_reason_set(reason, "worker %u: no event mechanism: %s", w->index,
			       strerror(-ret));
		close_fds(w);
	}
	return ret;
}

static int
set_cpu(pthread_attr_t *attr, const struct worker *w)
{
	cpu_set_t set;

	if (w->cpu < 0)
		return 0;
	if (w->cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	return -pthread_attr_setaffinity_np(attr, sizeof(set), &set);
}

static int
start(struct worker *w, struct vhu_reason *reason)
{
	sigset_t all, before;
	pthread_attr_t attr;
	char name[16];
	int ret;

	ret = -pthread_attr_init(&attr);
	if (ret < 0)
		return ret;
	ret = set_cpu(&attr, w);
	if (ret == 0) {
		/*
		 * Signals are for the main thread, but for the one that this thread raises where
		 * a frontend took its memory away: blocked, it would end the process.
		 */
		sigfillset(&all);
		sigdelset(&all, SIGBUS);
		sigdelset(&all, WORKER_SIGNAL);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		ret = -pthread_create(&w->thread, &attr, worker_main, w);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_attr_destroy(&attr);
	if (ret < 0) {
		if (w->cpu >= 0)
			vhu_reason_set(reason, "worker %u: no thread on CPU %d: %s", w->index,
				       w->cpu, strerror(-ret));
		else
			vhu_reason_set(reason, "worker %u: no thread: %s", w->index,
				       strerror(-ret));
		return ret;
	}
	snprintf(name, sizeof(name), "worker-%u", w->index);
	pthread_setname_np(w->thread, name);
	return 0;
}

static int
create_worker(struct worker_pool *pool, const struct worker_pool_config *config,
	      struct vhu_reason *reason)
{
	struct worker *w = &pool->worker[pool->num];
	int ret;

	w->pool = pool;
	w->index = pool->num;
	w->cpu = config->cpus != NULL ? config->cpus[w->index] : -1;
	w->mode = config->mode;
	w->poll_ns = 1000ull * (config->poll_us != 0 ? config->poll_us : DEFAULT_POLL_US);
	atomic_init(&w->window_ns, w->mode == WORKER_ADAPTIVE ? w->poll_ns : 0);
	w->mail_last = &w->mail_first;
	ret = open_fds(w, reason);
	if (ret < 0)
		return ret;
	pthread_mutex_init(&w->mail_lock, NULL);
	ret = start(w, reason);
	if (ret < 0) {
		pthread_mutex_destroy(&w->mail_lock);
		close_fds(w);
		return ret;
	}
	pool->num++;
	return 0;
}

int
worker_pool_create(const struct worker_pool_config *config, struct worker_pool **pool,
		   struct vhu_reason *reason)
{
	struct worker_pool *p;
	int ret = 0;

	if (config->threads == 0 || config->threads > MAX_THREADS) {
		vhu_reason_set(reason, "%u worker threads, expected 1 to %u", config->threads,
			       MAX_THREADS);
		return -EINVAL;
	}
	p = calloc(1, sizeof(*p));
	if (p != NULL)
		p->worker = calloc(config->threads, sizeof(*p->worker));
	if (p == NULL || p->worker == NULL) {
		vhu_reason_set(reason, "no memory for %u worker threads", config->threads);
		free(p);
		return -ENOMEM;
	}
	while (ret == 0 && p->num < config->threads)
		ret = create_worker(p, config, reason);
	if (ret < 0) {
		worker_pool_destroy(p);
		return ret;
	}
	*pool = p;
	return 0;
}

void
worker_pool_destroy(struct worker_pool *pool)
{
	unsigned int i;

	if (pool == NULL)
		return;
	for (i = 0; i < pool->num; i++) {
		struct worker *w = &pool->worker[i];
		struct worker_post post = { .fn = stop, .arg = w };

		worker_post(w, &post);
		pthread_join(w->thread, NULL);
		pthread_mutex_destroy(&w->mail_lock);
		close_fds(w);
	}
	free(pool->worker);
	free(pool);
}

unsigned int
worker_pool_size(const struct worker_pool *pool)
{
	return pool->num;
}

struct worker *
worker_pool_get(struct worker_pool *pool, unsigned int index)
{
	return index < pool->num ? &pool->worker[index] : NULL;
}

unsigned int
worker_index(const struct worker *w)
{
	return w->index;
}

void
worker_stats(const struct worker *w, struct worker_stats *stats)
{
	stats->rounds = atomic_load(&w->rounds);
	stats->busy_rounds = atomic_load(&w->busy_rounds);
	stats->sleeps = atomic_load(&w->sleeps);
	stats->window_ns = atomic_load(&w->window_ns);
}

json_t *
worker_pool_describe(struct worker_pool *pool)
{
	static const char *const modes[] = {
		[WORKER_INTERRUPT] = "interrupt",
		[WORKER_ADAPTIVE] = "adaptive",
		[WORKER_POLL] = "poll",
	};
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < pool->num; i++) {
		const struct worker *w = &pool->worker[i];
		struct worker_stats stats;

		worker_stats(w, &stats);
		json_array_append_new(array, json_pack("{s:i, s:i, s:s, s:i, s:I, s:I, s:I, s:f}",
						       "index", (int)w->index, "cpu", w->cpu,
						       "mode", modes[w->mode], "queues",
						       (int)atomic_load(&w->num_sources), "rounds",
						       (json_int_t)stats.rounds, "busy-rounds",
						       (json_int_t)stats.busy_rounds, "sleeps",
						       (json_int_t)stats.sleeps, "window-us",
						       (double)stats.window_ns / 1000));
	}
	return array;
}
