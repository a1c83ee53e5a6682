/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is a descriptor what its message says it is? A frontend may hand over anything, and what
 * follows (mapping it into a VM, writing 8 bytes to it whenever a doorbell is rung) must
 * only ever happen to the right kind of object.
 *
 * All return 0, or -errno with @reason, which starts with @what ("SET_VRING_CALL" ...).
 * The descriptor stays the caller's.
 */
#ifndef VVU_DEVICE_FD_CHECK_H
#define VVU_DEVICE_FD_CHECK_H

#include <stdint.h>

#include "vhost-proto/codec.h"

struct vvu_file {
	uint64_t dev;
	uint64_t ino;
	uint64_t size; /* bytes */
	uint64_t page; /* bytes; of a hugetlbfs file its huge page */
};

/* An eventfd; made non-blocking so that a full counter never blocks whoever signals it. */
int vvu_fd_check_eventfd(int fd, const char *what, struct vhu_reason *reason);
/* An AF_UNIX stream socket; made non-blocking. */
int vvu_fd_check_stream(int fd, const char *what, struct vhu_reason *reason);
/* A file with storage that can be mapped shared and writable. */
int vvu_fd_check_file(int fd, const char *what, struct vvu_file *file,
		      struct vhu_reason *reason);

#endif
