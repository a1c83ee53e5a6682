/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "fake_store.h"

struct fake_store *fake_store_new(uint32_t block_bytes)
{
	struct fake_store *fake = calloc(1, sizeof(*fake));

	fake->data = calloc(FAKE_BLOCKS, block_bytes);
	fake->store.info = (struct store_info){
		.size_bytes = (uint64_t)FAKE_BLOCKS * block_bytes,
		.block_bytes = block_bytes,
		.physical_bytes = block_bytes,
		.max_transfer_bytes = 64 * block_bytes,
		.max_discard_bytes = 8 * block_bytes,
		.max_zeroes_bytes = 16 * block_bytes,
		.discard_granularity_bytes = block_bytes,
		.discard_zeroes = true,
		.volatile_cache = true,
	};
	fake->held_end = &fake->held;
	pthread_mutex_init(&fake->lock, NULL);
	return fake;
}

void fake_store_free(struct fake_store *fake)
{
	pthread_mutex_destroy(&fake->lock);
	free(fake->data);
	free(fake);
}

void fake_queue_init(struct fake_queue *queue, struct fake_store *fake)
{
	queue->queue.store = &fake->store;
	queue->fake = fake;
}

static void move_data(const struct fake_store *fake, const struct store_io *io)
{
	uint8_t *at = fake->data + io->offset;

	for (unsigned int i = 0; i < io->iov_num; i++) {
		if (io->op == STORE_READ)
			memcpy(io->iov[i].iov_base, at, io->iov[i].iov_len);
		else
			memcpy(at, io->iov[i].iov_base, io->iov[i].iov_len);
		at += io->iov[i].iov_len;
	}
}

static void complete(struct fake_store *fake, struct store_io *io)
{
	int result = fake->fail[io->op];

	if (result == 0 && (io->op == STORE_READ || io->op == STORE_WRITE)) {
		move_data(fake, io);
	} else if (result == 0 && io->op != STORE_FLUSH) {
		/* Discarded blocks read as zeroes, too. */
		memset(fake->data + io->offset, 0, io->length);
	}
	io->frame[0].done(io, result, io->frame[0].arg);
}

static uint64_t sum(const struct store_io *io)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < io->iov_num; i++)
		bytes += io->iov[i].iov_len;
	return bytes;
}

void store_submit(struct store_queue *queue, struct store_io *io, store_done *done, void *arg)
{
	struct fake_store *fake = (struct fake_store *)queue->store;
	const uint64_t end = (uint64_t)FAKE_BLOCKS * fake->store.info.block_bytes;
	bool hold;

	/* What the contract of store.h has the submitter promise */
	if (io->offset > end || io->length > end - io->offset ||
	    ((io->op == STORE_READ || io->op == STORE_WRITE) &&
	     (sum(io) != io->length || io->length > fake->store.info.max_transfer_bytes)) ||
	    (io->op == STORE_DISCARD && io->length > fake->store.info.max_discard_bytes) ||
	    (io->op == STORE_WRITE_ZEROES && io->length > fake->store.info.max_zeroes_bytes))
		abort();
	io->frame[0].done = done;
	io->frame[0].arg = arg;
	pthread_mutex_lock(&fake->lock);
	if (fake->ops < FAKE_LOG)
		fake->log[fake->ops] = (struct fake_op){
			io->op, io->flags, io->offset, io->length, io->iov_num
		};
	fake->ops++;
	hold = fake->hold;
	if (hold) {
		io->next = NULL;
		*fake->held_end = io;
		fake->held_end = &io->next;
	}
	pthread_mutex_unlock(&fake->lock);
	if (!hold)
		complete(fake, io);
}

bool fake_complete_one(struct fake_store *fake)
{
	struct store_io *io = fake->held;

	if (io == NULL)
		return false;
	fake->held = io->next;
	if (fake->held == NULL)
		fake->held_end = &fake->held;
	complete(fake, io);
	return true;
}

void fake_release(struct fake_store *fake)
{
	fake->hold = false;
	while (fake_complete_one(fake))
		;
}

int store_queue_open(struct store *store, struct store_queue **queue)
{
	struct fake_queue *fake = calloc(1, sizeof(*fake));

	fake_queue_init(fake, (struct fake_store *)store);
	*queue = &fake->queue;
	return 0;
}

void store_queue_close(struct store_queue *queue)
{
	free(queue);
}

int store_fd(struct store_queue *queue)
{
	return -1;
}

void store_kick(struct store_queue *queue)
{
}

void store_hurry(struct store_queue *queue)
{
}

unsigned int store_poll(struct store_queue *queue)
{
	unsigned int done = 0;

	while (!((struct fake_store *)queue->store)->hold &&
	       fake_complete_one((struct fake_store *)queue->store))
		done++;
	return done;
}
