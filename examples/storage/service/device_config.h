/* SPDX-License-Identifier: BSD-3-Clause */
/* The description of a device: the keys that all have in common, apart from the type's own. */
#ifndef STORAGE_DEVICE_CONFIG_H
#define STORAGE_DEVICE_CONFIG_H

#include <jansson.h>

#include "storage/target/target.h"
#include "vhost-relay/bus/pci_address.h"

#define DEVICE_QUEUES_MAX	256u
#define DEVICE_NAME_MAX		64u	/* bytes, with its 0 */

struct device_config {
	struct target_config target;
	json_t *own;				/* an object: the other keys, for the type */
	/* ---- what target points to ---- */
	unsigned int map[DEVICE_QUEUES_MAX];
	char address[VHR_PCI_ADDRESS_MAX];
};

/*
 * Strings stay those of @description. @workers: how many there are. @default_name is for one
 * that has none. A "device" that is a uuid is looked for (function.h), which opens functions.
 * -EINVAL with @reason names the key; or an error of function_find(). @config must not move.
 */
int device_config_read(const json_t *description, unsigned int workers, const char *default_name,
		       struct device_config *config, struct vhu_reason *reason);
void device_config_free(struct device_config *config);

/* The number of a group, by name or as a number. -EINVAL. */
int device_group(const char *text, uint32_t *group, struct vhu_reason *reason);

#endif
