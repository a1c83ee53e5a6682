/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "iocheck.h"

/* More would only repeat the first. */
#define COMPLAINTS_MAX	20u

static unsigned int complaints;

static void complain(const struct iocheck *check, unsigned int worker, unsigned int sector,
		     const char *what)
{
	if (complaints++ < COMPLAINTS_MAX)
		printf("error: worker %u, sector %llu: %s\n", worker,
		       (unsigned long long)plan_first(&check->plan, worker) + sector, what);
}

/* What each sector of a worker's range holds now. */
static int look(const struct iocheck *check, unsigned int worker, int64_t *found)
{
	uint64_t first = plan_first(&check->plan, worker);
	char why[160];
	void *buffer;

	if (posix_memalign(&buffer, 4096, (size_t)CHUNK_SECTORS * SECTOR_BYTES) != 0)
		return 1;
	for (unsigned int at = 0; at < check->plan.range; at += CHUNK_SECTORS) {
		unsigned int count = check->plan.range - at;
		ssize_t length;

		if (count > CHUNK_SECTORS)
			count = CHUNK_SECTORS;
		length = pread(check->fd, buffer, (size_t)count * SECTOR_BYTES,
			       (off_t)((first + at) * SECTOR_BYTES));
		if (length != (ssize_t)count * (ssize_t)SECTOR_BYTES) {
			perror("error: pread");
			free(buffer);
			return 1;
		}
		for (unsigned int i = 0; i < count; i++) {
			found[at + i] = sector_generation((char *)buffer + i * SECTOR_BYTES,
							  check->plan.run, first + at + i, why,
							  sizeof(why));
			if (found[at + i] < 0)
				complain(check, worker, at + i, why);
		}
	}
	free(buffer);
	return 0;
}

/* generation[sector]: what the sectors hold once the worker has done so much. */
static void replay(const struct plan *plan, unsigned int worker, uint64_t from, uint64_t until,
		   int64_t *generation)
{
	for (uint64_t number = from; number <= until; number++) {
		struct op op = plan_op(plan, worker, number);

		for (unsigned int i = 0; op.kind == OP_WRITE && i < op.count; i++)
			generation[op.first + i] = (int64_t)number;
	}
}

static void judge(const struct iocheck *check, unsigned int worker, unsigned int sector,
		  int64_t found, int64_t expected, int64_t last)
{
	struct op op = plan_op(&check->plan, worker, (uint64_t)found);
	char what[160];

	if (found == expected || found == last)
		return;
	if (check->flushed_only && found > expected && op_wrote(&op, sector))
		return;
	snprintf(what, sizeof(what), "generation %lld, expected %lld (the newest there is %lld)%s",
		 (long long)found, (long long)expected, (long long)last,
		 op_wrote(&op, sector) ? "" : ", which was never written here");
	complain(check, worker, sector, what);
}

static int verify_worker(const struct iocheck *check, unsigned int worker, int64_t *found,
			 int64_t *expected)
{
	const struct plan *plan = &check->plan;
	int64_t last = 0;
	uint64_t certain;
	struct op op;

	if (look(check, worker, found) != 0)
		return 1;
	for (unsigned int i = 0; i < plan->range; i++)
		if (found[i] > last)
			last = found[i];
	op = plan_op(plan, worker, (uint64_t)last);
	/* All before the last that left a trace is there, and it itself if it was done. */
	certain = last > 0 ? (uint64_t)last - 1 : 0;
	if (check->flushed_only || check->done[worker] > certain)
		certain = check->done[worker];
	replay(plan, worker, 0, certain, expected);
	for (unsigned int i = 0; i < plan->range; i++) {
		bool maybe = op_wrote(&op, i) && last > expected[i];

		if (found[i] >= 0)
			judge(check, worker, i, found[i], expected[i], maybe ? last : expected[i]);
	}
	printf("worker %u: done %llu, newest on the disk %lld\n", worker,
	       (unsigned long long)check->done[worker], (long long)last);
	return 0;
}

int iocheck_verify(const struct iocheck *check)
{
	int64_t *found = calloc(check->plan.range, sizeof(*found));
	int64_t *expected = calloc(check->plan.range, sizeof(*expected));
	int status = found == NULL || expected == NULL;

	complaints = 0;
	for (unsigned int worker = 0; status == 0 && worker < check->plan.workers; worker++)
		status = verify_worker(check, worker, found, expected);
	free(found);
	free(expected);
	if (complaints > COMPLAINTS_MAX)
		printf("error: and %u more\n", complaints - COMPLAINTS_MAX);
	if (status == 0 && complaints == 0)
		printf("verified\n");
	return status != 0 || complaints != 0;
}
