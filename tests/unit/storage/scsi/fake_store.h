/* SPDX-License-Identifier: BSD-3-Clause */
/* A store in memory that remembers what it was asked to do, and ends it when the test says. */
#ifndef TEST_FAKE_STORE_H
#define TEST_FAKE_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/store/store.h"

#define FAKE_BLOCKS	256u
#define FAKE_LOG	64u

struct fake_op {
	enum store_op op;
	unsigned int flags;
	uint64_t offset, length;
	unsigned int iov_num;
};

struct fake_store {
	struct store store;
	uint8_t *data;			/* FAKE_BLOCKS blocks, whatever size_bytes says */
	struct fake_op log[FAKE_LOG];
	unsigned int ops;		/* how many were submitted */
	bool hold;			/* complete nothing before fake_release() */
	int fail[STORE_NUM_OPS];	/* results */
	struct store_io *held, **held_end;
	pthread_mutex_t lock;
};

/* Of a thread of its own; ends what it holds in its own poll. */
struct fake_queue {
	struct store_queue queue;
	struct fake_store *fake;
};

struct fake_store *fake_store_new(uint32_t block_bytes);
void fake_store_free(struct fake_store *fake);
void fake_queue_init(struct fake_queue *queue, struct fake_store *fake);
/* Complete the oldest operation that is held; false: there is none. */
bool fake_complete_one(struct fake_store *fake);
/* Hold no more, complete all. */
void fake_release(struct fake_store *fake);

#endif
