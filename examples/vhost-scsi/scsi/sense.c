/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "sense.h"

/* SPC-4, 4.5.2.4.2: sense-key specific data of ILLEGAL REQUEST */
static void put_field(const struct scsi_sense *sense, uint8_t at[3])
{
	at[0] = 0x80;	/* SKSV */
	if (sense->field_in_cdb)
		at[0] |= 0x40;
	if (sense->field_bit >= 0)
		at[0] |= 0x08 | (uint8_t)(sense->field_bit & 7);
	scsi_put16(at + 1, sense->field);
}

/* SPC-4, 4.5.3 */
static size_t build_fixed(const struct scsi_sense *sense, uint8_t *data)
{
	memset(data, 0, 18);
	data[0] = 0x70;
	/* An INFORMATION that has no room in four bytes is not valid. */
	if (sense->info_valid && sense->info <= UINT32_MAX) {
		data[0] |= 0x80;
		scsi_put32(data + 3, (uint32_t)sense->info);
	}
	data[2] = (uint8_t)sense->key;
	data[7] = 10;
	scsi_put16(data + 12, (uint16_t)sense->asc);
	if (sense->field_valid)
		put_field(sense, data + 15);
	return 18;
}

/* SPC-4, 4.5.2 */
static size_t build_descriptors(const struct scsi_sense *sense, uint8_t *data)
{
	size_t length = 8;

	memset(data, 0, SCSI_SENSE_MAX);
	data[0] = 0x72;
	data[1] = (uint8_t)sense->key;
	scsi_put16(data + 2, (uint16_t)sense->asc);
	if (sense->info_valid) {
		data[length] = 0x00;	/* information */
		data[length + 1] = 0x0a;
		data[length + 2] = 0x80;
		scsi_put64(data + length + 4, sense->info);
		length += 12;
	}
	if (sense->field_valid) {
		data[length] = 0x02;	/* sense-key specific */
		data[length + 1] = 0x06;
		put_field(sense, data + length + 4);
		length += 8;
	}
	data[7] = (uint8_t)(length - 8);
	return length;
}

size_t scsi_sense_build(const struct scsi_sense *sense, bool descriptor,
			uint8_t data[SCSI_SENSE_MAX])
{
	return descriptor ? build_descriptors(sense, data) : build_fixed(sense, data);
}
