/* SPDX-License-Identifier: BSD-3-Clause */
#include "lu.h"
#include "task.h"
#include "tmf.h"

static bool concerns(const struct scsi_tmf *tmf, const struct scsi_task *task)
{
	return task->sequence < tmf->before && task != tmf->except &&
	       (tmf->paths >> task->path->index & 1) && (!tmf->one || task->tag == tmf->tag);
}

static bool has_tasks(const struct scsi_lu *lu, const struct scsi_tmf *tmf)
{
	const struct scsi_task *task;

	TAILQ_FOREACH(task, &lu->tasks, entry) {
		if (concerns(tmf, task))
			return true;
	}
	return false;
}

struct scsi_tmf *scsi_tmfs_ended(struct scsi_lu *lu)
{
	struct scsi_tmf **link = &lu->tmfs, *ended = NULL, *tmf;

	while ((tmf = *link) != NULL) {
		if (has_tasks(lu, tmf)) {
			link = &tmf->next;
			continue;
		}
		*link = tmf->next;
		tmf->next = ended;
		ended = tmf;
	}
	return ended;
}

void scsi_tmfs_done(struct scsi_tmf *ended)
{
	while (ended) {
		struct scsi_tmf *tmf = ended;

		ended = tmf->next;
		tmf->done(tmf);
	}
}

/*
 * Lock held. Those that wait for others end now, the store's when it is done with them. Returns
 * whose they were.
 */
static uint64_t start(struct scsi_lu *lu, struct scsi_tmf *tmf, enum scsi_outcome outcome)
{
	struct scsi_task *task;
	uint64_t whose = 0;

	tmf->before = ++lu->sequence;
	TAILQ_FOREACH(task, &lu->tasks, entry) {
		if (!concerns(tmf, task))
			continue;
		whose |= 1ull << task->path->index;
		if (task->abort == SCSI_COMPLETE)
			task->abort = (int)outcome;
		if (task->waiting) {
			task->waiting = false;
			lu->waiting--;
			task->wake(task);
		}
	}
	tmf->next = lu->tmfs;
	lu->tmfs = tmf;
	return whose;
}

static uint64_t bit(const struct scsi_path *path)
{
	return 1ull << path->index;
}

static void run(struct scsi_path *path, struct scsi_tmf *tmf, enum scsi_outcome outcome)
{
	struct scsi_tmf *ended;

	pthread_mutex_lock(&path->lu->lock);
	start(path->lu, tmf, outcome);
	ended = scsi_tmfs_ended(path->lu);
	pthread_mutex_unlock(&path->lu->lock);
	scsi_tmfs_done(ended);
}

void scsi_abort_task(struct scsi_path *path, uint64_t tag, struct scsi_tmf *tmf)
{
	*tmf = (struct scsi_tmf){
		.done = tmf->done, .paths = bit(path), .one = true, .tag = tag
	};
	run(path, tmf, SCSI_ABORTED);
}

void scsi_abort_task_set(struct scsi_path *path, struct scsi_tmf *tmf)
{
	*tmf = (struct scsi_tmf){ .done = tmf->done, .paths = bit(path) };
	run(path, tmf, SCSI_ABORTED);
}

void scsi_clear_task_set(struct scsi_path *path, struct scsi_tmf *tmf)
{
	struct scsi_lu *lu = path->lu;
	struct scsi_tmf *ended;
	uint64_t whose;

	*tmf = (struct scsi_tmf){ .done = tmf->done, .paths = UINT64_MAX };
	pthread_mutex_lock(&lu->lock);
	whose = start(lu, tmf, SCSI_ABORTED) & ~bit(path);
	for (unsigned int i = 0; i < SCSI_PATHS_MAX; i++) {
		if (whose >> i & 1)
			scsi_ua_set(lu->path[i], SCSI_UA_COMMANDS_CLEARED);
	}
	ended = scsi_tmfs_ended(lu);
	pthread_mutex_unlock(&lu->lock);
	scsi_tmfs_done(ended);
}

void scsi_lu_reset_function(struct scsi_path *path, struct scsi_tmf *tmf)
{
	struct scsi_lu *lu = path->lu;
	struct scsi_tmf *ended;

	*tmf = (struct scsi_tmf){ .done = tmf->done, .paths = UINT64_MAX };
	pthread_mutex_lock(&lu->lock);
	start(lu, tmf, SCSI_RESET);
	scsi_lu_reset(lu);
	scsi_ua_set_others(lu, NULL, SCSI_UA_RESET);
	ended = scsi_tmfs_ended(lu);
	pthread_mutex_unlock(&lu->lock);
	scsi_tmfs_done(ended);
}

void scsi_nexus_reset(struct scsi_path *path, struct scsi_tmf *tmf)
{
	struct scsi_lu *lu = path->lu;
	struct scsi_tmf *ended;

	*tmf = (struct scsi_tmf){ .done = tmf->done, .paths = bit(path) };
	pthread_mutex_lock(&lu->lock);
	start(lu, tmf, SCSI_RESET);
	/* SPC-2, 5.5.1: RESERVE does not outlive its nexus. */
	if (lu->pr.reserved == path) {
		lu->pr.reserved = NULL;
		lu->guarded = lu->pr.type != 0;
	}
	scsi_ua_set(path, SCSI_UA_NEXUS_LOSS);
	ended = scsi_tmfs_ended(lu);
	pthread_mutex_unlock(&lu->lock);
	scsi_tmfs_done(ended);
}

void scsi_abort_paths(struct scsi_lu *lu, uint64_t paths, const struct scsi_task *except,
		      struct scsi_tmf *tmf)
{
	struct scsi_tmf *ended;

	*tmf = (struct scsi_tmf){ .done = tmf->done, .paths = paths, .except = except };
	pthread_mutex_lock(&lu->lock);
	start(lu, tmf, SCSI_ABORTED);
	ended = scsi_tmfs_ended(lu);
	pthread_mutex_unlock(&lu->lock);
	scsi_tmfs_done(ended);
}

static bool query(struct scsi_path *path, bool one, uint64_t tag)
{
	struct scsi_tmf tmf = { .paths = bit(path), .one = one, .tag = tag, .before = UINT64_MAX };
	bool found;

	pthread_mutex_lock(&path->lu->lock);
	found = has_tasks(path->lu, &tmf);
	pthread_mutex_unlock(&path->lu->lock);
	return found;
}

bool scsi_query_task(struct scsi_path *path, uint64_t tag)
{
	return query(path, true, tag);
}

bool scsi_query_task_set(struct scsi_path *path)
{
	return query(path, false, 0);
}
