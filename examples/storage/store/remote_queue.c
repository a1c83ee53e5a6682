/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queues of stores with a peer: operations go to the store's thread and come back over lists
 * that are pushed to, and taken as a whole, by one atomic operation each.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "remote.h"

struct remote_queue {
	struct store_queue queue;
	struct remote *remote;
	struct store_io *newest, *oldest;	/* submitted, not kicked */
	struct store_io *done;			/* atomic; newest first */
	int fd;
	bool signalled;				/* atomic: somebody wrote or will write to fd */
	uint64_t told_losses;			/* the thread's: flushes have said so */
};

static inline struct remote_queue *remote_queue_of(struct store_queue *queue)
{
	return (struct remote_queue *)queue;
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	/* It can only fail when the counter is full, and then it is readable. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

void remote_wake(const struct remote *remote)
{
	signal_fd(remote->wake_fd);
}

/* Put a list, newest first, in front of another. True: that was empty. */
static bool push(struct store_io **list, struct store_io *newest, struct store_io *oldest)
{
	struct store_io *seen = __atomic_load_n(list, __ATOMIC_RELAXED);

	do {
		oldest->next = seen;
	} while (!__atomic_compare_exchange_n(list, &seen, newest, true, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	return !seen;
}

void remote_submit(struct store_queue *arg, struct store_io *io)
{
	struct remote_queue *queue = remote_queue_of(arg);

	io->opaque = queue;
	io->next = queue->newest;
	if (!queue->newest)
		queue->oldest = io;
	queue->newest = io;
}

void remote_kick(struct store_queue *arg)
{
	struct remote_queue *queue = remote_queue_of(arg);

	if (!queue->newest)
		return;
	/* If there was something the thread has been woken up for that already. */
	if (push(&queue->remote->inbox, queue->newest, queue->oldest))
		remote_wake(queue->remote);
	queue->newest = NULL;
}

void remote_give_back(struct store_io *io, int result)
{
	struct remote_queue *queue = io->opaque;

	if (!queue)
		return;
	io->scratch[0] = (uint64_t)(int64_t)result;
	push(&queue->done, io, io);
	if (!__atomic_exchange_n(&queue->signalled, true, __ATOMIC_SEQ_CST))
		signal_fd(queue->fd);
}

bool remote_tells_loss(const struct remote *remote, const struct store_io *io)
{
	struct remote_queue *queue = io->opaque;

	/* The thread's own have no queue. */
	if (!queue || queue->told_losses == remote->losses)
		return false;
	if (!(io->flags & STORE_F_ASIDE))
		queue->told_losses = remote->losses;
	return true;
}

unsigned int remote_poll(struct store_queue *arg)
{
	struct remote_queue *queue = remote_queue_of(arg);
	struct store_io *io, *next, *oldest = NULL;
	unsigned int num = 0;
	uint64_t count;

	/*
	 * While nothing was said there is no system call. What is pushed after the flag is clear
	 * sets it again; what was pushed before is in the list that is taken now. If the one who
	 * set it has not written yet, it stays set, so that his write is read next time.
	 */
	if (__atomic_load_n(&queue->signalled, __ATOMIC_SEQ_CST) &&
	    read(queue->fd, &count, sizeof(count)) == sizeof(count))
		__atomic_store_n(&queue->signalled, false, __ATOMIC_SEQ_CST);
	/* In this order also on a CPU that may look before others see what it has stored. */
	if (!__atomic_load_n(&queue->done, __ATOMIC_SEQ_CST))
		return 0;
	for (io = __atomic_exchange_n(&queue->done, NULL, __ATOMIC_SEQ_CST); io; io = next) {
		next = io->next;
		io->next = oldest;
		oldest = io;
	}
	for (io = oldest; io; io = next, num++) {
		next = io->next;
		store_complete(io, (int)(int64_t)io->scratch[0]);
	}
	return num;
}

int remote_queue_fd(struct store_queue *queue)
{
	return remote_queue_of(queue)->fd;
}

void remote_fence(struct remote *remote)
{
	uint64_t ticket;

	pthread_mutex_lock(&remote->lock);
	ticket = ++remote->fence_wanted;
	remote_wake(remote);
	while (remote->fence_done < ticket)
		pthread_cond_wait(&remote->changed, &remote->lock);
	pthread_mutex_unlock(&remote->lock);
}

void remote_queue_close(struct store_queue *arg)
{
	struct remote_queue *queue = remote_queue_of(arg);

	/* The thread may still be about to write to the descriptor of its last operation. */
	remote_fence(queue->remote);
	close(queue->fd);
	free(queue);
}

int remote_queue_open(struct store *store, struct store_queue **result)
{
	struct remote_queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return -ENOMEM;
	queue->queue.ops = store->ops;
	queue->queue.store = store;
	queue->remote = (struct remote *)store;
	/* What was lost before is for those who were there. */
	queue->told_losses = __atomic_load_n(&queue->remote->losses, __ATOMIC_RELAXED);
	queue->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (queue->fd < 0) {
		free(queue);
		return -errno;
	}
	*result = &queue->queue;
	return 0;
}
