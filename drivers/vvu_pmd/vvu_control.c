/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vvu_compat.h"
#include "vvu_control.h"
#include "vvu_events.h"
#include "vvu_log.h"
#include "vvu_port.h"

#define MAX_EVENTS 16

static struct {
	pthread_mutex_t lock;
	pthread_cond_t idle;		/* "busy" changed */
	TAILQ_HEAD(, vvu_port) ports;
	struct vvu_port *busy;		/* the control thread is in this port */
	bool running;
	bool stop;
	int epoll_fd;
	int wake_fd;
	struct vvu_thread thread;
	pthread_t self;
} control = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.idle = PTHREAD_COND_INITIALIZER,
	.ports = TAILQ_HEAD_INITIALIZER(control.ports),
	.epoll_fd = -1,
	.wake_fd = -1,
};

/* Starting and stopping the thread, which the list's lock cannot be held for. */
static pthread_mutex_t thread_lock = PTHREAD_MUTEX_INITIALIZER;

/* The descriptor that wakes it: EAL's interrupt thread uses it whatever ports come and go. */
static pthread_mutex_t wake_lock = PTHREAD_MUTEX_INITIALIZER;

static bool
on_control_thread(void)
{
	return control.running && pthread_equal(control.self, pthread_self());
}

static void
wake(void)
{
	uint64_t one = 1;

	pthread_mutex_lock(&wake_lock);
	if (control.wake_fd >= 0 && write(control.wake_fd, &one, sizeof(one)) < 0)
		VVU_PMD_LOG(DEBUG, "control thread is awake already");
	pthread_mutex_unlock(&wake_lock);
}

static bool
listed(const struct vvu_port *port)
{
	const struct vvu_port *other;

	TAILQ_FOREACH(other, &control.ports, next) {
		if (other == port)
			return true;
	}
	return false;
}

/* Enter @port unless it has gone meanwhile. */
static bool
enter(struct vvu_port *port)
{
	bool found;

	pthread_mutex_lock(&control.lock);
	found = listed(port);
	if (found)
		control.busy = port;
	pthread_mutex_unlock(&control.lock);
	return found;
}

static void
leave(void)
{
	pthread_mutex_lock(&control.lock);
	control.busy = NULL;
	pthread_cond_broadcast(&control.idle);
	pthread_mutex_unlock(&control.lock);
}

/* The session's own event mechanism failed: without it the port can only be reset. */
static void
port_failed(struct vvu_port *port, int error)
{
	VVU_PMD_LOG(ERR, "%s: control: %s; reset the port (rte_eth_dev_reset)", port->name,
		    strerror(-error));
	port->failed = true;
	__atomic_store_n(&port->events_due, true, __ATOMIC_RELEASE);
	epoll_ctl(control.epoll_fd, EPOLL_CTL_DEL, vhr_poll_fd(port->session), NULL);
	vhr_down(port->session);
}

static void
run_session(struct vvu_port *port)
{
	int ret;

	pthread_mutex_lock(&port->lock);
	if (port->session != NULL && !port->failed) {
		ret = vhr_run(port->session);
		if (ret < 0)
			port_failed(port, ret);
	}
	pthread_mutex_unlock(&port->lock);
}

/* An application's callback may close the port: then nothing of it may be touched. */
static bool
raise_event(struct vvu_port *port, enum rte_eth_event_type event, void *param)
{
	rte_eth_dev_callback_process(port->dev, event, param);
	return control.busy == port;
}

static void
raise_events(struct vvu_port *port)
{
	struct vvu_queue_state state;
	unsigned int i;
	bool now;

	if (!__atomic_exchange_n(&port->events_due, false, __ATOMIC_ACQUIRE))
		return;
	for (i = 0; i < port->num_rings; i++) {
		now = __atomic_load_n(&port->ring_ready[i], __ATOMIC_RELAXED);
		if (now == port->ring_told[i])
			continue;
		port->ring_told[i] = now;
		state.queue_id = port->queues[i].queue_id;
		state.rx = port->queues[i].rx;
		state.ready = now;
		if (!raise_event(port, RTE_ETH_EVENT_QUEUE_STATE, &state))
			return;
	}
	now = vvu_port_link(port);
	vvu_port_update_link(port);
	if (now != port->link_told) {
		port->link_told = now;
		VVU_PMD_LOG(NOTICE, "%s: link %s", port->name, now ? "up" : "down");
		if (!raise_event(port, RTE_ETH_EVENT_INTR_LSC, NULL))
			return;
	}
	if (port->failed && !port->failed_told) {
		port->failed_told = true;
		if (!raise_event(port, RTE_ETH_EVENT_INTR_RESET, NULL))
			return;
	}
	if (__atomic_load_n(&port->removal_asked, __ATOMIC_ACQUIRE) && !port->removal_told &&
	    port->dev->data->dev_conf.intr_conf.rmv) {
		port->removal_told = true;
		raise_event(port, RTE_ETH_EVENT_INTR_RMV, NULL);
	}
}

