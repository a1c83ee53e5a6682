/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands about the unit as a whole, and its cache. */
#include "command.h"
#include "task.h"

void scsi_test_unit_ready(struct scsi_task *task)
{
	scsi_good(task);
}

static void stopped(struct scsi_task *task)
{
	task->path->lu->stopped = true;
	scsi_good(task);
}

static bool has_cache(const struct scsi_task *task)
{
	const struct store_info *info = &task->path->lu->info;

	return info->volatile_cache && !info->read_only;
}

/* SBC-3, 5.25 */
void scsi_start_stop_unit(struct scsi_task *task)
{
	const uint8_t flags = task->cdb[4];
	const bool start = flags & 0x01, no_flush = flags & 0x04;

	if (flags & 0xf0) {
		/* No power conditions. */
		scsi_fail_cdb(task, 4, 7);
	} else if (flags & 0x02) {
		/* LOEJ: the medium is not removable. */
		scsi_fail_cdb(task, 4, 1);
	} else if (start) {
		task->path->lu->stopped = false;
		scsi_good(task);
	} else if (has_cache(task) && !no_flush) {
		scsi_flush(task, stopped);
	} else {
		stopped(task);
	}
}

/* SBC-3, 5.26: zero blocks are all from there to the end, so there need not be one. */
void scsi_synchronize_cache(struct scsi_task *task)
{
	const uint64_t size = task->path->lu->blocks;

	if (task->command->length == 10) {
		task->lba = scsi_get32(task->cdb + 2);
		task->blocks = scsi_get16(task->cdb + 7);
	} else {
		task->lba = scsi_get64(task->cdb + 2);
		task->blocks = scsi_get32(task->cdb + 10);
	}
	if (task->lba > size || task->blocks > size - task->lba)
		scsi_fail(task, SCSI_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
	else if (has_cache(task))
		scsi_flush(task, scsi_good);
	else
		scsi_good(task);
}

/* SBC-3, 5.9: GOOD says that not all of the blocks have room in the cache. */
void scsi_pre_fetch(struct scsi_task *task)
{
	if (scsi_extent(task))
		scsi_good(task);
}

/* SPC-4, 6.39 */
void scsi_request_sense(struct scsi_task *task)
{
	struct scsi_sense sense = { .key = SCSI_NO_SENSE, .asc = ASC_NONE };
	uint8_t data[SCSI_SENSE_MAX];
	size_t length;

	if (task->cdb[1] & ~0x01) {
		scsi_fail_cdb(task, 1, -1);
		return;
	}
	if (task->path) {
		sense.asc = scsi_ua_take(task->path);
		if (sense.asc != ASC_NONE) {
			sense.key = SCSI_UNIT_ATTENTION;
		} else if (task->path->lu->stopped) {
			sense.key = SCSI_NOT_READY;
			sense.asc = ASC_INITIALIZING_COMMAND_REQUIRED;
		}
	} else if (!task->well_known) {
		sense.key = SCSI_ILLEGAL_REQUEST;
		sense.asc = ASC_LU_NOT_SUPPORTED;
	}
	length = scsi_sense_build(&sense, task->cdb[1] & 1, data);
	scsi_return(task, data, length, task->cdb[4]);
}
