/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device type whose requests are done when the test says so. Each writes 4 bytes, 0x51 of
 * them, into the first writable piece, at the end of its time: whoever took the memory away
 * before shows itself.
 */
#ifndef TEST_STORAGE_SLOW_TYPE_H
#define TEST_STORAGE_SLOW_TYPE_H

#include <stdatomic.h>

#include "storage/target/target.h"

#define SLOW_QUEUES 4u

struct slow_queue {
	struct target_request *first, **last;
	int event_fd;			/* what a store's would be */
	atomic_uint started, done;
	atomic_uint worker;
};

struct slow_type {
	atomic_bool open;		/* requests may complete */
	atomic_uint resets;
	atomic_ulong features;
	atomic_uint too_many;
	struct slow_queue queue[SLOW_QUEUES];
	struct target *target;
	struct worker_pool *pool;
	char path[108];
};

extern const struct target_ops slow_ops;

/* A pool and a target on a fresh socket. */
void slow_create(struct slow_type *type, struct worker_pool *pool, unsigned int queues);
void slow_destroy(struct slow_type *type);
struct worker_pool *slow_pool(unsigned int threads, enum worker_mode mode);
/* Let requests complete from now on, or not. */
void slow_open(struct slow_type *type, bool open);

#endif
