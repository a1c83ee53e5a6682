/* SPDX-License-Identifier: BSD-3-Clause */
/* What the process holds, from /proc: leaks that no sanitizer counts. */
#ifndef TEST_EMBEDDED_PROC_H
#define TEST_EMBEDDED_PROC_H

unsigned int proc_open_fds(void);
unsigned int proc_mappings(void);

#endif
