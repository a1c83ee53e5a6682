/* SPDX-License-Identifier: BSD-3-Clause */
#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device_config.h"
#include "vvu-device/host_ops.h"

struct device {
	char name[DEVICE_NAME_MAX];
	void *device;			/* the type's; NULL while it is being made */
	int only_frontend;		/* copy of the socket of --fd, to see its end; -1 */
	bool gone;			/* it has ended */
	bool paused;
	struct job *job;		/* under way */
	struct device *next;
};

/* A device that does not serve yet. */
struct making {
	json_t *description;		/* what the configuration points into */
	struct device_config config;
	void *device;
	int err;
	struct vhu_reason reason;
};

struct job {
	struct devices *devices;
	struct device *entry;
	enum device_job what;
	struct making *making;		/* of DEVICE_ADD */
	program_work *work;		/* of DEVICE_WORK, as all of these */
	json_t *params;
	int err;
	struct vhu_reason reason;
	bool was_paused;
	device_done *done;
	void *arg;
	pthread_t thread;
	struct job *next;		/* among the finished */
};

struct devices {
	const struct program_type *type;
	struct worker_pool *pool;
	struct device *first;
	unsigned int made;		/* for default names */
	bool deserted;
	int epoll_fd;
	int finished_fd;		/* eventfd: there are finished jobs */
	pthread_mutex_t lock;		/* of @finished */
	struct job *finished;
};

static const char *const job_names[] = {
	[DEVICE_ADD] = "added",
	[DEVICE_REMOVE] = "removed",
	[DEVICE_PAUSE] = "paused",
	[DEVICE_RESUME] = "resumed",
	[DEVICE_DRAIN] = "drained",
	[DEVICE_DISCONNECT] = "disconnected",
	[DEVICE_WORK] = "changed",
};

static int start(struct devices *devices, struct device *entry, enum device_job what,
		 struct making *making, device_done *done, void *arg, struct vhu_reason *reason);

int devices_create(const struct program_type *type, struct worker_pool *pool,
		   struct devices **out, struct vhu_reason *reason)
{
	struct devices *devices = calloc(1, sizeof(*devices));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	int err;

	if (devices == NULL)
		return -ENOMEM;
	devices->type = type;
	devices->pool = pool;
	pthread_mutex_init(&devices->lock, NULL);
	devices->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	devices->finished_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (devices->epoll_fd < 0 || devices->finished_fd < 0 ||
	    epoll_ctl(devices->epoll_fd, EPOLL_CTL_ADD, devices->finished_fd, &event) < 0) {
		err = -errno;
		vhu_reason_set(reason, "epoll or eventfd: %s", strerror(-err));
		devices_destroy(devices);
		return err;
	}
	*out = devices;
	return 0;
}

void devices_destroy(struct devices *devices)
{
	if (devices == NULL)
		return;
	if (devices->finished_fd >= 0)
		close(devices->finished_fd);
	if (devices->epoll_fd >= 0)
		close(devices->epoll_fd);
	pthread_mutex_destroy(&devices->lock);
	free(devices);
}

static struct device *find(const struct devices *devices, const char *name)
{
	for (struct device *entry = devices->first; entry != NULL; entry = entry->next)
		if (strcmp(entry->name, name) == 0)
			return entry;
	return NULL;
}

static bool is_leaving(const struct device *entry)
{
	return entry->job != NULL && entry->job->what == DEVICE_REMOVE;
}

static struct device *find_or_say(const struct devices *devices, const char *name,
				  struct vhu_reason *reason)
{
	struct device *entry = find(devices, name);

	if (entry == NULL)
		vhu_reason_set(reason, "there is no device \"%.64s\"", name);
	return entry;
}

void *devices_find(const struct devices *devices, const char *name, struct vhu_reason *reason)
{
	struct device *entry = find_or_say(devices, name, reason);

	if (entry == NULL)
		return NULL;
	if (is_leaving(entry) || entry->device == NULL) {
		vhu_reason_set(reason, "%s is being %s", name, job_names[entry->job->what]);
		return NULL;
	}
	return entry->device;
}

