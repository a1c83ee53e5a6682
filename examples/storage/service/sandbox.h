/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A filter of system calls for the whole process (seccomp).
 *
 * What workers, control threads, stores and RPC need is allowed; docs/storage-programs.md says
 * what that is. Anything else fails with ENOSYS and the service goes on: a filter that kills for
 * every call it does not know would take disks away from guests because of an update of a
 * library, which falls back to older calls at ENOSYS, and for which it is the right answer.
 * Calls that no service of this kind ever makes but intruders do (execve, ptrace, mount, ...) end
 * the process with SIGSYS at once.
 */
#ifndef STORAGE_SANDBOX_H
#define STORAGE_SANDBOX_H

#include "vhost-proto/codec.h"

/* Why there is no filter in this build, or NULL. */
const char *sandbox_missing(void);
/* From now on, for all threads there are and will be. -errno with @reason. */
int sandbox_enter(struct vhu_reason *reason);

#endif
