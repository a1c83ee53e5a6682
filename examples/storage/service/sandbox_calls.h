/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of system calls; those that an architecture or library does not know are left out. */
#ifndef STORAGE_SANDBOX_CALLS_H
#define STORAGE_SANDBOX_CALLS_H

/* NULL at the end. */
extern const char *const sandbox_allowed[];
extern const char *const sandbox_deadly[];

#endif
