/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A target: one vhost-user device that serves requests, on an embedded device (an AF_UNIX
 * socket on this host) or on a virtio-vhost-user function (in a backend VM). Knows nothing of
 * blocks or SCSI: struct target_ops is the device type.
 *
 * Threads. Each target has a control thread of its own, which runs the vhr session, so that a
 * frontend that has to wait (GET_VRING_BASE waits for what is under way) holds up nobody else.
 * Requests of a queue are handled in the worker that the queue is mapped to, and nowhere else:
 * ops->start() and the completions of what it submits to stores.
 *
 * Nothing is lost: every request that was taken is completed by target_done(), also after its
 * frontend has gone (then it completes to nobody). A stop of a ring and a change of the memory
 * table wait for the requests under way.
 */
#ifndef STORAGE_TARGET_H
#define STORAGE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "vhost-relay/vhr.h"
#include "vhost-relay/vring/queue.h"
#include "worker.h"

struct target;
struct target_queue;

/*
 * Pieces of data that a type may promise to take (seg_max), and of memory in one request: these,
 * header and status, and some more since a buffer may cross memory regions. With header and
 * status they are no more than a ring of 128 has entries, QEMU's default: Linux makes indirect
 * tables by seg_max alone, and longer ones break the ring (virtio 1.3, 2.7.5.3.1).
 */
#define TARGET_SEG_MAX	126u
#define TARGET_IOV_MAX	(TARGET_SEG_MAX + 8u)

struct target_request {
	struct target_queue *queue;
	struct vhr_chain chain;		/* readable iov entries, then writable ones */
	bool too_many;			/* the chain has more than TARGET_IOV_MAX pieces: the type
					 * completes it with an error where it has room for one */
	/* ---- the target's own ---- */
	struct vhr_taken taken;
	uint32_t written;
	struct target_request *next;
	struct iovec iov[TARGET_IOV_MAX];
	/* The type's own part follows: target_request_private() */
};

struct target_ops {
	const char *name;		/* "vhost-blk" */
	size_t request_bytes;		/* of the type's own part of a request */
	/*
	 * Handle a request, in the queue's worker thread. Leads to exactly one target_done(),
	 * from within or later in the same thread.
	 */
	void (*start)(struct target_request *request);
	/*
	 * At the end of a round in which start() was called at least once, again and again while
	 * requests are under way, when an fd of target_queue_watch() is readable, and for an
	 * on_demand ring in every round: hand over to stores what was batched
	 * (store_kick()), complete what is done (store_poll()). Returns how many completed.
	 */
	unsigned int (*poll)(struct target_queue *queue);
	/*
	 * Before poll() while somebody waits until nothing is under way: start what only a rule
	 * keeps back (store_hurry()).
	 */
	void (*hurry)(struct target_queue *queue);
	/*
	 * A queue is being mapped to (in) or unmapped from (out) the calling worker: open or
	 * close stores' queues. On failure of in the target is not created.
	 */
	int (*queue_in)(struct target_queue *queue);
	void (*queue_out)(struct target_queue *queue);
	/* Control thread; as in struct vhr_ops. */
	int (*get_config)(void *priv, uint32_t offset, uint32_t size, uint8_t *data);
	int (*set_config)(void *priv, uint32_t offset, uint32_t size, const uint8_t *data,
			  uint32_t flags);
	int (*set_features)(void *priv, uint64_t features);
	/* The device was reset, or its frontend has come or gone; nothing is under way. */
	void (*reset)(void *priv);
};

