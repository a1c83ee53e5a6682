/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VERIFY, WRITE AND VERIFY (SBC-3, 5.33 to 5.35 and 5.43 to 5.45), COMPARE AND WRITE (5.3):
 * commands that read the medium into memory of their own. The data-out buffer is copied first,
 * for the initiator can change it at any time.
 */
#include <string.h>

#include "command.h"
#include "task.h"

/* Read at once: bounds memory, and long verifications do not keep others from the store. */
#define CHUNK_BYTES (1u << 20)

enum { BYTCHK_NONE = 0, BYTCHK_ALL = 1, BYTCHK_ONE_BLOCK = 3 };

static unsigned int bytchk(const struct scsi_task *task)
{
	return task->cdb[1] >> 1 & 3;
}

static uint64_t bytes_of(const struct scsi_task *task, uint64_t blocks)
{
	return blocks << task->path->lu->block_shift;
}

/* task->buffer: a chunk that was read, and behind it a copy of the data-out buffer. */
static uint64_t chunk_blocks(const struct scsi_task *task)
{
	uint64_t chunk = CHUNK_BYTES >> task->path->lu->block_shift;

	return chunk < task->blocks ? chunk : task->blocks;
}

static uint8_t *sent(const struct scsi_task *task)
{
	return task->buffer + bytes_of(task, chunk_blocks(task));
}

static void miscompare(struct scsi_task *task, bool tell, uint64_t offset)
{
	struct scsi_sense sense = {
		.key = SCSI_MISCOMPARE,
		.asc = ASC_MISCOMPARE_DURING_VERIFY,
		.info_valid = tell,
		.info = offset,
	};

	scsi_fail_sense(task, &sense);
}

/* Does what was read agree with what was sent? */
static bool agrees(const struct scsi_task *task, uint64_t blocks)
{
	const uint64_t block = scsi_block_bytes(task->path->lu);

	if (bytchk(task) == BYTCHK_ALL)
		return memcmp(task->buffer, sent(task) + bytes_of(task, task->at),
			      bytes_of(task, blocks)) == 0;
	for (uint64_t i = 0; bytchk(task) == BYTCHK_ONE_BLOCK && i < blocks; i++) {
		if (memcmp(task->buffer + i * block, sent(task), block) != 0)
			return false;
	}
	return true;
}

static void verify_next(struct scsi_task *task);

static void verify_chunk(struct scsi_task *task)
{
	uint64_t blocks = task->io.length >> task->path->lu->block_shift;

	if (!agrees(task, blocks)) {
		miscompare(task, false, 0);
		return;
	}
	task->at += blocks;
	verify_next(task);
}

static void verify_next(struct scsi_task *task)
{
	uint64_t blocks = task->blocks - task->at;

	if (blocks == 0) {
		scsi_good(task);
		return;
	}
	if (blocks > chunk_blocks(task))
		blocks = chunk_blocks(task);
	task->vec = (struct iovec){ task->buffer, bytes_of(task, blocks) };
	task->io.iov = &task->vec;
	task->io.iov_num = 1;
	scsi_store(task, STORE_READ, STORE_F_PAGE_BACKED, task->lba + task->at, blocks,
		   verify_chunk);
}

/* Buffers for @blocks to be compared; false: the task has ended. */
static bool prepare(struct scsi_task *task, uint64_t blocks)
{
	uint64_t bytes = bytes_of(task, blocks);

	if (bytes > task->out_bytes) {
		scsi_overrun(task);
		return false;
	}
	if (!scsi_buffer(task, bytes_of(task, chunk_blocks(task)) + bytes))
		return false;
	scsi_take(task, 0, sent(task), bytes);
	task->transferred = bytes;
	return true;
}

void scsi_verify(struct scsi_task *task)
{
	const unsigned int check = bytchk(task);

	if (check == 2) {
		scsi_fail_cdb(task, 1, 2);
		return;
	}
	if (!scsi_extent_up_to(task, task->path->lu->limits.transfer))
		return;
	if (task->blocks == 0)
		scsi_good(task);
	else if (prepare(task, check == BYTCHK_ALL ? task->blocks : check == BYTCHK_ONE_BLOCK))
		scsi_claim(task, task->lba, task->blocks, false, verify_next);
}

static void write_sent(struct scsi_task *task)
{
	task->vec = (struct iovec){ sent(task), bytes_of(task, task->blocks) };
	task->io.iov = &task->vec;
	task->io.iov_num = 1;
	/* Verified is what the medium has, so it goes there. */
	scsi_store(task, STORE_WRITE, STORE_F_PAGE_BACKED | STORE_F_FUA, task->lba, task->blocks,
		   verify_next);
}

void scsi_write_and_verify(struct scsi_task *task)
{
	/* The block is not sent once only: BYTCHK 11b is reserved. */
	if (bytchk(task) > BYTCHK_ALL) {
		scsi_fail_cdb(task, 1, 2);
		return;
	}
	if (!scsi_extent_up_to(task, task->path->lu->limits.transfer))
		return;
	if (task->blocks == 0)
		scsi_good(task);
	else if (prepare(task, task->blocks))
		scsi_claim(task, task->lba, task->blocks, false, write_sent);
}

static void compared_is_written(struct scsi_task *task)
{
	scsi_good(task);
}

static void compare(struct scsi_task *task)
{
	const struct scsi_lu *lu = task->path->lu;
	const uint8_t *expected = sent(task);
	uint64_t bytes = bytes_of(task, task->blocks);
	unsigned int flags = STORE_F_PAGE_BACKED;

	for (uint64_t i = 0; i < bytes; i++) {
		if (task->buffer[i] != expected[i]) {
			miscompare(task, true, i);
			return;
		}
	}
	if (lu->info.volatile_cache && (task->cdb[1] & 0x08 || !lu->mode.wce))
		flags |= STORE_F_FUA;
	task->vec = (struct iovec){ sent(task) + bytes, bytes };
	scsi_store(task, STORE_WRITE, flags, task->lba, task->blocks, compared_is_written);
}

static void read_to_compare(struct scsi_task *task)
{
	task->vec = (struct iovec){ task->buffer, bytes_of(task, task->blocks) };
	task->io.iov = &task->vec;
	task->io.iov_num = 1;
	scsi_store(task, STORE_READ, STORE_F_PAGE_BACKED, task->lba, task->blocks, compare);
}

/* Data-out: what is to be there, then what is to be written; as much each (SBC-3, 5.3) */
void scsi_compare_and_write(struct scsi_task *task)
{
	if (!scsi_extent_up_to(task, task->path->lu->limits.compare_and_write))
		return;
	if (task->blocks == 0)
		scsi_good(task);
	else if (prepare(task, 2 * task->blocks))
		scsi_claim(task, task->lba, task->blocks, true, read_to_compare);
}
