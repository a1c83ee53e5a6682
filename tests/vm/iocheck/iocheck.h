/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOCHECK_H
#define IOCHECK_H

#include "plan.h"

#define WORKERS_MAX	64u
/* Sectors that are read at once while a range is looked through. */
#define CHUNK_SECTORS	128u

struct iocheck {
	struct plan plan;
	const char *path;
	int fd;
	bool buffered;			/* not O_DIRECT: on the host, of a store's file */
	bool flushed_only;		/* verify: what was not flushed may be lost */
	uint64_t done[WORKERS_MAX];	/* verify: the last operation known to be done */
};

/*
 * Write and read until standard input says "stop" or ends. 0 or 1: something was lost, wrong, or
 * an operation failed; what, is on standard output.
 *
 * Standard output: "prepared", once the ranges have their first contents; "a WORKER NUMBER" after
 * each operation that was done, "f WORKER NUMBER" after each that also made all before it durable;
 * "checked NUMBER" in answer to "check" on standard input, when all that was written is there;
 * "error: ..."; "stopped NUMBER".
 */
int iocheck_run(struct iocheck *check);

/*
 * After a crash: look through what is there. The workers were interrupted, so that of the last
 * operation that left a trace any part may be there. All before it has to be there entirely, or,
 * with flushed_only, all up to "done" at least.
 */
int iocheck_verify(const struct iocheck *check);

#endif
