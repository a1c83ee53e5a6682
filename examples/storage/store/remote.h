/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stores with a peer on a network share (nbd, iscsi): a thread per store that owns the one
 * connection, hands operations to it and brings them back, connects again when it is lost, and
 * lets those that wait too long fail.
 *
 *   queue (worker)    remote_queue.c  operations to the thread and back, two lock-free lists
 *   thread            remote.c        connection: down, connecting, up; deadlines
 *                     remote_steps.c  an operation as steps that the peer can do
 *   protocol          nbd.c, iscsi.c  struct remote_protocol
 *
 * One connection, because without more promises of the server a flush covers only what went
 * through the same one. A thread, because libraries that connect may look up names, and a
 * worker must not wait for that.
 */
#ifndef STORAGE_STORE_REMOTE_H
#define STORAGE_STORE_REMOTE_H

#include <poll.h>
#include <pthread.h>

#include "kinds.h"

#define REMOTE_REQUESTS		128u		/* under way at the peer */
#define REMOTE_BOUNCE_BYTES	(256u << 10)	/* of one, where its buffers are scattered */
#define REMOTE_STATE_MAX	160u

struct remote;
struct remote_queue;

enum remote_step {
	REMOTE_READ,
	REMOTE_WRITE,
	REMOTE_FLUSH,
	REMOTE_DISCARD,
	REMOTE_ZEROES,
};

/* An operation that the thread works on, and the step of it that the peer does. */
struct remote_request {
	struct remote *remote;
	struct store_io *io;		/* NULL: free */
	uint64_t done;			/* bytes */
	bool flush_left;		/* a flush makes it durable at its end */
	bool issued;
	enum remote_step step;
	uint64_t offset, length;	/* of the step */
	void *data;			/* of a read or write, contiguous */
	bool fua, unmap;
	uint64_t sequence;		/* of a flush: the writes it covers */
	char *bounce;			/* REMOTE_BOUNCE_BYTES, once needed */
	bool bounced;
	void *task;			/* the protocol's */
};

/* What a peer says of itself when the connection is up. */
struct remote_link {
	uint64_t size_bytes;
	uint32_t block_bytes, physical_bytes, optimal_bytes;
	uint64_t max_transfer_bytes;
	uint64_t max_discard_bytes;	/* 0: no discard */
	uint64_t max_zeroes_bytes;	/* 0: cannot; zeroes are written */
	uint32_t discard_granularity_bytes;
	bool discard_zeroes, read_only, rotational;
	bool can_flush, can_fua;
	bool can_fua_zeroes;		/* too; else a flush follows zeroes */
};

/* All from the store's thread. */
struct remote_protocol {
	const char *type;
	/* Begin to connect. -errno; @why says what is wrong. */
	int (*connect)(struct remote *remote, char *why);
	/* What to wait for; fd -1: nothing. */
	void (*wants)(struct remote *remote, struct pollfd *fd);
	/*
	 * Go on. 0; 1: the connection is up now, remote->link is filled in; -errno: it is of no
	 * use any more.
	 */
	int (*service)(struct remote *remote, short revents, char *why);
	/*
	 * Hand over a step. 0: remote_step_done() follows, or did already. -EAGAIN: not now.
	 * Anything else: the operation fails.
	 */
	int (*issue)(struct remote *remote, struct remote_request *request);
	/*
	 * Is the connection still there? Called twice a second while the peer has something to
	 * do, for transports whose descriptor does not say so. NULL: not needed. -errno: it is of
	 * no use any more.
	 */
	int (*watch)(struct remote *remote, char *why);
	/* Drop the connection; afterwards no buffer is touched, no step is done. */
	void (*disconnect)(struct remote *remote);
	/* Look how large the peer's disk is, from the control thread. NULL: as at connecting. */
	int (*look)(struct remote *remote, uint64_t *size_bytes);
	void (*free)(struct remote *remote);
	/* Add what is the protocol's own. Control thread. */
	void (*describe)(struct remote *remote, json_t *object);
};

enum remote_state { REMOTE_DOWN, REMOTE_CONNECTING, REMOTE_UP };

