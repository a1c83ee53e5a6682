/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the process may no longer do once everything is open. Linux has user, group and
 * capabilities per thread: all threads are meant here.
 */
#ifndef STORAGE_PRIVILEGES_H
#define STORAGE_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost-proto/codec.h"

struct identity {
	bool has_user, has_group;
	uint32_t user, group;
};

/*
 * Names or numbers to numbers; a user's group is his own where none is given. NULL: as it is.
 * -EINVAL: there is none of that name.
 */
int identity_read(const char *user, const char *group, struct identity *identity,
		  struct vhu_reason *reason);

/* Nothing that is executed from now on gains by that. Before there are threads. */
int privileges_no_new(struct vhu_reason *reason);
/*
 * Become @identity, without further groups. -EPERM: not root. With libc's help that is done to
 * every thread.
 */
int privileges_become(const struct identity *identity, struct vhu_reason *reason);
/*
 * Give up all capabilities in every thread, and see that none has any left. Threads do it in a
 * handler of WORKER_SIGNAL, which they must not block (worker.h). -EPERM: one did not.
 */
int privileges_drop(struct vhu_reason *reason);

#endif
