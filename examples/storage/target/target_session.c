/* SPDX-License-Identifier: BSD-3-Clause */
/* What the vhr session asks for; all in the control thread. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vvu-device/host_ops.h"

#include "target_internal.h"

void
target_log(const struct target *t, int level, const char *fmt, ...)
{
	char text[VHU_REASON_MAX + 128];
	va_list ap;
	int n;

	n = snprintf(text, sizeof(text), "%s: ", t->name);
	if (n < 0 || (size_t)n >= sizeof(text))
		n = 0;
	va_start(ap, fmt);
	if (vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap) < 0)
		text[n] = '\0';
	va_end(ap);
	if (t->log != NULL)
		t->log(level, text);
	else if (level <= VVU_LOG_WARNING)
		fprintf(stderr, "%s\n", text);
}

static struct target_queue *
queue(void *priv, unsigned int index)
{
	struct target *t = priv;

	return &t->queue[index];
}

static void
ring_lock(void *priv, unsigned int index)
{
	target_queue_lock(queue(priv, index));
}

static void
ring_unlock(void *priv, unsigned int index)
{
	target_queue_unlock(queue(priv, index));
}

/* Lock held. */
static void
follow_kick_fd(struct target_queue *q, int fd)
{
	int ret;

	if (q->kick_fd == fd)
		return;
	if (q->kick_fd >= 0)
		worker_unwatch_kick(q->worker, q->kick_fd);
	q->kick_fd = fd;
	if (fd < 0)
		return;
	ret = worker_watch_kick(q->worker, fd);
	if (ret == 0)
		return;
	/* Looked at now and then, as a ring without kicks is. */
	q->kick_fd = -1;
	target_log(q->target, VVU_LOG_WARNING, "ring %u: kicks cannot be watched, it is polled: %s",
		   q->index, strerror(-ret));
}

void
target_queue_set_ring(struct target_queue *q, struct vhr_ring *ring)
{
	target_queue_lock(q);
	q->ring = ring;
	follow_kick_fd(q, ring != NULL ? ring->kick_fd : -1);
	target_queue_unlock(q);
}

static void
ring_changed(void *priv, struct vhr_ring *ring)
{
	struct target_queue *q = queue(priv, ring->index);
	struct target *t = priv;

	q->holds &= ~(unsigned int)HOLD_STOP;
	/* Before and after the time in which the session is ours to use. */
	if (q->ring == NULL)
		return;
	q->memory_flags = vhr_window_flags(t->session);
	/* Of a ring that starts the session asks the driver for kicks. */
	q->armed = true;
	follow_kick_fd(q, ring->kick_fd);
}

static void
ring_stop(void *priv, unsigned int index)
{
	target_queue_drain(queue(priv, index), HOLD_STOP);
}

static void
memory_change(void *priv, bool begin)
{
	struct target *t = priv;
	unsigned int i;

	for (i = 0; begin && i < t->num_queues; i++) {
		target_queue_lock(&t->queue[i]);
		t->queue[i].holds |= HOLD_MEMORY;
		target_queue_unlock(&t->queue[i]);
	}
	for (i = 0; i < t->num_queues; i++) {
		if (begin)
			target_queue_drain(&t->queue[i], HOLD_MEMORY);
		else
			target_queue_release(&t->queue[i], HOLD_MEMORY);
	}
}

static void
reset(void *priv)
{
	struct target *t = priv;

	if (t->ops.reset != NULL)
		t->ops.reset(t->priv);
}

static void
connected(void *priv, bool is_connected)
{
	struct target *t = priv;

	atomic_store(&t->connected, is_connected);
	if (!is_connected)
		t->config_due = false;
	reset(t);
}

static int
set_features(void *priv, uint64_t features)
{
	struct target *t = priv;

	return t->ops.set_features != NULL ? t->ops.set_features(t->priv, features) : 0;
}

static int
get_config(void *priv, uint32_t offset, uint32_t size, uint8_t *data)
{
	struct target *t = priv;

	return t->ops.get_config != NULL ? t->ops.get_config(t->priv, offset, size, data) : -1;
}

static int
set_config(void *priv, uint32_t offset, uint32_t size, const uint8_t *data, uint32_t flags)
{
	struct target *t = priv;

	if (t->ops.set_config == NULL)
		return -1;
	return t->ops.set_config(t->priv, offset, size, data, flags);
}

static void
session_log(void *priv, int level, const char *text)
{
	target_log(priv, level, "%s", text);
}

const struct vhr_ops target_session_ops = {
	.ring_lock = ring_lock,
	.ring_unlock = ring_unlock,
	.ring_changed = ring_changed,
	.ring_stop = ring_stop,
	.memory_change = memory_change,
	.connected = connected,
	.set_features = set_features,
	.get_config = get_config,
	.set_config = set_config,
	.reset = reset,
	.log = session_log,
};
