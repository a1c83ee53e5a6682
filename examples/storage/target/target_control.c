/* SPDX-License-Identifier: BSD-3-Clause */
/* The control thread of a target: it alone runs the session. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vvu-device/host_ops.h"

#include "target_internal.h"

#define RETRY_DEVICE_MS		1000
#define RETRY_CONFIG_MS		10

void
target_order(struct target *t, unsigned int order)
{
	uint64_t one = 1;

	pthread_mutex_lock(&t->lock);
	t->orders |= order;
	pthread_mutex_unlock(&t->lock);
	/* Fails only when the counter is full, and then it is readable. */
	if (write(t->order_fd, &one, sizeof(one)) < 0)
		return;
}

static void
device_failed(struct target *t, int error)
{
	if (!t->failed)
		target_log(t, VVU_LOG_ERROR, "device failed (%s); tried again every %d ms: %s",
			   strerror(-error), RETRY_DEVICE_MS, vhr_last_error(t->session));
	t->failed = true;
}

static void
run_session(struct target *t)
{
	int ret;

	if (t->failed && vhr_up(t->session) < 0)
		return;
	ret = vhr_run(t->session);
	if (ret < 0) {
		device_failed(t, ret);
	} else if (t->failed) {
		t->failed = false;
		target_log(t, VVU_LOG_WARNING, "device works again");
	}
}

/* True while it has to be tried again without an event. */
static bool
tell_config(struct target *t)
{
	int ret;

	if (!t->config_due)
		return false;
	ret = vhr_config_changed(t->session);
	if (ret == -EAGAIN) {
		struct vhr_status status;

		/* With no ring started it is a message that changes that. */
		vhr_status(t->session, &status);
		return status.rings_started != 0;
	}
	/*
	 * The channel may come late in a connection, so that "not possible" is not for ever
	 * either; each message is an occasion to try again.
	 */
	t->config_due = ret == -EOPNOTSUPP;
	return false;
}

/* What others may see. */
static void
publish(struct target *t)
{
	struct vhr_status status;

	vhr_status(t->session, &status);
	pthread_mutex_lock(&t->lock);
	t->status = status;
	snprintf(t->last_error.text, sizeof(t->last_error.text), "%s", vhr_last_error(t->session));
	pthread_mutex_unlock(&t->lock);
}

/* Returns the orders. */
static unsigned int
obey(struct target *t)
{
	unsigned int orders, disconnects;
	uint64_t count;

	if (read(t->order_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		target_log(t, VVU_LOG_WARNING, "control eventfd: %s", strerror(errno));
	pthread_mutex_lock(&t->lock);
	orders = t->orders;
	disconnects = t->disconnects;
	t->orders = 0;
	pthread_mutex_unlock(&t->lock);
	if (orders & ORDER_CONFIG_CHANGED)
		t->config_due = atomic_load(&t->connected);
	if (orders & ORDER_DISCONNECT) {
		vhr_down(t->session);
		if (vhr_up(t->session) < 0)
			device_failed(t, -EIO);
		publish(t);
		pthread_mutex_lock(&t->lock);
		t->disconnects_done = disconnects;
		pthread_cond_broadcast(&t->obeyed);
		pthread_mutex_unlock(&t->lock);
	}
	return orders;
}

static void *
control_main(void *arg)
{
	struct target *t = arg;
	struct pollfd fds[2] = {
		{ .fd = t->order_fd, .events = POLLIN },
		{ .events = POLLIN },
	};
	int timeout_ms;

	for (;;) {
		if (obey(t) & ORDER_STOP)
			break;
		run_session(t);
		timeout_ms = tell_config(t) ? RETRY_CONFIG_MS : -1;
		publish(t);
		/* A device whose events failed is always readable, and a lost one never. */
		fds[1].fd = t->failed ? -1 : vhr_poll_fd(t->session);
		if (t->failed)
			timeout_ms = RETRY_DEVICE_MS;
		poll(fds, 2, timeout_ms);
	}
	return NULL;
}

static void
set_rings(struct target *t, bool there)
{
	unsigned int i;

	for (i = 0; i < t->num_queues; i++)
		target_queue_set_ring(&t->queue[i], there ? vhr_ring(t->session, i) : NULL);
}

int
target_control_start(struct target *t, struct vhu_reason *reason)
{
	sigset_t all, before;
	char name[16];
	int ret;

	set_rings(t, true);
	/* On failure the control thread tries again. */
	if (vhr_up(t->session) < 0)
		device_failed(t, -EIO);
	publish(t);
	/* As in workers: a frontend's memory may go while it is looked at. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, WORKER_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = -pthread_create(&t->control, NULL, control_main, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret < 0) {
		vhu_reason_set(reason, "target %s: no control thread: %s", t->name,
			       strerror(-ret));
		set_rings(t, false);
		vhr_close(t->session);
		return ret;
	}
	snprintf(name, sizeof(name), "%s", t->name);
	pthread_setname_np(t->control, name);
	return 0;
}

void
target_control_stop(struct target *t)
{
	target_order(t, ORDER_STOP);
	pthread_join(t->control, NULL);
	/* Now the session is this thread's. What is under way completes in here. */
	vhr_down(t->session);
	set_rings(t, false);
	vhr_close(t->session);
	t->session = NULL;
}

int
target_config_changed(struct target *t)
{
	if (!atomic_load(&t->connected))
		return -ENOTCONN;
	target_order(t, ORDER_CONFIG_CHANGED);
	return 0;
}

void
target_disconnect(struct target *t)
{
	unsigned int mine;

	pthread_mutex_lock(&t->lock);
	mine = ++t->disconnects;
	pthread_mutex_unlock(&t->lock);
	target_order(t, ORDER_DISCONNECT);
	pthread_mutex_lock(&t->lock);
	while ((int)(t->disconnects_done - mine) < 0)
		pthread_cond_wait(&t->obeyed, &t->lock);
	pthread_mutex_unlock(&t->lock);
}
