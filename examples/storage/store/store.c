/* SPDX-License-Identifier: BSD-3-Clause */
/* What all stores have in common: checks of operations, frames, and dispatch. */
#include <errno.h>

#include "store.h"

static int check_buffers(const struct store_io *io)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < io->iov_num; i++) {
		if (io->iov[i].iov_len > io->length - sum)
			return -EINVAL;
		sum += io->iov[i].iov_len;
	}
	return sum == io->length ? 0 : -EINVAL;
}

static int check(const struct store *store, const struct store_io *io)
{
	const struct store_info *info = &store->info;
	uint64_t size = store_size(store), max;

	switch (io->op) {
	case STORE_FLUSH:
		return 0;
	case STORE_READ:
	case STORE_WRITE:
		max = info->max_transfer_bytes;
		break;
	case STORE_DISCARD:
		max = info->max_discard_bytes;
		break;
	case STORE_WRITE_ZEROES:
		max = info->max_zeroes_bytes;
		break;
	default:
		return -EINVAL;
	}
	if (io->op != STORE_READ && info->read_only)
		return -EROFS;
	if (!max)
		return -EOPNOTSUPP;
	if ((io->offset | io->length) & (info->block_bytes - 1))
		return -EINVAL;
	if (io->length > max || io->length > size || io->offset > size - io->length)
		return -EINVAL;
	return io->op == STORE_READ || io->op == STORE_WRITE ? check_buffers(io) : 0;
}

void store_submit(struct store_queue *queue, struct store_io *io, store_done *done, void *arg)
{
	int ret = check(queue->store, io);

	io->depth = 0;
	store_push(io, done, arg);
	/* An operation on no bytes is done. */
	if (ret || (!io->length && io->op != STORE_FLUSH))
		store_complete(io, ret);
	else
		queue->ops->submit(queue, io);
}

void store_kick(struct store_queue *queue)
{
	if (queue->ops->kick)
		queue->ops->kick(queue);
}

unsigned int store_poll(struct store_queue *queue)
{
	return queue->ops->poll ? queue->ops->poll(queue) : 0;
}

void store_hurry(struct store_queue *queue)
{
	for (; queue; queue = queue->inner) {
		if (queue->ops->hurry)
			queue->ops->hurry(queue);
	}
}

int store_fd(struct store_queue *queue)
{
	return queue->ops->fd ? queue->ops->fd(queue) : -1;
}

int store_queue_open(struct store *store, struct store_queue **queue)
{
	return store->ops->queue_open(store, queue);
}

void store_queue_close(struct store_queue *queue)
{
	queue->ops->queue_close(queue);
}

int store_resize(struct store *store, uint64_t size_bytes)
{
	int ret;

	if (size_bytes & (store->info.block_bytes - 1))
		return -EINVAL;
	if (store->ops->resize)
		return store->ops->resize(store, size_bytes);
	if (!store->inner)
		return -EOPNOTSUPP;
	/* A filter is as large as what it wraps. */
	ret = store_resize(store->inner, size_bytes);
	if (!ret)
		__atomic_store_n(&store->info.size_bytes, store_size(store->inner),
				 __ATOMIC_RELAXED);
	return ret;
}

json_t *store_describe(struct store *store)
{
	const struct store_info *info = &store->info;
	json_t *object = store->ops->describe(store);
	json_t *common;

	common = json_pack("{s:I, s:i, s:i, s:b, s:b, s:b}",
			   "size_bytes", (json_int_t)store_size(store),
			   "block_bytes", (int)info->block_bytes,
			   "physical_bytes", (int)info->physical_bytes,
			   "read_only", info->read_only,
			   "volatile_cache", info->volatile_cache,
			   "discard", info->max_discard_bytes != 0);
	if (object && common)
		json_object_update_missing(object, common);
	json_decref(common);
	if (object && store->inner)
		json_object_set_new(object, "inner", store_describe(store->inner));
	return object;
}

void store_close(struct store *store)
{
	if (store)
		store->ops->close(store);
}
