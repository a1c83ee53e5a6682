/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A histogram of durations or other numbers: 32 buckets for every power of two, so a value that
 * is read out is off by 1/64 of itself at most (half a bucket). Values of 2^40 and more are
 * counted as 2^40 - 1; the largest one is kept exactly.
 *
 * One thread adds; others may read or merge at the same time and see each count as it was a
 * little before or after.
 */
#ifndef EXAMPLES_COMMON_HISTOGRAM_H
#define EXAMPLES_COMMON_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS		5u	/* buckets per power of two: 2^5 */
#define HISTOGRAM_MAX_BITS	40u
#define HISTOGRAM_BUCKETS	((HISTOGRAM_MAX_BITS - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

struct histogram {
	uint64_t count, sum, max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* All zero is an empty histogram. */
void histogram_add(struct histogram *histogram, uint64_t value);
/* Into @to, which nobody else uses, what is in @from. */
void histogram_merge(struct histogram *to, const struct histogram *from);
/*
 * The value below or at which @per_mille of all are (500: the median, 999: p99.9). 0 of an
 * empty one; 1000: the largest.
 */
uint64_t histogram_percentile(const struct histogram *histogram, double per_mille);

#endif
