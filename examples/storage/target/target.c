/* SPDX-License-Identifier: BSD-3-Clause */
/* A target comes and goes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "vvu-device/embedded/embedded.h"

#include "target_internal.h"

#define DEFAULT_RING_SIZE	1024u

static void
device_log(void *ctx, enum vvu_log_level level, const char *text)
{
	/* Of events the session tells, too. */
	if (level > VVU_LOG_WARNING)
		level = VVU_LOG_DEBUG;
	target_log(ctx, (int)level, "%s", text);
}

static int
open_bus(struct target *t, const struct target_config *config, struct vhr_bus **bus,
	 struct vhu_reason *reason)
{
	struct vvu_emb_config emb = {
		.socket_path = config->socket_path,
		.socket_mode = config->socket_mode,
		.socket_group = config->socket_group,
		.has_fd = config->socket_path == NULL,
		.fd = config->socket_fd,
		.max_vhost_queues = t->num_queues,
		.log = device_log,
		.log_ctx = t,
	};

	if (config->device != NULL)
		return vhr_bus_vfio_open(config->device, bus, reason);
	return vhr_bus_embedded_open(&emb, bus, reason);
}

static int
open_session(struct target *t, const struct target_config *config, struct vhu_reason *reason)
{
	struct vhr_config session = {
		.ops = &target_session_ops,
		.priv = t,
		.features = config->features | 1ull << VIRTIO_RING_F_INDIRECT_DESC |
			    1ull << VIRTIO_RING_F_EVENT_IDX,
		.max_rings = t->num_queues,
		.packed = config->packed,
		.queue_num = t->num_queues,
		.max_ring_size = config->max_ring_size != 0 ? config->max_ring_size :
				 DEFAULT_RING_SIZE,
		.inflight = true,
	};
	struct vhr_bus *bus;
	int ret;

	ret = open_bus(t, config, &bus, reason);
	if (ret < 0)
		return ret;
	return vhr_open(bus, &session, &t->session, reason);
}

static int
check_config(struct worker_pool *pool, const struct target_config *config,
	     struct vhu_reason *reason)
{
	unsigned int i, sources = (config->socket_path != NULL) + (config->device != NULL) +
				  (config->socket_path == NULL && config->device == NULL &&
				   config->socket_fd >= 0);

	if (config->name == NULL || config->name[0] == '\0') {
		vhu_reason_set(reason, "a target has to have a name");
		return -EINVAL;
	}
	if (sources != 1) {
		vhu_reason_set(reason, "target %s: one of socket path, socket descriptor and "
			       "device has to be given", config->name);
		return -EINVAL;
	}
	if (config->queues == 0 || config->queues > VHU_MAX_VRINGS) {
		vhu_reason_set(reason, "target %s: %u queues, expected 1 to %u", config->name,
			       config->queues, VHU_MAX_VRINGS);
		return -EINVAL;
	}
	if (config->max_ring_size > VHR_RING_SIZE_MAX) {
		vhu_reason_set(reason, "target %s: rings of %u, expected at most %u", config->name,
			       config->max_ring_size, VHR_RING_SIZE_MAX);
		return -EINVAL;
	}
	for (i = 0; config->map != NULL && i < config->queues; i++) {
		if (worker_pool_get(pool, config->map[i]) != NULL)
			continue;
		vhu_reason_set(reason, "target %s: queue %u on worker %u, there are %u",
			       config->name, i, config->map[i], worker_pool_size(pool));
		return -EINVAL;
	}
	return 0;
}

/* Where round robin goes on, so that the first queues of many targets do not meet. */
static atomic_uint next_worker;

static int
init_queues(struct target *t, const struct target_config *config, struct vhu_reason *reason)
{
	uint32_t ring_size = config->max_ring_size != 0 ? config->max_ring_size :
			     DEFAULT_RING_SIZE;
	unsigned int i;
	int ret;

	t->queue = aligned_alloc(CACHE_LINE, config->queues * sizeof(*t->queue));
	if (t->queue == NULL)
		return -ENOMEM;
	memset(t->queue, 0, config->queues * sizeof(*t->queue));
	t->num_queues = config->queues;
	for (i = 0; i < t->num_queues; i++) {
		unsigned int worker = config->map != NULL ? config->map[i] :
				      atomic_fetch_add(&next_worker, 1) %
				      worker_pool_size(t->pool);

		ret = target_queue_init(&t->queue[i], t, i, ring_size);
		if (ret < 0) {
			vhu_reason_set(reason, "target %s: no memory for requests of queue %u",
				       t->name, i);
			return ret;
		}
		t->queue[i].worker = worker_pool_get(t->pool, worker);
		t->queue[i].on_demand = i < 64 && (config->on_demand >> i & 1) != 0;
	}
	return 0;
}

