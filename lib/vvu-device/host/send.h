/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VVU_HOST_SEND_H
#define VVU_HOST_SEND_H

#include <stddef.h>

/*
 * Send a message on a stream socket, with @nfds <= VHU_MAX_FDS descriptors on its first byte,
 * without blocking. Whole or not at all: half a message would make nonsense of all that
 * follow, so a socket that took a part is shut down. 0, -ENOTCONN (@fd < 0), -EINVAL (@nfds),
 * -EPIPE, or what sendmsg() gave.
 */
int vvu_send_whole(int fd, const void *msg, size_t len, const int *fds, unsigned int nfds);

#endif
