/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The devices of a program, by name. What has to wait for requests under way is a job in a
 * thread of its own: one at a time for a device, while all other devices and the main thread,
 * which makes every call here, go on.
 */
#ifndef STORAGE_DEVICES_H
#define STORAGE_DEVICES_H

#include <stdbool.h>

#include "program.h"

struct devices;

enum device_job {
	DEVICE_ADD,		/* devices_add() alone */
	DEVICE_REMOVE,
	DEVICE_PAUSE,		/* and stay so */
	DEVICE_RESUME,
	DEVICE_DRAIN,		/* wait until nothing is under way, then go on */
	DEVICE_DISCONNECT,
	DEVICE_WORK,		/* devices_work() alone */
};

/*
 * Main thread, from devices_run(): the job of the device @name is done. @err: 0; for a device that
 * was to be made and for the type's own work, -errno with @reason.
 */
typedef void device_done(void *arg, int err, const char *name, const struct vhu_reason *reason);

int devices_create(const struct program_type *type, struct worker_pool *pool,
		   struct devices **devices, struct vhu_reason *reason);
/* All devices are gone. NULL is fine. */
void devices_destroy(struct devices *devices);

/*
 * Make a device: at once, or, with @done, as a job. A "fd" of the description becomes the device's
 * own: closed here, also when that fails. -EEXIST (name), -EINVAL, -ENOMEM, or errors of the
 * type's create(), and then @done is not called; @reason.
 */
int devices_add(struct devices *devices, const json_t *description, device_done *done, void *arg,
		struct vhu_reason *reason);
/*
 * Start a job. -ENOENT (no such device), -EBUSY (it has a job already), -EALREADY (it is paused,
 * or is not), -EAGAIN (no thread).
 */
int devices_start(struct devices *devices, const char *name, enum device_job job,
		  device_done *done, void *arg, struct vhu_reason *reason);
/* The type's own work as a job, with a copy of @params. -errno as devices_start(), or -ENOMEM. */
int devices_work(struct devices *devices, const char *name, program_work *work,
		 const json_t *params, device_done *done, void *arg, struct vhu_reason *reason);
/* The type's device; NULL with @reason if there is none, or it is being removed. */
void *devices_find(const struct devices *devices, const char *name, struct vhu_reason *reason);

/* A new array, or one entry: name, state, "target" and "device" as they describe themselves. */
json_t *devices_describe_all(const struct devices *devices);
json_t *devices_describe(const struct devices *devices, const char *name,
			 struct vhu_reason *reason);

/* Remove every device as soon as it has no job. May be called again and again. */
void devices_end(struct devices *devices);
unsigned int devices_count(const struct devices *devices);
/* The last device is gone because its only frontend (--fd) is. */
bool devices_deserted(const struct devices *devices);

/* Readable when devices_run() has something to do. */
int devices_fd(const struct devices *devices);
void devices_run(struct devices *devices);

#endif
