/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of operations as entries of an io_uring. */
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>

#include "file_queue.h"

/* Can the kernel use the submitter's buffers as they are? */
static bool usable_in_place(const struct file *file, const struct store_io *io)
{
	uintptr_t low = 0;

	/*
	 * Device memory behind VFIO: direct I/O on it fails with EFAULT, and for the rest the
	 * kernel makes no promise to take pages of such a mapping from its own threads.
	 */
	if (!(io->flags & STORE_F_PAGE_BACKED))
		return false;
	if (!file->direct)
		return true;
	for (unsigned int i = 0; i < io->iov_num; i++) {
		low |= (uintptr_t)io->iov[i].iov_base & (file->memory_align - 1);
		/* A piece is whole blocks in memory, too. */
		low |= io->iov[i].iov_len & (file->store.info.block_bytes - 1);
	}
	return !low;
}

enum file_plan file_plan_of(const struct file *file, const struct store_io *io)
{
	bool punch = __atomic_load_n(&file->can_punch, __ATOMIC_RELAXED);

	switch (io->op) {
	case STORE_READ:
	case STORE_WRITE:
		return usable_in_place(file, io) ? PLAN_IN_PLACE : PLAN_BOUNCE;
	case STORE_DISCARD:
		return PLAN_RANGE;
	case STORE_WRITE_ZEROES:
		if (__atomic_load_n(&file->can_zero, __ATOMIC_RELAXED) ||
		    (punch && io->flags & STORE_F_UNMAP))
			return PLAN_RANGE;
		return PLAN_ZEROES;
	default:
		return PLAN_SYNC;
	}
}

/* The entry of the submitter's buffers that byte @at of the operation is in; @at: from there. */
static unsigned int find_entry(const struct store_io *io, uint64_t *at)
{
	unsigned int i = 0;

	while (i < io->iov_num && *at >= io->iov[i].iov_len)
		*at -= io->iov[i++].iov_len;
	return i;
}

static void prepare_in_place(struct file *file, struct io_uring_sqe *sqe,
			     const struct file_piece *piece)
{
	const struct store_io *io = piece->io;
	uint64_t at = piece->done, offset = io->offset + piece->done;
	unsigned int first = find_entry(io, &at), num = io->iov_num - first;
	const struct iovec *iov = io->iov + first;

	/* After a short transfer: the rest of an entry, then the entries that follow. */
	if (num == 1 || at) {
		char *base = (char *)iov->iov_base + at;
		unsigned int length = (unsigned int)(iov->iov_len - at);

		if (io->op == STORE_READ)
			io_uring_prep_read(sqe, 0, base, length, offset);
		else
			io_uring_prep_write(sqe, 0, base, length, offset);
		return;
	}
	if (num > IOV_NUM_MAX)
		num = IOV_NUM_MAX;
	if (io->op == STORE_READ)
		io_uring_prep_readv(sqe, 0, iov, num, offset);
	else
		io_uring_prep_writev(sqe, 0, iov, num, offset);
}

static void copy_in(struct file_piece *piece)
{
	const struct store_io *io = piece->io;
	uint64_t at = piece->start, left = piece->length;
	char *to = piece->buffer;

	for (unsigned int i = find_entry(io, &at); left; i++, at = 0) {
		uint64_t part = io->iov[i].iov_len - at;

		if (part > left)
			part = left;
		memcpy(to, (char *)io->iov[i].iov_base + at, part);
		to += part;
		left -= part;
	}
}

void file_piece_copy_out(struct file_piece *piece)
{
	const struct store_io *io = piece->io;
	uint64_t at = piece->start, left = piece->length;
	const char *from = piece->buffer;

	for (unsigned int i = find_entry(io, &at); left; i++, at = 0) {
		uint64_t part = io->iov[i].iov_len - at;

		if (part > left)
			part = left;
		memcpy((char *)io->iov[i].iov_base + at, from, part);
		from += part;
		left -= part;
	}
}

static void prepare_bounce(const struct file_queue *queue, struct io_uring_sqe *sqe,
			   struct file_piece *piece)
{
	const struct store_io *io = piece->io;
	uint64_t offset = io->offset + piece->start + piece->done;
	char *at = piece->buffer + piece->done;
	unsigned int left = (unsigned int)(piece->length - piece->done);

	if (io->op == STORE_READ) {
		if (queue->bounce_fixed)
			io_uring_prep_read_fixed(sqe, 0, at, left, offset, 0);
		else
			io_uring_prep_read(sqe, 0, at, left, offset);
		return;
	}
	if (!piece->done)
		copy_in(piece);
	if (queue->bounce_fixed)
		io_uring_prep_write_fixed(sqe, 0, at, left, offset, 0);
	else
		io_uring_prep_write(sqe, 0, at, left, offset);
}

/* Discard and zeroes: a hole, or unwritten extents that keep the space. */
static void prepare_range(struct file *file, struct io_uring_sqe *sqe, const struct store_io *io)
{
	int mode = FALLOC_FL_ZERO_RANGE;

	if (io->op == STORE_DISCARD || (io->flags & STORE_F_UNMAP &&
					__atomic_load_n(&file->can_punch, __ATOMIC_RELAXED)))
		mode = FALLOC_FL_PUNCH_HOLE;
	io_uring_prep_fallocate(sqe, 0, mode | FALLOC_FL_KEEP_SIZE, (off_t)io->offset,
				(off_t)io->length);
}

void file_piece_prepare(struct file_queue *queue, struct file_piece *piece)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&queue->ring);
	const struct store_io *io = piece->io;

	switch (io_plan(io)) {
	case PLAN_IN_PLACE:
		prepare_in_place(queue->file, sqe, piece);
		break;
	case PLAN_BOUNCE:
		prepare_bounce(queue, sqe, piece);
		break;
	case PLAN_RANGE:
		prepare_range(queue->file, sqe, io);
		break;
	case PLAN_ZEROES:
		io_uring_prep_write(sqe, 0, queue->file->zeroes,
				    (unsigned int)(piece->length - piece->done),
				    io->offset + piece->start + piece->done);
		break;
	default:
		io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
		break;
	}
	/* Zeroes are made durable at their end, all at once. */
	if (io->op == STORE_WRITE && io->flags & STORE_F_FUA)
		sqe->rw_flags = RWF_DSYNC;
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data(sqe, piece);
	queue->unsubmitted++;
}
