/* SPDX-License-Identifier: BSD-3-Clause */
/* What there is: logical units, commands, task management functions (SPC-4, 6.33 to 6.36) */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "task.h"

#define LUNS_MAX	256u
#define WELL_KNOWN_LUN	0xc101000000000000ull

void scsi_report_luns(struct scsi_task *task)
{
	uint8_t data[8 + 8 * (LUNS_MAX + 1)] = { 0 };
	const uint8_t select = task->cdb[2];
	uint64_t luns[LUNS_MAX];
	unsigned int num = 0;
	size_t length = 8;

	/* 0: those addressed by number; 1: well known ones; 2: all */
	if (select > 2) {
		scsi_fail_cdb(task, 2, 7);
		return;
	}
	if (select != 1)
		num = task->luns->list(task->luns->arg, luns, LUNS_MAX);
	for (unsigned int i = 0; i < num; i++, length += 8)
		scsi_put64(data + length, luns[i]);
	if (select != 0) {
		scsi_put64(data + length, WELL_KNOWN_LUN);
		length += 8;
	}
	scsi_put32(data, (uint32_t)(length - 8));
	/* Whoever has the list knows of the change (SPC-4, 6.33.1). */
	if (task->path)
		atomic_fetch_and(&task->path->ua, ~(1u << SCSI_UA_LUNS_CHANGED));
	scsi_return(task, data, length, scsi_get32(task->cdb + 6));
}

#define TIMEOUTS_DESCRIPTOR	12u

/* No timeouts are known, so what is asked for has zeroes. */
static size_t put_timeouts(uint8_t *data)
{
	memset(data, 0, TIMEOUTS_DESCRIPTOR);
	scsi_put16(data, TIMEOUTS_DESCRIPTOR - 2);
	return TIMEOUTS_DESCRIPTOR;
}

static void report_all(struct scsi_task *task, bool timeouts)
{
	const struct scsi_lu *lu = task->path->lu;
	const size_t max = 4 + (size_t)scsi_num_commands * (8 + TIMEOUTS_DESCRIPTOR);
	size_t length = 4;

	if (!scsi_buffer(task, max))
		return;
	memset(task->buffer, 0, max);
	for (unsigned int i = 0; i < scsi_num_commands; i++) {
		const struct scsi_command *command = &scsi_commands[i];
		uint8_t *at = task->buffer + length;

		if (command->flags & CMD_UNMAPS && lu->limits.unmap == 0)
			continue;
		at[0] = command->opcode;
		if (command->flags & CMD_SERVICE_ACTION) {
			scsi_put16(at + 2, command->action);
			at[5] |= 0x01;	/* SERVACTV */
		}
		scsi_put16(at + 6, command->length);
		length += 8;
		if (timeouts) {
			at[5] |= 0x02;	/* CTDP */
			length += put_timeouts(at + 8);
		}
	}
	scsi_put32(task->buffer, (uint32_t)(length - 4));
	scsi_return(task, task->buffer, length, scsi_get32(task->cdb + 6));
}

static void report_one(struct scsi_task *task, bool timeouts, const struct scsi_command *command)
{
	uint8_t data[4 + 16 + TIMEOUTS_DESCRIPTOR] = { 0 };
	size_t length = 4;

	data[1] = 0x01;		/* not supported */
	if (command) {
		data[1] = 0x03;	/* as the standard has it */
		scsi_put16(data + 2, command->length);
		memcpy(data + 4, command->usage, command->length);
		length += command->length;
		if (timeouts) {
			data[1] |= 0x80;
			length += put_timeouts(data + length);
		}
	}
	scsi_return(task, data, length, scsi_get32(task->cdb + 6));
}

void scsi_report_opcodes(struct scsi_task *task)
{
	const bool timeouts = task->cdb[2] & 0x80;
	const unsigned int options = task->cdb[2] & 7;
	const uint16_t action = scsi_get16(task->cdb + 4);
	const struct scsi_command *command;
	bool known, has_actions;

	if (options == 0) {
		report_all(task, timeouts);
		return;
	}
	if (options > 3) {
		scsi_fail_cdb(task, 2, 2);
		return;
	}
	command = scsi_command_find(task->path->lu, task->cdb[3],
				    action > 0x1f ? 0xff : (uint8_t)action, &known);
	has_actions = known && (command == NULL || command->flags & CMD_SERVICE_ACTION);
	if (options == 1 && has_actions) {
		scsi_fail_cdb(task, 3, -1);
		return;
	}
	if (options == 2 && known && !has_actions) {
		scsi_fail_cdb(task, 4, -1);
		return;
	}
	/* 3: with the service action where it has some, and 0 where it has none */
	if (options == 3 && !has_actions && action)
		command = NULL;
	report_one(task, timeouts, command);
}

void scsi_report_tmfs(struct scsi_task *task)
{
	uint8_t data[16] = { 0 };
	const bool extended = task->cdb[2] & 0x80;

	data[0] = 0xdc;		/* ATS, ATSS, CTSS, LURS, QTS */
	data[1] = 0x03;		/* QTSS, ITNRS */
	if (extended)
		data[3] = 12;
	scsi_return(task, data, extended ? 16 : 4, scsi_get32(task->cdb + 6));
}
