/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The datapath: from requests of a ring to operations of the store and back, in the worker of
 * the ring. A request is one operation after the other where it is larger than the store takes
 * at once, or has several ranges; most are one.
 */
#include <errno.h>
#include <stdlib.h>

#include "blk_internal.h"

struct blk_io {
	struct target_request *request;
	int result;			/* of the operation that was last */
	bool inside;			/* store_submit() is on the stack */
	bool returned;			/* and the operation was done in it */
	/* What is left of a read or write; pieces before iov are done */
	uint64_t offset, left;
	struct iovec *iov;
	unsigned int iov_num;
	struct iovec *cut;		/* a piece of which only a part is in the operation */
	size_t cut_bytes;		/* behind that part */
	unsigned int next_range;
	bool flushed;
	struct store_io io;
	struct blk_command command;
};

static inline struct blk_queue *
queue_of(const struct target_request *request)
{
	return target_queue_context(request->queue);
}

static void
finish(struct blk_io *b)
{
	target_done(b->request, blk_finish(&b->command, blk_status_of(b->result)));
}

/* The piece that was cut: the rest of it comes next. */
static void
mend_cut(struct blk_io *b)
{
	if (b->cut == NULL)
		return;
	b->cut->iov_base = (uint8_t *)b->cut->iov_base + b->cut->iov_len;
	b->cut->iov_len = b->cut_bytes;
	b->cut = NULL;
}

/* As many pieces as make @bytes, the last one cut if it is too long. */
static void
take_pieces(struct blk_io *b, uint64_t bytes)
{
	unsigned int n = 0;

	b->io.iov = b->iov;
	while (bytes != 0) {
		struct iovec *piece = &b->iov[n++];

		if (piece->iov_len > bytes) {
			b->cut = piece;
			b->cut_bytes = piece->iov_len - bytes;
			piece->iov_len = bytes;
		}
		bytes -= piece->iov_len;
	}
	b->io.iov_num = n;
	/* A cut piece is the first one of the next part, too. */
	if (b->cut != NULL)
		n--;
	b->iov += n;
	b->iov_num -= n;
}

static bool
next_transfer(struct blk_io *b, const struct blk_device *device)
{
	uint64_t most = device->disk.info.max_transfer_bytes;

	if (b->left == 0)
		return false;
	mend_cut(b);
	b->io.offset = b->offset;
	if (b->left <= most) {
		b->io.length = b->left;
		b->io.iov = b->iov;
		b->io.iov_num = b->iov_num;
	} else {
		b->io.length = most & ~(uint64_t)(device->disk.info.block_bytes - 1);
		take_pieces(b, b->io.length);
	}
	b->offset += b->io.length;
	b->left -= b->io.length;
	return true;
}

static bool
next_range(struct blk_io *b)
{
	const struct blk_range *range = &b->command.range[b->next_range];

	if (b->next_range == b->command.num_ranges)
		return false;
	b->next_range++;
	b->io.offset = range->offset;
	b->io.length = range->length;
	if (range->flags != 0)
		b->io.flags |= range->flags;
	else
		b->io.flags &= ~STORE_F_UNMAP;
	return true;
}

static bool
next_operation(struct blk_io *b, const struct blk_device *device)
{
	switch (b->command.op) {
	case STORE_READ:
	case STORE_WRITE:
		return next_transfer(b, device);
	case STORE_FLUSH:
		if (b->flushed)
			return false;
		b->flushed = true;
		return true;
	default:
		return next_range(b);
	}
}

static void operation_done(struct store_io *io, int result, void *arg);

/* One operation after the other, for as long as each is done at once. */
static void
advance(struct blk_io *b)
{
	struct blk_queue *q = queue_of(b->request);

	while (b->result == 0 && next_operation(b, q->device)) {
		b->inside = true;
		b->returned = false;
		store_submit(q->store_queue, &b->io, operation_done, b);
		b->inside = false;
		if (!b->returned)
			return;
	}
	finish(b);
}

static void
operation_done(struct store_io *io, int result, void *arg)
{
	struct blk_io *b = arg;

	b->result = result;
	if (b->inside)
		b->returned = true;
	else
		advance(b);
}

static unsigned int
io_flags(const struct blk_device *device, const struct target_request *request,
	 const struct blk_command *command)
{
	unsigned int flags = 0;

	if (target_memory_flags(request->queue) & VHR_MAP_PAGE_BACKED)
		flags |= STORE_F_PAGE_BACKED;
	if ((command->op == STORE_WRITE || command->op == STORE_WRITE_ZEROES) &&
	    atomic_load_explicit(&device->through, memory_order_relaxed))
		flags |= STORE_F_FUA;
	return flags;
}

