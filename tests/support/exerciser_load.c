/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Load with verification. Each slot has a region of the disk for itself and knows what must be
 * there: blocks that it wrote last with success. A block of a write that failed may be old or
 * new and is not compared until it has been written again.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exerciser.h"

#define REGION_BYTES	(64u << 10)
#define BLOCK_BYTES	512u
#define BLOCKS		(REGION_BYTES / BLOCK_BYTES)
#define PIECES		6u
#define SLOTS_MAX	64u
#define ERRNO_MAX	200u

struct slot {
	struct store_io io;
	struct worker *worker;
	uint64_t base;
	unsigned int seed;
	uint32_t counter;
	unsigned int first, num;		/* blocks of the operation under way */
	struct iovec iov[PIECES];
	unsigned char data[REGION_BYTES];
	uint32_t stamp[BLOCKS];			/* what each block was filled with */
	bool known[BLOCKS];
	bool last;				/* the final read */
};

struct worker {
	pthread_t thread;
	struct store *store;
	struct store_queue *queue;
	struct slot *slots;
	unsigned int depth, active;
	uint64_t operations, mismatches, errors[ERRNO_MAX];
};

static struct worker *workers;
static unsigned int num_workers;
static bool stopping;			/* atomic */

uint64_t exerciser_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* 0 stands for zeroes. */
static void fill(unsigned char *block, uint32_t stamp)
{
	for (unsigned int i = 0; i < BLOCK_BYTES; i += sizeof(stamp))
		memcpy(block + i, &stamp, sizeof(stamp));
}

static bool is_filled(const unsigned char *block, uint32_t stamp)
{
	for (unsigned int i = 0; i < BLOCK_BYTES; i += sizeof(stamp))
		if (memcmp(block + i, &stamp, sizeof(stamp)))
			return false;
	return true;
}

/* The operation's buffer in pieces of any size. */
static void cut(struct slot *slot)
{
	unsigned char *at = slot->data;
	size_t left = slot->num * BLOCK_BYTES;
	unsigned int i = 0;

	for (; i < PIECES - 1 && rand_r(&slot->seed) % 3; i++) {
		size_t piece = (size_t)rand_r(&slot->seed) % (left + 1);

		slot->iov[i] = (struct iovec){ at, piece };
		at += piece;
		left -= piece;
	}
	slot->iov[i] = (struct iovec){ at, left };
	slot->io.iov = slot->iov;
	slot->io.iov_num = i + 1;
}

static void next(struct slot *slot);

static void check_read(struct slot *slot)
{
	for (unsigned int i = 0; i < slot->num; i++)
		if (slot->known[slot->first + i] &&
		    !is_filled(slot->data + i * BLOCK_BYTES, slot->stamp[slot->first + i]))
			slot->worker->mismatches++;
}

static void done(struct store_io *io, int result, void *arg)
{
	struct slot *slot = arg;
	struct worker *worker = slot->worker;

	worker->operations++;
	if (result)
		worker->errors[-result < (int)ERRNO_MAX ? -result : 0]++;
	else if (io->op == STORE_READ)
		check_read(slot);
	else if (io->op != STORE_FLUSH)
		for (unsigned int i = slot->first; i < slot->first + slot->num; i++) {
			slot->known[i] = true;
			slot->stamp[i] = io->op == STORE_WRITE ? slot->counter : 0;
		}
	if (slot->last)
		worker->active--;
	else
		next(slot);
}

static void next(struct slot *slot)
{
	struct store_io *io = &slot->io;

	memset(io, 0, sizeof(*io));
	slot->first = (unsigned int)rand_r(&slot->seed) % BLOCKS;
	slot->num = (unsigned int)rand_r(&slot->seed) % (BLOCKS - slot->first) + 1;
	if (__atomic_load_n(&stopping, __ATOMIC_RELAXED)) {
		slot->last = true;
		slot->first = 0;
		slot->num = BLOCKS;
		io->op = STORE_READ;
	} else {
		static const enum store_op ops[] = { STORE_READ, STORE_READ, STORE_READ,
						     STORE_WRITE, STORE_WRITE, STORE_WRITE,
						     STORE_WRITE_ZEROES, STORE_FLUSH };

		io->op = ops[rand_r(&slot->seed) % 8];
	}
	io->offset = slot->base + slot->first * BLOCK_BYTES;
	io->length = slot->num * BLOCK_BYTES;
	cut(slot);
	if (io->op == STORE_WRITE) {
		slot->counter++;
		for (unsigned int i = 0; i < slot->num; i++)
			fill(slot->data + i * BLOCK_BYTES, slot->counter);
	}
	/* Until it is done it may be old or new. */
	if (io->op == STORE_WRITE || io->op == STORE_WRITE_ZEROES)
		memset(slot->known + slot->first, 0, slot->num);
	store_submit(slot->worker->queue, io, done, slot);
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	if (store_queue_open(worker->store, &worker->queue))
		return NULL;
	worker->active = worker->depth;
	for (unsigned int i = 0; i < worker->depth; i++)
		next(&worker->slots[i]);
	while (worker->active) {
		struct pollfd fd = { .fd = store_fd(worker->queue), .events = POLLIN };

		store_kick(worker->queue);
		poll(&fd, 1, 1000);
		store_poll(worker->queue);
	}
	store_queue_close(worker->queue);
	return NULL;
}

void exerciser_load(struct store *store, unsigned int queues, unsigned int depth)
{
	if (depth > SLOTS_MAX || workers)
		exit(1);
	__atomic_store_n(&stopping, false, __ATOMIC_RELAXED);
	num_workers = queues;
	workers = calloc(queues, sizeof(*workers));
	for (unsigned int i = 0; workers && i < queues; i++) {
		struct worker *worker = &workers[i];

		worker->store = store;
		worker->depth = depth;
		worker->slots = calloc(depth, sizeof(*worker->slots));
		if (!worker->slots)
			exit(1);
		for (unsigned int k = 0; k < depth; k++) {
			struct slot *slot = &worker->slots[k];

			slot->worker = worker;
			slot->base = (uint64_t)(i * depth + k) * REGION_BYTES;
			slot->seed = i * 1000 + k + 1;
			/* No two slots fill blocks with the same. */
			slot->counter = (i * depth + k) << 20;
		}
		if (pthread_create(&worker->thread, NULL, work, worker))
			exit(1);
	}
}

void exerciser_stop(void)
{
	uint64_t operations = 0, mismatches = 0, errors[ERRNO_MAX] = { 0 };
	const char *separator = "";

	__atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < num_workers; i++) {
		pthread_join(workers[i].thread, NULL);
		operations += workers[i].operations;
		mismatches += workers[i].mismatches;
		for (unsigned int k = 0; k < ERRNO_MAX; k++)
			errors[k] += workers[i].errors[k];
		free(workers[i].slots);
	}
	free(workers);
	workers = NULL;
	printf("{\"operations\": %llu, \"mismatches\": %llu, \"errors\": {",
	       (unsigned long long)operations, (unsigned long long)mismatches);
	for (unsigned int k = 0; k < ERRNO_MAX; k++) {
		if (!errors[k])
			continue;
		printf("%s\"%u\": %llu", separator, k, (unsigned long long)errors[k]);
		separator = ", ";
	}
	printf("}}\n");
}
