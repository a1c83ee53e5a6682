/* SPDX-License-Identifier: BSD-3-Clause */
/* iSER: iSCSI whose data the target moves by RDMA, from and to buffers of libiscsi. */
#include <errno.h>
#include <stdio.h>

#include "iscsi.h"

/* libiscsi has the data in chunks of 4 MiB, and locks a page for each header. */
#define DATA_BYTES	(ISER_TRANSFER_MAX * REMOTE_REQUESTS)
_Static_assert(DATA_BYTES + (32u << 20) <= STORE_RDMA_LOCKED_BYTES, "the limit is too low");

#ifdef HAVE_ISER
static const bool have_iser = true;
#else
static const bool have_iser;
#endif

static unsigned int num_stores;		/* atomic */

/* libiscsi does not get over memory that it cannot lock: what it frees then stays in a list. */
int iscsi_iser_open(struct iscsi_store *iscsi, struct vhu_reason *reason)
{
	unsigned int num = __atomic_add_fetch(&num_stores, 1, __ATOMIC_RELAXED);
	int ret;

	if (!have_iser) {
		vhu_reason_set(reason, "iscsi: \"uri\" %.80s: this program was built with a "
			       "libiscsi before 1.20, whose iSER uses memory that it has not set "
			       "when it connects again", iscsi->uri);
		ret = -EOPNOTSUPP;
	} else {
		ret = store_rdma_allow(num, reason);
	}
	if (ret)
		__atomic_sub_fetch(&num_stores, 1, __ATOMIC_RELAXED);
	return ret;
}

void iscsi_iser_close(struct iscsi_store *iscsi)
{
	if (iscsi->is_iser)
		__atomic_sub_fetch(&num_stores, 1, __ATOMIC_RELAXED);
}

/*
 * What came over the connection. With no event at all libiscsi would look whether it is still
 * there, and, if it is not, tell nobody when it has no command to fail: iscsi_iser_watch() asks.
 */
int iscsi_iser_serve(struct iscsi_store *iscsi, short revents)
{
	return revents & POLLIN ? iscsi_service(iscsi->context, POLLIN) : 0;
}

/*
 * That a target has gone is an event of RDMA's connection manager, which the descriptor does not
 * show once the connection is up; libiscsi looks for it before it sends a NOP.
 */
int iscsi_iser_watch(struct iscsi_store *iscsi, char *why)
{
	if (!iscsi_nop_out_async(iscsi->context, NULL, NULL, 0, NULL))
		return 0;
	snprintf(why, REMOTE_STATE_MAX, "the target has disconnected");
	return -ECONNRESET;
}
