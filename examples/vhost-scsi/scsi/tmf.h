/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Task management (SAM-5, 7). A command that is aborted while the store works on it ends when
 * the store is done with its buffers, and the function is done when all that it aborts have
 * ended.
 */
#ifndef VHOST_SCSI_TMF_H
#define VHOST_SCSI_TMF_H

#include <stdbool.h>
#include <stdint.h>

struct scsi_lu;
struct scsi_path;
struct scsi_task;

struct scsi_tmf {
	void (*done)(struct scsi_tmf *tmf);	/* any thread, no lock held */
	/* ---- its own ---- */
	uint64_t paths;		/* bits: whose tasks */
	bool one;		/* just the task with this tag */
	uint64_t tag;
	uint64_t before;	/* tasks that came before it */
	const struct scsi_task *except;
	struct scsi_tmf *next;
};

/*
 * tmf->done is called when it is done, possibly from within.
 *
 * ABORT TASK, ABORT TASK SET: the path's own tasks.
 */
void scsi_abort_task(struct scsi_path *path, uint64_t tag, struct scsi_tmf *tmf);
void scsi_abort_task_set(struct scsi_path *path, struct scsi_tmf *tmf);
/* CLEAR TASK SET: those of all paths, and others are told by a unit attention. */
void scsi_clear_task_set(struct scsi_path *path, struct scsi_tmf *tmf);
/* LOGICAL UNIT RESET: all tasks, mode parameters, RESERVE; all are told. */
void scsi_lu_reset_function(struct scsi_path *path, struct scsi_tmf *tmf);
/* I_T NEXUS RESET, for one of the nexus' logical units. */
void scsi_nexus_reset(struct scsi_path *path, struct scsi_tmf *tmf);
/* PREEMPT AND ABORT: tasks of @paths (bits), except one. */
void scsi_abort_paths(struct scsi_lu *lu, uint64_t paths, const struct scsi_task *except,
		      struct scsi_tmf *tmf);

/* QUERY TASK, QUERY TASK SET: is it there, are there any. */
bool scsi_query_task(struct scsi_path *path, uint64_t tag);
bool scsi_query_task_set(struct scsi_path *path);

/*
 * lu->lock held: what no longer waits for any task is taken from lu->tmfs; for scsi_tmfs_done()
 * when the lock is not held any more.
 */
struct scsi_tmf *scsi_tmfs_ended(struct scsi_lu *lu);
void scsi_tmfs_done(struct scsi_tmf *ended);

#endif
