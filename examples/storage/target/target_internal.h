/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the target runtime share.
 *
 *   target.c           create, destroy, and what a type may ask
 *   target_queue.c     the datapath of one ring, in its worker
 *   target_hold.c      keeping that datapath out: lock, stop, pause
 *   target_session.c   what the vhr session asks for
 *   target_control.c   the control thread
 *   target_describe.c  as JSON
 *
 * A queue's lock is held by its worker for one round at most, and by others for less. While it
 * waits for something, a thread holds none.
 */
#ifndef STORAGE_TARGET_INTERNAL_H
#define STORAGE_TARGET_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "target.h"
#include "worker_source.h"

#define CACHE_LINE 64

/* Why nothing new is taken from a ring. */
enum {
	HOLD_STOP = 0x1,	/* it is about to stop; until the next ring_changed */
	HOLD_MEMORY = 0x2,	/* the memory table changes */
};

struct target_queue {
	_Alignas(CACHE_LINE) struct worker_source source;
	struct target *target;
	struct worker *worker;
	void *context;
	unsigned int index;
	bool on_demand;

	/* ---- the worker's ---- */
	bool locked;			/* the worker is in a round of this queue */
	bool poll_due;			/* ops->poll() even when nothing is under way */
	struct target_request *free;	/* the last one used first: it is in the cache */
	struct target_request *done_first, **done_last;
	uint8_t *pool;			/* room for requests; pages are touched when needed */
	size_t stride;
	unsigned int fresh;		/* requests of the pool that were never used */
	unsigned int pool_num;
	int *watched;			/* fds, to be forgotten at queue_out */
	unsigned int num_watched;

	/* ---- under the lock ---- */
	_Alignas(CACHE_LINE) pthread_mutex_t lock;
	atomic_uint wanted;		/* others that wait for the lock: the worker gives way */
	pthread_cond_t drained;		/* under_way became 0 */
	unsigned int waiting;		/* for that */
	bool wait_unseen;		/* ... and the worker had no round since */
	struct vhr_ring *ring;		/* NULL before the session is there, and after */
	unsigned int holds;
	unsigned int pauses;
	unsigned int under_way;
	bool armed;			/* the driver may have been asked for kicks */
	int kick_fd;			/* watched by the worker; -1 */
	unsigned int memory_flags;
	uint64_t kicks;
	uint64_t requests;
	uint64_t dropped;		/* completed to nobody */
};

/* Asked of the control thread by others. */
enum {
	ORDER_STOP = 0x1,
	ORDER_CONFIG_CHANGED = 0x2,
	ORDER_DISCONNECT = 0x4,
};

struct target {
	char *name;
	struct target_ops ops;
	void *priv;
	void (*log)(int level, const char *text);
	struct worker_pool *pool;
	char *where;			/* path or address, for people */
	const char *transport;
	unsigned int num_queues;
	struct target_queue *queue;

	/* ---- the control thread's ---- */
	struct vhr_session *session;
	bool failed;			/* the device was given up; tried again from time to time */
	bool config_due;
	pthread_t control;

	/* ---- under the lock ---- */
	pthread_mutex_t lock;
	pthread_cond_t obeyed;		/* disconnects_done moved on */
	unsigned int orders;
	unsigned int disconnects, disconnects_done;
	struct vhr_status status;	/* as the control thread last saw it */
	struct vhu_reason last_error;
	int order_fd;			/* eventfd: orders changed */
	atomic_bool connected;
};

/* target_queue.c */
extern const struct worker_source_ops target_queue_source_ops;
int target_queue_init(struct target_queue *queue, struct target *target, unsigned int index,
		      uint32_t max_ring_size);
void target_queue_fini(struct target_queue *queue);
/* Lock held: are there requests of an earlier life, and can they be taken? */
bool target_queue_has_left(const struct target_queue *queue);
/* In the worker. */
int target_queue_map(struct target_queue *queue);
void target_queue_unmap(struct target_queue *queue);

/* target_hold.c; not from the worker. */
void target_queue_lock(struct target_queue *queue);
void target_queue_unlock(struct target_queue *queue);
/* Take nothing new, for @hold, and return when nothing is under way. */
void target_queue_drain(struct target_queue *queue, unsigned int hold);
void target_queue_release(struct target_queue *queue, unsigned int hold);

/* target_session.c */
extern const struct vhr_ops target_session_ops;
/* Control thread: put the session's ring under the queue, or (NULL) take it away. */
void target_queue_set_ring(struct target_queue *queue, struct vhr_ring *ring);

/* target_control.c */
int target_control_start(struct target *target, struct vhu_reason *reason);
/* Closes the session. */
void target_control_stop(struct target *target);
void target_order(struct target *target, unsigned int order);

__attribute__((format(printf, 3, 4)))
void target_log(const struct target *target, int level, const char *fmt, ...);

#endif
