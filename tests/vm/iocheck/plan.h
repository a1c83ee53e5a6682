/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOCHECK_PLAN_H
#define IOCHECK_PLAN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What a run does to the disk. It follows from a number, the run, alone: who knows how far each
 * worker has come knows what every sector has to hold.
 *
 * Worker w owns the sectors from w * range on. It does one operation after the other: number 0
 * writes all of its range, those from 1 on are what plan_op() says. The number of the operation
 * is the generation of the sectors that it writes.
 */
#define SECTOR_BYTES	512u

struct plan {
	uint64_t run;
	unsigned int workers, range;	/* sectors of one worker */
	unsigned int longest;		/* sectors of one operation */
	bool fua;			/* every write is durable when it is done */
};

enum op_kind { OP_WRITE, OP_READ, OP_FLUSH };

struct op {
	enum op_kind kind;
	unsigned int first, count;	/* sectors, in the worker's range */
	bool fua;
};

struct op plan_op(const struct plan *plan, unsigned int worker, uint64_t number);

/* Whether the operation wrote this sector. */
bool op_wrote(const struct op *op, unsigned int sector);

/* Number of the worker's first sector on the disk. */
uint64_t plan_first(const struct plan *plan, unsigned int worker);

/* All bytes of a sector follow from run, its number on the disk, and generation. */
void sector_fill(void *bytes, uint64_t run, uint64_t sector, uint64_t generation);

/*
 * The generation of what a sector holds, or -1: then "why" (of why_bytes bytes) says what is
 * wrong with it: not of this run, another sector's, or torn.
 */
int64_t sector_generation(const void *bytes, uint64_t run, uint64_t sector, char *why,
			  unsigned int why_bytes);

#endif
