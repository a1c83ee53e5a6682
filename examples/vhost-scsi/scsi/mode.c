/* SPDX-License-Identifier: BSD-3-Clause */
/* MODE SENSE and MODE SELECT (SPC-4, 6.11 to 6.14, 7.5; SBC-3, 6.5) */
#include <string.h>

#include "command.h"
#include "task.h"

#define PAGE_MAX	20u
#define ALL_PAGES	0x3fu
#define ALL_SUBPAGES	0xffu
#define WCE		0x04u	/* caching page, byte 2 */
#define D_SENSE		0x04u	/* control page, byte 2 */

enum { CURRENT, CHANGEABLE, DEFAULT, SAVED };

static void put_caching(const struct scsi_lu *lu, unsigned int control, uint8_t *page)
{
	/* A store without a cache that loses writes has none to switch off. */
	const bool cache = lu->info.volatile_cache;

	if (control == CURRENT ? lu->mode.wce : cache)
		page[2] = WCE;
}

static void put_control(const struct scsi_lu *lu, unsigned int control, uint8_t *page)
{
	if (control == CHANGEABLE) {
		page[2] = D_SENSE;
		return;
	}
	page[2] = 0x02;		/* GLTSD: no log parameters are saved */
	if (control == CURRENT && lu->mode.d_sense)
		page[2] |= D_SENSE;
	page[3] = 0x10;		/* unrestricted reordering */
}

static void put_exceptions(const struct scsi_lu *lu, unsigned int control, uint8_t *page)
{
	if (control != CHANGEABLE)
		page[2] = 0x08;	/* DEXCPT: there are none to report */
}

static const struct mode_page {
	uint8_t code;
	uint8_t length;		/* with its header of two bytes */
	void (*put)(const struct scsi_lu *lu, unsigned int control, uint8_t *page);
} pages[] = {
	{ 0x08, 20, put_caching },
	{ 0x0a, 12, put_control },
	{ 0x1c, 12, put_exceptions },
};

#define NUM_PAGES (sizeof(pages) / sizeof(pages[0]))

static const struct mode_page *find_page(uint8_t code)
{
	for (size_t i = 0; i < NUM_PAGES; i++) {
		if (pages[i].code == code)
			return &pages[i];
	}
	return NULL;
}

static size_t put_page(const struct scsi_lu *lu, const struct mode_page *page,
		       unsigned int control, uint8_t *data)
{
	memset(data, 0, page->length);
	data[0] = page->code;
	data[1] = (uint8_t)(page->length - 2);
	page->put(lu, control, data);
	return page->length;
}

/* SBC-3, 6.5.2 */
static size_t put_block_descriptor(const struct scsi_lu *lu, bool longer, uint8_t *data)
{
	const uint64_t blocks = lu->blocks;

	if (longer) {
		memset(data, 0, 16);
		scsi_put64(data, blocks);
		scsi_put32(data + 12, scsi_block_bytes(lu));
		return 16;
	}
	scsi_put32(data, blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)blocks);
	scsi_put32(data + 4, scsi_block_bytes(lu));	/* the first byte of it is reserved: 0 */
	return 8;
}

void scsi_mode_sense(struct scsi_task *task)
{
	const struct scsi_lu *lu = task->path->lu;
	const bool ten = task->command->length == 10;
	const unsigned int control = task->cdb[2] >> 6;
	const uint8_t code = task->cdb[2] & 0x3f, subpage = task->cdb[3];
	const uint8_t device = 0x10 | (lu->info.read_only ? 0x80 : 0);	/* DPOFUA, WP */
	uint8_t data[8 + 16 + NUM_PAGES * PAGE_MAX] = { 0 };
	size_t header = ten ? 8 : 4, length = header, blocks = 0;

	if (control == SAVED) {
		scsi_fail(task, SCSI_ILLEGAL_REQUEST, ASC_SAVING_NOT_SUPPORTED);
		return;
	}
	if (code != ALL_PAGES && !find_page(code)) {
		scsi_fail_cdb(task, 2, 5);
		return;
	}
	if (subpage != 0 && subpage != ALL_SUBPAGES) {
		scsi_fail_cdb(task, 3, 7);
		return;
	}
	if (!(task->cdb[1] & 0x08))
		blocks = put_block_descriptor(lu, ten && task->cdb[1] & 0x10, data + length);
	length += blocks;
	for (size_t i = 0; i < NUM_PAGES; i++) {
		if (code == ALL_PAGES || code == pages[i].code)
			length += put_page(lu, &pages[i], control, data + length);
	}
	if (ten) {
		scsi_put16(data, (uint16_t)(length - 2));
		data[3] = device;
		data[4] = blocks == 16;	/* LONGLBA */
		scsi_put16(data + 6, (uint16_t)blocks);
	} else {
		data[0] = (uint8_t)(length - 1);
		data[2] = device;
		data[3] = (uint8_t)blocks;
	}
	scsi_return(task, data, length, ten ? scsi_get16(task->cdb + 7) : task->cdb[4]);
}

