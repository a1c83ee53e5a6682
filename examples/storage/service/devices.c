/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices_internal.h"

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

struct device *device_lookup(const struct devices *devices, const char *name)
{
	for (struct device *entry = devices->first; entry != NULL; entry = entry->next)
		if (strcmp(entry->name, name) == 0)
			return entry;
	return NULL;
}

bool device_is_leaving(const struct device *entry)
{
	return entry->job != NULL && entry->job->what == DEVICE_REMOVE;
}

struct device *device_or_say(const struct devices *devices, const char *name,
				  struct vhu_reason *reason)
{
	struct device *entry = device_lookup(devices, name);

	if (entry == NULL)
		vhu_reason_set(reason, "there is no device \"%.64s\"", name);
	return entry;
}

void *devices_find(const struct devices *devices, const char *name, struct vhu_reason *reason)
{
	struct device *entry = device_or_say(devices, name, reason);

	if (entry == NULL)
		return NULL;
	if (device_is_leaving(entry) || entry->device == NULL) {
		vhu_reason_set(reason, "%s is being %s", name, device_job_names[entry->job->what]);
		return NULL;
	}
	return entry->device;
}

/* ---- what they are like ---- */

static json_t *describe(const struct devices *devices, const struct device *entry)
{
	const struct program_type *type = devices->type;
	const char *state = "serving";
	json_t *object;

	if (entry->device == NULL)
		state = "adding";
	else if (device_is_leaving(entry))
		state = "removing";
	else if (entry->job != NULL && entry->job->what == DEVICE_PAUSE)
		state = "pausing";
	else if (entry->paused)
		state = "paused";
	object = json_pack("{s:s, s:s}", "name", entry->name, "state", state);
	/* Whoever removes it may have freed it by now. */
	if (object == NULL || device_is_leaving(entry) || entry->device == NULL)
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
	const struct device *entry = device_or_say(devices, name, reason);

	return entry == NULL ? NULL : describe(devices, entry);
}
