/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue of the file store: one io_uring, used by one thread. Pieces are allocated with the
 * queue; an operation that finds none waits in the backlog. The ring has an entry per piece, so
 * it is never full.
 *
 * The kernel may have no memory for entries just now, and take none. While it works on others, the
 * end of those is when to try again. Otherwise each poll does, and says that there was something to
 * do, since nothing will wake the thread up; after REFUSAL_NS what the ring has is taken back, and
 * fails.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "file_queue.h"
#include "filter.h"

#define COPY_MAX_BYTES	(1u << 20)
#define PIECE_TRIES_MAX	1000u	/* of one that the system wants to be tried again */
#define INTERRUPTED_MAX	100u	/* calls in a row that a signal ended */
/* So long the kernel may take nothing, then operations fail: less than a guest waits for one. */
#define REFUSAL_NS	1000000000u

static inline struct file_queue *file_queue_of(struct store_queue *queue)
{
	return (struct file_queue *)queue;
}

/*
 * The best this kernel has: completions do not interrupt the thread, but show in a flag of the
 * ring until it looks. (IORING_SETUP_DEFER_TASKRUN would go further; but then nobody who waits
 * on the ring's descriptor is woken up.)
 */
static int ring_init(struct io_uring *ring, unsigned int entries)
{
	static const unsigned int flags[] = {
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SINGLE_ISSUER,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
		0,
	};
	int ret = -EINVAL;

	for (unsigned int i = 0; ret == -EINVAL && i < sizeof(flags) / sizeof(flags[0]); i++)
		ret = io_uring_queue_init(entries, ring, flags[i]);
	return ret;
}

int file_uring_check(void)
{
	struct io_uring ring;
	int ret = ring_init(&ring, 1);

	if (!ret)
		io_uring_queue_exit(&ring);
	return ret;
}

/*
 * Memory for buffers that the kernel cannot use in place; made when the first one comes.
 * Registered, the kernel need not look it up each time; where a limit on locked memory forbids
 * that, it works all the same.
 */
