/* SPDX-License-Identifier: BSD-3-Clause */
/* What worker.c (the thread) and worker_pool.c (its life, and mail to it) share. */
#ifndef STORAGE_WORKER_INTERNAL_H
#define STORAGE_WORKER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "worker_source.h"

struct worker {
	struct worker_pool *pool;
	unsigned int index;
	int cpu;			/* -1: anywhere */
	enum worker_mode mode;
	uint64_t poll_ns;		/* adaptive: the longest window */
	pthread_t thread;
	int epoll_fd;
	int wake_fd;			/* eventfd */
	struct worker_source *sources;	/* the thread's */
	atomic_uint num_sources;	/* for others to read */
	bool stop;			/* set by mail */

	/*
	 * A waker counts up and then looks whether the worker sleeps; the worker says that it
	 * sleeps and then looks whether the count is what it was before its last round. Both
	 * are sequentially consistent, so that one of the two sees the other.
	 */
	atomic_uint wakes;
	atomic_bool sleeping;

	pthread_mutex_t mail_lock;
	struct worker_post *mail_first, **mail_last;
	atomic_bool mail;

	/* Written by the thread alone. */
	atomic_ulong rounds, busy_rounds, sleeps;
	atomic_ulong window_ns;
};

struct worker_pool {
	unsigned int num;
	struct worker *worker;
};

/* worker.c */
void *worker_main(void *arg);

/* worker_pool.c: run what was posted. */
void worker_read_mail(struct worker *worker);

#endif
