/* SPDX-License-Identifier: BSD-3-Clause */
#include "event.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

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
