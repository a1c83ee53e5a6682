/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices of a program, as the files that make them one see them. */
#ifndef STORAGE_DEVICES_INTERNAL_H
#define STORAGE_DEVICES_INTERNAL_H

#include <pthread.h>

#include "device_config.h"
#include "devices.h"

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

/* "removed", for DEVICE_REMOVE, and so on. */
extern const char *const device_job_names[];

/* devices.c */
struct device *device_lookup(const struct devices *devices, const char *name);
struct device *device_or_say(const struct devices *devices, const char *name,
			     struct vhu_reason *reason);
bool device_is_leaving(const struct device *entry);

/* devices_make.c; making_run() is the part of a thread of its own. */
void making_run(struct devices *devices, struct making *making);
/* It is made, or not, and then the entry is gone. Frees @making. */
int making_settle(struct devices *devices, struct device *entry, struct making *making);
void device_unlink(struct devices *devices, struct device *entry);
void device_free(struct devices *devices, struct device *entry);

/* devices_jobs.c; @making: of DEVICE_ADD. Errors of devices_start(). */
int device_job(struct devices *devices, struct device *entry, enum device_job what,
	       struct making *making, device_done *done, void *arg, struct vhu_reason *reason);

#endif
