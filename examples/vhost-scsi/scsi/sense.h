/* SPDX-License-Identifier: BSD-3-Clause */
/* Sense data (SPC-4, 4.5): what is to be told, and its two formats. */
#ifndef VHOST_SCSI_SENSE_H
#define VHOST_SCSI_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scsi.h"

#define SCSI_SENSE_MAX	28u	/* descriptor format with both descriptors */

struct scsi_sense {
	enum scsi_key key;
	enum scsi_asc asc;
	bool info_valid;
	uint64_t info;		/* INFORMATION */
	bool field_valid;	/* ILLEGAL REQUEST: where the wrong field is */
	bool field_in_cdb;	/* else in the parameter list */
	uint16_t field;		/* byte */
	int field_bit;		/* its most significant bit, -1: not told */
};

/* Write it in fixed or descriptor format; the number of bytes, at most SCSI_SENSE_MAX. */
size_t scsi_sense_build(const struct scsi_sense *sense, bool descriptor,
			uint8_t data[SCSI_SENSE_MAX]);

#endif
