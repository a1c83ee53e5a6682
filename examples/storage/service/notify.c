/* SPDX-License-Identifier: BSD-3-Clause */
#include "notify.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "program.h"
#include "vvu-device/host_ops.h"

static const char *plural(unsigned int count)
{
	return count == 1 ? "" : "s";
}

void notify_ready(unsigned int devices)
{
	sd_notifyf(0, "READY=1\nSTATUS=%u device%s", devices, plural(devices));
}

void notify_status(unsigned int devices)
{
	sd_notifyf(0, "STATUS=%u device%s", devices, plural(devices));
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=finishing requests");
}

/* ---- sockets ---- */

static bool has_transport(const json_t *device)
{
	return json_object_get(device, "socket-path") != NULL ||
	       json_object_get(device, "fd") != NULL || json_object_get(device, "device") != NULL;
}

static json_t *taker(json_t *devices, const char *name)
{
	json_t *device;
	size_t index;

	json_array_foreach(devices, index, device) {
		const char *own = json_string_value(json_object_get(device, "name"));

		if (json_is_object(device) && !has_transport(device) &&
		    (name == NULL || (own != NULL && strcmp(own, name) == 0)))
			return device;
	}
	return NULL;
}

static int give_all(json_t *devices, char **names, int count, bool by_name, bool *given,
		    struct vhu_reason *reason)
{
	for (int i = 0; i < count; i++) {
		const char *name = names != NULL ? names[i] : NULL;
		json_t *device;

		if (given[i] || (by_name && name == NULL))
			continue;
		device = taker(devices, by_name ? name : NULL);
		if (device == NULL && by_name)
			continue;
		if (device == NULL) {
			vhu_reason_set(reason,
				       "socket %d (%s) was handed over, and no device needs one",
				       SD_LISTEN_FDS_START + i, name ? name : "no name");
			return -EINVAL;
		}
		json_object_set_new(device, "fd", json_integer(SD_LISTEN_FDS_START + i));
		given[i] = true;
	}
	return 0;
}

int notify_take_sockets(json_t *devices, struct vhu_reason *reason)
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names), err;
	bool *given;

	if (count <= 0)
		return 0;
	given = calloc((size_t)count, sizeof(*given));
	err = given == NULL ? -ENOMEM : give_all(devices, names, count, true, given, reason);
	if (err == 0)
		err = give_all(devices, names, count, false, given, reason);
	for (int i = 0; names != NULL && i < count; i++)
		free(names[i]);
	free(names);
	free(given);
	return err;
}

/* ---- the watchdog ---- */

struct sign_of_life {
	struct worker_post post;
	atomic_bool posted;
};

struct watchdog {
	int fd;
	struct worker_pool *pool;
	unsigned int workers;
	bool late;
	struct sign_of_life sign[];
};

static void give_sign(void *arg)
{
	struct sign_of_life *sign = arg;

	atomic_store(&sign->posted, false);
}

int watchdog_create(struct worker_pool *pool, struct watchdog **out)
{
	unsigned int workers = worker_pool_size(pool);
	struct watchdog *watchdog;
	struct itimerspec when;
	uint64_t timeout_us;

	*out = NULL;
	if (sd_watchdog_enabled(1, &timeout_us) <= 0)
		return 0;
	watchdog = calloc(1, sizeof(*watchdog) + workers * sizeof(watchdog->sign[0]));
	if (watchdog == NULL)
		return -ENOMEM;
	watchdog->pool = pool;
	watchdog->workers = workers;
	watchdog->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	/* A quarter: asked in one, answered by the next. */
	timeout_us = timeout_us / 4 > 0 ? timeout_us / 4 : 1;
	when.it_interval.tv_sec = (time_t)(timeout_us / 1000000);
	when.it_interval.tv_nsec = (long)(timeout_us % 1000000 * 1000);
	when.it_value = when.it_interval;
	if (watchdog->fd < 0 || timerfd_settime(watchdog->fd, 0, &when, NULL) < 0) {
		int err = -errno;

		watchdog_destroy(watchdog);
		return err;
	}
	*out = watchdog;
	return 0;
}

int watchdog_fd(const struct watchdog *watchdog)
{
	return watchdog->fd;
}

void watchdog_run(struct watchdog *watchdog)
{
	uint64_t expirations;
	bool alive = true;

	if (read(watchdog->fd, &expirations, sizeof(expirations)) < 0)
		return;
	for (unsigned int i = 0; i < watchdog->workers; i++) {
		struct sign_of_life *sign = &watchdog->sign[i];

		if (atomic_load(&sign->posted)) {
			alive = false;
			continue;
		}
		sign->post = (struct worker_post){ .fn = give_sign, .arg = sign };
		atomic_store(&sign->posted, true);
		worker_post(worker_pool_get(watchdog->pool, i), &sign->post);
	}
	if (alive)
		sd_notify(0, "WATCHDOG=1");
	else if (!watchdog->late)
		program_log(VVU_LOG_WARNING, "a worker does not answer; the watchdog is not told");
	watchdog->late = !alive;
}

void watchdog_destroy(struct watchdog *watchdog)
{
	if (watchdog == NULL)
		return;
	if (watchdog->fd >= 0)
		close(watchdog->fd);
	free(watchdog);
}