/* The medium is not formatted anew: what a block descriptor says has to be so already. */
static bool block_descriptor_fits(const struct scsi_lu *lu, const uint8_t *at, bool longer)
{
	const uint64_t blocks = longer ? scsi_get64(at) : scsi_get32(at);
	const uint32_t bytes = longer ? scsi_get32(at + 12) : scsi_get32(at + 4) & 0xffffff;

	return bytes == scsi_block_bytes(lu) && (blocks == 0 || blocks == lu->blocks ||
						 blocks == (longer ? UINT64_MAX : UINT32_MAX));
}

struct changes {
	bool wce, d_sense;
};

/* One page of the list at @at; its length. 0: the task has ended. */
static size_t take_page(struct scsi_task *task, size_t at, struct changes *changes)
{
	const struct scsi_lu *lu = task->path->lu;
	const uint8_t *sent = task->buffer + at;
	const size_t left = task->buffer_bytes - at;
	uint8_t current[PAGE_MAX], mask[PAGE_MAX];
	const struct mode_page *page;

	if (left < 2) {
		scsi_fail_list_length(task);
		return 0;
	}
	page = sent[0] & 0x40 ? NULL : find_page(sent[0] & 0x3f);	/* SPF */
	if (page == NULL) {
		scsi_fail_list(task, (unsigned int)at, 6);
		return 0;
	}
	if (sent[1] != page->length - 2) {
		scsi_fail_list(task, (unsigned int)at + 1, 7);
		return 0;
	}
	if (left < page->length) {
		scsi_fail_list_length(task);
		return 0;
	}
	put_page(lu, page, CURRENT, current);
	put_page(lu, page, CHANGEABLE, mask);
	for (unsigned int i = 2; i < page->length; i++) {
		uint8_t wrong = (sent[i] ^ current[i]) & (uint8_t)~mask[i];

		if (wrong) {
			scsi_fail_list(task, (unsigned int)at + i, 31 - __builtin_clz(wrong));
			return 0;
		}
	}
	if (page->code == 0x08)
		changes->wce = sent[2] & WCE;
	else if (page->code == 0x0a)
		changes->d_sense = sent[2] & D_SENSE;
	return page->length;
}

/* False: the task has ended. */
static bool take_header(struct scsi_task *task, size_t *at)
{
	const bool ten = task->command->length == 10;
	const uint8_t *list = task->buffer;
	const size_t header = ten ? 8 : 4;
	size_t blocks;
	bool longer;

	if (task->buffer_bytes < header) {
		scsi_fail_list_length(task);
		return false;
	}
	blocks = ten ? scsi_get16(list + 6) : list[3];
	longer = ten && list[4] & 1;
	/* The mode data length is reserved here, so is WP; medium type is 0. */
	if (list[ten ? 2 : 1]) {
		scsi_fail_list(task, ten ? 2 : 1, 7);
		return false;
	}
	if (blocks != 0 && blocks != (longer ? 16 : 8)) {
		scsi_fail_list(task, ten ? 6 : 3, -1);
		return false;
	}
	if (task->buffer_bytes - header < blocks) {
		scsi_fail_list_length(task);
		return false;
	}
	if (blocks && !block_descriptor_fits(task->path->lu, list + header, longer)) {
		scsi_fail_list(task, (unsigned int)header, -1);
		return false;
	}
	*at = header + blocks;
	return true;
}

void scsi_mode_select(struct scsi_task *task)
{
	struct scsi_lu *lu = task->path->lu;
	const bool ten = task->command->length == 10;
	const size_t length = ten ? scsi_get16(task->cdb + 7) : task->cdb[4];
	struct changes changes = { .wce = lu->mode.wce, .d_sense = lu->mode.d_sense };
	bool had_cache;
	size_t at, size;

	if (!(task->cdb[1] & 0x10)) {	/* PF: pages as the standard has them */
		scsi_fail_cdb(task, 1, 4);
		return;
	}
	if (task->cdb[1] & 0x01) {	/* SP: nothing is saved */
		scsi_fail_cdb(task, 1, 0);
		return;
	}
	if (length == 0) {
		scsi_good(task);
		return;
	}
	if (!scsi_take_list(task, length) || !take_header(task, &at))
		return;
	/* All or nothing: no change takes effect before the last page was found right. */
	for (; at < length; at += size) {
		size = take_page(task, at, &changes);
		if (size == 0)
			return;
	}
	pthread_mutex_lock(&lu->lock);
	had_cache = lu->mode.wce;
	if (had_cache != changes.wce || lu->mode.d_sense != changes.d_sense)
		scsi_ua_set_others(lu, task->path, SCSI_UA_MODE_CHANGED);
	lu->mode.wce = changes.wce;
	lu->mode.d_sense = changes.d_sense;
	pthread_mutex_unlock(&lu->lock);
	/* Without the cache nothing is left in it. */
	if (had_cache && !changes.wce && !lu->info.read_only)
		scsi_flush(task, scsi_good);
	else
		scsi_good(task);
}
