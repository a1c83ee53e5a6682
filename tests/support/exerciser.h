/* SPDX-License-Identifier: BSD-3-Clause */
/* store-exerciser: its load. */
#ifndef TESTS_SUPPORT_EXERCISER_H
#define TESTS_SUPPORT_EXERCISER_H

#include "storage/store/store.h"

uint64_t exerciser_now_us(void);

/* Start @queues threads, each with a queue of its own and @depth operations at any time. */
void exerciser_load(struct store *store, unsigned int queues, unsigned int depth);
/*
 * End it when what is under way is done, read everything again, and print the counts:
 * operations, errors by errno, and how many reads gave bytes that nobody had written.
 */
void exerciser_stop(void);

#endif
