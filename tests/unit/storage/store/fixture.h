/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of stores share: a store from JSON, and operations that are waited for. */
#ifndef TESTS_UNIT_STORAGE_STORE_FIXTURE_H
#define TESTS_UNIT_STORAGE_STORE_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "storage/store/store.h"

/* Open what @format makes (JSON or a short text); the test fails where that fails. */
__attribute__((format(printf, 1, 2)))
struct store *open_store(const char *format, ...);
/* Opening fails with @error, and the reason has @words (several are separated by '|'). */
void open_fails(const char *text, int error, const char *words);

struct store_queue *open_queue(struct store *store);

/* One operation: submit, kick, wait for 20 s at most. */
int do_op(struct store_queue *queue, enum store_op op, unsigned int flags, uint64_t offset,
	  uint64_t length, const struct iovec *iov, unsigned int iov_num);
int do_read(struct store_queue *queue, uint64_t offset, void *data, size_t length);
int do_write(struct store_queue *queue, uint64_t offset, const void *data, size_t length);

/* Wait until *@done, serving @queue; fails after @seconds. */
void wait_for(struct store_queue *queue, const bool *done, unsigned int seconds);
uint64_t now_us(void);

/*
 * Random operations on the whole of a small store against a buffer that must be the same: reads
 * and writes in pieces of odd sizes, and zeroes. @flags of the store's reads and writes.
 */
void compare_random(struct store_queue *queue, unsigned int operations, unsigned int flags,
		    unsigned int seed);

#endif
