/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stores: where the bytes of a disk are. One operations table per kind, one kind per file:
 * ram, null, file (liburing), nbd (libnbd), iscsi (libiscsi, iSER too), and the filters delay,
 * error, throttle and stats, which wrap any other store.
 *
 * A store is opened once and used through queues, one per worker thread. A queue is used by
 * its thread alone. Submission never blocks; an operation completes from within store_submit()
 * or from within store_poll() of the same queue, exactly once. Operations that are under way at
 * the same time have no order among each other; a flush covers the writes that had completed
 * when it was submitted.
 *
 * An operation fails alone: the store goes on. A store whose peer is gone (nbd, iscsi) tries
 * again for as long as its "timeout_ms" allows, then fails what waits with -ETIMEDOUT, and comes
 * back by itself when the peer does. Nothing that was reported as written is lost by that: see
 * "volatile_cache".
 */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <jansson.h>

#include "vhost-proto/codec.h"

enum store_op {
	STORE_READ,
	STORE_WRITE,
	STORE_FLUSH,
	STORE_DISCARD,		/* contents undefined afterwards (info.discard_zeroes: zero) */
	STORE_WRITE_ZEROES,
	STORE_NUM_OPS
};

/* Flags of an operation */
#define STORE_F_FUA		0x1u	/* write, write zeroes: on stable storage when done */
#define STORE_F_UNMAP		0x2u	/* write zeroes: may give the space back */
/*
 * The buffers are ordinary pages (VHR_MAP_PAGE_BACKED): direct I/O may use them in place.
 * Without it (frontend memory behind VFIO) the store goes through memory of its own.
 */
#define STORE_F_PAGE_BACKED	0x4u
/* Flush: the program's own. That writes were lost is told to those of users all the same. */
#define STORE_F_ASIDE		0x8u

struct store_io;
typedef void store_done(struct store_io *io, int result, void *arg);

/* Stores one above the other: whoever submits, filters, and the store at the bottom. */
#define STORE_MAX_DEPTH 8u

struct store_io {
	enum store_op op;
	unsigned int flags;
	uint64_t offset;		/* bytes; multiple of info.block_bytes, as length is */
	uint64_t length;		/* bytes; of a read or write the sum of iov */
	const struct iovec *iov;	/* read, write; the submitter's until done */
	unsigned int iov_num;

	/* ---- the stores' own while it is under way ---- */
	struct store_frame {
		store_done *done;
		void *arg;
		uint64_t data;		/* of whoever pushed the frame */
	} frame[STORE_MAX_DEPTH];
	unsigned int depth;
	struct store_io *next;		/* of whichever store has it in a list */
	/* Of the lowest store: */
	void *opaque;
	uint64_t scratch[3];
};

struct store_info {
	uint64_t size_bytes;
	uint32_t block_bytes;		/* logical block: 512..65536, a power of two */
	uint32_t physical_bytes;	/* what is written without read-modify-write */
	uint32_t optimal_bytes;		/* 0: nothing known */
	uint64_t max_transfer_bytes;	/* of one read or write */
	uint64_t max_discard_bytes;	/* 0: no discard */
	uint64_t max_zeroes_bytes;	/* of one write-zeroes; never 0: emulated where needed */
	uint32_t discard_granularity_bytes;
	bool discard_zeroes;		/* discarded blocks read as zeroes */
	bool read_only;
	/*
	 * Completed writes may be lost with the store's power or peer until a flush. A store
	 * that reconnects and cannot know that its peer kept them fails the next flush of every
	 * queue: each covers the writes of all of them.
	 */
	bool volatile_cache;
	bool rotational;
};

struct store;
struct store_queue;

struct store_ops {
	const char *type;
	/* A queue for the calling thread. -errno. */
	int (*queue_open)(struct store *store, struct store_queue **queue);
	/* Nothing is under way in it. */
	void (*queue_close)(struct store_queue *queue);
	void (*submit)(struct store_queue *queue, struct store_io *io);
	/* Hand what was submitted to the kernel or the peer. NULL: submit did. See store_kick(). */
	void (*kick)(struct store_queue *queue);
	/*
	 * Complete what is done; how many were, or more: to be asked again soon, though no
	 * descriptor says so. NULL: all completes in submit.
	 */
	unsigned int (*poll)(struct store_queue *queue);
	/*
	 * Somebody waits until nothing is under way: what a rule keeps back, and not the medium,
	 * starts with the next poll(). NULL: nothing is.
	 */
	void (*hurry)(struct store_queue *queue);
	/* Readable when poll() has something to do; the same for the queue's life; -1: never. */
	int (*fd)(struct store_queue *queue);
	/* Below: any thread, one at a time per store (the control thread). */
	/*
	 * New size; 0: look again how large it is. Updates info.size_bytes. -EOPNOTSUPP,
	 * -EINVAL, or what the system said. NULL: -EOPNOTSUPP.
	 */
	int (*resize)(struct store *store, uint64_t size_bytes);
	/* A new object that says how it is: at least "type" and "state". */
	json_t *(*describe)(struct store *store);
	/* All queues are closed. Frees the store and what it wraps. */
	void (*close)(struct store *store);
};

