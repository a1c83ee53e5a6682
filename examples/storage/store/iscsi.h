/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the iscsi store: iscsi.c opens, iscsi_login.c logs in, iscsi_task.c works. */
#ifndef STORAGE_STORE_ISCSI_H
#define STORAGE_STORE_ISCSI_H

#include "remote.h"

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

/* Of one command. */
#define ISCSI_TRANSFER_MAX	(4u << 20)
#define ISCSI_RANGE_MAX		(1u << 30)

struct iscsi_store {
	char *uri, *initiator;
	uint32_t isid;			/* the same at every login: it ends the session before */
	struct iscsi_context *context;	/* NULL: not connected */
	int lun;
	char where[128];		/* portal, target and LUN, without a password */
	unsigned int redirects;
	unsigned int asked;		/* how far the login is */
	bool ready;
	int error;			/* of the login */
	char why[REMOTE_STATE_MAX];
	bool can_write_same_unmap;
};

static inline struct iscsi_store *iscsi_store_of(const struct remote *remote)
{
	return remote->private;
}

/* A context that knows where to go; @url is what it was told. -errno. */
int iscsi_make_context(struct iscsi_store *iscsi, uint32_t isid, struct iscsi_context **context,
		       struct iscsi_url **url, char *why);
/* iscsi_login.c */
int iscsi_login_start(struct remote *remote, char *why);
/* iscsi_task.c */
int iscsi_issue(struct remote *remote, struct remote_request *request);

#endif
