/* SPDX-License-Identifier: BSD-3-Clause */
/* READ CAPACITY (SBC-3, 5.15 and 5.16), GET LBA STATUS (5.5) */
#include "command.h"
#include "task.h"

void scsi_read_capacity_10(struct scsi_task *task)
{
	const struct scsi_lu *lu = task->path->lu;
	const uint64_t last = lu->blocks - 1;
	uint8_t data[8];

	/* An address has a meaning with the obsolete PMI bit alone. */
	if (!(task->cdb[8] & 1) && scsi_get32(task->cdb + 2)) {
		scsi_fail_cdb(task, 2, -1);
		return;
	}
	scsi_put32(data, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
	scsi_put32(data + 4, scsi_block_bytes(lu));
	scsi_return(task, data, sizeof(data), sizeof(data));
}

/* Logical blocks per physical block, as a power of two */
static uint8_t physical_exponent(const struct scsi_lu *lu)
{
	uint8_t exponent = 0;

	while (exponent < 15 && scsi_block_bytes(lu) << (exponent + 1) <= lu->info.physical_bytes)
		exponent++;
	return exponent;
}

void scsi_read_capacity_16(struct scsi_task *task)
{
	const struct scsi_lu *lu = task->path->lu;
	uint8_t data[32] = { 0 };

	if (!(task->cdb[14] & 1) && scsi_get64(task->cdb + 2)) {
		scsi_fail_cdb(task, 2, -1);
		return;
	}
	scsi_put64(data, lu->blocks - 1);
	scsi_put32(data + 8, scsi_block_bytes(lu));
	data[13] = physical_exponent(lu);
	if (lu->limits.unmap)
		data[14] = lu->info.discard_zeroes ? 0xc0 : 0x80;	/* LBPME, LBPRZ */
	scsi_return(task, data, sizeof(data), scsi_get32(task->cdb + 10));
}

/* Stores do not tell what they have deallocated: all is mapped, or its state is not known. */
void scsi_get_lba_status(struct scsi_task *task)
{
	const uint64_t size = task->path->lu->blocks;
	uint64_t lba = scsi_get64(task->cdb + 2), rest;
	uint8_t data[24] = { 0 };

	if (lba >= size) {
		scsi_fail(task, SCSI_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
		return;
	}
	rest = size - lba;
	scsi_put32(data, sizeof(data) - 4);
	scsi_put64(data + 8, lba);
	scsi_put32(data + 16, rest > UINT32_MAX ? UINT32_MAX : (uint32_t)rest);
	scsi_return(task, data, sizeof(data), scsi_get32(task->cdb + 10));
}
