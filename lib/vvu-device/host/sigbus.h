/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Survive a frontend that shrinks the file behind a mapped page. The touch of such a page
 * raises SIGBUS in whatever thread made it; one handler for the process replaces the page
 * by zeros and tells the device that owns the range. Every other SIGBUS goes on to the
 * handler that was there before.
 *
 * The handler is installed with the first range and removed with the last, unless another
 * one was installed over it in the meantime.
 */
#ifndef VVU_HOST_SIGBUS_H
#define VVU_HOST_SIGBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vvu_sigbus_range;

/* @fault_fd: an eventfd that the handler signals. -ENOMEM, or what sigaction() gave. */
int vvu_sigbus_register(void *start, size_t length, int fault_fd,
			struct vvu_sigbus_range **range);
/* No thread touches the range any more. NULL is fine. */
void vvu_sigbus_unregister(struct vvu_sigbus_range *range);
/* Was there a fault since the last call? *offset is that of the first, in the range. */
bool vvu_sigbus_take(struct vvu_sigbus_range *range, uint64_t *offset);

#endif
