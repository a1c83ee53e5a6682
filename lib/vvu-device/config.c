/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <endian.h>
#include <string.h>

#include "internal.h"

static void put_le32(uint8_t *config, uint32_t offset, uint32_t value)
{
	value = htole32(value);
	memcpy(config + offset, &value, sizeof(value));
}

void vvu_config_build(const struct vvu_device *device, uint8_t config[VVU_CONFIG_SIZE])
{
	memset(config, 0, VVU_CONFIG_SIZE);
	put_le32(config, VVU_CONFIG_STATUS, device->status);
	put_le32(config, VVU_CONFIG_MAX_VHOST_QUEUES, device->max_queues);
	memcpy(config + VVU_CONFIG_UUID, device->uuid, sizeof(device->uuid));
	put_le32(config, VVU_CONFIG_MAX_MESSAGE_SIZE, VHU_MAX_MESSAGE);
	put_le32(config, VVU_CONFIG_EPOCH, device->epoch);
}

enum vvu_config_write vvu_config_parse_write(uint32_t offset, const void *buf, size_t len)
{
	const uint8_t known = VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP;
	enum vvu_config_write result = VVU_CONFIG_WRITE_NONE;
	const uint8_t *bytes = buf;
	size_t i;

	for (i = 0; i < len && offset + i < VVU_CONFIG_STATUS + sizeof(uint32_t); i++) {
		bool low = offset + i == VVU_CONFIG_STATUS;

		if (bytes[i] & (low ? (uint8_t)~known : 0xff))
			return VVU_CONFIG_WRITE_BAD;
		if (low)
			result = bytes[i] & VVU_STATUS_BACKEND_UP ? VVU_CONFIG_WRITE_UP :
								    VVU_CONFIG_WRITE_DOWN;
	}
	return result;
}
