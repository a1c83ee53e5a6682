/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reserves a logical unit for an initiator of its own (RESERVE(6)), says "reserved", and holds
 * the reservation until its standard input ends.
 */
#include <stdio.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

int main(int argc, char **argv)
{
	struct iscsi_context *context = iscsi_create_context("iqn.2024-01.test:other");
	struct iscsi_url *url = context && argc == 2 ? iscsi_parse_full_url(context, argv[1]) :
						       NULL;
	struct scsi_task *task;

	if (!url) {
		fprintf(stderr, "usage: %s iscsi://PORTAL/TARGET/LUN\n", argv[0]);
		return 2;
	}
	iscsi_set_session_type(context, ISCSI_SESSION_NORMAL);
	if (iscsi_full_connect_sync(context, url->portal, url->lun)) {
		fprintf(stderr, "%s\n", iscsi_get_error(context));
		return 1;
	}
	task = iscsi_reserve6_sync(context, url->lun);
	if (!task || task->status != SCSI_STATUS_GOOD) {
		fprintf(stderr, "%s\n", iscsi_get_error(context));
		return 1;
	}
	scsi_free_scsi_task(task);
	puts("reserved");
	fflush(stdout);
	while (getchar() != EOF)
		;
	iscsi_logout_sync(context);
	iscsi_destroy_url(url);
	iscsi_destroy_context(context);
	return 0;
}
