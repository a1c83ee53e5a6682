/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one fd to wait on: an epoll set of the bus's own fd (embedded device), the device's
 * configuration and rxq interrupts, an eventfd of ours that any thread may write, and a
 * timer for what has no event: a device without interrupts, a full txq, a device to open
 * again.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "internal.h"

#define NS_PER_S 1000000000ull

static int
add(struct vhr_session *s, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(s->events.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int
vhr_events_open(struct vhr_session *s)
{
	struct vhr_events *e = &s->events;
	int ret, bus_fd;

	e->config_fd = -1;
	e->rxq_fd = -1;
	e->wake_fd = -1;
	e->timer_fd = -1;
	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->epoll_fd < 0)
		return -errno;
	e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->wake_fd < 0)
		return -errno;
	e->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (e->timer_fd < 0)
		return -errno;
	ret = add(s, e->wake_fd);
	if (ret == 0)
		ret = add(s, e->timer_fd);
	if (ret == 0 && s->bus->ops->poll_fd != NULL) {
		bus_fd = s->bus->ops->poll_fd(s->bus);
		ret = bus_fd < 0 ? bus_fd : add(s, bus_fd);
	}
	return ret;
}

void
vhr_events_close(struct vhr_session *s)
{
	struct vhr_events *e = &s->events;
	const int fds[] = { e->epoll_fd, e->wake_fd, e->timer_fd };
	unsigned int i;

	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int
vhr_events_attach(struct vhr_session *s)
{
	struct vhr_events *e = &s->events;
	int config_fd = vhr_vvu_config_fd(&s->vvu), rxq_fd = vhr_vvu_rxq_fd(&s->vvu), ret;

	if (config_fd >= 0) {
		ret = add(s, config_fd);
		if (ret < 0)
			return ret;
		e->config_fd = config_fd;
	}
	if (rxq_fd >= 0) {
		/* A function with few vectors has one interrupt for both. */
		ret = rxq_fd != config_fd ? add(s, rxq_fd) : 0;
		if (ret < 0)
			return ret;
		e->rxq_fd = rxq_fd;
	}
	/* What happened before the vectors were there gave no event. */
	e->config_due = true;
	return 0;
}

void
vhr_events_detach(struct vhr_session *s)
{
	struct vhr_events *e = &s->events;

	if (e->config_fd >= 0)
		epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, e->config_fd, NULL);
	if (e->rxq_fd >= 0 && e->rxq_fd != e->config_fd)
		epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, e->rxq_fd, NULL);
	e->config_fd = -1;
	e->rxq_fd = -1;
}

void
vhr_events_collect(struct vhr_session *s)
{
	struct vhr_events *e = &s->events;
	struct epoll_event events[8];
	uint64_t count;
	int i, n;

	n = epoll_wait(e->epoll_fd, events, sizeof(events) / sizeof(events[0]), 0);
	for (i = 0; i < n; i++) {
		int fd = events[i].data.fd;

		if (fd == e->config_fd)
			e->config_due = true;
		/*
		 * The bus's own fd is emptied by its run(). A failing read means that
		 * there is nothing to empty; the work is looked for in any case.
		 */
		if ((fd == e->config_fd || fd == e->rxq_fd || fd == e->wake_fd ||
		     fd == e->timer_fd) && read(fd, &count, sizeof(count)) < 0)
			continue;
	}
}

void
vhr_events_wake(struct vhr_session *s)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, and then it is readable. */
	if (write(s->events.wake_fd, &one, sizeof(one)) < 0)
		return;
}

void
vhr_events_timer(struct vhr_session *s, uint64_t delay_ns)
{
	struct itimerspec when = {
		.it_value = {
			.tv_sec = (time_t)(delay_ns / NS_PER_S),
			.tv_nsec = (long)(delay_ns % NS_PER_S),
		},
	};

	if (delay_ns == 0 && !s->events.timer_armed)
		return;
	s->events.timer_armed = delay_ns != 0;
	timerfd_settime(s->events.timer_fd, 0, &when, NULL);
}
