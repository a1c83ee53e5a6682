/* SPDX-License-Identifier: BSD-3-Clause */
/* How a device comes to be: its description, name and socket, and the type's part. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices_internal.h"
#include "vvu-device/host_ops.h"

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

void device_free(struct devices *devices, struct device *entry)
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
	} while (device_lookup(devices, default_name) != NULL);
	err = device_config_read(making->description, worker_pool_size(devices->pool),
				 default_name, &making->config, reason);
	if (err < 0)
		return err;
	if (device_lookup(devices, target->name) != NULL) {
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

void making_run(struct devices *devices, struct making *making)
{
	making->err = devices->type->create(devices->pool, &making->config.target,
					    making->config.own, &making->device, &making->reason);
	if (making->err < 0 && making->reason.text[0] == '\0')
		vhu_reason_set(&making->reason, "%s: %s", making->config.target.name,
			       strerror(-making->err));
}

void device_unlink(struct devices *devices, struct device *entry)
{
	struct device **at = &devices->first;

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
}

/* It is made, or not. */
int making_settle(struct devices *devices, struct device *entry, struct making *making)
{
	const struct target_config *target = &making->config.target;
	int err = making->err;

	if (err < 0) {
		device_unlink(devices, entry);
		device_free(devices, entry);
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
			device_free(devices, entry);
		free_making(making);
		return err;
	}
	for (last = &devices->first; *last != NULL; last = &(*last)->next)
		;
	*last = entry;
	if (done == NULL) {
		making_run(devices, making);
		*reason = making->reason;
		return making_settle(devices, entry, making);
	}
	err = device_job(devices, entry, DEVICE_ADD, making, done, arg, reason);
	if (err < 0) {
		making->err = err;
		making_settle(devices, entry, making);
	}
	return err;
}