struct map_call {
	struct target_queue *queue;
	int ret;
};

static void
map(void *arg)
{
	struct map_call *call = arg;

	call->ret = target_queue_map(call->queue);
}

static void
unmap(void *arg)
{
	target_queue_unmap(arg);
}

static void
unmap_queues(struct target *t, unsigned int num)
{
	while (num-- != 0)
		worker_call(t->queue[num].worker, unmap, &t->queue[num]);
}

static int
map_queues(struct target *t, struct vhu_reason *reason)
{
	unsigned int i;

	for (i = 0; i < t->num_queues; i++) {
		struct map_call call = { .queue = &t->queue[i] };

		worker_call(t->queue[i].worker, map, &call);
		if (call.ret == 0)
			continue;
		vhu_reason_set(reason, "target %s: queue %u cannot be served: %s", t->name, i,
			       strerror(-call.ret));
		unmap_queues(t, i);
		return call.ret;
	}
	return 0;
}

static void
target_free(struct target *t)
{
	unsigned int i;

	for (i = 0; i < t->num_queues; i++)
		target_queue_fini(&t->queue[i]);
	if (t->order_fd >= 0)
		close(t->order_fd);
	pthread_cond_destroy(&t->obeyed);
	pthread_mutex_destroy(&t->lock);
	free(t->queue);
	free(t->where);
	free(t->name);
	free(t);
}

static char *
describe_where(const struct target_config *config)
{
	char text[32];

	if (config->device != NULL)
		return strdup(config->device);
	if (config->socket_path != NULL)
		return strdup(config->socket_path);
	snprintf(text, sizeof(text), "fd %d", config->socket_fd);
	return strdup(text);
}

static struct target *
target_alloc(struct worker_pool *pool, const struct target_config *config)
{
	struct target *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->obeyed, NULL);
	t->pool = pool;
	t->ops = *config->ops;
	t->priv = config->priv;
	t->log = config->log;
	t->transport = config->device != NULL ? "vfio" : "socket";
	t->name = strdup(config->name);
	t->where = describe_where(config);
	t->order_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->name != NULL && t->where != NULL && t->order_fd >= 0)
		return t;
	target_free(t);
	return NULL;
}

int
target_create(struct worker_pool *pool, const struct target_config *config, struct target **target,
	      struct vhu_reason *reason)
{
	struct target *t;
	int ret;

	ret = check_config(pool, config, reason);
	if (ret < 0)
		return ret;
	t = target_alloc(pool, config);
	if (t == NULL) {
		vhu_reason_set(reason, "target %s: no memory or descriptors", config->name);
		return -ENOMEM;
	}
	ret = init_queues(t, config, reason);
	if (ret == 0)
		ret = open_session(t, config, reason);
	if (ret < 0) {
		target_free(t);
		return ret;
	}
	ret = map_queues(t, reason);
	if (ret < 0) {
		vhr_close(t->session);
		target_free(t);
		return ret;
	}
	ret = target_control_start(t, reason);
	if (ret < 0) {
		unmap_queues(t, t->num_queues);
		target_free(t);
		return ret;
	}
	*target = t;
	return 0;
}

void
target_destroy(struct target *t)
{
	unsigned int i;

	if (t == NULL)
		return;
	target_control_stop(t);
	/* The session has stopped its rings; nothing is freed while a store still uses it. */
	for (i = 0; i < t->num_queues; i++)
		target_queue_drain(&t->queue[i], HOLD_STOP);
	unmap_queues(t, t->num_queues);
	target_free(t);
}

unsigned int
target_memory_flags(const struct target_queue *q)
{
	return q->memory_flags;
}

void *
target_queue_priv(const struct target_queue *q)
{
	return q->target->priv;
}

struct target *
target_queue_target(const struct target_queue *q)
{
	return q->target;
}

unsigned int
target_queue_index(const struct target_queue *q)
{
	return q->index;
}

struct worker *
target_queue_worker(const struct target_queue *q)
{
	return q->worker;
}

void
target_queue_set_context(struct target_queue *q, void *context)
{
	q->context = context;
}

void *
target_queue_context(const struct target_queue *q)
{
	return q->context;
}
