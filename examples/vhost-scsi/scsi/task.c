/* SPDX-License-Identifier: BSD-3-Clause */
/* The way of a task from its CDB to its end. */
#include <stdlib.h>

#include "command.h"
#include "task.h"

/* SPC-4, 5.12 and 5.9.1: the checks before a command, in the order in which they count */
static bool checked(struct scsi_task *task)
{
	const struct scsi_command *command = task->command;
	struct scsi_lu *lu = task->path->lu;

	for (unsigned int i = 1; i < command->length; i++) {
		uint8_t wrong = task->cdb[i] & (uint8_t)~command->usage[i];

		if (i == 1 && command->flags & CMD_SERVICE_ACTION)
			wrong &= 0xe0;
		if (wrong) {
			scsi_fail_cdb(task, i, 31 - __builtin_clz(wrong));
			return false;
		}
	}
	if (atomic_load_explicit(&lu->guarded, memory_order_relaxed) &&
	    scsi_reservation_conflict(task)) {
		scsi_status(task, SCSI_RESERVATION_CONFLICT);
		return false;
	}
	if (command->flags & CMD_MEDIUM &&
	    atomic_load_explicit(&lu->stopped, memory_order_relaxed)) {
		scsi_fail(task, SCSI_NOT_READY, ASC_INITIALIZING_COMMAND_REQUIRED);
		return false;
	}
	if (command->flags & CMD_WRITES && lu->info.read_only) {
		scsi_fail(task, SCSI_DATA_PROTECT, ASC_WRITE_PROTECTED);
		return false;
	}
	return true;
}

