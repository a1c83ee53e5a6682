/* SPDX-License-Identifier: BSD-3-Clause */
#include "event.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

void emb_source_init(struct emb_source *source, unsigned int index,
		     void (*ready)(struct vvu_emb *, struct emb_source *, uint32_t))
{
	source->fd = -1;
	source->events = 0;
	source->index = index;
	source->ready = ready;
}

int emb_source_watch(int epoll_fd, struct emb_source *source, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };
	int op = EPOLL_CTL_ADD;

	if (source->fd == fd) {
		if (source->events == events)
			return 0;
		op = EPOLL_CTL_MOD;
	} else {
		emb_source_drop(epoll_fd, source);
	}
	if (epoll_ctl(epoll_fd, op, fd, &event) < 0)
		return -errno;
	source->fd = fd;
	source->events = events;
	return 0;
}

void emb_source_drop(int epoll_fd, struct emb_source *source)
{
	if (source->fd < 0)
		return;
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->fd = -1;
	source->events = 0;
}

void emb_eventfd_signal(int fd)
{
	uint64_t one = 1;

	/* -EAGAIN means the counter is at its maximum: signalled already. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

int emb_eventfd_drain(int fd)
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