/* The first member of every store. */
struct store {
	const struct store_ops *ops;
	struct store *inner;		/* of a filter */
	struct store_info info;		/* size_bytes: store_size() from other threads */
};

/* The first member of every queue. */
struct store_queue {
	const struct store_ops *ops;
	struct store *store;
	struct store_queue *inner;	/* of a filter */
};

/*
 * Open by a description: {"type": "file", "path": "/x", ...}; a filter has another one as
 * "inner". docs/stores.md lists the keys of every kind. An unknown key, a missing one and a
 * wrong type are errors. -EINVAL, -ENOENT, -EACCES, -ENOTSUP (kind not built in), or what the
 * system, library or peer said; @reason names kind, key and value.
 */
int store_open(const json_t *description, struct store **store, struct vhu_reason *reason);
/*
 * The same by a short text: a JSON object, or ram:SIZE, null:SIZE, file:PATH, or a URI that
 * begins with nbd, iscsi or iser. SIZE takes K, M, G, T.
 */
int store_open_text(const char *text, bool read_only, struct store **store,
		    struct vhu_reason *reason);
/* The description that such a text stands for, a new object; NULL with @reason. */
json_t *store_text_description(const char *text, struct vhu_reason *reason);
/*
 * How many stores on RDMA a description has, of a store or of what has stores. Those are to be
 * opened with the credentials that the process keeps: the kernel takes no orders over a file of
 * an RDMA device from who has others than whoever opened it had.
 */
unsigned int store_rdma_count(const json_t *description);
/* What one of them may have locked: the data of all its requests, and about 8000 pages besides. */
#define STORE_RDMA_LOCKED_BYTES	((uint64_t)96 << 20)
/*
 * Let the process lock memory for so many, while it may still raise its limit. -EPERM with @reason,
 * or the system's error.
 */
int store_rdma_allow(unsigned int count, struct vhu_reason *reason);
/* Any thread. NULL is fine. All its queues are closed. */
void store_close(struct store *store);

int store_queue_open(struct store *store, struct store_queue **queue);
void store_queue_close(struct store_queue *queue);
/*
 * Start @io; @done is called once, with 0 or -errno: -EINVAL (beyond the end, not whole
 * blocks, longer than info allows, not as long as its buffers), -EROFS,
 * -EOPNOTSUPP, -EIO, -ENOSPC, -ETIMEDOUT. Checks what every store has to check.
 */
void store_submit(struct store_queue *queue, struct store_io *io, store_done *done, void *arg);
/*
 * What was submitted starts. After each number of submissions, also where all of them completed at
 * once, and before the thread does anything else or sleeps.
 */
void store_kick(struct store_queue *queue);
unsigned int store_poll(struct store_queue *queue);
/* For this one and those below it; again before each poll() while somebody waits. */
void store_hurry(struct store_queue *queue);
int store_fd(struct store_queue *queue);

int store_resize(struct store *store, uint64_t size_bytes);
json_t *store_describe(struct store *store);
/* From any thread. */
static inline uint64_t store_size(const struct store *store)
{
	return __atomic_load_n(&store->info.size_bytes, __ATOMIC_RELAXED);
}

/*
 * New rules for the @index-th error filter from the top, as of its key "rules"; NULL or an empty
 * array: no more errors. -ENOENT: there are not so many; -EINVAL with @reason, and the old rules
 * stay. Any thread.
 */
int store_error_set(struct store *store, unsigned int index, const json_t *rules,
		    struct vhu_reason *reason);

/* ---- for stores ---- */

/* The topmost frame is done. For stores and filters, from within submit or poll. */
static inline void store_complete(struct store_io *io, int result)
{
	struct store_frame *frame = &io->frame[--io->depth];

	frame->done(io, result, frame->arg);
}

static inline void store_push(struct store_io *io, store_done *done, void *arg)
{
	struct store_frame *frame = &io->frame[io->depth++];

	frame->done = done;
	frame->arg = arg;
}

/*
 * Pass @io on to the store below; @done gets it back. What a filter wants to remember until then
 * it puts into *store_data(io) before this call, and finds there in @done.
 */
static inline void store_forward(struct store_queue *inner, struct store_io *io, store_done *done,
				 void *arg)
{
	store_push(io, done, arg);
	inner->ops->submit(inner, io);
}

static inline uint64_t *store_data(struct store_io *io)
{
	return &io->frame[io->depth].data;
}

#endif