struct remote {
	struct store store;
	const struct remote_protocol *protocol;
	void *private;			/* the protocol's */
	uint64_t timeout_ns;
	bool writeback;
	bool asked_read_only;

	/* ---- the thread's ---- */
	enum remote_state state;
	struct remote_link link;
	uint64_t retry_ns, back_off_ns, give_up_ns, watch_ns;
	bool was_up;
	struct remote_request requests[REMOTE_REQUESTS];
	unsigned int used;
	struct store_io *waiting, **waiting_end;
	uint64_t check_ns;		/* no deadline is before */
	/* Writes that completed without being durable, and how many of them a flush covered. */
	uint64_t written, flushed;
	/* How often some of them were lost; atomic. Flushes say so, once on each queue. */
	uint64_t losses;
	bool lost_now;			/* a step found the connection of no use */
	bool recycle;			/* connect anew when nothing is under way */
	bool recycle_flushed;		/* and nothing in a cache */
	struct store_io own_flush;
	char *zeroes;

	/* ---- shared ---- */
	int wake_fd;
	struct store_io *inbox;		/* atomic; newest first */
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int open_result;		/* 1: not known yet */
	uint64_t fence_wanted, fence_done;
	bool stop, recycle_wanted;
	uint64_t connections, timeouts;
	char state_text[REMOTE_STATE_MAX];
};

/*
 * Start the thread, connect once, and wait for the result, for timeout_ms at most. @remote is
 * zeroed but for protocol, private and what options say; in the end it is an open store, or freed.
 */
int remote_open(struct remote *remote, struct store **store, struct vhu_reason *reason);

/* From the protocol: the step that was issued is done; with what the peer said. */
void remote_step_done(struct remote_request *request, int result);
/* Instead: it is to be handed over again, because the peer was not ready for it. */
void remote_step_again(struct remote_request *request);
/* What a description says of the connection, while it is up. */
__attribute__((format(printf, 2, 3)))
void remote_note(struct remote *remote, const char *format, ...);
/* Instead of that: the peer did not do it, and the connection is of no use. */
void remote_link_broken(struct remote *remote);

/* ---- between the files ---- */

uint64_t remote_now_ns(void);
/* remote_queue.c */
int remote_queue_open(struct store *store, struct store_queue **queue);
void remote_queue_close(struct store_queue *queue);
void remote_submit(struct store_queue *queue, struct store_io *io);
void remote_kick(struct store_queue *queue);
unsigned int remote_poll(struct store_queue *queue);
int remote_queue_fd(struct store_queue *queue);
/* Thread: give @io back to its queue. The thread's own have none. */
void remote_give_back(struct store_io *io, int result);
/* Thread: has nobody been told of the last loss by the queue of @io? Then @io, a flush, does. */
bool remote_tells_loss(const struct remote *remote, const struct store_io *io);
/* Wake the thread up. */
void remote_wake(const struct remote *remote);
/* Wait until the thread has seen everything up to now, and touches no queue it gave back to. */
void remote_fence(struct remote *remote);

/* remote_steps.c, all in the thread */
int remote_steps_init(struct remote *remote);
void remote_steps_free(struct remote *remote);
/* Operations that came in. */
void remote_take(struct remote *remote, struct store_io *io, uint64_t now_ns);
/* Hand over what there is, if the connection is up. */
void remote_issue_all(struct remote *remote);
/* Flush for the thread itself, if writes are not covered by a flush yet. */
void remote_flush_own(struct remote *remote);
/* The connection is gone: whatever was issued has to be done again. */
void remote_steps_lost(struct remote *remote);
/*
 * Fail what is past its deadline, after remote_drop() if the peer has any of it. Sets check_ns.
 */
void remote_expire(struct remote *remote, uint64_t now_ns);
/* remote.c: the connection goes; @why becomes the state. */
void remote_drop(struct remote *remote, const char *why);

/* The deadline of an operation, and its queue. */
static inline uint64_t *remote_deadline(struct store_io *io)
{
	return &io->scratch[0];
}

#endif
