/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "plan.h"

#define MAGIC	0x6b63656863306f69u	/* "io0check" in memory */
#define WORDS	(SECTOR_BYTES / sizeof(uint64_t))

enum { WORD_MAGIC, WORD_RUN, WORD_SECTOR, WORD_GENERATION, WORD_FIRST_FILL };

/* The finalizer of a 64-bit hash: every bit of the result depends on all of the argument. */
static uint64_t mix(uint64_t value)
{
	value ^= value >> 30;
	value *= 0xbf58476d1ce4e5b9u;
	value ^= value >> 27;
	value *= 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

static uint64_t draw(const struct plan *plan, unsigned int worker, uint64_t number,
		     unsigned int which)
{
	return mix(mix(mix(plan->run + worker) + number) + which);
}

struct op plan_op(const struct plan *plan, unsigned int worker, uint64_t number)
{
	struct op op = { .kind = OP_WRITE, .count = plan->range, .fua = true };
	uint64_t percent = draw(plan, worker, number, 0) % 100;
	unsigned int longest = plan->longest;

	if (number == 0)
		return op;
	if (percent < 10)
		op.kind = OP_FLUSH;
	else if (percent < 30)
		op.kind = OP_READ;
	op.fua = plan->fua || percent >= 90;
	if (op.kind == OP_FLUSH) {
		op.count = 0;
		return op;
	}
	/* Most are short, so that many are merged by nobody and some are split. */
	if (draw(plan, worker, number, 1) % 4 != 0 && longest > 16)
		longest = 16;
	op.count = 1 + (unsigned int)(draw(plan, worker, number, 2) % longest);
	op.first = (unsigned int)(draw(plan, worker, number, 3) % (plan->range - op.count + 1));
	return op;
}

bool op_wrote(const struct op *op, unsigned int sector)
{
	return op->kind == OP_WRITE && sector - op->first < op->count;
}

uint64_t plan_first(const struct plan *plan, unsigned int worker)
{
	return (uint64_t)worker * plan->range;
}

void sector_fill(void *bytes, uint64_t run, uint64_t sector, uint64_t generation)
{
	uint64_t words[WORDS], state = mix(mix(mix(run) + sector) + generation);

	words[WORD_MAGIC] = MAGIC;
	words[WORD_RUN] = run;
	words[WORD_SECTOR] = sector;
	words[WORD_GENERATION] = generation;
	for (unsigned int i = WORD_FIRST_FILL; i < WORDS; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		words[i] = state;
	}
	memcpy(bytes, words, sizeof(words));
}

int64_t sector_generation(const void *bytes, uint64_t run, uint64_t sector, char *why,
			  unsigned int why_bytes)
{
	uint64_t words[WORDS], right[WORDS];

	memcpy(words, bytes, sizeof(words));
	if (words[WORD_MAGIC] != MAGIC) {
		snprintf(why, why_bytes, "no data of this program, begins with %016llx",
			 (unsigned long long)words[WORD_MAGIC]);
		return -1;
	}
	if (words[WORD_RUN] != run) {
		snprintf(why, why_bytes, "data of run %llu, not of %llu",
			 (unsigned long long)words[WORD_RUN], (unsigned long long)run);
		return -1;
	}
	if (words[WORD_SECTOR] != sector) {
		snprintf(why, why_bytes, "data of sector %llu, generation %llu",
			 (unsigned long long)words[WORD_SECTOR],
			 (unsigned long long)words[WORD_GENERATION]);
		return -1;
	}
	sector_fill(right, run, sector, words[WORD_GENERATION]);
	for (unsigned int i = 0; i < WORDS; i++) {
		if (words[i] == right[i])
			continue;
		snprintf(why, why_bytes, "torn: generation %llu, but other data from byte %zu on",
			 (unsigned long long)words[WORD_GENERATION], i * sizeof(words[0]));
		return -1;
	}
	return (int64_t)words[WORD_GENERATION];
}