static void
start(struct target_request *request)
{
	const struct blk_device *device = queue_of(request)->device;
	struct blk_io *b = target_request_private(request);
	struct blk_limits limits = device->limits;

	/* The status byte is behind the pieces that we know. */
	if (request->too_many) {
		target_break(request, "request %u has more than seg_max %u pieces of data",
			     request->taken.id, TARGET_SEG_MAX);
		return;
	}
	limits.size_bytes = store_size(device->store);
	if (!blk_parse(&request->chain, &limits, &b->command)) {
		if (b->command.status == NULL)
			target_break(request, "request %u has no room for a status",
				     request->taken.id);
		else
			target_done(request, blk_finish(&b->command, b->command.result));
		return;
	}
	b->request = request;
	b->result = 0;
	b->offset = b->command.offset;
	b->left = b->command.length;
	b->iov = b->command.iov;
	b->iov_num = b->command.iov_num;
	b->cut = NULL;
	b->next_range = 0;
	b->flushed = false;
	b->io.op = b->command.op;
	b->io.flags = io_flags(device, request, &b->command);
	b->io.offset = 0;
	b->io.length = 0;
	advance(b);
}

static unsigned int
poll_queue(struct target_queue *queue)
{
	struct blk_queue *q = target_queue_context(queue);
	unsigned int n;

	store_kick(q->store_queue);
	n = store_poll(q->store_queue);
	/* The target knows nothing of it, and no descriptor tells of a store that wants polls. */
	if (n != 0 && q->flushing)
		target_queue_poll_again(queue);
	return n;
}

static void
hurry_queue(struct target_queue *queue)
{
	struct blk_queue *q = target_queue_context(queue);

	store_hurry(q->store_queue);
}

static int
queue_in(struct target_queue *queue)
{
	struct blk_device *device = target_queue_priv(queue);
	struct blk_queue *q = calloc(1, sizeof(*q));
	int fd, ret;

	if (q == NULL)
		return -ENOMEM;
	q->device = device;
	ret = store_queue_open(device->store, &q->store_queue);
	if (ret < 0) {
		free(q);
		return ret;
	}
	fd = store_fd(q->store_queue);
	if (fd >= 0)
		ret = target_queue_watch(queue, fd);
	if (ret < 0) {
		store_queue_close(q->store_queue);
		free(q);
		return ret;
	}
	target_queue_set_context(queue, q);
	device->flush_queue = queue;
	return 0;
}

static void
queue_out(struct target_queue *queue)
{
	struct blk_queue *q = target_queue_context(queue);

	store_queue_close(q->store_queue);
	free(q);
}

const struct target_ops blk_target_ops = {
	.name = "vhost-blk",
	.request_bytes = sizeof(struct blk_io),
	.start = start,
	.poll = poll_queue,
	.hurry = hurry_queue,
	.queue_in = queue_in,
	.queue_out = queue_out,
	.get_config = blk_get_config,
	.set_config = blk_set_config,
	.set_features = blk_set_features,
	.reset = blk_reset,
};

/* A flush of the device's own, which no request asked for. */
struct flush {
	struct blk_device *device;
	struct store_io io;
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool done;
	int result;
};

static void
flush_done(struct store_io *io, int result, void *arg)
{
	struct flush *flush = arg;
	struct blk_queue *q = target_queue_context(flush->device->flush_queue);

	q->flushing = false;
	pthread_mutex_lock(&flush->lock);
	flush->done = true;
	flush->result = result;
	pthread_cond_signal(&flush->done_cond);
	pthread_mutex_unlock(&flush->lock);
}

static void
submit_flush(void *arg)
{
	struct flush *flush = arg;
	struct blk_queue *q = target_queue_context(flush->device->flush_queue);

	flush->io.op = STORE_FLUSH;
	flush->io.flags = STORE_F_ASIDE;
	q->flushing = true;
	store_submit(q->store_queue, &flush->io, flush_done, flush);
	store_kick(q->store_queue);
	target_queue_poll_again(flush->device->flush_queue);
}

int
blk_flush(struct blk_device *device)
{
	struct flush flush = { .device = device };

	pthread_mutex_init(&flush.lock, NULL);
	pthread_cond_init(&flush.done_cond, NULL);
	worker_call(target_queue_worker(device->flush_queue), submit_flush, &flush);
	pthread_mutex_lock(&flush.lock);
	while (!flush.done)
		pthread_cond_wait(&flush.done_cond, &flush.lock);
	pthread_mutex_unlock(&flush.lock);
	pthread_cond_destroy(&flush.done_cond);
	pthread_mutex_destroy(&flush.lock);
	return flush.result;
}
