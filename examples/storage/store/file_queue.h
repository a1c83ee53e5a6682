/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue of the file store: file_queue.c has the ring and the pieces that are under way,
 * file_piece.c what a piece is on the ring.
 */
#ifndef STORAGE_STORE_FILE_QUEUE_H
#define STORAGE_STORE_FILE_QUEUE_H

#include <liburing.h>

#include "file.h"

#define PIECE_BOUNCE_BYTES	(64u << 10)
/* Of one readv() or writev(). */
#define IOV_NUM_MAX		1024u

/*
 * How an operation is carried out; kept in io->opaque. It begins at what plan_of() says, and
 * goes on to another plan where the system turns out not to do what it seemed to.
 */
enum file_plan {
	PLAN_NONE,
	PLAN_IN_PLACE,	/* one piece, on the submitter's buffers */
	PLAN_BOUNCE,	/* pieces of PIECE_BOUNCE_BYTES through memory of the queue */
	PLAN_RANGE,	/* one piece: fallocate() */
	PLAN_ZEROES,	/* pieces of FILE_ZEROES_BYTES: zeroes are written */
	PLAN_SYNC,	/* one piece: fdatasync() */
};

/* What one entry of the ring works on: an operation, or a part of one. */
struct file_piece {
	struct store_io *io;
	uint64_t start;			/* bytes from io->offset */
	uint64_t length;
	uint64_t done;			/* of length */
	char *buffer;			/* PLAN_BOUNCE: its part of the queue's memory */
	unsigned int tries;
	struct file_piece *next;	/* free */
};

struct file_queue {
	struct store_queue queue;
	struct file *file;
	struct io_uring ring;
	struct file_piece *pieces;
	struct file_piece *free;
	char *bounce;			/* queue_depth * PIECE_BOUNCE_BYTES; NULL: not needed yet */
	bool bounce_fixed;		/* registered with the ring */
	struct store_io *backlog, **backlog_end;
	unsigned int unsubmitted;	/* entries of the ring the kernel has not been given */
	unsigned int in_flight;		/* pieces that it works on */
	int refusal;			/* -errno: it takes no entries */
	uint64_t refused_since_ns;	/* ... since then, while it had none to work on; 0: not */
	unsigned int completed;		/* operations */
};

/* The store's own fields of an operation. */
static inline uint64_t *io_started(struct store_io *io)		/* bytes that pieces were made of */
{
	return &io->scratch[0];
}

static inline uint64_t *io_pieces(struct store_io *io)		/* not done yet */
{
	return &io->scratch[1];
}

static inline void io_fail(struct store_io *io, int error)	/* the first one counts */
{
	if (!io->scratch[2])
		io->scratch[2] = (uint64_t)(int64_t)error;
}

static inline int io_error(const struct store_io *io)
{
	return (int)(int64_t)io->scratch[2];
}

static inline enum file_plan io_plan(const struct store_io *io)
{
	return (enum file_plan)(uintptr_t)io->opaque;
}

static inline void io_set_plan(struct store_io *io, enum file_plan plan)
{
	io->opaque = (void *)(uintptr_t)plan;
}

enum file_plan file_plan_of(const struct file *file, const struct store_io *io);
/* Put what is left of @piece on the ring, which has room. */
void file_piece_prepare(struct file_queue *queue, struct file_piece *piece);
/* Its data is there: from the queue's memory into the submitter's. */
void file_piece_copy_out(struct file_piece *piece);

#endif
