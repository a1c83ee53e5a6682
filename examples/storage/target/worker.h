/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Worker threads: each serves the request queues that are mapped to it, of any target.
 *
 * Modes: "poll" never sleeps while a ring that it serves is ready; "interrupt" sleeps on the
 * kicks and the stores' fds; "adaptive" goes on polling for a window after the last work and then
 * sleeps. The window is from 0 to poll_us, as polling is of use (worker_window.h). A ring without
 * kicks (no vector, or its frontend said to poll) is looked at every millisecond while its worker
 * sleeps.
 */
#ifndef STORAGE_WORKER_H
#define STORAGE_WORKER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "vhost-proto/codec.h"

enum worker_mode { WORKER_INTERRUPT, WORKER_ADAPTIVE, WORKER_POLL };

/*
 * The one signal that workers and the control threads of targets do not block: for what a program
 * has to have done in each of its threads.
 */
#define WORKER_SIGNAL SIGRTMAX

struct worker;
struct worker_pool;

struct worker_pool_config {
	unsigned int threads;		/* 1..64 */
	const int *cpus;		/* one per thread, -1: anywhere; NULL: all anywhere */
	enum worker_mode mode;
	unsigned int poll_us;		/* adaptive: the longest window; 0 means 50 */
};

/* -EINVAL, -ENOMEM, or what pthread_create() and eventfd() gave. */
int worker_pool_create(const struct worker_pool_config *config, struct worker_pool **pool,
		       struct vhu_reason *reason);
/* Nothing is mapped to its workers any more. */
void worker_pool_destroy(struct worker_pool *pool);
unsigned int worker_pool_size(const struct worker_pool *pool);
struct worker *worker_pool_get(struct worker_pool *pool, unsigned int index);

/*
 * Run @fn in the worker's thread and wait until it has returned. Not from a worker thread.
 */
void worker_call(struct worker *worker, void (*fn)(void *arg), void *arg);
/* Run @fn in the worker's thread, later; from any thread. @call is free again when it runs. */
struct worker_post {
	void (*fn)(void *arg);
	void *arg;
	struct worker_post *next;
};
void worker_post(struct worker *worker, struct worker_post *post);
/* Any thread. */
unsigned int worker_index(const struct worker *worker);

/* Since its start; from any thread, not all of one moment. */
struct worker_stats {
	uint64_t rounds;	/* looks at all of its queues */
	uint64_t busy_rounds;	/* of them with something to do */
	uint64_t sleeps;
	uint64_t window_ns;	/* adaptive: how long it polls now */
};
void worker_stats(const struct worker *worker, struct worker_stats *stats);
/* A new array, an object per worker: index, cpu, mode, queues and the above. */
json_t *worker_pool_describe(struct worker_pool *pool);

#endif
