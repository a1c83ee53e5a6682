/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>

#include "command.h"
#include "lu.h"

#define ANY CMD_RESERVED_OK
#define READ CMD_RESERVED_READ
#define MEDIUM CMD_MEDIUM
#define WRITE (CMD_MEDIUM | CMD_WRITES)

/* The flags of INQUIRY, REPORT LUNS and REQUEST SENSE (SPC-4, 5.9.1 and 5.12) */
#define ALWAYS (CMD_RESERVED_OK | CMD_ATTENTION_OK | CMD_NO_LU_OK)

#define LBA4 0xff, 0xff, 0xff, 0xff
#define LBA8 LBA4, LBA4
#define LEN4 LBA4
/* Accepted, and nothing is collected by group (SBC-3, 4.22) */
#define GROUP 0x1f

#define CMD(opcode_, length_, flags_, run_, ...) { .opcode = (opcode_), .length = (length_), \
	.flags = (flags_), .usage = { (opcode_), __VA_ARGS__ }, .run = (run_) }
#define ACTION(opcode_, action_, length_, flags_, run_, ...) { .opcode = (opcode_), \
	.action = (action_), .length = (length_), .flags = (flags_) | CMD_SERVICE_ACTION, \
	.usage = { (opcode_), __VA_ARGS__ }, .run = (run_) }

/*
 * Not in any usage: protection information (no unit has any), the obsolete
 * relative addresses and FUA_NV, the CONTROL byte with its NACA.
 */
const struct scsi_command scsi_commands[] = {
	/* Those on which speed depends come first. */
	CMD(SCSI_READ_10, 10, MEDIUM | READ, scsi_read, 0x18, LBA4, GROUP, 0xff, 0xff),
	CMD(SCSI_WRITE_10, 10, WRITE, scsi_write, 0x18, LBA4, GROUP, 0xff, 0xff),
	CMD(SCSI_READ_16, 16, MEDIUM | READ, scsi_read, 0x18, LBA8, LEN4, GROUP),
	CMD(SCSI_WRITE_16, 16, WRITE, scsi_write, 0x18, LBA8, LEN4, GROUP),
	CMD(SCSI_SYNCHRONIZE_CACHE_10, 10, MEDIUM, scsi_synchronize_cache,
	    0x02, LBA4, GROUP, 0xff, 0xff),
	CMD(SCSI_UNMAP, 10, WRITE | CMD_UNMAPS, scsi_unmap, 0, 0, 0, 0, 0, GROUP, 0xff, 0xff),
	CMD(SCSI_READ_6, 6, MEDIUM | READ, scsi_read, 0x1f, 0xff, 0xff, 0xff),
	CMD(SCSI_WRITE_6, 6, WRITE, scsi_write, 0x1f, 0xff, 0xff, 0xff),
	CMD(SCSI_READ_12, 12, MEDIUM | READ, scsi_read, 0x18, LBA4, LEN4, GROUP),
	CMD(SCSI_WRITE_12, 12, WRITE, scsi_write, 0x18, LBA4, LEN4, GROUP),

	CMD(SCSI_TEST_UNIT_READY, 6, MEDIUM | ANY, scsi_test_unit_ready, 0),
	CMD(SCSI_REQUEST_SENSE, 6, ALWAYS, scsi_request_sense, 0x01, 0, 0, 0xff),
	CMD(SCSI_INQUIRY, 6, ALWAYS, scsi_inquiry, 0x01, 0xff, 0xff, 0xff),
	CMD(SCSI_REPORT_LUNS, 12, ALWAYS, scsi_report_luns, 0, 0xff, 0, 0, 0, LEN4),
	CMD(SCSI_START_STOP_UNIT, 6, ANY, scsi_start_stop_unit, 0x01, 0, 0, 0xf7),
	CMD(SCSI_MODE_SENSE_6, 6, READ, scsi_mode_sense, 0x08, 0xff, 0xff, 0xff),
	CMD(SCSI_MODE_SENSE_10, 10, READ, scsi_mode_sense, 0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff),
	CMD(SCSI_MODE_SELECT_6, 6, 0, scsi_mode_select, 0x11, 0, 0, 0xff),
	CMD(SCSI_MODE_SELECT_10, 10, 0, scsi_mode_select, 0x11, 0, 0, 0, 0, 0, 0xff, 0xff),
	CMD(SCSI_READ_CAPACITY_10, 10, MEDIUM | ANY, scsi_read_capacity_10, 0, LBA4, 0, 0, 0x01),
	ACTION(SCSI_SERVICE_ACTION_IN_16, 0x10, 16, MEDIUM | ANY, scsi_read_capacity_16,
	       0x10, LBA8, LEN4, 0x01),
	ACTION(SCSI_SERVICE_ACTION_IN_16, 0x12, 16, MEDIUM | READ, scsi_get_lba_status,
	       0x12, LBA8, LEN4),
	CMD(SCSI_SYNCHRONIZE_CACHE_16, 16, MEDIUM, scsi_synchronize_cache, 0x02, LBA8, LEN4, GROUP),
	CMD(SCSI_PRE_FETCH_10, 10, MEDIUM | READ, scsi_pre_fetch, 0x02, LBA4, GROUP, 0xff, 0xff),
	CMD(SCSI_PRE_FETCH_16, 16, MEDIUM | READ, scsi_pre_fetch, 0x02, LBA8, LEN4, GROUP),

	CMD(SCSI_VERIFY_10, 10, MEDIUM | READ, scsi_verify, 0x16, LBA4, GROUP, 0xff, 0xff),
	CMD(SCSI_VERIFY_12, 12, MEDIUM | READ, scsi_verify, 0x16, LBA4, LEN4, GROUP),
	CMD(SCSI_VERIFY_16, 16, MEDIUM | READ, scsi_verify, 0x16, LBA8, LEN4, GROUP),
	CMD(SCSI_WRITE_AND_VERIFY_10, 10, WRITE, scsi_write_and_verify, 0x16, LBA4, GROUP, 0xff,
	    0xff),
	CMD(SCSI_WRITE_AND_VERIFY_12, 12, WRITE, scsi_write_and_verify, 0x16, LBA4, LEN4, GROUP),
	CMD(SCSI_WRITE_AND_VERIFY_16, 16, WRITE, scsi_write_and_verify, 0x16, LBA8, LEN4, GROUP),
	CMD(SCSI_COMPARE_AND_WRITE, 16, WRITE, scsi_compare_and_write, 0x18, LBA8, 0, 0, 0, 0xff,
	    GROUP),
	CMD(SCSI_WRITE_SAME_10, 10, WRITE, scsi_write_same, 0x08, LBA4, GROUP, 0xff, 0xff),
	CMD(SCSI_WRITE_SAME_16, 16, WRITE, scsi_write_same, 0x09, LBA8, LEN4, GROUP),

	/* These look at reservations themselves. */
	CMD(SCSI_RESERVE_6, 6, ANY, scsi_reserve, 0),
	CMD(SCSI_RELEASE_6, 6, ANY, scsi_release, 0),
	CMD(SCSI_RESERVE_10, 10, ANY, scsi_reserve, 0),
	CMD(SCSI_RELEASE_10, 10, ANY, scsi_release, 0),
#define PR_IN(action) ACTION(SCSI_PERSISTENT_RESERVE_IN, action, 10, ANY, scsi_pr_in, \
			     action, 0, 0, 0, 0, 0, 0xff, 0xff)
	PR_IN(0x00), PR_IN(0x01), PR_IN(0x02), PR_IN(0x03),
