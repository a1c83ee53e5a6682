/* SPDX-License-Identifier: BSD-3-Clause */
#include "histogram.h"

#define STEPS	(1u << HISTOGRAM_STEP_BITS)
#define WHOLE	100000u

static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift;

	if (value < STEPS)
		return (unsigned int)value;
	if (value >> HISTOGRAM_VALUE_BITS)
		return HISTOGRAM_BUCKETS - 1;
	shift = 63u - (unsigned int)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
	/* The leading one of value >> shift adds one to the row of its power. */
	return (shift << HISTOGRAM_STEP_BITS) + (unsigned int)(value >> shift);
}

/* The greatest value in a bucket. */
static uint64_t top_of(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < STEPS)
		return bucket;
	shift = (bucket >> HISTOGRAM_STEP_BITS) - 1;
	return (((uint64_t)(bucket - (shift << HISTOGRAM_STEP_BITS)) + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	if (histogram->count == 0 || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->count++;
	histogram->sum += value;
	histogram->bucket[bucket_of(value)]++;
}

uint64_t histogram_quantile(const struct histogram *histogram, uint32_t per_100000)
{
	/* Rounded up, and without overflow. */
	uint64_t rank = histogram->count / WHOLE * per_100000 +
			(histogram->count % WHOLE * per_100000 + WHOLE - 1) / WHOLE;
	uint64_t below = 0;

	if (rank == 0)
		return histogram->min;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += histogram->bucket[i];
		if (below >= rank) {
			uint64_t value = top_of(i);

			return value > histogram->max ? histogram->max : value;
		}
	}
	return histogram->max;
}