static int need_bounce(struct file_queue *queue)
{
	unsigned int depth = queue->file->queue_depth;
	struct iovec whole = { .iov_len = (size_t)depth * PIECE_BOUNCE_BYTES };

	if (queue->bounce)
		return 0;
	whole.iov_base = mmap(NULL, whole.iov_len, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (whole.iov_base == MAP_FAILED)
		return -ENOMEM;
	queue->bounce = whole.iov_base;
	for (unsigned int i = 0; i < depth; i++)
		queue->pieces[i].buffer = queue->bounce + (size_t)i * PIECE_BOUNCE_BYTES;
	queue->bounce_fixed = !io_uring_register_buffers(&queue->ring, &whole, 1);
	return 0;
}

static void to_backlog(struct file_queue *queue, struct store_io *io)
{
	io->next = NULL;
	*queue->backlog_end = io;
	queue->backlog_end = &io->next;
}

static uint64_t piece_max(const struct store_io *io)
{
	switch (io_plan(io)) {
	case PLAN_BOUNCE:
		return PIECE_BOUNCE_BYTES;
	case PLAN_ZEROES:
		return FILE_ZEROES_BYTES;
	default:
		return UINT64_MAX;
	}
}

static inline bool all_started(struct store_io *io)
{
	return io_error(io) || *io_started(io) >= io->length;
}

/* Make pieces of @io as long as there are free ones. True: of all of it. */
static bool start(struct file_queue *queue, struct store_io *io)
{
	uint64_t max = piece_max(io);

	do {
		struct file_piece *piece = queue->free;
		uint64_t left = io->length - *io_started(io);

		if (!piece)
			return false;
		queue->free = piece->next;
		piece->io = io;
		piece->start = *io_started(io);
		piece->length = left < max ? left : max;
		piece->done = 0;
		piece->tries = 0;
		*io_started(io) += piece->length;
		++*io_pieces(io);
		file_piece_prepare(queue, piece);
	} while (!all_started(io));
	return true;
}

/* Begin @io, or begin it anew, by @plan. */
static void begin(struct file_queue *queue, struct store_io *io, enum file_plan plan)
{
	io_set_plan(io, plan);
	*io_started(io) = 0;
	if (plan == PLAN_BOUNCE && need_bounce(queue)) {
		queue->completed++;
		store_complete(io, -ENOMEM);
		return;
	}
	/* First come, first served. */
	if (queue->backlog || !start(queue, io))
		to_backlog(queue, io);
}

/*
 * A file of tmpfs: there is nothing to wait for, only bytes to copy, as the ram store does. The
 * ring would hand each operation to a thread of the kernel, as it does where a file system cannot
 * say that it would wait. False: something is unusual, or it is so long that others should not
 * wait for it; the ring does it.
 */
static bool copy_at_once(const struct file *file, const struct store_io *io)
{
	int flags = io->flags & STORE_F_FUA ? RWF_DSYNC : 0, num = (int)io->iov_num;
	ssize_t done = -1;

	if (!file->in_memory || !(io->flags & STORE_F_PAGE_BACKED) || io->iov_num > IOV_NUM_MAX ||
	    io->length > COPY_MAX_BYTES)
		return false;
	if (io->op == STORE_READ)
		done = preadv2(file->fd, io->iov, num, (off_t)io->offset, 0);
	else if (io->op == STORE_WRITE)
		done = pwritev2(file->fd, io->iov, num, (off_t)io->offset, flags);
	return done == (ssize_t)io->length;
}

void file_submit(struct store_queue *arg, struct store_io *io)
{
	struct file_queue *queue = file_queue_of(arg);

	/* What is in the backlog came first, but there is no order among operations. */
	if (copy_at_once(queue->file, io)) {
		store_complete(io, 0);
		return;
	}
	/* A flush has no range; what it says there does not matter. */
	if (io->op == STORE_FLUSH)
		io->length = 0;
	io->scratch[1] = 0;
	io->scratch[2] = 0;
	begin(queue, io, file_plan_of(queue->file, io));
}

void file_kick(struct store_queue *arg)
{
	struct file_queue *queue = file_queue_of(arg);

	for (unsigned int interrupted = 0; queue->unsubmitted;) {
		int ret = io_uring_submit(&queue->ring);

		if (ret > 0) {
			queue->unsubmitted -= (unsigned int)ret;
			queue->in_flight += (unsigned int)ret;
			queue->refused_since_ns = 0;
		} else if (ret != -EINTR || ++interrupted == INTERRUPTED_MAX) {
			queue->refusal = ret ? ret : -EAGAIN;
			if (!queue->in_flight && !queue->refused_since_ns)
				queue->refused_since_ns = filter_now_ns();
			return;
		}
	}
}

static int error_of(int result)
{
	switch (result) {
	case -EDQUOT:
	case -EFBIG:
		return -ENOSPC;
	case -ENOSPC:
	case -EOPNOTSUPP:
	case -ETIMEDOUT:
	case -ENOMEM:
		return result;
	default:
		return -EIO;
	}
}

static void finish(struct file_queue *queue, struct store_io *io)
{
	if (!io_error(io) && io->op == STORE_WRITE_ZEROES && io->flags & STORE_F_FUA &&
	    io_plan(io) != PLAN_SYNC) {
		begin(queue, io, PLAN_SYNC);
		return;
	}
	queue->completed++;
	store_complete(io, io_error(io));
}

/*
 * The system does not do what it seemed to do: is there another way? Only where the operation
 * is one piece.
 */
static enum file_plan other_plan(struct file *file, const struct file_piece *piece, int result)
{
	switch (io_plan(piece->io)) {
	case PLAN_IN_PLACE:
		/* Buffers of a kind or an alignment that direct I/O does not take. */
		return result == -EFAULT || result == -EINVAL ? PLAN_BOUNCE : PLAN_NONE;
	case PLAN_RANGE:
		if (result != -EOPNOTSUPP || piece->io->op != STORE_WRITE_ZEROES)
			return PLAN_NONE;
		if (piece->io->flags & STORE_F_UNMAP &&
		    __atomic_load_n(&file->can_punch, __ATOMIC_RELAXED))
			__atomic_store_n(&file->can_punch, false, __ATOMIC_RELAXED);
		else
			__atomic_store_n(&file->can_zero, false, __ATOMIC_RELAXED);
		return file_plan_of(file, piece->io);
	default:
		return PLAN_NONE;
	}
}

/* Account what the kernel did. True: there is more to do, and it is on the ring. */
static bool goes_on(struct file_queue *queue, struct file_piece *piece, int result)
{
	enum file_plan plan = io_plan(piece->io);

	if (result == -EINTR || result == -EAGAIN) {
		if (piece->tries++ == PIECE_TRIES_MAX) {
			io_fail(piece->io, -EIO);
			return false;
		}
	} else if (result < 0) {
		io_fail(piece->io, error_of(result));
		return false;
	} else if (plan == PLAN_RANGE || plan == PLAN_SYNC) {
		return false;
	} else if (!result || (uint64_t)result > piece->length - piece->done) {
		/* The file has become shorter than the disk. */
		io_fail(piece->io, -EIO);
		return false;
	} else {
		piece->done += (uint64_t)result;
		if (piece->done == piece->length)
			return false;
	}
	file_piece_prepare(queue, piece);
	return true;
}

static void piece_done(struct file_queue *queue, struct file_piece *piece, int result)
{
	struct store_io *io = piece->io;
	enum file_plan other = result < 0 ? other_plan(queue->file, piece, result) : PLAN_NONE;

	if (other == PLAN_NONE) {
		if (goes_on(queue, piece, result))
			return;
		if (io_plan(io) == PLAN_BOUNCE && io->op == STORE_READ && !io_error(io))
			file_piece_copy_out(piece);
	}
	piece->next = queue->free;
	queue->free = piece;
	--*io_pieces(io);
	if (other != PLAN_NONE)
		begin(queue, io, other);
	else if (!*io_pieces(io) && all_started(io) && io != queue->backlog)
		finish(queue, io);
}

/*
 * Pieces have become free. Only the first of the backlog may have begun; if a piece of it has
 * failed, no more are made.
 */
static void drain_backlog(struct file_queue *queue)
{
	while (queue->backlog) {
		struct store_io *io = queue->backlog;

		if (!io_error(io) && !start(queue, io))
			return;
		queue->backlog = io->next;
		if (!queue->backlog)
			queue->backlog_end = &queue->backlog;
		if (io_error(io) && !*io_pieces(io))
			finish(queue, io);
	}
}

/*
 * The kernel looks at the end of its ring of entries only when it is called, and the thread is the
 * only one that calls: what it has not taken can still be taken back.
 */
static struct file_piece *take_back(struct file_queue *queue)
{
	struct io_uring_sq *sq = &queue->ring.sq;
	unsigned int head = IO_URING_READ_ONCE(*sq->khead);
	unsigned int mask = sq->ring_entries - 1;
	struct file_piece *pieces = NULL;

	for (unsigned int i = head; i != sq->sqe_tail; i++) {
		const struct io_uring_sqe *sqe = &sq->sqes[i & mask];
		struct file_piece *piece = (struct file_piece *)(uintptr_t)sqe->user_data;

		piece->next = pieces;
		pieces = piece;
	}
	sq->sqe_head = sq->sqe_tail = head;
	io_uring_smp_store_release(sq->ktail, head);
	queue->unsubmitted = 0;
	queue->refused_since_ns = 0;
	return pieces;
}

static void give_up(struct file_queue *queue)
{
	int error = queue->refusal == -ENOMEM || queue->refusal == -EAGAIN ? -ENOMEM : -EIO;
	struct file_piece *piece = take_back(queue), *next;

	for (; piece; piece = next) {
		next = piece->next;
		piece_done(queue, piece, error);
	}
}

unsigned int file_poll(struct store_queue *arg)
{
	struct file_queue *queue = file_queue_of(arg);
	unsigned int before = queue->completed, waiting = queue->unsubmitted;

	if (!queue->in_flight && !queue->unsubmitted)
		return 0;
	/* Completions that the kernel holds back until it is asked; without them no call. */
	if (IO_URING_READ_ONCE(*queue->ring.sq.kflags) & (IORING_SQ_TASKRUN |
							  IORING_SQ_CQ_OVERFLOW))
		io_uring_get_events(&queue->ring);
	/* Those that are there now: a completion may submit what completes at once, and so on. */
	for (unsigned int ready = io_uring_cq_ready(&queue->ring); ready; ready--) {
		struct io_uring_cqe *cqe;
		struct file_piece *piece;
		int result;

		if (io_uring_peek_cqe(&queue->ring, &cqe))
			break;
		piece = io_uring_cqe_get_data(cqe);
		result = cqe->res;
		io_uring_cqe_seen(&queue->ring, cqe);
		queue->in_flight--;
		piece_done(queue, piece, result);
	}
	if (queue->refused_since_ns && !queue->in_flight &&
	    filter_now_ns() - queue->refused_since_ns >= REFUSAL_NS)
		give_up(queue);
	if (queue->backlog)
		drain_backlog(queue);
	/* What went on or came out of the backlog, and what an earlier kick did not get rid of. */
	if (queue->unsubmitted != waiting || (queue->unsubmitted && !queue->in_flight))
		file_kick(arg);
	return queue->completed - before + (queue->refused_since_ns && !queue->in_flight);
}

int file_queue_fd(struct store_queue *queue)
{
	return file_queue_of(queue)->ring.ring_fd;
}

void file_queue_close(struct store_queue *arg)
{
	struct file_queue *queue = file_queue_of(arg);

	/* The ring lives on for a while in the kernel, and the file with it. */
	io_uring_unregister_files(&queue->ring);
	io_uring_queue_exit(&queue->ring);
	if (queue->bounce)
		munmap(queue->bounce, (size_t)queue->file->queue_depth * PIECE_BOUNCE_BYTES);
	free(queue->pieces);
	free(queue);
}

int file_queue_open(struct store *store, struct store_queue **result)
{
	struct file *file = (struct file *)store;
	struct file_queue *queue = calloc(1, sizeof(*queue));
	int ret = -ENOMEM;

	if (!queue)
		return ret;
	queue->pieces = calloc(file->queue_depth, sizeof(*queue->pieces));
	if (queue->pieces)
		ret = ring_init(&queue->ring, file->queue_depth);
	if (ret) {
		free(queue->pieces);
		free(queue);
		return ret;
	}
	queue->queue.ops = store->ops;
	queue->queue.store = store;
	queue->file = file;
	queue->backlog_end = &queue->backlog;
	for (unsigned int i = 0; i < file->queue_depth; i++) {
		queue->pieces[i].next = queue->free;
		queue->free = &queue->pieces[i];
	}
	ret = io_uring_register_files(&queue->ring, &file->fd, 1);
	if (ret) {
		file_queue_close(&queue->queue);
		return ret;
	}
	/* One look-up less per call, where the kernel can. */
	io_uring_register_ring_fd(&queue->ring);
	*result = &queue->queue;
	return 0;
}
