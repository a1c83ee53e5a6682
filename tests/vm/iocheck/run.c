/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "iocheck.h"

/*
 * A worker's buffer is in pieces, between which there is a gap: pages that follow each other would
 * be one segment of a request.
 */
#define PIECE_SECTORS	8u
#define PIECE_BYTES	((size_t)PIECE_SECTORS * SECTOR_BYTES)

enum { RUNNING, PAUSED, STOPPED };

struct worker {
	struct iocheck *check;
	unsigned int index;
	uint64_t done;		/* operations */
	int64_t *expected;	/* generation of each sector */
	char *buffer;
	struct iovec *iov;
	pthread_t thread;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int wanted = RUNNING;
static unsigned int waiting;	/* workers that have seen that it is not RUNNING */

/* One write() per line: lines of threads do not mix in a pipe. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[256];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (write(1, line, (size_t)length) != length)
		_exit(3);
}

/* The end of all: others may wait for a disk that answers no more. */
static void __attribute__((noreturn)) fail(const struct worker *worker, const char *what)
{
	say("error: worker %u, operation %llu: %s\n", worker->index,
	    (unsigned long long)worker->done + 1, what);
	_exit(1);
}

/* Between two operations; false: it is over. */
static bool may_go_on(void)
{
	bool on;

	pthread_mutex_lock(&lock);
	if (wanted == PAUSED) {
		waiting++;
		pthread_cond_broadcast(&changed);
		while (wanted == PAUSED)
			pthread_cond_wait(&changed, &lock);
		waiting--;
		pthread_cond_broadcast(&changed);
	}
	on = wanted == RUNNING;
	pthread_mutex_unlock(&lock);
	return on;
}

static char *place(const struct worker *worker, unsigned int index)
{
	return worker->buffer + 2 * PIECE_BYTES * (index / PIECE_SECTORS) +
	       index % PIECE_SECTORS * SECTOR_BYTES;
}

/* The pieces for so many sectors. */
static int gather(struct worker *worker, unsigned int count)
{
	int pieces = 0;

	for (unsigned int i = 0; i < count; i += PIECE_SECTORS) {
		unsigned int sectors = count - i < PIECE_SECTORS ? count - i : PIECE_SECTORS;

		worker->iov[pieces++] = (struct iovec){ place(worker, i),
							sectors * (size_t)SECTOR_BYTES };
	}
	return pieces;
}

static void write_sectors(struct worker *worker, uint64_t number, const struct op *op)
{
	uint64_t first = plan_first(&worker->check->plan, worker->index) + op->first;
	int pieces = gather(worker, op->count);
	ssize_t length;

	for (unsigned int i = 0; i < op->count; i++)
		sector_fill(place(worker, i), worker->check->plan.run, first + i, number);
	length = pwritev2(worker->check->fd, worker->iov, pieces, (off_t)(first * SECTOR_BYTES),
			  op->fua ? RWF_DSYNC : 0);
	if (length != (ssize_t)op->count * (ssize_t)SECTOR_BYTES)
		fail(worker, length < 0 ? strerror(errno) : "written in part");
	for (unsigned int i = 0; i < op->count; i++)
		worker->expected[op->first + i] = (int64_t)number;
}

/* What is read has to be the last that was written: nobody else writes there. */
static void read_sectors(struct worker *worker, unsigned int at, unsigned int count)
{
	uint64_t first = plan_first(&worker->check->plan, worker->index) + at;
	ssize_t length = preadv(worker->check->fd, worker->iov, gather(worker, count),
				(off_t)(first * SECTOR_BYTES));
	char why[160], what[256];

	if (length != (ssize_t)count * (ssize_t)SECTOR_BYTES)
		fail(worker, length < 0 ? strerror(errno) : "read in part");
	for (unsigned int i = 0; i < count; i++) {
		int64_t found = sector_generation(place(worker, i), worker->check->plan.run,
						  first + i, why, sizeof(why));

		if (found == worker->expected[at + i])
			continue;
		if (found >= 0)
			snprintf(why, sizeof(why), "generation %lld", (long long)found);
		snprintf(what, sizeof(what), "sector %llu: expected generation %lld: %s",
			 (unsigned long long)first + i, (long long)worker->expected[at + i], why);
		fail(worker, what);
	}
}

static void one_operation(struct worker *worker, uint64_t number, const struct op *op)
{
	switch (op->kind) {
	case OP_WRITE:
		write_sectors(worker, number, op);
		break;
	case OP_READ:
		read_sectors(worker, op->first, op->count);
		break;
	case OP_FLUSH:
		if (fdatasync(worker->check->fd) != 0)
			fail(worker, strerror(errno));
		break;
	}
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	const struct plan *plan = &worker->check->plan;

	while (may_go_on()) {
		struct op op = plan_op(plan, worker->index, worker->done + 1);

		one_operation(worker, worker->done + 1, &op);
		worker->done++;
		/* A flush covers all that this worker has done: it does one thing at a time. */
		say("%c %u %llu\n", op.kind == OP_FLUSH || plan->fua ? 'f' : 'a', worker->index,
		    (unsigned long long)worker->done);
	}
	return NULL;
}

static unsigned int chunk(const struct worker *worker, unsigned int at)
{
	unsigned int left = worker->check->plan.range - at;

	return left < CHUNK_SECTORS ? left : CHUNK_SECTORS;
}

static void set_up(struct iocheck *check, struct worker *workers)
{
	unsigned int sectors = check->plan.longest > CHUNK_SECTORS ? check->plan.longest :
								     CHUNK_SECTORS;
	size_t pieces = sectors / PIECE_SECTORS + 1;

	for (unsigned int i = 0; i < check->plan.workers; i++) {
		struct worker *worker = &workers[i];

		*worker = (struct worker){ .check = check, .index = i };
		worker->expected = calloc(check->plan.range, sizeof(*worker->expected));
		worker->iov = calloc(pieces, sizeof(*worker->iov));
		if (worker->expected == NULL || worker->iov == NULL ||
		    posix_memalign((void **)&worker->buffer, 4096, 2 * pieces * PIECE_BYTES) != 0)
			fail(worker, "no memory");
		/* Operation 0: the first contents. */
		for (unsigned int at = 0; at < check->plan.range; at += CHUNK_SECTORS) {
			struct op op = { .first = at, .count = chunk(worker, at) };

			write_sectors(worker, 0, &op);
		}
	}
	if (fdatasync(check->fd) != 0)
		fail(&workers[0], strerror(errno));
	say("prepared\n");
}

static void want(int what, unsigned int workers)
{
	pthread_mutex_lock(&lock);
	wanted = what;
	pthread_cond_broadcast(&changed);
	while (what == PAUSED && waiting < workers)
		pthread_cond_wait(&changed, &lock);
	while (what != PAUSED && waiting > 0)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

/* All operations that were begun end first; then everything is read. */
static void check_all(struct worker *workers, unsigned int count)
{
	uint64_t done = 0;

	want(PAUSED, count);
	for (unsigned int i = 0; i < count; i++) {
		for (unsigned int at = 0; at < workers[i].check->plan.range; at += CHUNK_SECTORS)
			read_sectors(&workers[i], at, chunk(&workers[i], at));
		done += workers[i].done;
	}
	say("checked %llu\n", (unsigned long long)done);
}

int iocheck_run(struct iocheck *check)
{
	struct worker workers[WORKERS_MAX];
	unsigned int count = check->plan.workers;
	char line[64];

	set_up(check, workers);
	for (unsigned int i = 0; i < count; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			fail(&workers[i], "no thread");
	while (fgets(line, sizeof(line), stdin) != NULL && strcmp(line, "stop\n") != 0) {
		if (strcmp(line, "check\n") == 0)
			check_all(workers, count);
		else
			say("error: no such command: %s", line);
		want(RUNNING, count);
	}
	check_all(workers, count);
	want(STOPPED, count);
	for (unsigned int i = 0; i < count; i++) {
		pthread_join(workers[i].thread, NULL);
		free(workers[i].expected);
		free(workers[i].buffer);
		free(workers[i].iov);
	}
	say("stopped\n");
	return 0;
}
