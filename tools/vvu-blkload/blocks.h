/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a block of the disk has to hold. Its pattern is made of where it is, how often the
 * region was written before, and a seed: neither a block that went elsewhere, nor an old one,
 * nor one that was torn looks right.
 */
#ifndef BLKLOAD_BLOCKS_H
#define BLKLOAD_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blocks {
	uint32_t *generation;	/* of each block; 0: not known */
	bool *busy;		/* a request is under way there */
	uint64_t num;
	uint32_t last;		/* generation given out */
};

/* Blocks that can be kept account of. */
#define BLOCKS_MAX (1ull << 24)

/* -ENOMEM. */
int blocks_init(struct blocks *blocks, uint64_t num);
void blocks_free(struct blocks *blocks);
/* The next block at or after @from, round the end, where nothing is under way. */
uint64_t blocks_idle(const struct blocks *blocks, uint64_t from);
uint32_t blocks_next_generation(struct blocks *blocks);

/* @offset: in bytes, on the disk. @length: a multiple of 8. */
void pattern_fill(void *buffer, size_t length, uint64_t offset, uint32_t generation,
		  uint64_t seed);
/* Where the first wrong byte is, or @length. */
size_t pattern_check(const void *buffer, size_t length, uint64_t offset, uint32_t generation,
		     uint64_t seed);

#endif
