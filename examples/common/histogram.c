/* SPDX-License-Identifier: BSD-3-Clause */
#include "histogram.h"

#define SUB_BUCKETS (1u << HISTOGRAM_BITS)

static uint64_t get(const uint64_t *number)
{
	return __atomic_load_n(number, __ATOMIC_RELAXED);
}

/* Only one thread writes. */
static void add_to(uint64_t *number, uint64_t amount)
{
	__atomic_store_n(number, get(number) + amount, __ATOMIC_RELAXED);
}

/*
 * Values below 32 have a bucket each. Others: the power of two says which row, and the five bits
 * after the highest which bucket of it.
 */
static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift;

	if (value >= 1ull << HISTOGRAM_MAX_BITS)
		value = (1ull << HISTOGRAM_MAX_BITS) - 1;
	if (value < SUB_BUCKETS)
		return (unsigned int)value;
	shift = 63 - HISTOGRAM_BITS - (unsigned int)__builtin_clzll(value);
	return (shift << HISTOGRAM_BITS) + (unsigned int)(value >> shift);
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned int bucket)
{
	unsigned int shift = bucket >> HISTOGRAM_BITS;

	if (shift < 2)
		return bucket;
	shift--;
	return ((uint64_t)(bucket - (shift << HISTOGRAM_BITS)) << shift) + (1ull << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	add_to(&histogram->count, 1);
	add_to(&histogram->sum, value);
	if (value > get(&histogram->max))
		__atomic_store_n(&histogram->max, value, __ATOMIC_RELAXED);
	add_to(&histogram->buckets[bucket_of(value)], 1);
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
	uint64_t max = get(&from->max);

	to->count += get(&from->count);
	to->sum += get(&from->sum);
	if (max > to->max)
		to->max = max;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->buckets[i] += get(&from->buckets[i]);
}

uint64_t histogram_percentile(const struct histogram *histogram, double per_mille)
{
	uint64_t total = 0, below = 0, wanted;

	/* Not the count: a reader may see that ahead of the buckets. */
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += get(&histogram->buckets[i]);
	if (per_mille >= 1000)
		return get(&histogram->max);
	wanted = (uint64_t)((double)total * per_mille / 1000);
	if ((double)wanted * 1000 < (double)total * per_mille || !wanted)
		wanted++;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t value;

		below += get(&histogram->buckets[i]);
		if (below < wanted)
			continue;
		value = value_of(i);
		return value < get(&histogram->max) ? value : get(&histogram->max);
	}
	return 0;
}
