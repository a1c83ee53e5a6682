/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Persistent reservations (SPC-4, 5.9): the registrations of a logical unit's paths, and the
 * reservation. They are kept in memory: they outlive frontends and resets, not the process, and
 * so "activate persist through power loss" (APTPL) is refused.
 */
#ifndef VHOST_SCSI_PR_H
#define VHOST_SCSI_PR_H

#include <stdbool.h>

#include "lu.h"

/* SPC-4, table 63 */
enum scsi_pr_type {
	SCSI_PR_WRITE_EXCLUSIVE = 1,
	SCSI_PR_EXCLUSIVE_ACCESS = 3,
	SCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS = 5,
	SCSI_PR_EXCLUSIVE_ACCESS_REGISTRANTS = 6,
	SCSI_PR_WRITE_EXCLUSIVE_ALL = 7,
	SCSI_PR_EXCLUSIVE_ACCESS_ALL = 8,
};

struct scsi_pr_type_info {
	bool known;
	bool exclusive_access;	/* else writes alone are excluded */
	bool registrants;	/* do not exclude those that are registered */
	bool all_hold;		/* all registrants are holders */
};

/* Of the code, 0..15; not known for those that are no types. */
const struct scsi_pr_type_info *scsi_pr_type(unsigned int code);

/* Below: lu->lock held. */
bool scsi_pr_holds(const struct scsi_path *path);
/* Does the reservation that is there let the path do anything? */
bool scsi_pr_may_write(const struct scsi_path *path);

#endif
