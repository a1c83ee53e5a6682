/* SPDX-License-Identifier: BSD-3-Clause */
/* PERSISTENT RESERVE IN (SPC-4, 6.15), and what the types mean */
#include <string.h>

#include "command.h"
#include "pr.h"
#include "task.h"

enum { READ_KEYS, READ_RESERVATION, REPORT_CAPABILITIES, READ_FULL_STATUS };

/* A full status descriptor with the longest TransportID */
#define STATUS_MAX	(24u + 4u + 256u)
#define NAME_PREFIX	"iqn.2024-01.vhost-scsi:"

const struct scsi_pr_type_info *scsi_pr_type(unsigned int code)
{
	/* known, exclusive access, registrants, all hold */
	static const struct scsi_pr_type_info types[16] = {
		[SCSI_PR_WRITE_EXCLUSIVE] = { true, false, false, false },
		[SCSI_PR_EXCLUSIVE_ACCESS] = { true, true, false, false },
		[SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS] = { true, false, true, false },
		[SCSI_PR_EXCLUSIVE_ACCESS_REGISTRANTS] = { true, true, true, false },
		[SCSI_PR_WRITE_EXCLUSIVE_ALL] = { true, false, true, true },
		[SCSI_PR_EXCLUSIVE_ACCESS_ALL] = { true, true, true, true },
	};

	return &types[code & 15];
}

bool scsi_pr_holds(const struct scsi_path *path)
{
	const struct scsi_reservations *pr = &path->lu->pr;

	if (pr->type == 0)
		return false;
	return scsi_pr_type(pr->type)->all_hold ? path->registered : pr->holder == path;
}

bool scsi_pr_may_write(const struct scsi_path *path)
{
	const unsigned int type = path->lu->pr.type;

	return type == 0 || scsi_pr_holds(path) ||
	       (scsi_pr_type(type)->registrants && path->registered);
}

static size_t put_keys(const struct scsi_path *path, uint8_t *data)
{
	const struct scsi_lu *lu = path->lu;
	size_t length = 8;

	for (unsigned int i = 0; i < SCSI_PATHS_MAX; i++) {
		if (lu->path[i] && lu->path[i]->registered) {
			scsi_put64(data + length, lu->path[i]->key);
			length += 8;
		}
	}
	return length;
}

static size_t put_reservation(const struct scsi_path *path, uint8_t *data)
{
	const struct scsi_reservations *pr = &path->lu->pr;

	if (pr->type == 0)
		return 8;
	/* All registrants hold it: no one key (SPC-4, 6.15.3.3). */
	scsi_put64(data + 8, pr->holder ? pr->holder->key : 0);
	data[21] = (uint8_t)pr->type;	/* scope 0: the logical unit */
	return 24;
}

/* SPC-4, 7.6.4.6: an iSCSI TransportID, the one kind that has names; padded to four bytes. */
static size_t put_transport_id(const struct scsi_path *path, uint8_t *data)
{
	size_t length = strlen(NAME_PREFIX) + strlen(path->nexus) + 1;

	data[0] = 0x05;
	memcpy(data + 4, NAME_PREFIX, strlen(NAME_PREFIX));
	memcpy(data + 4 + strlen(NAME_PREFIX), path->nexus, strlen(path->nexus));
	length = (length + 3) & ~(size_t)3;
	if (length < 20)
		length = 20;
	scsi_put16(data + 2, (uint16_t)length);
	return 4 + length;
}

static size_t put_full_status(const struct scsi_path *path, uint8_t *data)
{
	const struct scsi_lu *lu = path->lu;
	size_t length = 8;

	for (unsigned int i = 0; i < SCSI_PATHS_MAX; i++) {
		const struct scsi_path *other = lu->path[i];
		uint8_t *at = data + length;
		size_t id;

		if (other == NULL || !other->registered)
			continue;
		scsi_put64(at, other->key);
		if (scsi_pr_holds(other)) {
			at[12] = 0x01;	/* R_HOLDER */
			at[13] = (uint8_t)lu->pr.type;
		}
		scsi_put16(at + 18, (uint16_t)(i + 1));	/* relative target port */
		id = put_transport_id(other, at + 24);
		scsi_put32(at + 20, (uint32_t)id);
		length += 24 + id;
	}
	return length;
}

static void report_capabilities(struct scsi_task *task)
{
	static const uint8_t data[8] = {
		0x00, 0x08,
		0x00,	/* no CRH, SIP_C, ATP_C, PTPL_C */
		0x80,	/* TMV */
		0xea, 0x01,	/* types 7, 6, 5, 3, 1; 8 */
	};

	scsi_return(task, data, sizeof(data), scsi_get16(task->cdb + 7));
}

void scsi_pr_in(struct scsi_task *task)
{
	struct scsi_lu *lu = task->path->lu;
	size_t length;

	if (task->command->action == REPORT_CAPABILITIES) {
		report_capabilities(task);
		return;
	}
	if (!scsi_buffer(task, 8 + SCSI_PATHS_MAX * STATUS_MAX))
		return;
	memset(task->buffer, 0, task->buffer_bytes);
	pthread_mutex_lock(&lu->lock);
	if (task->command->action == READ_KEYS)
		length = put_keys(task->path, task->buffer);
	else if (task->command->action == READ_RESERVATION)
		length = put_reservation(task->path, task->buffer);
	else
		length = put_full_status(task->path, task->buffer);
	scsi_put32(task->buffer, lu->pr.generation);
	pthread_mutex_unlock(&lu->lock);
	scsi_put32(task->buffer + 4, (uint32_t)(length - 8));
	scsi_return(task, task->buffer, length, scsi_get16(task->cdb + 7));
}
