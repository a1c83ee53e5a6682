/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeping the datapath of a queue out: for a moment, or until nothing is under way. */
#include "target_internal.h"

void
target_queue_lock(struct target_queue *q)
{
	atomic_fetch_add(&q->wanted, 1);
	pthread_mutex_lock(&q->lock);
	atomic_fetch_sub(&q->wanted, 1);
}

void
target_queue_unlock(struct target_queue *q)
{
	pthread_mutex_unlock(&q->lock);
	/* There may be work now. */
	worker_wake(q->worker);
}

/* Lock held. */
static void
wait_drained(struct target_queue *q, unsigned int hold)
{
	q->waiting++;
	q->wait_unseen = true;
	while (q->under_way != 0 || (hold == HOLD_STOP && target_queue_has_left(q))) {
		/* What is done already, in a round that gave way, is given back in the next. */
		worker_wake(q->worker);
		pthread_cond_wait(&q->drained, &q->lock);
	}
	q->waiting--;
}

void
target_queue_drain(struct target_queue *q, unsigned int hold)
{
	target_queue_lock(q);
	q->holds |= hold;
	wait_drained(q, hold);
	target_queue_unlock(q);
}

void
target_queue_release(struct target_queue *q, unsigned int hold)
{
	target_queue_lock(q);
	q->holds &= ~hold;
	target_queue_unlock(q);
}

void
target_pause(struct target *t)
{
	unsigned int i;

	/* All at once take nothing new, and then all are waited for. */
	for (i = 0; i < t->num_queues; i++) {
		target_queue_lock(&t->queue[i]);
		t->queue[i].pauses++;
		target_queue_unlock(&t->queue[i]);
	}
	for (i = 0; i < t->num_queues; i++)
		target_queue_drain(&t->queue[i], 0);
}

void
target_resume(struct target *t)
{
	unsigned int i;

	for (i = 0; i < t->num_queues; i++) {
		struct target_queue *q = &t->queue[i];

		target_queue_lock(q);
		if (q->pauses != 0)
			q->pauses--;
		target_queue_unlock(q);
	}
}
