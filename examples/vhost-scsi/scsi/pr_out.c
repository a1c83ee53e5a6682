/* SPDX-License-Identifier: BSD-3-Clause */
/* PERSISTENT RESERVE OUT (SPC-4, 5.9.7 to 5.9.11 and 6.16) */
#include <stddef.h>

#include "command.h"
#include "pr.h"
#include "task.h"

#define LIST_BYTES	24u
#define SPEC_I_PT	0x08u
#define ALL_TG_PT	0x04u
#define APTPL		0x01u

enum {
	REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, REGISTER_AND_IGNORE,
};

struct request {
	struct scsi_path *path;
	uint64_t key, action_key;
	unsigned int scope, type;
	uint64_t preempted;	/* bits: paths that lost their registration */
};

/* How an action ends */
enum verdict { DONE, CONFLICT, BAD_SCOPE_TYPE, BAD_ACTION_KEY, BAD_RELEASE };

static void set_reservation(struct scsi_lu *lu, struct scsi_path *holder, unsigned int type)
{
	lu->pr.type = type;
	lu->pr.holder = type && !scsi_pr_type(type)->all_hold ? holder : NULL;
	lu->guarded = type || lu->pr.reserved;
}

static void tell_registrants(struct scsi_lu *lu, const struct scsi_path *except, enum scsi_ua ua)
{
	for (unsigned int i = 0; i < SCSI_PATHS_MAX; i++) {
		if (lu->path[i] && lu->path[i] != except && lu->path[i]->registered)
			scsi_ua_set(lu->path[i], ua);
	}
}

static bool others_registered(const struct scsi_path *path)
{
	for (unsigned int i = 0; i < SCSI_PATHS_MAX; i++) {
		if (path->lu->path[i] && path->lu->path[i] != path &&
		    path->lu->path[i]->registered)
			return true;
	}
	return false;
}

/* SPC-4, 5.9.11.2: and its reservation, unless others hold it too */
static void unregister(struct scsi_path *path)
{
	struct scsi_lu *lu = path->lu;
	const struct scsi_pr_type_info *type = scsi_pr_type(lu->pr.type);
	const bool held = scsi_pr_holds(path);

	path->registered = false;
	if (!held || (type->all_hold && others_registered(path)))
		return;
	set_reservation(lu, NULL, 0);
	if (type->registrants)
		tell_registrants(lu, path, SCSI_UA_RESERVATIONS_RELEASED);
}

static enum verdict do_register(struct request *request)
{
	struct scsi_path *path = request->path;

	if (request->action_key == 0 && !path->registered)
		return DONE;
	if (request->action_key == 0) {
		unregister(path);
	} else {
		path->registered = true;
		path->key = request->action_key;
	}
	path->lu->pr.generation++;
	return DONE;
}

static enum verdict do_reserve(struct request *request)
{
	struct scsi_lu *lu = request->path->lu;

	if (request->scope || !scsi_pr_type(request->type)->known)
		return BAD_SCOPE_TYPE;
	if (lu->pr.type)
		return scsi_pr_holds(request->path) && lu->pr.type == request->type ? DONE :
										      CONFLICT;
	set_reservation(lu, request->path, request->type);
	return DONE;
}

static enum verdict do_release(struct request *request)
{
	struct scsi_lu *lu = request->path->lu;
	const unsigned int type = lu->pr.type;

	if (!scsi_pr_holds(request->path))
		return DONE;
	if (request->scope || request->type != type)
		return BAD_RELEASE;
	set_reservation(lu, NULL, 0);
	if (scsi_pr_type(type)->registrants)
		tell_registrants(lu, request->path, SCSI_UA_RESERVATIONS_RELEASED);
	return DONE;
}

static enum verdict do_clear(struct request *request)
{
	struct scsi_lu *lu = request->path->lu;

	tell_registrants(lu, request->path, SCSI_UA_RESERVATIONS_PREEMPTED);
	for (unsigned int i = 0; i < SCSI_PATHS_MAX; i++) {
		if (lu->path[i])
			lu->path[i]->registered = false;
	}
	set_reservation(lu, NULL, 0);
	lu->pr.generation++;
	return DONE;
}

/* Registrations with the key (or all), but not the request's own, go; how many there were. */
static unsigned int remove_registrations(struct request *request, bool all)
{
	struct scsi_lu *lu = request->path->lu;
	unsigned int matched = 0;

	for (unsigned int i = 0; i < SCSI_PATHS_MAX; i++) {
		struct scsi_path *path = lu->path[i];

		if (path == NULL || !path->registered ||
		    (!all && path->key != request->action_key))
			continue;
		matched++;
		if (path == request->path)
			continue;
		path->registered = false;
		request->preempted |= 1ull << i;
		scsi_ua_set(path, SCSI_UA_REGISTRATIONS_PREEMPTED);
	}
	return matched;
}

