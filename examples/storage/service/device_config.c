/* SPDX-License-Identifier: BSD-3-Clause */
#include "device_config.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

#include "function.h"
#include "settings.h"

static const char *const common_keys[] = {
	"name",		"socket-path", "fd",  "device", "socket-mode",
	"socket-group", "queues",      "map", "packed", NULL,
};

int device_group(const char *text, uint32_t *group, struct vhu_reason *reason)
{
	const struct group *entry = getgrnam(text);
	unsigned long number;
	char *end;

	if (entry != NULL) {
		*group = entry->gr_gid;
		return 0;
	}
	errno = 0;
	number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number >= UINT32_MAX) {
		vhu_reason_set(reason, "there is no group \"%s\"", text);
		return -EINVAL;
	}
	*group = (uint32_t)number;
	return 0;
}

/* It stands in messages and in paths of nothing: letters that need no thought. */
static int check_name(const char *name, struct vhu_reason *reason)
{
	size_t length = strlen(name);

	if (length >= DEVICE_NAME_MAX ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:@") !=
		    length) {
		vhu_reason_set(reason,
			       "name: \"%.64s\" is not up to %u letters, digits and .-_:@", name,
			       DEVICE_NAME_MAX - 1);
		return -EINVAL;
	}
	return 0;
}

/* Just one of three. */
static int read_transport(const json_t *description, struct device_config *config,
			  struct vhu_reason *reason)
{
	struct target_config *target = &config->target;
	unsigned int fd = 0, ways = 0;
	struct vhr_pci_address address;
	const char *device = NULL;
	int err;

	err = settings_string(description, "socket-path", &target->socket_path, reason);
	if (err == 0)
		err = settings_string(description, "device", &device, reason);
	if (err == 0)
		err = settings_number(description, "fd", 0, INT32_MAX, &fd, reason);
	if (err < 0)
		return err;
	if (json_object_get(description, "fd") != NULL)
		target->socket_fd = (int)fd;
	ways = (target->socket_path != NULL) + (device != NULL) + (target->socket_fd >= 0);
	if (ways != 1) {
		vhu_reason_set(reason, "%s: %s of socket-path, fd and device",
			       target->name, ways == 0 ? "needs one" : "has more than one");
		return -EINVAL;
	}
	if (device == NULL)
		return 0;
	if (vhr_pci_address_parse(device, &address) == 0) {
		vhr_pci_address_format(&address, config->address);
	} else {
		err = function_find(device, config->address, reason);
		if (err < 0)
			return err;
	}
	target->device = config->address;
	return 0;
}

static int read_socket(const json_t *description, struct target_config *target,
		       struct vhu_reason *reason)
{
	const char *group = NULL;
	int err = settings_mode(description, "socket-mode", &target->socket_mode, reason);

	if (err == 0)
		err = settings_string(description, "socket-group", &group, reason);
	if (err < 0)
		return err;
	if (target->socket_path == NULL && (group != NULL || target->socket_mode != 0)) {
		vhu_reason_set(reason, "%s: %s is for socket-path only", target->name,
			       group != NULL ? "socket-group" : "socket-mode");
		return -EINVAL;
	}
	return group == NULL ? 0 : device_group(group, &target->socket_group, reason);
}

static int read_queues(const json_t *description, unsigned int workers,
		       struct device_config *config, struct vhu_reason *reason)
{
	int list[DEVICE_QUEUES_MAX], count, err;

	config->target.queues = workers;
	err = settings_number(description, "queues", 1, DEVICE_QUEUES_MAX, &config->target.queues,
			      reason);
	if (err < 0)
		return err;
	count = settings_numbers(description, "map", 0, (int)workers - 1, list, DEVICE_QUEUES_MAX,
				 reason);
	if (count <= 0)
		return count;
	for (unsigned int i = 0; i < DEVICE_QUEUES_MAX; i++)
		config->map[i] = (unsigned int)list[i % (unsigned int)count];
	config->target.map = config->map;
	return 0;
}

static int read_own(const json_t *description, struct device_config *config)
{
	config->own = json_copy((json_t *)(uintptr_t)description);
	if (config->own == NULL)
		return -ENOMEM;
	for (const char *const *key = common_keys; *key != NULL; key++)
		json_object_del(config->own, *key);
	return 0;
}

int device_config_read(const json_t *description, unsigned int workers, const char *default_name,
		       struct device_config *config, struct vhu_reason *reason)
{
	struct target_config *target = &config->target;
	int err;

	memset(config, 0, sizeof(*config));
	target->socket_fd = -1;
	target->name = default_name;
	if (!json_is_object(description)) {
		vhu_reason_set(reason, "description of a device: not an object");
		return -EINVAL;
	}
	err = settings_string(description, "name", &target->name, reason);
	if (err == 0)
		err = check_name(target->name, reason);
	if (err == 0)
		err = settings_flag(description, "packed", &target->packed, reason);
	if (err == 0)
		err = read_queues(description, workers, config, reason);
	if (err == 0)
		err = read_transport(description, config, reason);
	if (err == 0)
		err = read_socket(description, target, reason);
	if (err == 0)
		err = read_own(description, config);
	return err;
}

void device_config_free(struct device_config *config)
{
	json_decref(config->own);
	config->own = NULL;
}