#define PR_OUT(action) ACTION(SCSI_PERSISTENT_RESERVE_OUT, action, 10, ANY, scsi_pr_out, \
			      action, 0xff, 0, 0, LEN4)
	PR_OUT(0x00), PR_OUT(0x01), PR_OUT(0x02), PR_OUT(0x03), PR_OUT(0x04), PR_OUT(0x05),
	PR_OUT(0x06),

	ACTION(SCSI_MAINTENANCE_IN, 0x0c, 12, READ, scsi_report_opcodes,
	       0x0c, 0x87, 0xff, 0xff, 0xff, LEN4),
	ACTION(SCSI_MAINTENANCE_IN, 0x0d, 12, READ, scsi_report_tmfs, 0x0d, 0x80, 0, 0, 0, LEN4),
};

const unsigned int scsi_num_commands = sizeof(scsi_commands) / sizeof(scsi_commands[0]);

const struct scsi_command *scsi_command_find(const struct scsi_lu *lu, uint8_t opcode,
					     uint8_t action, bool *opcode_known)
{
	*opcode_known = false;
	for (unsigned int i = 0; i < scsi_num_commands; i++) {
		const struct scsi_command *command = &scsi_commands[i];

		if (command->opcode != opcode)
			continue;
		if (command->flags & CMD_UNMAPS && lu && lu->limits.unmap == 0)
			continue;
		*opcode_known = true;
		if (!(command->flags & CMD_SERVICE_ACTION) || command->action == action)
			return command;
	}
	return NULL;
}