/* A connected socket: its hang-up is the end of the only frontend there will be. */
static int watch_frontend(struct devices *devices, struct device *entry, int fd)
{
	struct epoll_event event = { .events = EPOLLRDHUP, .data.ptr = entry };
	socklen_t length = sizeof(int);
	int listens = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0 || listens)
		return 0;
	entry->only_frontend = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (entry->only_frontend < 0)
		return -errno;
	if (epoll_ctl(devices->epoll_fd, EPOLL_CTL_ADD, entry->only_frontend, &event) < 0)
		return -errno;
	return 0;
}

static void free_entry(struct devices *devices, struct device *entry)
{
	if (entry->only_frontend >= 0) {
		epoll_ctl(devices->epoll_fd, EPOLL_CTL_DEL, entry->only_frontend, NULL);
		close(entry->only_frontend);
	}
	free(entry);
}

static void log_of_target(int level, const char *text)
{
	program_log(level, "%s", text);
}

static void free_making(struct making *making)
{
	if (making == NULL)
		return;
	if (making->config.target.socket_fd >= 0)
		close(making->config.target.socket_fd);
	device_config_free(&making->config);
	json_decref(making->description);
	free(making);
}

static struct making *new_making(const json_t *description)
{
	struct making *making = calloc(1, sizeof(*making));

	if (making == NULL)
		return NULL;
	making->config.target.socket_fd = -1;
	/* Another thread reads it: not shared with whoever gave it. */
	making->description = json_deep_copy(description);
	return making;
}

/* What is the main thread's part of making a device: its description, name and socket. */
static int prepare(struct devices *devices, struct device *entry, struct making *making,
		   struct vhu_reason *reason)
{
	struct target_config *target = &making->config.target;
	char default_name[DEVICE_NAME_MAX];
	int err;

	do {
		snprintf(default_name, sizeof(default_name), "%.32s%u",
			 devices->type->backend_type, devices->made++);
	} while (find(devices, default_name) != NULL);
	err = device_config_read(making->description, worker_pool_size(devices->pool),
				 default_name, &making->config, reason);
	if (err < 0)
		return err;
	if (find(devices, target->name) != NULL) {
		vhu_reason_set(reason, "name: there is a device \"%s\" already", target->name);
		return -EEXIST;
	}
	snprintf(entry->name, sizeof(entry->name), "%s", target->name);
	target->name = entry->name;
	target->log = log_of_target;
	if (target->socket_fd >= 0)
		err = watch_frontend(devices, entry, target->socket_fd);
	if (err < 0)
		vhu_reason_set(reason, "fd: %d: %s", target->socket_fd, strerror(-err));
	return err;
}

static void make(struct devices *devices, struct making *making)
{
	making->err = devices->type->create(devices->pool, &making->config.target,
					    making->config.own, &making->device, &making->reason);
	if (making->err < 0 && making->reason.text[0] == '\0')
		vhu_reason_set(&making->reason, "%s: %s", making->config.target.name,
			       strerror(-making->err));
}

static void unlink_entry(struct devices *devices, struct device *entry)
{
	struct device **at = &devices->first;

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
}

/* It is made, or not. */
static int settle(struct devices *devices, struct device *entry, struct making *making)
{
	const struct target_config *target = &making->config.target;
	int err = making->err;

	if (err < 0) {
		unlink_entry(devices, entry);
		free_entry(devices, entry);
	} else {
		entry->device = making->device;
		program_log(VVU_LOG_INFO, "%s: serves %s", entry->name,
			    target->device	  ? target->device
			    : target->socket_path ? target->socket_path
						  : "the socket it was given");
	}
	free_making(making);
	return err;
}

int devices_add(struct devices *devices, const json_t *description, device_done *done, void *arg,
		struct vhu_reason *reason)
{
	struct making *making = new_making(description);
	struct device *entry = calloc(1, sizeof(*entry)), **last;
	int err = -ENOMEM;

