/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may do what under reservations, and RESERVE and RELEASE (SPC-2, 5.5 and 7.21 to 7.24) */
#include "command.h"
#include "pr.h"
#include "task.h"

/* SPC-2, 5.5.1: all but a few commands of others conflict. */
static bool conflicts_with_reserve(const struct scsi_task *task)
{
	return task->path->lu->pr.reserved && task->path->lu->pr.reserved != task->path &&
	       !(task->command->flags & CMD_ATTENTION_OK) &&
	       task->cdb[0] != SCSI_RELEASE_6 && task->cdb[0] != SCSI_RELEASE_10;
}

static bool conflicts_with_persistent(const struct scsi_task *task)
{
	const struct scsi_path *path = task->path;
	const struct scsi_reservations *pr = &path->lu->pr;

	if (pr->type == 0 || task->command->flags & CMD_RESERVED_OK)
		return false;
	if (scsi_pr_holds(path))
		return false;
	if (path->registered && scsi_pr_type(pr->type)->registrants)
		return false;
	return scsi_pr_type(pr->type)->exclusive_access ||
	       !(task->command->flags & CMD_RESERVED_READ);
}

bool scsi_reservation_conflict(const struct scsi_task *task)
{
	struct scsi_lu *lu = task->path->lu;
	bool conflict;

	pthread_mutex_lock(&lu->lock);
	conflict = conflicts_with_reserve(task) || conflicts_with_persistent(task);
	/* SBC-3, table 13: others may start the unit, no more. */
	if (task->cdb[0] == SCSI_START_STOP_UNIT && lu->pr.type && !scsi_pr_may_write(task->path) &&
	    (task->cdb[4] & 0xf1) != 0x01)
		conflict = true;
	pthread_mutex_unlock(&lu->lock);
	return conflict;
}

static bool any_registered(const struct scsi_lu *lu)
{
	for (unsigned int i = 0; i < SCSI_PATHS_MAX; i++) {
		if (lu->path[i] && lu->path[i]->registered)
			return true;
	}
	return false;
}

void scsi_reserve(struct scsi_task *task)
{
	struct scsi_lu *lu = task->path->lu;
	bool conflict;

	pthread_mutex_lock(&lu->lock);
	/* SPC-3, 5.6.3: with registrations there are no reservations of the older kind. */
	conflict = any_registered(lu) || (lu->pr.reserved && lu->pr.reserved != task->path);
	if (!conflict) {
		lu->pr.reserved = task->path;
		lu->guarded = true;
	}
	pthread_mutex_unlock(&lu->lock);
	scsi_status(task, conflict ? SCSI_RESERVATION_CONFLICT : SCSI_GOOD);
}

void scsi_release(struct scsi_task *task)
{
	struct scsi_lu *lu = task->path->lu;
	bool conflict;

	pthread_mutex_lock(&lu->lock);
	conflict = any_registered(lu);
	if (lu->pr.reserved == task->path) {
		lu->pr.reserved = NULL;
		lu->guarded = lu->pr.type != 0;
	}
	pthread_mutex_unlock(&lu->lock);
	scsi_status(task, conflict ? SCSI_RESERVATION_CONFLICT : SCSI_GOOD);
}