/* The first listed port with events, NULL when there is none. */
static struct vvu_port *
next_with_events(void)
{
	struct vvu_port *port;

	pthread_mutex_lock(&control.lock);
	TAILQ_FOREACH(port, &control.ports, next) {
		if (__atomic_load_n(&port->events_due, __ATOMIC_RELAXED))
			break;
	}
	pthread_mutex_unlock(&control.lock);
	return port;
}

static vvu_thread_return
control_main(void *arg)
{
	struct epoll_event events[MAX_EVENTS];
	struct vvu_port *port;
	uint64_t count;
	int i, n;

	RTE_SET_USED(arg);
	control.self = pthread_self();
	while (!__atomic_load_n(&control.stop, __ATOMIC_ACQUIRE)) {
		n = epoll_wait(control.epoll_fd, events, MAX_EVENTS, -1);
		for (i = 0; i < n; i++) {
			port = events[i].data.ptr;
			if (port == NULL) {
				while (read(control.wake_fd, &count, sizeof(count)) > 0)
					;
			} else if (enter(port)) {
				run_session(port);
				leave();
			}
		}
		while ((port = next_with_events()) != NULL) {
			if (enter(port)) {
				raise_events(port);
				leave();
			}
		}
	}
	return VVU_THREAD_RETURN;
}

static void
close_fds(void)
{
	if (control.epoll_fd >= 0)
		close(control.epoll_fd);
	control.epoll_fd = -1;
	pthread_mutex_lock(&wake_lock);
	if (control.wake_fd >= 0)
		close(control.wake_fd);
	control.wake_fd = -1;
	pthread_mutex_unlock(&wake_lock);
}

static int
start_thread(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	int ret;

	if (control.running)
		return 0;
	control.stop = false;
	control.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	control.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control.epoll_fd < 0 || control.wake_fd < 0 ||
	    epoll_ctl(control.epoll_fd, EPOLL_CTL_ADD, control.wake_fd, &event) != 0) {
		ret = -errno;
		close_fds();
		return ret;
	}
	ret = vvu_thread_create(&control.thread, "vvu-control", control_main);
	if (ret != 0) {
		close_fds();
		return ret;
	}
	control.running = true;
	return 0;
}

/* Once the last port has gone. Under thread_lock; not from the control thread. */
static void
stop_thread(void)
{
	bool empty;

	pthread_mutex_lock(&control.lock);
	empty = TAILQ_EMPTY(&control.ports);
	pthread_mutex_unlock(&control.lock);
	if (!control.running || !empty)
		return;
	__atomic_store_n(&control.stop, true, __ATOMIC_RELEASE);
	wake();
	vvu_thread_join(&control.thread);
	control.running = false;
	close_fds();
}

static int
list_port(struct vvu_port *port)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = port };
	int ret = 0;

	pthread_mutex_lock(&control.lock);
	if (epoll_ctl(control.epoll_fd, EPOLL_CTL_ADD, vhr_poll_fd(port->session), &event) != 0) {
		ret = -errno;
	} else {
		TAILQ_INSERT_TAIL(&control.ports, port, next);
		port->listed = true;
	}
	pthread_mutex_unlock(&control.lock);
	return ret;
}

int
vvu_control_add(struct vvu_port *port)
{
	int ret;

	/* Out of an event's callback: the thread runs, and may just be waited for to end. */
	if (on_control_thread())
		return __atomic_load_n(&control.stop, __ATOMIC_ACQUIRE) ? -EAGAIN :
			list_port(port);
	pthread_mutex_lock(&thread_lock);
	ret = start_thread();
	if (ret == 0) {
		ret = list_port(port);
		if (ret != 0)
			stop_thread();
	}
	pthread_mutex_unlock(&thread_lock);
	return ret;
}

void
vvu_control_remove(struct vvu_port *port)
{
	pthread_mutex_lock(&control.lock);
	if (port->listed) {
		TAILQ_REMOVE(&control.ports, port, next);
		port->listed = false;
		epoll_ctl(control.epoll_fd, EPOLL_CTL_DEL, vhr_poll_fd(port->session), NULL);
		if (on_control_thread()) {
			if (control.busy == port)
				control.busy = NULL;
		} else {
			while (control.busy == port)
				pthread_cond_wait(&control.idle, &control.lock);
		}
	}
	pthread_mutex_unlock(&control.lock);
	/* Out of its own callback the thread cannot end; the next port uses it again. */
	if (on_control_thread())
		return;
	pthread_mutex_lock(&thread_lock);
	stop_thread();
	pthread_mutex_unlock(&thread_lock);
}

void
vvu_control_events_due(struct vvu_port *port)
{
	__atomic_store_n(&port->events_due, true, __ATOMIC_RELEASE);
	/* The control thread looks for it anyway after what it does now. */
	if (control.running && !on_control_thread())
		wake();
}

unsigned int
vvu_control_visit(uint16_t port_id, void (*visit)(struct vvu_port *port, void *arg), void *arg)
{
	struct vvu_port *port;
	unsigned int n = 0;

	pthread_mutex_lock(&control.lock);
	TAILQ_FOREACH(port, &control.ports, next) {
		if (port_id == UINT16_MAX || port->port_id == port_id) {
			visit(port, arg);
			n++;
		}
	}
	pthread_mutex_unlock(&control.lock);
	return n;
}