	if (entry != NULL && making != NULL) {
		entry->only_frontend = -1;
		err = prepare(devices, entry, making, reason);
	}
	if (err < 0) {
		if (entry != NULL)
			free_entry(devices, entry);
		free_making(making);
		return err;
	}
	for (last = &devices->first; *last != NULL; last = &(*last)->next)
		;
	*last = entry;
	if (done == NULL) {
		make(devices, making);
		*reason = making->reason;
		return settle(devices, entry, making);
	}
	err = start(devices, entry, DEVICE_ADD, making, done, arg, reason);
	if (err < 0) {
		making->err = err;
		settle(devices, entry, making);
	}
	return err;
}

/* ---- jobs ---- */

static void *run_job(void *arg)
{
	struct job *job = arg;
	struct devices *devices = job->devices;
	void *device = job->entry->device;
	struct target *target = job->making ? NULL : devices->type->target(device);

	switch (job->what) {
	case DEVICE_ADD:
		make(devices, job->making);
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
		vhu_reason_set(reason, "%s is being %s", entry->name, job_names[entry->job->what]);
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

static int start(struct devices *devices, struct device *entry, enum device_job what,
		 struct making *making, device_done *done, void *arg, struct vhu_reason *reason)
{
	const struct job job = { .what = what, .making = making, .done = done, .arg = arg };

	return start_job(devices, entry, &job, reason);
}

int devices_work(struct devices *devices, const char *name, program_work *work,
		 const json_t *params, device_done *done, void *arg, struct vhu_reason *reason)
{
	struct job job = { .what = DEVICE_WORK, .work = work, .done = done, .arg = arg };
	struct device *entry = find_or_say(devices, name, reason);
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
	struct device *entry = find_or_say(devices, name, reason);

	return entry == NULL ? -ENOENT : start(devices, entry, job, NULL, done, arg, reason);
}

static void remove_idle(struct devices *devices, struct device *entry)
{
	struct vhu_reason reason = { "out of memory" };

	/* With another job it is removed after that: finish(), or the next devices_end(). */
	if (entry->job == NULL &&
	    start(devices, entry, DEVICE_REMOVE, NULL, NULL, NULL, &reason) < 0)
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
		err = settle(devices, entry, job->making);
		if (err < 0)
			return err;
	} else if (job->err == 0) {
		program_log(VVU_LOG_INFO, "%s: %s", entry->name, job_names[job->what]);
	}
	if (job->what == DEVICE_PAUSE)
		entry->paused = true;
	if (job->what == DEVICE_RESUME)
		entry->paused = false;
	if (job->what == DEVICE_REMOVE) {
		unlink_entry(devices, entry);
		if (entry->gone && devices->first == NULL)
			devices->deserted = true;
		free_entry(devices, entry);
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

/* ---- what they are like ---- */

static json_t *describe(const struct devices *devices, const struct device *entry)
{
	const struct program_type *type = devices->type;
	const char *state = "serving";
	json_t *object;

	if (entry->device == NULL)
		state = "adding";
	else if (is_leaving(entry))
		state = "removing";
	else if (entry->job != NULL && entry->job->what == DEVICE_PAUSE)
		state = "pausing";
	else if (entry->paused)
		state = "paused";
	object = json_pack("{s:s, s:s}", "name", entry->name, "state", state);
	/* Whoever removes it may have freed it by now. */
	if (object == NULL || is_leaving(entry) || entry->device == NULL)
		return object;
	json_object_set_new(object, "target", target_describe(type->target(entry->device)));
	json_object_set_new(object, "device", type->describe(entry->device));
	return object;
}

json_t *devices_describe_all(const struct devices *devices)
{
	json_t *list = json_array();

	for (const struct device *entry = devices->first; entry != NULL; entry = entry->next)
		json_array_append_new(list, describe(devices, entry));
	return list;
}

json_t *devices_describe(const struct devices *devices, const char *name,
			 struct vhu_reason *reason)
{
	const struct device *entry = find_or_say(devices, name, reason);

	return entry == NULL ? NULL : describe(devices, entry);
}
