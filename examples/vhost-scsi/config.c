/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration space (virtio 1.3, 5.6.4) */
#include <errno.h>
#include <string.h>

#include "device.h"

/* In sectors of 512 bytes; a logical unit may take less, which its Block Limits page says. */
#define MAX_SECTORS	32768u
#define CMD_PER_LUN	128u

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static void fill(const struct scsi_device *device, uint8_t config[VSCSI_CONFIG_BYTES])
{
	vscsi_put32(config, device->queues - VSCSI_FIXED_QUEUES);
	vscsi_put32(config + 4, TARGET_SEG_MAX);
	vscsi_put32(config + 8, MAX_SECTORS);
	vscsi_put32(config + 12, CMD_PER_LUN);
	vscsi_put32(config + 16, VSCSI_EVENT_BYTES);
	vscsi_put32(config + VSCSI_CONFIG_SENSE_SIZE, device->sense_size);
	vscsi_put32(config + VSCSI_CONFIG_CDB_SIZE, device->cdb_size);
	put16(config + 28, 0);			/* max_channel */
	put16(config + 30, SCSI_TARGETS - 1);	/* max_target */
	vscsi_put32(config + 32, SCSI_LUNS - 1);	/* max_lun */
}

int scsi_get_config(void *priv, uint32_t offset, uint32_t size, uint8_t *data)
{
	uint8_t config[VSCSI_CONFIG_BYTES];

	if (offset > sizeof(config) || size > sizeof(config) - offset)
		return -EINVAL;
	fill(priv, config);
	memcpy(data, config + offset, size);
	return 0;
}

/* The driver may write two fields; a frontend may write all others as they are. */
int scsi_set_config(void *priv, uint32_t offset, uint32_t size, const uint8_t *data,
		    uint32_t flags)
{
	struct scsi_device *device = priv;
	uint8_t was[VSCSI_CONFIG_BYTES], is[VSCSI_CONFIG_BYTES];
	uint32_t sense_size, cdb_size;

	if (offset > sizeof(is) || size > sizeof(is) - offset)
		return -EINVAL;
	fill(device, was);
	memcpy(is, was, sizeof(is));
	memcpy(is + offset, data, size);
	if (memcmp(is, was, VSCSI_CONFIG_SENSE_SIZE) != 0 ||
	    memcmp(is + VSCSI_CONFIG_CDB_SIZE + 4, was + VSCSI_CONFIG_CDB_SIZE + 4,
		   sizeof(is) - VSCSI_CONFIG_CDB_SIZE - 4) != 0)
		return -EINVAL;
	sense_size = vscsi_get32(is + VSCSI_CONFIG_SENSE_SIZE);
	cdb_size = vscsi_get32(is + VSCSI_CONFIG_CDB_SIZE);
	if (sense_size > SCSI_SENSE_SIZE_MAX || cdb_size == 0 || cdb_size > SCSI_CDB_SIZE_MAX)
		return -EINVAL;
	device->sense_size = sense_size;
	device->cdb_size = cdb_size;
	return 0;
}

void scsi_config_reset(struct scsi_device *device)
{
	device->sense_size = VSCSI_SENSE_SIZE;
	device->cdb_size = VSCSI_CDB_SIZE;
}
