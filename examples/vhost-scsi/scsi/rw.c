/* SPDX-License-Identifier: BSD-3-Clause */
/* READ and WRITE (SBC-3, 5.11 to 5.14 and 5.39 to 5.42) */
#include "command.h"
#include "task.h"

#define CDB_FUA 0x08u

static bool fua(const struct scsi_task *task)
{
	/* READ(6) and WRITE(6) have address bits there. */
	return task->command->length > 6 && task->cdb[1] & CDB_FUA;
}

/* Have the iov cover @bytes just; false: it is shorter. */
static bool trim(struct iovec *iov, unsigned int *num, uint64_t total, uint64_t bytes)
{
	if (bytes > total)
		return false;
	for (unsigned int i = 0; bytes; i++) {
		if (iov[i].iov_len >= bytes) {
			iov[i].iov_len = bytes;
			*num = i + 1;
		}
		bytes -= iov[i].iov_len;
	}
	return true;
}

static void read_done(struct scsi_task *task)
{
	task->transferred = task->blocks << task->path->lu->block_shift;
	scsi_good(task);
}

static void read_blocks(struct scsi_task *task)
{
	task->io.iov = task->in;
	task->io.iov_num = task->in_num;
	scsi_store(task, STORE_READ, task->store_flags, task->lba, task->blocks, read_done);
}

static void read_claimed(struct scsi_task *task)
{
	/* From the medium: what a volatile cache still has is written first (SBC-3, 5.13). */
	if (fua(task) && task->path->lu->info.volatile_cache && !task->path->lu->info.read_only)
		scsi_flush(task, read_blocks);
	else
		read_blocks(task);
}

void scsi_read(struct scsi_task *task)
{
	const struct scsi_lu *lu = task->path->lu;

	if (!scsi_extent_up_to(task, lu->limits.transfer))
		return;
	if (task->blocks == 0) {
		scsi_good(task);
		return;
	}
	if (!trim(task->in, &task->in_num, task->in_bytes, task->blocks << lu->block_shift))
		scsi_overrun(task);
	else
		scsi_claim(task, task->lba, task->blocks, false, read_claimed);
}

static unsigned int write_flags(const struct scsi_task *task)
{
	const struct scsi_lu *lu = task->path->lu;
	unsigned int flags = task->store_flags;

	if (lu->info.volatile_cache && (fua(task) || !lu->mode.wce))
		flags |= STORE_F_FUA;
	return flags;
}

static void write_done(struct scsi_task *task)
{
	task->transferred = task->blocks << task->path->lu->block_shift;
	scsi_good(task);
}

static void write_claimed(struct scsi_task *task)
{
	task->io.iov = task->out;
	task->io.iov_num = task->out_num;
	scsi_store(task, STORE_WRITE, write_flags(task), task->lba, task->blocks, write_done);
}

void scsi_write(struct scsi_task *task)
{
	const struct scsi_lu *lu = task->path->lu;

	if (!scsi_extent_up_to(task, lu->limits.transfer))
		return;
	if (task->blocks == 0) {
		scsi_good(task);
		return;
	}
	if (!trim(task->out, &task->out_num, task->out_bytes, task->blocks << lu->block_shift))
		scsi_overrun(task);
	else
		scsi_claim(task, task->lba, task->blocks, false, write_claimed);
}