/* SPC-4, 5.9.11.4 */
static enum verdict do_preempt(struct request *request)
{
	struct scsi_lu *lu = request->path->lu;
	const unsigned int old = lu->pr.type;
	const bool all_hold = old && scsi_pr_type(old)->all_hold;
	bool takes;

	if (request->action_key == 0 && !all_hold)
		return BAD_ACTION_KEY;
	takes = all_hold ? request->action_key == 0 :
		old && lu->pr.holder->key == request->action_key;
	/* Scope and type count if there is a reservation to be made. */
	if (takes && (request->scope || !scsi_pr_type(request->type)->known))
		return BAD_SCOPE_TYPE;
	if (remove_registrations(request, request->action_key == 0) == 0)
		return CONFLICT;
	if (takes) {
		set_reservation(lu, request->path, request->type);
		if (old != request->type)
			tell_registrants(lu, request->path, SCSI_UA_RESERVATIONS_RELEASED);
	}
	lu->pr.generation++;
	return DONE;
}

static enum verdict carry_out(struct request *request, uint8_t action)
{
	static enum verdict (*const actions[])(struct request *) = {
		[REGISTER] = do_register,
		[RESERVE] = do_reserve,
		[RELEASE] = do_release,
		[CLEAR] = do_clear,
		[PREEMPT] = do_preempt,
		[PREEMPT_AND_ABORT] = do_preempt,
		[REGISTER_AND_IGNORE] = do_register,
	};
	const struct scsi_path *path = request->path;

	if (path->lu->pr.reserved)
		return CONFLICT;
	/* The key has to be the registered one; who is not registered may register with none. */
	if (path->registered) {
		if (action != REGISTER_AND_IGNORE && request->key != path->key)
			return CONFLICT;
	} else if (action != REGISTER_AND_IGNORE && (action != REGISTER || request->key)) {
		return CONFLICT;
	}
	return actions[action](request);
}

static void aborted_others(struct scsi_tmf *tmf)
{
	struct scsi_task *task =
		(struct scsi_task *)((char *)tmf - offsetof(struct scsi_task, tmf));

	task->wake(task);
}

static void conclude(struct scsi_task *task, enum verdict verdict)
{
	switch (verdict) {
	case DONE:
		scsi_good(task);
		return;
	case CONFLICT:
		scsi_status(task, SCSI_RESERVATION_CONFLICT);
		return;
	case BAD_SCOPE_TYPE:
		scsi_fail_cdb(task, 2, 7);
		return;
	case BAD_ACTION_KEY:
		scsi_fail_list(task, 8, -1);
		return;
	case BAD_RELEASE:
		break;
	}
	scsi_fail(task, SCSI_ILLEGAL_REQUEST, ASC_INVALID_RELEASE);
}

void scsi_pr_out(struct scsi_task *task)
{
	struct scsi_lu *lu = task->path->lu;
	const uint8_t action = task->command->action;
	struct request request = {
		.path = task->path,
		.scope = task->cdb[2] >> 4,
		.type = task->cdb[2] & 15,
	};
	uint8_t list[LIST_BYTES];
	enum verdict verdict;

	if (scsi_get32(task->cdb + 5) != LIST_BYTES) {
		scsi_fail_list_length(task);
		return;
	}
	if (!scsi_take(task, 0, list, sizeof(list))) {
		scsi_overrun(task);
		return;
	}
	task->transferred = sizeof(list);
	if (list[20] & SPEC_I_PT) {
		scsi_fail_list(task, 20, 3);
		return;
	}
	if ((action == REGISTER || action == REGISTER_AND_IGNORE) &&
	    list[20] & (ALL_TG_PT | APTPL)) {
		scsi_fail_list(task, 20, list[20] & ALL_TG_PT ? 2 : 0);
		return;
	}
	request.key = scsi_get64(list);
	request.action_key = scsi_get64(list + 8);
	pthread_mutex_lock(&lu->lock);
	verdict = carry_out(&request, action);
	pthread_mutex_unlock(&lu->lock);
	if (verdict != DONE || action != PREEMPT_AND_ABORT) {
		conclude(task, verdict);
		return;
	}
	/* Those who were preempted have nothing under way any more when this is done. */
	task->tmf.done = aborted_others;
	task->resume = scsi_good;
	scsi_abort_paths(lu, request.preempted, task, &task->tmf);
}
