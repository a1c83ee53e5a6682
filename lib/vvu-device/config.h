/* SPDX-License-Identifier: BSD-3-Clause */
/* Device configuration space; see layout.h for the fields. */
#ifndef VVU_DEVICE_CONFIG_H
#define VVU_DEVICE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "layout.h"

struct vvu_device;

void vvu_config_build(const struct vvu_device *device, uint8_t config[VVU_CONFIG_SIZE]);

/* What a write to the status field says. */
enum vvu_config_write {
	VVU_CONFIG_WRITE_NONE, /* nothing: other bytes, other fields */
	VVU_CONFIG_WRITE_UP,
	VVU_CONFIG_WRITE_DOWN,
	VVU_CONFIG_WRITE_BAD, /* an undefined bit is set */
};
enum vvu_config_write vvu_config_parse_write(uint32_t offset, const void *buf, size_t len);

#endif
