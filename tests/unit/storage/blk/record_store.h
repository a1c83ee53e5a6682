/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A store for tests: a small disk in memory that remembers what was asked of it, takes little at
 * once, and fails when told to. Everything completes when it is submitted, or in poll().
 */
#ifndef TEST_STORAGE_RECORD_STORE_H
#define TEST_STORAGE_RECORD_STORE_H

#include <stdatomic.h>

#include "storage/store/store.h"

#define RECORD_BYTES	(1u << 20)
#define RECORD_OPS	64u

struct record_op {
	enum store_op op;
	unsigned int flags;
	uint64_t offset, length;
};

struct record_store {
	struct store store;
	uint8_t data[RECORD_BYTES];
	bool later;			/* complete in poll(), not in submit() */
	/* Polls before that, which only say that there is more to do; no descriptor tells of it. */
	unsigned int reluctant;
	atomic_int fail_at;		/* number of the operation that fails; -1: none */
	atomic_uint num;		/* of operations; those before are written */
	struct record_op op[RECORD_OPS];
};

/* 512 byte blocks, 8 KiB at once, a volatile cache. Freed by store_close(). */
struct record_store *record_store_new(void);

#endif
