/* SPDX-License-Identifier: BSD-3-Clause */
/* Steps as SCSI commands, and what their status means. */
#include <errno.h>

#include "iscsi.h"

/* SPC: additional sense codes. */
#define ASC_INVALID_OPCODE	0x2000
#define ASC_SPACE_EXHAUSTED	0x2707
#define ASC_BECOMING_READY	0x0401

enum { DO_AGAIN = 1 };

static int of_sense(struct remote_request *request, const struct scsi_sense *sense)
{
	struct remote *remote = request->remote;

	switch (sense->key) {
	case SCSI_SENSE_NO_SENSE:
	case SCSI_SENSE_RECOVERED_ERROR:
		return 0;
	case SCSI_SENSE_UNIT_ATTENTION:
	case SCSI_SENSE_COMMAND_ABORTED:
		/* It was told once, or something else was in the way. */
		return DO_AGAIN;
	case SCSI_SENSE_NOT_READY:
		return sense->ascq == ASC_BECOMING_READY ? DO_AGAIN : -EIO;
	case SCSI_SENSE_DATA_PROTECTION:
		return sense->ascq == ASC_SPACE_EXHAUSTED ? -ENOSPC : -EROFS;
	case SCSI_SENSE_ILLEGAL_REQUEST:
		/* What it does not have it cannot do; there is another way, or none is needed. */
		if (request->step == REMOTE_ZEROES && remote->link.max_zeroes_bytes) {
			remote->link.max_zeroes_bytes = 0;
			return DO_AGAIN;
		}
		if (sense->ascq != ASC_INVALID_OPCODE)
			return -EIO;
		if (request->step == REMOTE_FLUSH) {
			remote->link.can_flush = false;
			return 0;
		}
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

static int of_status(struct remote_request *request, int status, const struct scsi_task *task)
{
	switch (status) {
	case SCSI_STATUS_GOOD:
	case SCSI_STATUS_CONDITION_MET:
		/* A read that came short has left the rest of the buffer as it was. */
		if (request->step == REMOTE_READ &&
		    task->residual_status == SCSI_RESIDUAL_UNDERFLOW)
			return -EIO;
		return 0;
	case SCSI_STATUS_CHECK_CONDITION:
		return of_sense(request, &task->sense);
	case SCSI_STATUS_BUSY:
	case SCSI_STATUS_TASK_SET_FULL:
	case SCSI_STATUS_TASK_ABORTED:
		return DO_AGAIN;
	case SCSI_STATUS_RESERVATION_CONFLICT:
		remote_note(request->remote, "connected; last error: reservation conflict (another "
			    "initiator has reserved the logical unit)");
		return -EIO;
	default:
		return -EIO;
	}
}

static void task_done(struct iscsi_context *context, int status, void *command_data,
		      void *private_data)
{
	struct remote_request *request = private_data;
	struct remote *remote = request->remote;
	struct scsi_task *task = request->task;
	int result;

	/* While it is being dropped; whoever does that frees the tasks. */
	if (iscsi_store_of(remote)->context != context)
		return;
	if (status == SCSI_STATUS_CANCELLED || status == SCSI_STATUS_ERROR ||
	    status == SCSI_STATUS_TIMEOUT) {
		remote_link_broken(remote);
		return;
	}
	request->task = NULL;
	result = of_status(request, status, task);
	scsi_free_scsi_task(task);
	if (result == DO_AGAIN)
		remote_step_again(request);
	else
		remote_step_done(request, result);
}

int iscsi_issue(struct remote *remote, struct remote_request *request)
{
	struct iscsi_store *iscsi = iscsi_store_of(remote);
	struct iscsi_context *context = iscsi->context;
	uint32_t block = remote->link.block_bytes, length = (uint32_t)request->length;
	uint64_t lba = request->offset / block;
	struct unmap_list range = { .lba = lba, .num = length / block };
	struct scsi_task *task = NULL;

	switch (request->step) {
	case REMOTE_READ:
		task = iscsi_read16_task(context, iscsi->lun, lba, length, (int)block, 0, 0, 0, 0,
					 0, task_done, request);
		if (task)
			scsi_task_add_data_in_buffer(task, (int)length, request->data);
		break;
	case REMOTE_WRITE:
		task = iscsi_write16_task(context, iscsi->lun, lba, request->data, length,
					  (int)block, 0, 0, request->fua, 0, 0, task_done, request);
		break;
	case REMOTE_FLUSH:
		task = iscsi_synchronizecache16_task(context, iscsi->lun, 0, 0, 0, 0, task_done,
						     request);
		break;
	case REMOTE_DISCARD:
		task = iscsi_unmap_task(context, iscsi->lun, 0, 0, &range, 1, task_done, request);
		break;
	case REMOTE_ZEROES:
		task = iscsi_writesame16_task(context, iscsi->lun, lba, (void *)remote->zeroes,
					      block, length / block, 0,
					      request->unmap && iscsi->can_write_same_unmap, 0, 0,
					      task_done, request);
		break;
	}
	request->task = task;
	return task ? 0 : -EIO;
}
