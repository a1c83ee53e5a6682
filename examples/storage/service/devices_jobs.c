/* SPDX-License-Identifier: BSD-3-Clause */
/* What waits for requests, in threads of its own, and how it ends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices_internal.h"
#include "vvu-device/host_ops.h"

const char *const device_job_names[] = {
	[DEVICE_ADD] = "added",
	[DEVICE_REMOVE] = "removed",
	[DEVICE_PAUSE] = "paused",
	[DEVICE_RESUME] = "resumed",
	[DEVICE_DRAIN] = "drained",
	[DEVICE_DISCONNECT] = "disconnected",
	[DEVICE_WORK] = "changed",
};

static void *run_job(void *arg)
{
	struct job *job = arg;
	struct devices *devices = job->devices;
	void *device = job->entry->device;
	struct target *target = job->making ? NULL : devices->type->target(device);

	switch (job->what) {
	case DEVICE_ADD:
		making_run(devices, job->making);
		break;
	case DEVICE_REMOVE:
		devices->type->destroy(device);
		break;
	case DEVICE_PAUSE:
		target_pause(target);
		break;
	case DEVICE_RESUME:
		target_resume(target);
		break;
	case DEVICE_DRAIN:
		target_pause(target);
		target_resume(target);
		break;
	case DEVICE_DISCONNECT:
		target_disconnect(target);
		break;
	case DEVICE_WORK:
		job->err = job->work(device, job->params, &job->reason);
		break;
	}
	pthread_mutex_lock(&devices->lock);
	job->next = devices->finished;
	devices->finished = job;
	pthread_mutex_unlock(&devices->lock);
	if (eventfd_write(devices->finished_fd, 1) < 0)
		return NULL;	/* full: it is readable as it is */
	return NULL;
}

/* @like: what of the job is the caller's. */
static int start_job(struct devices *devices, struct device *entry, const struct job *like,
		     struct vhu_reason *reason)
{
	const enum device_job what = like->what;
	struct job *job;
	int err;

	if (entry->job != NULL) {
		vhu_reason_set(reason, "%s is being %s", entry->name,
			       device_job_names[entry->job->what]);
		return -EBUSY;
	}
	if ((what == DEVICE_PAUSE && entry->paused) || (what == DEVICE_RESUME && !entry->paused)) {
		vhu_reason_set(reason, "%s %s paused", entry->name,
			       entry->paused ? "is" : "is not");
		return -EALREADY;
	}
	if (what == DEVICE_DRAIN && entry->paused) {
		vhu_reason_set(reason, "%s is paused: nothing is under way", entry->name);
		return -EALREADY;
	}
	job = calloc(1, sizeof(*job));
	if (job == NULL)
		return -ENOMEM;
	*job = *like;
	job->devices = devices;
	job->entry = entry;
	entry->job = job;
	err = -pthread_create(&job->thread, NULL, run_job, job);
	if (err < 0) {
		vhu_reason_set(reason, "%s: no thread: %s", entry->name, strerror(-err));
		entry->job = NULL;
		free(job);
	}
	return err;
}

int device_job(struct devices *devices, struct device *entry, enum device_job what,
		 struct making *making, device_done *done, void *arg, struct vhu_reason *reason)
{
	const struct job job = { .what = what, .making = making, .done = done, .arg = arg };

	return start_job(devices, entry, &job, reason);
}

int devices_work(struct devices *devices, const char *name, program_work *work,
		 const json_t *params, device_done *done, void *arg, struct vhu_reason *reason)
{
	struct job job = { .what = DEVICE_WORK, .work = work, .done = done, .arg = arg };
	struct device *entry = device_or_say(devices, name, reason);
	int err;

	if (entry == NULL)
		return -ENOENT;
	/* Another thread reads it: not shared with whoever gave it. */
	job.params = json_deep_copy(params);
	if (job.params == NULL)
		return -ENOMEM;
	err = start_job(devices, entry, &job, reason);
	if (err < 0)
		json_decref(job.params);
	return err;
}

