/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"

int blocks_init(struct blocks *blocks, uint64_t num)
{
	*blocks = (struct blocks){ .num = num };
	blocks->generation = calloc(num, sizeof(*blocks->generation));
	blocks->busy = calloc(num, sizeof(*blocks->busy));
	return blocks->generation && blocks->busy ? 0 : -ENOMEM;
}

void blocks_free(struct blocks *blocks)
{
	free(blocks->generation);
	free(blocks->busy);
	*blocks = (struct blocks){ .num = 0 };
}

uint64_t blocks_idle(const struct blocks *blocks, uint64_t from)
{
	uint64_t block = from;

	while (blocks->busy[block])
		block = block + 1 < blocks->num ? block + 1 : 0;
	return block;
}

uint32_t blocks_next_generation(struct blocks *blocks)
{
	if (++blocks->last == 0)
		blocks->last = 1;
	return blocks->last;
}

/* A bijection that spreads each bit over all others: multiply and fold, twice. */
static uint64_t scramble(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	return x ^ x >> 32;
}

static uint64_t word(uint64_t offset, uint64_t key)
{
	return scramble(offset + key);
}

static uint64_t key_of(uint32_t generation, uint64_t seed)
{
	return scramble(seed ^ scramble(generation));
}

void pattern_fill(void *buffer, size_t length, uint64_t offset, uint32_t generation,
		  uint64_t seed)
{
	uint64_t key = key_of(generation, seed), value;

	for (size_t i = 0; i < length; i += sizeof(value)) {
		value = word(offset + i, key);
		memcpy((uint8_t *)buffer + i, &value, sizeof(value));
	}
}

size_t pattern_check(const void *buffer, size_t length, uint64_t offset, uint32_t generation,
		     uint64_t seed)
{
	uint64_t key = key_of(generation, seed), value, found;

	for (size_t i = 0; i < length; i += sizeof(value)) {
		value = word(offset + i, key);
		memcpy(&found, (const uint8_t *)buffer + i, sizeof(found));
		if (found == value)
			continue;
		for (size_t byte = 0; byte < sizeof(value); byte++)
			if (((const uint8_t *)&value)[byte] != ((const uint8_t *)&found)[byte])
				return i + byte;
	}
	return length;
}
