/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Times in buckets whose width grows with the time: 64 to each power of two, so a percentile is
 * off by less than 1.6 %.
 */
#ifndef BLKLOAD_HISTOGRAM_H
#define BLKLOAD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEP_BITS	6u
/* Values of more bits, which is 12 days of nanoseconds, go into the last bucket. */
#define HISTOGRAM_VALUE_BITS	50u
#define HISTOGRAM_BUCKETS \
	((HISTOGRAM_VALUE_BITS - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS)

struct histogram {
	uint64_t count;
	uint64_t sum;
	uint64_t min, max;		/* of none: 0 */
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

/* One thread at a time. A zeroed histogram is empty. */
void histogram_add(struct histogram *histogram, uint64_t value);
/* The least value that @per_100000 of 100000 values are not above; of none: 0. */
uint64_t histogram_quantile(const struct histogram *histogram, uint32_t per_100000);

#endif