static void start_on_lu(struct scsi_task *task)
{
	struct scsi_path *path = task->path;
	struct scsi_lu *lu = path->lu;
	bool known;

	atomic_fetch_add_explicit(&path->tasks, 1, memory_order_relaxed);
	pthread_mutex_lock(&lu->lock);
	task->sequence = lu->sequence++;
	TAILQ_INSERT_TAIL(&lu->tasks, task, entry);
	pthread_mutex_unlock(&lu->lock);

	task->command = scsi_command_find(lu, task->cdb[0], task->cdb[1] & 0x1f, &known);
	if (atomic_load_explicit(&path->ua, memory_order_relaxed) &&
	    !(task->command && task->command->flags & CMD_ATTENTION_OK)) {
		enum scsi_asc asc = scsi_ua_take(path);

		if (asc != ASC_NONE) {
			scsi_fail(task, SCSI_UNIT_ATTENTION, asc);
			return;
		}
	}
	if (task->command == NULL) {
		if (known)
			scsi_fail_cdb(task, 1, 4);
		else
			scsi_fail(task, SCSI_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
		return;
	}
	if (checked(task))
		task->command->run(task);
}

void scsi_task_start(struct scsi_task *task)
{
	bool known;

	task->outcome = SCSI_COMPLETE;
	task->status = SCSI_GOOD;
	task->sense_bytes = 0;
	task->transferred = 0;
	task->buffer = NULL;
	task->drive = NULL;
	task->at = 0;
	task->abort = SCSI_COMPLETE;
	task->claimed = false;
	task->exclusive = false;
	task->waiting = false;
	if (task->path) {
		start_on_lu(task);
		return;
	}
	task->command = scsi_command_find(NULL, task->cdb[0], task->cdb[1] & 0x1f, &known);
	if (task->command && task->command->flags & CMD_NO_LU_OK)
		task->command->run(task);
	else if (!task->well_known)
		scsi_fail(task, SCSI_ILLEGAL_REQUEST, ASC_LU_NOT_SUPPORTED);
	else if (task->cdb[0] == SCSI_TEST_UNIT_READY)
		scsi_good(task);
	else
		scsi_fail(task, SCSI_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
}

static bool in_the_way(const struct scsi_task *earlier, const struct scsi_task *task)
{
	return (earlier->exclusive || task->exclusive) &&
	       earlier->claim_first <= task->claim_last &&
	       task->claim_first <= earlier->claim_last;
}

/* Lock held. Those that were there before are before it in the list. */
static bool has_to_wait(const struct scsi_lu *lu, const struct scsi_task *task)
{
	const struct scsi_task *earlier;

	TAILQ_FOREACH(earlier, &lu->claims, claim) {
		if (earlier == task)
			break;
		if (in_the_way(earlier, task))
			return true;
	}
	return false;
}

void scsi_claim(struct scsi_task *task, uint64_t first, uint64_t blocks, bool exclusive,
		void (*go)(struct scsi_task *task))
{
	struct scsi_lu *lu = task->path->lu;
	bool waiting = false;

	if (task->ordered) {
		first = 0;
		blocks = UINT64_MAX;
		exclusive = true;
	}
	if (blocks == 0) {
		go(task);
		return;
	}
	task->claim_first = first;
	task->claim_last = first + (blocks - 1);
	task->exclusive = exclusive;
	task->claimed = true;
	task->resume = go;
	pthread_mutex_lock(&lu->lock);
	TAILQ_INSERT_TAIL(&lu->claims, task, claim);
	lu->exclusive += exclusive;
	if (lu->exclusive && task->abort == SCSI_COMPLETE)
		waiting = has_to_wait(lu, task);
	task->waiting = waiting;
	lu->waiting += waiting;
	pthread_mutex_unlock(&lu->lock);
	/* Now it may run in no other way than by being woken: hands off. */
	if (waiting)
		return;
	/* One that was aborted has not waited for its turn, and must not go on. */
	scsi_task_resume(task);
}

/* Lock held; a claim has gone. */
static void wake_claims(struct scsi_lu *lu)
{
	struct scsi_task *task;

	TAILQ_FOREACH(task, &lu->claims, claim) {
		if (task->waiting && !has_to_wait(lu, task)) {
			task->waiting = false;
			lu->waiting--;
			task->wake(task);
		}
	}
}

static void finish(struct scsi_task *task)
{
	struct scsi_path *path = task->path;
	struct scsi_tmf *ended = NULL;
	struct scsi_lu *lu;

	if (path == NULL) {
		task->done(task);
		return;
	}
	lu = path->lu;
	pthread_mutex_lock(&lu->lock);
	TAILQ_REMOVE(&lu->tasks, task, entry);
	if (task->claimed) {
		TAILQ_REMOVE(&lu->claims, task, claim);
		lu->exclusive -= task->exclusive;
		if (lu->waiting)
			wake_claims(lu);
	}
	if (task->abort != SCSI_COMPLETE)
		task->outcome = (enum scsi_outcome)task->abort;
	if (lu->tmfs)
		ended = scsi_tmfs_ended(lu);
	pthread_mutex_unlock(&lu->lock);

	free(task->buffer);
	task->buffer = NULL;
	if (task->outcome != SCSI_COMPLETE) {
		task->status = SCSI_GOOD;
		task->sense_bytes = 0;
		task->transferred = 0;
	}
	task->done(task);
	scsi_tmfs_done(ended);

	/* Last of all: whoever waits for the path's tasks may free it, and its logical unit. */
	atomic_fetch_sub_explicit(&path->tasks, 1, memory_order_release);
}

void scsi_task_resume(struct scsi_task *task)
{
	if (atomic_load(&task->abort) != SCSI_COMPLETE)
		finish(task);
	else
		task->resume(task);
}

void scsi_good(struct scsi_task *task)
{
	task->status = SCSI_GOOD;
	finish(task);
}

void scsi_status(struct scsi_task *task, enum scsi_status status)
{
	task->status = status;
	finish(task);
}

void scsi_overrun(struct scsi_task *task)
{
	task->outcome = SCSI_OVERRUN;
	finish(task);
}

void scsi_fail_sense(struct scsi_task *task, const struct scsi_sense *sense)
{
	bool descriptor = task->path && task->path->lu->mode.d_sense;

	task->sense_bytes = (unsigned int)scsi_sense_build(sense, descriptor, task->sense);
	task->status = SCSI_CHECK_CONDITION;
	finish(task);
}

void scsi_fail(struct scsi_task *task, enum scsi_key key, enum scsi_asc asc)
{
	struct scsi_sense sense = { .key = key, .asc = asc };

	scsi_fail_sense(task, &sense);
}

static void fail_field(struct scsi_task *task, enum scsi_asc asc, unsigned int byte, int bit)
{
	struct scsi_sense sense = {
		.key = SCSI_ILLEGAL_REQUEST,
		.asc = asc,
		.field_valid = true,
		.field_in_cdb = asc == ASC_INVALID_FIELD_IN_CDB,
		.field = (uint16_t)byte,
		.field_bit = bit,
	};

	scsi_fail_sense(task, &sense);
}

void scsi_fail_cdb(struct scsi_task *task, unsigned int byte, int bit)
{
	fail_field(task, ASC_INVALID_FIELD_IN_CDB, byte, bit);
}

void scsi_fail_list(struct scsi_task *task, unsigned int byte, int bit)
{
	fail_field(task, ASC_INVALID_FIELD_IN_LIST, byte, bit);
}

void scsi_fail_list_length(struct scsi_task *task)
{
	scsi_fail(task, SCSI_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH);
}
