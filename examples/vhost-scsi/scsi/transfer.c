/* SPDX-License-Identifier: BSD-3-Clause */
/* What commands do with buffers and with the store. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "task.h"

void scsi_return(struct scsi_task *task, const void *data, size_t length, size_t allocation)
{
	const uint8_t *from = data;

	if (length > allocation)
		length = allocation;
	if (length > task->in_bytes) {
		scsi_overrun(task);
		return;
	}
	task->transferred = length;
	for (unsigned int i = 0; length; i++) {
		size_t part = task->in[i].iov_len < length ? task->in[i].iov_len : length;

		memcpy(task->in[i].iov_base, from, part);
		from += part;
		length -= part;
	}
	scsi_good(task);
}

bool scsi_take(const struct scsi_task *task, size_t offset, void *data, size_t length)
{
	uint8_t *to = data;

	if (offset > task->out_bytes || length > task->out_bytes - offset)
		return false;
	for (unsigned int i = 0; length; i++) {
		size_t part = task->out[i].iov_len;

		if (offset >= part) {
			offset -= part;
			continue;
		}
		part -= offset;
		if (part > length)
			part = length;
		memcpy(to, (const uint8_t *)task->out[i].iov_base + offset, part);
		offset = 0;
		to += part;
		length -= part;
	}
	return true;
}

bool scsi_buffer(struct scsi_task *task, uint64_t bytes)
{
	task->buffer = malloc(bytes ? bytes : 1);
	task->buffer_bytes = bytes;
	if (task->buffer == NULL) {
		scsi_status(task, SCSI_BUSY);
		return false;
	}
	return true;
}

bool scsi_take_list(struct scsi_task *task, size_t length)
{
	if (length > task->out_bytes) {
		scsi_overrun(task);
		return false;
	}
	if (!scsi_buffer(task, length))
		return false;
	scsi_take(task, 0, task->buffer, length);
	task->transferred = length;
	return true;
}

unsigned int scsi_blocks_byte(const struct scsi_task *task)
{
	switch (task->command->length) {
	case 6:
		return 4;
	case 10:
		return 7;
	case 12:
		return 6;
	}
	return task->cdb[0] == SCSI_COMPARE_AND_WRITE ? 13 : 10;
}

bool scsi_extent(struct scsi_task *task)
{
	const uint64_t size = task->path->lu->blocks;
	const uint8_t *cdb = task->cdb;

	switch (task->command->length) {
	case 6:
		task->lba = scsi_get32(cdb) & 0x1fffff;
		task->blocks = cdb[4] ? cdb[4] : 256;	/* SBC-3, 5.11 */
		break;
	case 10:
		task->lba = scsi_get32(cdb + 2);
		task->blocks = scsi_get16(cdb + 7);
		break;
	case 12:
		task->lba = scsi_get32(cdb + 2);
		task->blocks = scsi_get32(cdb + 6);
		break;
	default:
		task->lba = scsi_get64(cdb + 2);
		task->blocks = cdb[0] == SCSI_COMPARE_AND_WRITE ? cdb[13] : scsi_get32(cdb + 10);
	}
	/* Behind the last block there is none, not even for a command of no blocks. */
	if (task->lba >= size || task->blocks > size - task->lba) {
		scsi_fail(task, SCSI_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
		return false;
	}
	return true;
}

bool scsi_extent_up_to(struct scsi_task *task, uint32_t limit)
{
	if (!scsi_extent(task))
		return false;
	if (task->blocks > limit) {
		scsi_fail_cdb(task, scsi_blocks_byte(task), -1);
		return false;
	}
	return true;
}

/* How a store's error is told. */
static const struct {
	int error;
	bool write;		/* of an operation that writes; else of any */
	enum scsi_key key;
	enum scsi_asc asc;
} errors[] = {
	{ ENOSPC, false, SCSI_DATA_PROTECT, ASC_SPACE_ALLOCATION_FAILED },
	{ EROFS, false, SCSI_DATA_PROTECT, ASC_WRITE_PROTECTED },
	{ ETIMEDOUT, false, SCSI_ABORTED_COMMAND, ASC_TIME_OUT },
	/* Checked before: so it became smaller meanwhile. */
	{ EINVAL, false, SCSI_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE },
	{ EOPNOTSUPP, false, SCSI_HARDWARE_ERROR, ASC_INTERNAL_FAILURE },
	{ EIO, true, SCSI_MEDIUM_ERROR, ASC_WRITE_ERROR },
	{ EIO, false, SCSI_MEDIUM_ERROR, ASC_UNRECOVERED_READ_ERROR },
};

void scsi_fail_errno(struct scsi_task *task, int error)
{
	if (error == -ENOMEM || error == -EAGAIN) {
		scsi_status(task, SCSI_BUSY);
		return;
	}
	for (unsigned int i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].error == -error && (!errors[i].write || task->io.op != STORE_READ)) {
			scsi_fail(task, errors[i].key, errors[i].asc);
			return;
		}
	}
	scsi_fail(task, SCSI_HARDWARE_ERROR, ASC_INTERNAL_FAILURE);
}

/*
 * The loop that carries out operations one after the other, on the stack of whoever started the
 * first: stores may complete from within their submission, and commands have thousands of
 * operations.
 */
struct scsi_drive {
	bool completed, again;
	int result;
};

static void next_step(struct scsi_task *task, int result)
{
	if (result)
		scsi_fail_errno(task, result);
	else if (atomic_load_explicit(&task->abort, memory_order_relaxed) != SCSI_COMPLETE)
		scsi_good(task);	/* whose outcome is that it was aborted */
	else
		task->step(task);
}

static void store_is_done(struct store_io *io, int result, void *arg)
{
	struct scsi_task *task = arg;

	if (task->drive) {
		task->drive->completed = true;
		task->drive->result = result;
	} else {
		next_step(task, result);
	}
}

static void drive(struct scsi_task *task)
{
	struct scsi_drive drive;

	do {
		drive = (struct scsi_drive){ .completed = false };
		task->drive = &drive;
		store_submit(task->queue, &task->io, store_is_done, task);
		if (!drive.completed) {
			task->drive = NULL;
			return;
		}
		/* Unless it wants another operation, the task has ended and is somebody else's. */
		next_step(task, drive.result);
	} while (drive.again);
}

void scsi_store(struct scsi_task *task, enum store_op op, unsigned int flags, uint64_t lba,
		uint64_t blocks, void (*step)(struct scsi_task *task))
{
	const unsigned int shift = task->path->lu->block_shift;

	task->io.op = op;
	task->io.flags = flags;
	task->io.offset = lba << shift;
	task->io.length = blocks << shift;
	task->step = step;
	if (task->drive)
		task->drive->again = true;
	else
		drive(task);
}

void scsi_flush(struct scsi_task *task, void (*step)(struct scsi_task *task))
{
	task->io.iov = NULL;
	task->io.iov_num = 0;
	scsi_store(task, STORE_FLUSH, 0, 0, 0, step);
}