struct target_config {
	const char *name;		/* for messages and RPC; unique in the process */
	const struct target_ops *ops;
	void *priv;
	/* Just one of the three says where the frontend comes from. */
	const char *socket_path;
	int socket_fd;			/* connected or listening; -1: none */
	const char *device;		/* PCI address DDDD:BB:DD.F, bound to vfio-pci */
	unsigned int socket_mode;	/* 0: 0660 */
	uint32_t socket_group;		/* group of the socket's file; 0: left as it is */
	unsigned int queues;		/* rings, 1..256 */
	const unsigned int *map;	/* queue -> worker index; NULL: round robin */
	uint32_t max_ring_size;		/* 0: 1024 */
	uint64_t features;		/* virtio features beside the ring's own */
	bool packed;			/* offer packed rings too */
	/*
	 * Bit N: of ring N requests are taken by target_queue_take() alone, never by the
	 * runtime: the driver leaves buffers there for what the device has to tell
	 * (virtio-scsi eventq). Nothing of it is under way meanwhile, so that a stop of the
	 * ring need not wait for an event.
	 */
	uint64_t on_demand;
	/*
	 * Words for people; any thread but a worker. Level as enum vvu_log_level: 0 errors, 1
	 * warnings, 2 events, 3 every message. NULL: errors and warnings on stderr.
	 */
	void (*log)(int level, const char *text);
};

/*
 * Create, and serve frontends from now on. -EINVAL and errors of vhr_bus_..._open() and
 * vhr_open(); @reason says what. @config is copied, but not priv.
 */
int target_create(struct worker_pool *pool, const struct target_config *config,
		  struct target **target, struct vhu_reason *reason);
/* Waits for what is under way, disconnects, frees. Not from a worker or control thread. */
void target_destroy(struct target *target);

/*
 * From the queue's worker, for a ring in config.on_demand: the next request, which then is
 * under way until target_done(); ops->start() is not called. NULL: there is none, or the ring
 * is not ready, or the target is paused.
 */
struct target_request *target_queue_take(struct target_queue *queue);

/* From the queue's worker: done, @written bytes into the writable buffers. */
void target_done(struct target_request *request, uint32_t written);

/*
 * From ops->start(): the request makes no sense, and has no room to say so. It is done, and its
 * ring is broken for the reason given: nothing more is taken from it until the frontend sets it
 * up anew.
 */
__attribute__((format(printf, 2, 3)))
void target_break(struct target_request *request, const char *fmt, ...);

static inline void *target_request_private(struct target_request *request)
{
	return request + 1;
}
/* VHR_MAP_... of the buffers of requests. */
unsigned int target_memory_flags(const struct target_queue *queue);
void *target_queue_priv(const struct target_queue *queue);	/* config.priv */
struct target *target_queue_target(const struct target_queue *queue);
unsigned int target_queue_index(const struct target_queue *queue);
struct worker *target_queue_worker(const struct target_queue *queue);
/* A pointer of the type's own per queue, for queue_in() to set. */
void target_queue_set_context(struct target_queue *queue, void *context);
void *target_queue_context(const struct target_queue *queue);
/*
 * Watch @fd for the queue's worker: it wakes up, and ops->poll() follows. From the worker;
 * ends by itself at queue_out(). -errno.
 */
int target_queue_watch(struct target_queue *queue, int fd);
/* The end of it before queue_out(), from the queue's worker. */
void target_queue_unwatch(struct target_queue *queue, int fd);
/*
 * From the queue's worker, also within ops->poll(): it follows in the next round, with no sleep
 * before, though no request may be under way.
 */
void target_queue_poll_again(struct target_queue *queue);
/*
 * From the queue's worker: has the driver been told of all that target_done() was called for?
 * What has to be seen after a request is done waits for that.
 */
bool target_queue_told(const struct target_queue *queue);

/*
 * Tell the frontend that the configuration space changed. Any thread. The control thread does
 * it, and tries again for as long as the frontend cannot take it (no ring is started, or its
 * queue of messages is full). -ENOTCONN: there is no frontend to tell.
 */
int target_config_changed(struct target *target);
/*
 * Any thread but a worker: wait until nothing is under way and take nothing new; and go on, when
 * it was called as often. A ring that its frontend stops meanwhile, stops.
 */
void target_pause(struct target *target);
void target_resume(struct target *target);
/*
 * Drop the frontend, after what is under way, and serve the next one. Returns when it is done.
 * Any thread but a worker, and not from within ops.
 */
void target_disconnect(struct target *target);

/* A new object: name, type, transport, connection, features, queues with counters. Any thread. */
json_t *target_describe(struct target *target);

#endif
