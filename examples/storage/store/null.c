/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * null: writes go nowhere, reads are zeroes or, with "read_zeroes": false, leave the buffers as
 * they are. For measuring what is above a store.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"

#define NULL_TRANSFER_MAX (1ull << 30)

struct null_options {
	struct store_options common;
	uint64_t size_bytes;
	uint64_t block_bytes;
	bool read_zeroes;
};

struct null {
	struct store store;
	bool read_zeroes;
};

static void null_submit(struct store_queue *queue, struct store_io *io)
{
	const struct null *null = (const struct null *)queue->store;

	if (io->op == STORE_READ && null->read_zeroes)
		for (unsigned int i = 0; i < io->iov_num; i++)
			memset(io->iov[i].iov_base, 0, io->iov[i].iov_len);
	store_complete(io, 0);
}

static void null_queue_close(struct store_queue *queue)
{
	free(queue);
}

static int null_queue_open(struct store *store, struct store_queue **queue)
{
	*queue = calloc(1, sizeof(**queue));
	if (!*queue)
		return -ENOMEM;
	(*queue)->ops = store->ops;
	(*queue)->store = store;
	return 0;
}

static int null_resize(struct store *store, uint64_t size_bytes)
{
	if (size_bytes)
		__atomic_store_n(&store->info.size_bytes, size_bytes, __ATOMIC_RELAXED);
	return 0;
}

static json_t *null_describe(struct store *store)
{
	return json_pack("{s:s, s:s, s:b}", "type", "null", "state", "ok", "read_zeroes",
			 ((const struct null *)store)->read_zeroes);
}

static void null_close(struct store *store)
{
	free(store);
}

static const struct store_ops null_ops = {
	.type = "null",
	.queue_open = null_queue_open,
	.queue_close = null_queue_close,
	.submit = null_submit,
	.resize = null_resize,
	.describe = null_describe,
	.close = null_close,
};

static void null_defaults(void *arg)
{
	struct null_options *options = arg;

	options->block_bytes = 512;
	options->read_zeroes = true;
}

static int null_open(const void *arg, struct store **store, struct vhu_reason *reason)
{
	const struct null_options *options = arg;
	struct null *null;

	if (!store_block_size_ok(options->block_bytes) ||
	    options->size_bytes & (options->block_bytes - 1)) {
		vhu_reason_set(reason, "null: size %llu is not whole blocks of block_bytes %llu, "
			       "a power of two", (unsigned long long)options->size_bytes,
			       (unsigned long long)options->block_bytes);
		return -EINVAL;
	}
	null = calloc(1, sizeof(*null));
	if (!null)
		return -ENOMEM;
	null->read_zeroes = options->read_zeroes;
	null->store.ops = &null_ops;
	null->store.info = (struct store_info){
		.size_bytes = options->size_bytes,
		.block_bytes = (uint32_t)options->block_bytes,
		.physical_bytes = (uint32_t)options->block_bytes,
		.max_transfer_bytes = NULL_TRANSFER_MAX,
		.max_discard_bytes = NULL_TRANSFER_MAX,
		.max_zeroes_bytes = NULL_TRANSFER_MAX,
		.discard_granularity_bytes = (uint32_t)options->block_bytes,
		.discard_zeroes = options->read_zeroes,
	};
	*store = &null->store;
	return 0;
}

STORE_OPTIONS_FIT(null_options);

static const struct store_key null_keys[] = {
	{ "size", STORE_KEY_SIZE, true, offsetof(struct null_options, size_bytes), 512,
	  1ull << 62, NULL },
	{ "block_bytes", STORE_KEY_NUMBER, false, offsetof(struct null_options, block_bytes), 512,
	  65536, NULL },
	{ "read_zeroes", STORE_KEY_BOOL, false, offsetof(struct null_options, read_zeroes), 0, 0,
	  NULL },
	{ 0 },
};

const struct store_kind store_kind_null = {
	.type = "null",
	.keys = null_keys,
	.defaults = null_defaults,
	.open = null_open,
};
