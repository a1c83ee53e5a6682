/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A store with its logical unit. Usually of one device; under a name that is given to it ("share")
 * several devices of the process have it, with its reservations and unit attentions.
 */
#ifndef VHOST_SCSI_UNIT_H
#define VHOST_SCSI_UNIT_H

#include <jansson.h>

#include "scsi/lu.h"

struct unit {
	struct store *store;
	struct scsi_lu *lu;
	/* ---- unit.c ---- */
	pthread_mutex_t lock;	/* of the store's description and size: one at a time */
	char *share;		/* NULL: nobody else's */
	unsigned int users;
	bool opening;		/* shared: its store is not there yet */
	struct unit *next;	/* of the shared ones */
};

/*
 * Open as @description says: "store", "read-only", "serial", "vendor", "product", "revision"; or
 * the one that is there already under its "share". Any thread; waits for its own store alone, or
 * for whoever is opening the same "share". -EINVAL, -ENOMEM, or what the store said; @reason.
 */
int unit_get(const json_t *description, const char *default_serial, struct unit **unit,
	     struct vhu_reason *reason);
/* store_resize(), and the logical unit tells its initiators if that changed anything. */
int unit_resize(struct unit *unit, uint64_t size_bytes, bool *changed);
/* store_describe(); while it is being resized just that, without waiting for it */
json_t *unit_describe(struct unit *unit);
/* Its last user closes it; no queue of its store and no path is there. */
void unit_put(struct unit *unit);

#endif
