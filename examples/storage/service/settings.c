/* SPDX-License-Identifier: BSD-3-Clause */
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "vvu-device/host_ops.h"

#define POLL_US_MAX	1000000u
#define CPU_MAX		4095

int settings_known(const json_t *object, const char *const *keys, const char *what,
		   struct vhu_reason *reason)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		unsigned int i = 0;

		while (keys[i] != NULL && strcmp(keys[i], key) != 0)
			i++;
		if (keys[i] == NULL) {
			vhu_reason_set(reason, "%s: unknown key \"%s\"", what, key);
			return -EINVAL;
		}
	}
	return 0;
}

int settings_number(const json_t *object, const char *key, unsigned int min, unsigned int max,
		    unsigned int *value, struct vhu_reason *reason)
{
	const json_t *json = json_object_get(object, key);
	json_int_t number = json_integer_value(json);

	if (json == NULL)
		return 0;
	if (!json_is_integer(json)) {
		vhu_reason_set(reason, "%s: not a whole number", key);
		return -EINVAL;
	}
	if (number < (json_int_t)min || number > (json_int_t)max) {
		vhu_reason_set(reason, "%s: %lld is not %u..%u", key, (long long)number, min, max);
		return -EINVAL;
	}
	*value = (unsigned int)number;
	return 0;
}

int settings_string(const json_t *object, const char *key, const char **value,
		    struct vhu_reason *reason)
{
	const json_t *json = json_object_get(object, key);

	if (json == NULL)
		return 0;
	if (!json_is_string(json) || json_string_length(json) == 0) {
		vhu_reason_set(reason, "%s: %s", key,
			       json_is_string(json) ? "is empty" : "not a string");
		return -EINVAL;
	}
	*value = json_string_value(json);
	return 0;
}

int settings_flag(const json_t *object, const char *key, bool *value,
		  struct vhu_reason *reason)
{
	const json_t *json = json_object_get(object, key);

	if (json == NULL)
		return 0;
	if (!json_is_boolean(json)) {
		vhu_reason_set(reason, "%s: neither true nor false", key);
		return -EINVAL;
	}
	*value = json_is_true(json);
	return 0;
}

int settings_mode(const json_t *object, const char *key, unsigned int *value,
		  struct vhu_reason *reason)
{
	const char *text = NULL;
	unsigned int mode = 0;
	int err = settings_string(object, key, &text, reason);

	if (err < 0 || text == NULL)
		return err;
	for (const char *c = text; *c != '\0'; c++) {
		mode = mode * 8 + (unsigned int)(*c - '0');
		/* Mode 0 would mean "not given" further down, and serves nobody. */
		if (*c < '0' || *c > '7' || mode > 0777 || (c[1] == '\0' && mode == 0)) {
			vhu_reason_set(reason, "%s: \"%s\" is not permission bits, like \"0660\"",
				       key, text);
			return -EINVAL;
		}
	}
	*value = mode;
	return 0;
}

int settings_numbers(const json_t *object, const char *key, int min, int max, int *values,
		     unsigned int cap, struct vhu_reason *reason)
{
	const json_t *list = json_object_get(object, key);
	size_t count = json_array_size(list);

	if (list == NULL)
		return 0;
	if (!json_is_array(list) || count == 0 || count > cap) {
		vhu_reason_set(reason, "%s: not a list of 1 to %u numbers", key, cap);
		return -EINVAL;
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *entry = json_array_get(list, i);
		json_int_t number = json_integer_value(entry);

		if (!json_is_integer(entry) || number < min || number > max) {
			vhu_reason_set(reason, "%s: entry %zu is not a number from %d to %d", key,
				       i, min, max);
			return -EINVAL;
		}
		values[i] = (int)number;
	}
	return (int)count;
}

static const char *const modes[] = {
	[WORKER_INTERRUPT] = "interrupt",
	[WORKER_ADAPTIVE] = "adaptive",
	[WORKER_POLL] = "poll",
};

