/* SPDX-License-Identifier: BSD-3-Clause */
#include "eventfd.h"

#include <errno.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

void vvu_eventfd_signal(int fd)
{
	uint64_t one = 1;

	/* -EAGAIN means the counter is at its maximum: signalled already. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

int vvu_eventfd_drain(int fd)
{
	uint64_t count;
	struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };
	/*
	 * O_NONBLOCK belongs to the open file description, which the frontend shares and can
	 * clear at any time; RWF_NOWAIT belongs to this call. Offset -1: an eventfd has no
	 * position, and any other offset is ESPIPE.
	 */
	ssize_t got = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);

	if (got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
		got = read(fd, &count, sizeof(count));
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return got == sizeof(count);
}
