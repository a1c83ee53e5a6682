/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker serves: something with work that is found by looking (run) or told by an fd
 * (arm). The queues of targets are such sources. All operations are called in the worker's
 * thread; none may block for longer than others hold a lock for.
 */
#ifndef STORAGE_WORKER_SOURCE_H
#define STORAGE_WORKER_SOURCE_H

#include <stdbool.h>

#include "worker.h"

enum worker_armed {
	WORKER_BUSY,		/* there is something to do: do not sleep */
	WORKER_WAIT,		/* an fd or worker_wake() will tell */
	WORKER_WAIT_TICK,	/* nothing will tell: look again soon */
};

struct worker_source;

struct worker_source_ops {
	/* Do a bounded amount; how much it was. 0: there was nothing. */
	unsigned int (*run)(struct worker_source *source);
	/* The worker wants to sleep: have it woken when there is something to do. */
	enum worker_armed (*arm)(struct worker_source *source);
	/* @fd, which worker_watch_kick() watches, was signalled; for counting. */
	void (*kicked)(struct worker_source *source, int fd);
	/* An fd that worker_watch() watches for this source is readable. */
	void (*readable)(struct worker_source *source);
};

struct worker_source {
	const struct worker_source_ops *ops;
	struct worker_source *next;
	bool dormant;	/* set by run(): there can be no work until somebody wakes the worker */
};

/* In the worker's thread. */
void worker_add(struct worker *worker, struct worker_source *source);
void worker_remove(struct worker *worker, struct worker_source *source);
/* Level-triggered. -errno. */
int worker_watch(struct worker *worker, struct worker_source *source, int fd);
void worker_unwatch(struct worker *worker, int fd);

/*
 * Any thread: be woken by every write to the eventfd @fd, which is not read. Several sources and
 * several workers may share one; the first unwatch of a worker ends it for the worker. -errno.
 */
int worker_watch_kick(struct worker *worker, int fd);
void worker_unwatch_kick(struct worker *worker, int fd);

/* Any thread: the next round begins after this, sleeping or not. */
void worker_wake(struct worker *worker);

#endif
