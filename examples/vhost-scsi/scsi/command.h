/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command set as a table: one row per operation code, or per service action of one. What a
 * row says is checked before its handler runs, and told by REPORT SUPPORTED OPERATION CODES.
 */
#ifndef VHOST_SCSI_COMMAND_H
#define VHOST_SCSI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi.h"

struct scsi_lu;
struct scsi_task;

/* Flags of a command */
#define CMD_SERVICE_ACTION	0x01u	/* of the low five bits of byte 1 */
#define CMD_ATTENTION_OK	0x02u	/* runs with a unit attention pending (SPC-4, 5.12) */
#define CMD_MEDIUM		0x04u	/* not while the unit is stopped */
#define CMD_WRITES		0x08u	/* not on a write protected unit */
#define CMD_UNMAPS		0x10u	/* there on thin provisioned units only */
/* Another initiator has a reservation (SPC-4, table 66; SBC-3, table 13): */
#define CMD_RESERVED_OK		0x20u	/* in any case */
#define CMD_RESERVED_READ	0x40u	/* unless it excludes all access */
/* No logical unit is there: the handler looks at task->path */
#define CMD_NO_LU_OK		0x80u

struct scsi_command {
	uint8_t opcode;
	uint8_t action;		/* service action */
	uint8_t length;		/* of the CDB */
	unsigned int flags;
	/* CDB usage data (SPC-4, 6.35.3): bits that are evaluated; byte 0 is the opcode */
	uint8_t usage[16];
	void (*run)(struct scsi_task *task);
};

extern const struct scsi_command scsi_commands[];
extern const unsigned int scsi_num_commands;

/* NULL: no such opcode; or none with that service action, and then *@opcode_known. */
const struct scsi_command *scsi_command_find(const struct scsi_lu *lu, uint8_t opcode,
					     uint8_t action, bool *opcode_known);

/* Handlers */
void scsi_test_unit_ready(struct scsi_task *task);
void scsi_start_stop_unit(struct scsi_task *task);
void scsi_synchronize_cache(struct scsi_task *task);
void scsi_pre_fetch(struct scsi_task *task);
void scsi_request_sense(struct scsi_task *task);
void scsi_inquiry(struct scsi_task *task);
void scsi_report_luns(struct scsi_task *task);
void scsi_report_opcodes(struct scsi_task *task);
void scsi_report_tmfs(struct scsi_task *task);
void scsi_mode_sense(struct scsi_task *task);
void scsi_mode_select(struct scsi_task *task);
void scsi_read_capacity_10(struct scsi_task *task);
void scsi_read_capacity_16(struct scsi_task *task);
void scsi_get_lba_status(struct scsi_task *task);
void scsi_read(struct scsi_task *task);
void scsi_write(struct scsi_task *task);
void scsi_write_and_verify(struct scsi_task *task);
void scsi_verify(struct scsi_task *task);
void scsi_compare_and_write(struct scsi_task *task);
void scsi_write_same(struct scsi_task *task);
void scsi_unmap(struct scsi_task *task);
void scsi_reserve(struct scsi_task *task);
void scsi_release(struct scsi_task *task);
void scsi_pr_in(struct scsi_task *task);
void scsi_pr_out(struct scsi_task *task);

/* Do the reservations let it in; lock held where there are any. */
bool scsi_reservation_conflict(const struct scsi_task *task);

/*
 * LBA and number of blocks of a CDB of any length that has them in the usual place; in
 * task->lba and task->blocks. False: the task has ended, they are beyond the medium.
 */
bool scsi_extent(struct scsi_task *task);
/* And no more blocks than @limit: INVALID FIELD IN CDB. */
bool scsi_extent_up_to(struct scsi_task *task, uint32_t limit);
/* Byte of the CDB where the number of blocks begins. */
unsigned int scsi_blocks_byte(const struct scsi_task *task);

#endif
