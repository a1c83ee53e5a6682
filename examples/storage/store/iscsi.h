/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside of the iscsi store: iscsi.c opens, iscsi_login.c logs in, iscsi_task.c works,
 * iscsi_iser.c is what is special where RDMA carries it.
 */
#ifndef STORAGE_STORE_ISCSI_H
#define STORAGE_STORE_ISCSI_H

#include "remote.h"

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

/* Of one command; an iSER connection keeps memory for all there can be locked. */
#define ISCSI_TRANSFER_MAX	(4u << 20)
#define ISER_TRANSFER_MAX	(512u << 10)
#define ISCSI_RANGE_MAX		(1u << 30)

struct iscsi_store {
	char *uri, *initiator;
	bool is_iser;
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
/* iscsi_iser.c: -errno; @reason says what is missing. iscsi_iser_close() undoes it. */
int iscsi_iser_open(struct iscsi_store *iscsi, struct vhu_reason *reason);
void iscsi_iser_close(struct iscsi_store *iscsi);
int iscsi_iser_serve(struct iscsi_store *iscsi, short revents);
int iscsi_iser_watch(struct iscsi_store *iscsi, char *why);
/* iscsi_task.c */
int iscsi_issue(struct remote *remote, struct remote_request *request);

#endif