const char *settings_mode_name(enum worker_mode mode)
{
	return modes[mode];
}

static int read_mode(const json_t *config, struct settings *settings, struct vhu_reason *reason)
{
	const char *text = NULL;
	int err = settings_string(config, "mode", &text, reason);

	if (err < 0 || text == NULL)
		return err;
	for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(text, modes[i]) == 0) {
			settings->mode = (enum worker_mode)i;
			return 0;
		}
	}
	vhu_reason_set(reason, "mode: \"%s\" is not interrupt, adaptive or poll", text);
	return -EINVAL;
}

static int read_log_level(const json_t *config, struct settings *settings,
			  struct vhu_reason *reason)
{
	const char *text = NULL;
	int err = settings_string(config, "log-level", &text, reason);
	int level;

	if (err < 0 || text == NULL)
		return err;
	level = log_level_parse(text);
	if (level < 0) {
		vhu_reason_set(reason, "log-level: \"%s\" is not error, warning, info or debug",
			       text);
		return -EINVAL;
	}
	settings->log_level = level;
	return 0;
}

/* Threads, and where they run: with "cpus" alone there is one per CPU named. */
static int read_workers(const json_t *config, struct settings *settings,
			struct vhu_reason *reason)
{
	int err, cpus;

	for (unsigned int i = 0; i < SETTINGS_THREADS_MAX; i++)
		settings->cpus[i] = -1;
	cpus = settings_numbers(config, "cpus", 0, CPU_MAX, settings->cpus, SETTINGS_THREADS_MAX,
				reason);
	if (cpus < 0)
		return cpus;
	settings->threads = cpus > 0 ? (unsigned int)cpus : 1;
	err = settings_number(config, "threads", 1, SETTINGS_THREADS_MAX, &settings->threads,
			      reason);
	if (err < 0)
		return err;
	if (cpus > 0 && (unsigned int)cpus != settings->threads) {
		vhu_reason_set(reason, "cpus: %d for %u threads", cpus, settings->threads);
		return -EINVAL;
	}
	return settings_number(config, "poll-us", 1, POLL_US_MAX, &settings->poll_us, reason);
}

int settings_read(const json_t *config, struct settings *settings, struct vhu_reason *reason)
{
	static const char *const keys[] = {
		"threads",  "cpus",	 "mode",    "poll-us", "rpc-socket",
		"rpc-mode", "user", "group",
		"sandbox", "log-level", "devices", NULL,
	};
	size_t index;
	json_t *device;
	int err;

	*settings = (struct settings){
		.mode = WORKER_ADAPTIVE,
		.rpc_mode = 0600,
		.sandbox = true,
		.log_level = VVU_LOG_INFO,
		.devices = json_object_get(config, "devices"),
	};
	if (!json_is_object(config)) {
		vhu_reason_set(reason, "configuration: not a JSON object");
		return -EINVAL;
	}
	err = settings_known(config, keys, "configuration", reason);
	if (err == 0)
		err = read_workers(config, settings, reason);
	if (err == 0)
		err = read_mode(config, settings, reason);
	if (err == 0)
		err = settings_string(config, "rpc-socket", &settings->rpc_socket, reason);
	if (err == 0)
		err = settings_mode(config, "rpc-mode", &settings->rpc_mode, reason);
	if (err == 0)
		err = settings_string(config, "user", &settings->user, reason);
	if (err == 0)
		err = settings_string(config, "group", &settings->group, reason);
	if (err == 0)
		err = settings_flag(config, "sandbox", &settings->sandbox, reason);
	if (err == 0)
		err = read_log_level(config, settings, reason);
	if (err < 0)
		return err;
	if (settings->devices != NULL && !json_is_array(settings->devices)) {
		vhu_reason_set(reason, "devices: not an array");
		return -EINVAL;
	}
	json_array_foreach(settings->devices, index, device) {
		if (!json_is_object(device)) {
			vhu_reason_set(reason, "devices: entry %zu is not an object", index);
			return -EINVAL;
		}
	}
	return 0;
}
