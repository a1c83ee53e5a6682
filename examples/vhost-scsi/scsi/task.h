/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A command on its way: CDB and buffers in; status, sense and residual out. Knows of no
 * transport.
 *
 * scsi_task_start() completes it at once, or leaves operations under way in the store's queue,
 * or leaves it waiting for other commands of the same blocks. task->done is called exactly once,
 * in the thread that started it. No memory is allocated for plain reads and writes.
 */
#ifndef VHOST_SCSI_TASK_H
#define VHOST_SCSI_TASK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "storage/store/store.h"
#include "lu.h"
#include "sense.h"
#include "tmf.h"

#define SCSI_CDB_MAX	32u

struct scsi_command;
struct scsi_drive;

/* What the initiator hears of beside the status. */
enum scsi_outcome {
	SCSI_COMPLETE,		/* status, sense */
	SCSI_OVERRUN,		/* the CDB is for more data than there are buffers */
	SCSI_ABORTED,		/* by a task management function or PREEMPT AND ABORT */
	SCSI_RESET,		/* by a reset */
};

/* Where REPORT LUNS gets its list: it is the device's. Called in the task's thread. */
struct scsi_lun_list {
	/* Up to @max, in the eight bytes that address them (SAM-5, 4.7); how many there are. */
	unsigned int (*list)(void *arg, uint64_t *luns, unsigned int max);
	void *arg;
};

struct scsi_task {
	/* ---- given; iov arrays may be changed ---- */
	struct scsi_path *path;		/* NULL: no such logical unit */
	bool well_known;		/* path is NULL: the REPORT LUNS well known one */
	const struct scsi_lun_list *luns;
	struct store_queue *queue;	/* of path->lu->store, this thread's */
	unsigned int store_flags;	/* STORE_F_PAGE_BACKED or 0 */
	uint64_t tag;
	bool ordered;			/* task attribute ORDERED (SAM-5, 8.6) */
	uint8_t cdb[SCSI_CDB_MAX];	/* zero after what was sent */
	struct iovec *out, *in;
	unsigned int out_num, in_num;
	uint64_t out_bytes, in_bytes;
	void (*done)(struct scsi_task *task);
	/*
	 * From any thread, a lock held: have scsi_task_resume() called in the task's own thread,
	 * later.
	 */
	void (*wake)(struct scsi_task *task);

	/* ---- result ---- */
	enum scsi_outcome outcome;
	enum scsi_status status;
	unsigned int sense_bytes;	/* of sense[] */
	uint8_t sense[SCSI_SENSE_MAX];
	uint64_t transferred;		/* bytes of the buffer of its direction */

	/* ---- the commands' own ---- */
	const struct scsi_command *command;
	void (*resume)(struct scsi_task *task);
	void (*step)(struct scsi_task *task);
	struct store_io io;
	struct scsi_drive *drive;
	uint64_t lba;
	uint64_t blocks;
	uint64_t at;			/* progress, as the command counts it */
	uint8_t *buffer;		/* freed when done */
	uint64_t buffer_bytes;
	struct iovec vec;
	struct scsi_tmf tmf;		/* PREEMPT AND ABORT waits for it */
	bool write_through;
	/* ---- lu->lock, except that abort may be looked at ---- */
	_Atomic int abort;		/* enum scsi_outcome; SCSI_COMPLETE: go on */
	uint64_t sequence;
	uint64_t claim_first, claim_last;
	bool claimed, exclusive, waiting;
	TAILQ_ENTRY(scsi_task) entry, claim;
};

void scsi_task_start(struct scsi_task *task);
/* After task->wake(), in the task's thread. */
void scsi_task_resume(struct scsi_task *task);

/* ---- for commands: each leads to the end of the task, or to what goes on ---- */

void scsi_good(struct scsi_task *task);
void scsi_status(struct scsi_task *task, enum scsi_status status);
void scsi_fail(struct scsi_task *task, enum scsi_key key, enum scsi_asc asc);
void scsi_fail_sense(struct scsi_task *task, const struct scsi_sense *sense);
/* ILLEGAL REQUEST that points at a byte and bit (-1: none). */
void scsi_fail_cdb(struct scsi_task *task, unsigned int byte, int bit);
void scsi_fail_list(struct scsi_task *task, unsigned int byte, int bit);
void scsi_fail_list_length(struct scsi_task *task);
/* A store's -errno; -ENOMEM is BUSY. */
void scsi_fail_errno(struct scsi_task *task, int error);
/* There are no buffers for what the CDB asks for. */
void scsi_overrun(struct scsi_task *task);

/* Return @length bytes of data, or @allocation if that is less. */
void scsi_return(struct scsi_task *task, const void *data, size_t length, size_t allocation);
/* Copy data-out from byte @offset; false: there is less. */
bool scsi_take(const struct scsi_task *task, size_t offset, void *data, size_t length);
/*
 * Data-out of @length bytes as task->buffer, which nobody else can change. False: the task has
 * ended (overrun, no memory).
 */
bool scsi_take_list(struct scsi_task *task, size_t length);
/* task->buffer of @bytes; false: the task has ended with BUSY. */
bool scsi_buffer(struct scsi_task *task, uint64_t bytes);

/*
 * Go on with @go when no command with overlapping blocks is in the way: an exclusive one waits
 * for all, and all for it. An empty range waits for nobody. Once per task.
 */
void scsi_claim(struct scsi_task *task, uint64_t first, uint64_t blocks, bool exclusive,
		void (*go)(struct scsi_task *task));

/*
 * An operation of the store on task->io (iov as set by the caller): afterwards @step, unless it
 * failed or the task was aborted, which end the task. @step ends the task or stores again.
 */
void scsi_store(struct scsi_task *task, enum store_op op, unsigned int flags, uint64_t lba,
		uint64_t blocks, void (*step)(struct scsi_task *task));
void scsi_flush(struct scsi_task *task, void (*step)(struct scsi_task *task));

#endif
