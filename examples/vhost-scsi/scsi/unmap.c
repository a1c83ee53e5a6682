/* SPDX-License-Identifier: BSD-3-Clause */
/* UNMAP and WRITE SAME (SBC-3, 5.28, 5.46 and 5.47) */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "task.h"

#define UNMAP_HEADER		8u
#define UNMAP_DESCRIPTOR	16u
#define PATTERN_BYTES		(1u << 20)

static unsigned int num_descriptors(const struct scsi_task *task)
{
	/* Those that are whole: a truncated one is left out (SBC-3, 5.28.2). */
	uint64_t bytes = scsi_get16(task->buffer + 2), there = task->buffer_bytes - UNMAP_HEADER;

	return (unsigned int)((bytes < there ? bytes : there) / UNMAP_DESCRIPTOR);
}

static const uint8_t *descriptor(const struct scsi_task *task, uint64_t index)
{
	return task->buffer + UNMAP_HEADER + index * UNMAP_DESCRIPTOR;
}

static uint64_t at_most(uint64_t blocks, uint64_t bytes, const struct scsi_task *task)
{
	uint64_t max = bytes >> task->path->lu->block_shift;

	return max && max < blocks ? max : blocks;
}

static void unmap_submit(struct scsi_task *task);

static void unmap_next(struct scsi_task *task)
{
	/* task->lba, task->blocks: what is left of the descriptor before number "at" */
	while (task->blocks == 0) {
		if (task->at == num_descriptors(task)) {
			scsi_good(task);
			return;
		}
		task->lba = scsi_get64(descriptor(task, task->at));
		task->blocks = scsi_get32(descriptor(task, task->at) + 8);
		task->at++;
	}
	unmap_submit(task);
}

static void unmap_submit(struct scsi_task *task)
{
	uint64_t blocks = at_most(task->blocks, task->path->lu->info.max_discard_bytes, task);
	uint64_t lba = task->lba;

	task->lba += blocks;
	task->blocks -= blocks;
	task->io.iov = NULL;
	task->io.iov_num = 0;
	scsi_store(task, STORE_DISCARD, 0, lba, blocks, unmap_next);
}

static void unmap_claimed(struct scsi_task *task)
{
	task->blocks = 0;
	unmap_next(task);
}

void scsi_unmap(struct scsi_task *task)
{
	const struct scsi_lu *lu = task->path->lu;
	const uint64_t size = lu->blocks;
	uint64_t total = 0, first = UINT64_MAX, end = 0;
	size_t length = scsi_get16(task->cdb + 7);
	unsigned int num;

	if (length == 0) {
		scsi_good(task);
		return;
	}
	if (length < UNMAP_HEADER) {
		scsi_fail_list_length(task);
		return;
	}
	if (!scsi_take_list(task, length))
		return;
	num = num_descriptors(task);
	if (num > lu->limits.unmap_descriptors) {
		scsi_fail_list(task, 2, -1);
		return;
	}
	for (unsigned int i = 0; i < num; i++) {
		uint64_t lba = scsi_get64(descriptor(task, i));
		uint32_t blocks = scsi_get32(descriptor(task, i) + 8);

		if (lba > size || blocks > size - lba) {
			scsi_fail(task, SCSI_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
			return;
		}
		total += blocks;
		if (total > lu->limits.unmap) {
			scsi_fail_list(task, UNMAP_HEADER + i * UNMAP_DESCRIPTOR + 8, -1);
			return;
		}
		if (blocks && lba < first)
			first = lba;
		if (blocks && lba + blocks > end)
			end = lba + blocks;
	}
	scsi_claim(task, first, total ? end - first : 0, false, unmap_claimed);
}

static bool is_zero(const uint8_t *data, size_t length)
{
	return data[0] == 0 && memcmp(data, data + 1, length - 1) == 0;
}

static bool wants_unmap(const struct scsi_task *task)
{
	return task->cdb[1] & 0x08;
}

static bool no_data_out(const struct scsi_task *task)
{
	return task->cdb[0] == SCSI_WRITE_SAME_16 && task->cdb[1] & 0x01;
}

static void same_next(struct scsi_task *task)
{
	const struct scsi_lu *lu = task->path->lu;
	unsigned int flags = lu->info.volatile_cache && !lu->mode.wce ? STORE_F_FUA : 0;
	uint64_t lba = task->lba + task->at, blocks = task->blocks - task->at;

	if (blocks == 0) {
		scsi_good(task);
		return;
	}
	if (task->buffer == NULL) {
		blocks = at_most(blocks, lu->info.max_zeroes_bytes, task);
		task->at += blocks;
		task->io.iov = NULL;
		task->io.iov_num = 0;
		scsi_store(task, STORE_WRITE_ZEROES,
			   flags | (wants_unmap(task) ? STORE_F_UNMAP : 0), lba, blocks, same_next);
		return;
	}
	blocks = at_most(blocks, task->buffer_bytes, task);
	task->at += blocks;
	task->vec = (struct iovec){ task->buffer, blocks << lu->block_shift };
	task->io.iov = &task->vec;
	task->io.iov_num = 1;
	scsi_store(task, STORE_WRITE, flags | STORE_F_PAGE_BACKED, lba, blocks, same_next);
}

/* The block that was sent, as often as it has room in what is written at once. */
static bool take_pattern(struct scsi_task *task)
{
	const size_t block = scsi_block_bytes(task->path->lu);
	uint64_t repeat = at_most(task->blocks, PATTERN_BYTES, task);

	repeat = at_most(repeat, task->path->lu->info.max_transfer_bytes, task);
	/* No field of the CDB says how much is sent: it is one block, not less and not more. */
	if (block != task->out_bytes) {
		scsi_fail(task, SCSI_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
		return false;
	}
	if (!scsi_buffer(task, repeat * block))
		return false;
	scsi_take(task, 0, task->buffer, block);
	task->transferred = block;
	if (is_zero(task->buffer, block)) {
		free(task->buffer);
		task->buffer = NULL;
		return true;
	}
	for (uint64_t i = 1; i < repeat; i++)
		memcpy(task->buffer + i * block, task->buffer, block);
	return true;
}

void scsi_write_same(struct scsi_task *task)
{
	const struct scsi_lu *lu = task->path->lu;

	if (wants_unmap(task) && lu->limits.unmap == 0) {
		scsi_fail_cdb(task, 1, 3);
		return;
	}
	if (!scsi_extent_up_to(task, lu->limits.write_same))
		return;
	/* To the end of the medium, if WSNZ in the Block Limits page did not exclude it. */
	if (task->blocks == 0) {
		scsi_fail_cdb(task, scsi_blocks_byte(task), -1);
		return;
	}
	if (no_data_out(task) || take_pattern(task))
		scsi_claim(task, task->lba, task->blocks, false, same_next);
}