int devices_start(struct devices *devices, const char *name, enum device_job job,
		  device_done *done, void *arg, struct vhu_reason *reason)
{
	struct device *entry = device_or_say(devices, name, reason);

	return entry == NULL ? -ENOENT : device_job(devices, entry, job, NULL, done, arg, reason);
}

static void remove_idle(struct devices *devices, struct device *entry)
{
	struct vhu_reason reason = { "out of memory" };

	/* With another job it is removed after that: finish(), or the next devices_end(). */
	if (entry->job == NULL &&
	    device_job(devices, entry, DEVICE_REMOVE, NULL, NULL, NULL, &reason) < 0)
		program_log(VVU_LOG_ERROR, "%s", reason.text);
}

/* The entry is gone when this returns an error, and after a removal. */
static int end_job(struct devices *devices, struct job *job, struct vhu_reason *reason)
{
	struct device *entry = job->entry;

	entry->job = NULL;
	if (job->what == DEVICE_ADD) {
		int err;

		*reason = job->making->reason;
		err = making_settle(devices, entry, job->making);
		if (err < 0)
			return err;
	} else if (job->err == 0) {
		program_log(VVU_LOG_INFO, "%s: %s", entry->name, device_job_names[job->what]);
	}
	if (job->what == DEVICE_PAUSE)
		entry->paused = true;
	if (job->what == DEVICE_RESUME)
		entry->paused = false;
	if (job->what == DEVICE_REMOVE) {
		device_unlink(devices, entry);
		if (entry->gone && devices->first == NULL)
			devices->deserted = true;
		device_free(devices, entry);
	} else if (entry->gone) {
		remove_idle(devices, entry);
	}
	return 0;
}

static void finish(struct devices *devices, struct job *job)
{
	struct vhu_reason reason = { "" };
	char name[DEVICE_NAME_MAX];
	int err;

	pthread_join(job->thread, NULL);
	memcpy(name, job->entry->name, sizeof(name));
	err = end_job(devices, job, &reason);
	if (job->what == DEVICE_WORK) {
		err = job->err;
		reason = job->reason;
		json_decref(job->params);
	}
	if (job->done != NULL)
		job->done(job->arg, err, name, &reason);
	free(job);
}

static void finish_all(struct devices *devices)
{
	struct job *job, *next;
	eventfd_t count;

	if (eventfd_read(devices->finished_fd, &count) < 0)
		return;
	pthread_mutex_lock(&devices->lock);
	job = devices->finished;
	devices->finished = NULL;
	pthread_mutex_unlock(&devices->lock);
	for (; job != NULL; job = next) {
		next = job->next;
		finish(devices, job);
	}
}

static void frontend_gone(struct devices *devices, struct device *entry)
{
	program_log(VVU_LOG_INFO, "%s: its only frontend is gone", entry->name);
	epoll_ctl(devices->epoll_fd, EPOLL_CTL_DEL, entry->only_frontend, NULL);
	close(entry->only_frontend);
	entry->only_frontend = -1;
	entry->gone = true;
	remove_idle(devices, entry);
}

void devices_run(struct devices *devices)
{
	struct epoll_event event[16];
	int count = epoll_wait(devices->epoll_fd, event, 16, 0);
	bool jobs = false;

	/* Finishing a job may free the entry of a later event: last. */
	for (int i = 0; i < count; i++) {
		if (event[i].data.ptr == NULL)
			jobs = true;
		else
			frontend_gone(devices, event[i].data.ptr);
	}
	if (jobs)
		finish_all(devices);
}

void devices_end(struct devices *devices)
{
	for (struct device *entry = devices->first; entry != NULL; entry = entry->next)
		remove_idle(devices, entry);
}

unsigned int devices_count(const struct devices *devices)
{
	unsigned int count = 0;

	for (const struct device *entry = devices->first; entry != NULL; entry = entry->next)
		count++;
	return count;
}

bool devices_deserted(const struct devices *devices)
{
	return devices->deserted;
}

int devices_fd(const struct devices *devices)
{
	return devices->epoll_fd;
}
