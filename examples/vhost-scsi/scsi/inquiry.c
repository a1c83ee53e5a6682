/* SPDX-License-Identifier: BSD-3-Clause */
/* INQUIRY and its vital product data (SPC-4, 6.6 and 7.8; SBC-3, 6.6) */
#include <string.h>

#include "command.h"
#include "task.h"

#define PAGE_MAX	96u

static void put_text(uint8_t *at, const char *text, size_t width)
{
	size_t length = strlen(text);

	memset(at, ' ', width);
	memcpy(at, text, length < width ? length : width);
}

static size_t put_standard(const struct scsi_task *task, uint8_t *data)
{
	static const uint16_t versions[] = {
		0x00a0,	/* SAM-5 */
		0x0460,	/* SPC-4 */
		0x04c0,	/* SBC-3 */
	};
	const struct scsi_lu *lu = task->path ? task->path->lu : NULL;

	data[0] = lu ? SCSI_TYPE_DISK : task->well_known ? SCSI_TYPE_WELL_KNOWN : SCSI_TYPE_NONE;
	data[2] = 0x06;		/* SPC-4 */
	data[3] = 0x12;		/* HISUP, response data format 2 */
	data[4] = 96 - 5;
	data[7] = 0x02;		/* CMDQUE */
	put_text(data + 8, lu ? lu->vendor : "VHOST", 8);
	put_text(data + 16, lu ? lu->product : "", 16);
	put_text(data + 32, lu ? lu->revision : "1", 4);
	for (unsigned int i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		scsi_put16(data + 58 + 2 * i, versions[i]);
	return 96;
}

static size_t put_supported(const struct scsi_lu *lu, uint8_t *data);

static size_t put_serial(const struct scsi_lu *lu, uint8_t *data)
{
	memcpy(data, lu->serial, strlen(lu->serial));
	return strlen(lu->serial);
}

static size_t put_identification(const struct scsi_lu *lu, uint8_t *data)
{
	size_t serial = strlen(lu->serial);

	/* NAA, binary, of the logical unit */
	data[0] = 0x01;
	data[1] = 0x03;
	data[3] = 8;
	memcpy(data + 4, lu->naa, 8);
	data += 12;
	/* T10 vendor identification, ASCII, of the logical unit */
	data[0] = 0x02;
	data[1] = 0x01;
	data[3] = (uint8_t)(8 + serial);
	put_text(data + 4, lu->vendor, 8);
	memcpy(data + 12, lu->serial, serial);
	return 12 + 12 + serial;
}

static size_t put_block_limits(const struct scsi_lu *lu, uint8_t *data)
{
	const uint32_t optimal = lu->info.optimal_bytes >> lu->block_shift;

	data[0] = 0x01;		/* WSNZ: WRITE SAME wants a number of blocks */
	data[1] = (uint8_t)lu->limits.compare_and_write;
	scsi_put16(data + 2, optimal > UINT16_MAX ? 0 : (uint16_t)optimal);
	scsi_put32(data + 4, lu->limits.transfer);
	scsi_put32(data + 8, 0);	/* no optimal transfer length known */
	scsi_put32(data + 16, lu->limits.unmap);
	scsi_put32(data + 20, lu->limits.unmap_descriptors);
	scsi_put32(data + 24, lu->limits.unmap_granularity);
	scsi_put64(data + 32, lu->limits.write_same);
	return 0x3c;
}

static size_t put_characteristics(const struct scsi_lu *lu, uint8_t *data)
{
	/* Rotation rate: 1 is none; 0 is not told. */
	scsi_put16(data, lu->info.rotational ? 0 : 1);
	return 0x3c;
}

static size_t put_provisioning(const struct scsi_lu *lu, uint8_t *data)
{
	if (lu->limits.unmap) {
		data[1] = 0xe0;	/* LBPU, LBPWS, LBPWS10 */
		if (lu->info.discard_zeroes)
			data[1] |= 0x04;	/* LBPRZ */
		data[2] = 0x02;	/* thin */
	}
	return 4;
}

static const struct {
	uint8_t code;
	/* After the header of four bytes; the length. @data is zero. */
	size_t (*put)(const struct scsi_lu *lu, uint8_t *data);
} pages[] = {
	{ 0x00, put_supported },
	{ 0x80, put_serial },
	{ 0x83, put_identification },
	{ 0xb0, put_block_limits },
	{ 0xb1, put_characteristics },
	{ 0xb2, put_provisioning },
};

#define NUM_PAGES (sizeof(pages) / sizeof(pages[0]))

static size_t put_supported(const struct scsi_lu *lu, uint8_t *data)
{
	for (size_t i = 0; i < NUM_PAGES; i++)
		data[i] = pages[i].code;
	return NUM_PAGES;
}

/* Without a logical unit there is the list of pages, with just itself in it. */
static size_t put_page(const struct scsi_task *task, uint8_t *data)
{
	const struct scsi_lu *lu = task->path ? task->path->lu : NULL;
	const uint8_t code = task->cdb[2];
	size_t length = 1;
	size_t i = 0;

	data[0] = lu ? SCSI_TYPE_DISK : task->well_known ? SCSI_TYPE_WELL_KNOWN : SCSI_TYPE_NONE;
	data[1] = code;
	if (lu == NULL && code != 0x00)
		return 0;
	if (lu) {
		while (i < NUM_PAGES && pages[i].code != code)
			i++;
		if (i == NUM_PAGES)
			return 0;
		length = pages[i].put(lu, data + 4);
	}
	scsi_put16(data + 2, (uint16_t)length);
	return 4 + length;
}

void scsi_inquiry(struct scsi_task *task)
{
	uint8_t data[PAGE_MAX] = { 0 };
	size_t length;

	if (task->cdb[1] & ~0x01) {
		scsi_fail_cdb(task, 1, -1);
		return;
	}
	if (task->cdb[1] & 0x01) {
		length = put_page(task, data);
	} else {
		length = task->cdb[2] ? 0 : put_standard(task, data);
	}
	if (length == 0)
		scsi_fail_cdb(task, 2, 7);
	else
		scsi_return(task, data, length, scsi_get16(task->cdb + 3));
}
