/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What filters share. A filter wraps one store, has its properties, and a queue of it has one
 * queue of the store below.
 */
#ifndef STORAGE_STORE_FILTER_H
#define STORAGE_STORE_FILTER_H

#include "kinds.h"

/* The first member of every filter's options. */
struct filter_options {
	struct store_options common;
	const json_t *inner;
};

#define FILTER_KEY_INNER \
	{ "inner", STORE_KEY_STORE, true, offsetof(struct filter_options, inner), 0, 0, NULL }

/* Open the store below, and take over its properties. @filter is zeroed; sets inner and info. */
int filter_open_inner(struct store *filter, const struct store_ops *ops,
		      const struct filter_options *options, struct vhu_reason *reason);
/* The same of a queue. */
int filter_queue_open_inner(struct store *filter, struct store_queue *queue);

/* Operations for filters that add nothing. */
void filter_kick(struct store_queue *queue);
unsigned int filter_poll(struct store_queue *queue);
int filter_fd(struct store_queue *queue);
void filter_queue_close(struct store_queue *queue);
/* Closes what is below and frees @filter. */
void filter_close(struct store *filter);

/* Hands the result on. */
void filter_done(struct store_io *io, int result, void *arg);

uint64_t filter_now_ns(void);

/*
 * The queue of a filter that holds operations back: those that wait for a time, in the order of
 * that time. Its descriptor is an epoll one, with a timer and that of the queue below.
 */
struct hold_queue {
	struct store_queue queue;
	int fd;
	bool owns_fd;			/* else of the next such queue below */
	int timer_fd;
	uint64_t armed_ns;		/* 0: not */
	struct store_io *first, *last;
};

/* Keep @io until @due_ns, then pass it on. Overwrites *store_data(io). */
void hold(struct hold_queue *queue, struct store_io *io, uint64_t due_ns);

/* Operations for such filters; of @bytes is the filter's own queue, which begins with that. */
int hold_queue_open(struct store *store, size_t bytes, struct store_queue **queue);
void hold_queue_close(struct store_queue *queue);
void hold_kick(struct store_queue *queue);
unsigned int hold_poll(struct store_queue *queue);
int hold_fd(struct store_queue *queue);
/* All of them are due now. */
void hold_no_longer(struct hold_queue *queue);

#endif
