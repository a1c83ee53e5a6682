/* SPDX-License-Identifier: BSD-3-Clause */
/* Stores with a peer: the thread, and the state of the connection. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "remote.h"

#define MS 1000000ull
#define BACK_OFF_FIRST_NS	(100 * MS)
#define BACK_OFF_MAX_NS		(1000 * MS)
/* Of one attempt to connect; the next may find another server. */
#define CONNECT_MAX_NS		(5000 * MS)
#define WATCH_NS		(500 * MS)
#define RANGE_MAX		(1ull << 30)

uint64_t remote_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void remote_note(struct remote *remote, const char *format, ...)
{
	va_list ap;

	pthread_mutex_lock(&remote->lock);
	va_start(ap, format);
	vsnprintf(remote->state_text, sizeof(remote->state_text), format, ap);
	va_end(ap);
	pthread_mutex_unlock(&remote->lock);
}

static void tell_opener(struct remote *remote, int result)
{
	pthread_mutex_lock(&remote->lock);
	if (remote->open_result == 1)
		remote->open_result = result;
	pthread_cond_broadcast(&remote->changed);
	pthread_mutex_unlock(&remote->lock);
}

/* Try again after the back-off, which grows as long as nothing is reached. */
static void go_down(struct remote *remote)
{
	if (remote->state == REMOTE_UP)
		remote->back_off_ns = BACK_OFF_FIRST_NS;
	remote->retry_ns = remote_now_ns() + remote->back_off_ns;
	remote->back_off_ns *= 2;
	if (remote->back_off_ns > BACK_OFF_MAX_NS)
		remote->back_off_ns = BACK_OFF_MAX_NS;
	remote->state = REMOTE_DOWN;
}

void remote_drop(struct remote *remote, const char *why)
{
	bool was_up = remote->state == REMOTE_UP;

	remote->protocol->disconnect(remote);
	remote->lost_now = false;
	go_down(remote);
	remote_note(remote, "not connected: %s", why);
	if (was_up)
		remote_steps_lost(remote);
}

void remote_link_broken(struct remote *remote)
{
	remote->lost_now = true;
}

/* What this connection has must be no less than what users of the store were told. */
static int check_link(const struct remote *remote, char *why)
{
	const struct store_info *info = &remote->store.info;
	const struct remote_link *link = &remote->link;
	uint64_t size = store_size(&remote->store);

	if (!store_block_size_ok(link->block_bytes) || !link->max_transfer_bytes) {
		snprintf(why, REMOTE_STATE_MAX, "the peer has blocks of %u bytes",
			 link->block_bytes);
		return -EPROTO;
	}
	if (!remote->was_up) {
		if (link->read_only && !remote->asked_read_only) {
			snprintf(why, REMOTE_STATE_MAX, "the peer's disk is read-only, and "
				 "\"read_only\" is not set");
			return -EROFS;
		}
		return 0;
	}
	if (link->size_bytes < size)
		snprintf(why, REMOTE_STATE_MAX, "the peer's disk has shrunk from %" PRIu64
			 " to %" PRIu64 " bytes", size, link->size_bytes);
	else if (link->read_only && !info->read_only)
		snprintf(why, REMOTE_STATE_MAX, "the peer's disk has become read-only");
	else if (link->block_bytes > info->block_bytes)
		snprintf(why, REMOTE_STATE_MAX, "the peer's blocks have grown from %u to %u bytes",
			 info->block_bytes, link->block_bytes);
	else
		return 0;
	return -EIO;
}

static void take_over(struct remote *remote)
{
	const struct remote_link *link = &remote->link;
	uint64_t transfer = link->max_transfer_bytes;

	remote->store.info = (struct store_info){
		.size_bytes = link->size_bytes & ~(uint64_t)(link->block_bytes - 1),
		.block_bytes = link->block_bytes,
		.physical_bytes = link->physical_bytes,
		.optimal_bytes = link->optimal_bytes,
		/* Longer ones become several of the peer's. */
		.max_transfer_bytes = transfer > RANGE_MAX ? transfer : RANGE_MAX,
		.max_discard_bytes = link->max_discard_bytes ? RANGE_MAX : 0,
		.max_zeroes_bytes = RANGE_MAX,
		.discard_granularity_bytes = link->discard_granularity_bytes,
		.discard_zeroes = link->discard_zeroes,
		.read_only = remote->asked_read_only || link->read_only,
		.volatile_cache = remote->writeback && link->can_flush,
		.rotational = link->rotational,
	};
	if (remote->store.info.physical_bytes < link->block_bytes)
		remote->store.info.physical_bytes = link->block_bytes;
	if (remote->store.info.discard_granularity_bytes < link->block_bytes)
		remote->store.info.discard_granularity_bytes = link->block_bytes;
}

static void came_up(struct remote *remote)
{
	char why[REMOTE_STATE_MAX] = "";
	int ret = check_link(remote, why);

	if (ret) {
		remote_drop(remote, why);
		tell_opener(remote, ret);
		return;
	}
	if (!remote->was_up)
		take_over(remote);
	remote->was_up = true;
	remote->state = REMOTE_UP;
	remote->back_off_ns = BACK_OFF_FIRST_NS;
	__atomic_store_n(&remote->connections, remote->connections + 1, __ATOMIC_RELAXED);
	remote_note(remote, "connected");
	tell_opener(remote, 0);
}

static void failed(struct remote *remote, int error, const char *why)
{
	remote_drop(remote, why);
	tell_opener(remote, error);
}

static void start_connecting(struct remote *remote, uint64_t now_ns)
{
	char why[REMOTE_STATE_MAX] = "";
	uint64_t limit = remote->timeout_ns < CONNECT_MAX_NS ? remote->timeout_ns : CONNECT_MAX_NS;
	int ret = remote->protocol->connect(remote, why);

	remote->state = REMOTE_CONNECTING;
	remote->give_up_ns = now_ns + limit;
	if (ret)
		failed(remote, ret, why);
}

static void service(struct remote *remote, short revents)
{
	char why[REMOTE_STATE_MAX] = "";
	int ret = remote->protocol->service(remote, revents, why);

	if (ret < 0)
		failed(remote, ret, why);
	else if (remote->lost_now)
		failed(remote, -ECONNRESET, "the connection was lost");
	else if (ret > 0)
		came_up(remote);
}

/* What other threads asked for. False: stop. */
static bool heed(struct remote *remote)
{
	bool go_on;

	pthread_mutex_lock(&remote->lock);
	go_on = !remote->stop;
	if (remote->recycle_wanted) {
		remote->recycle = true;
		remote->recycle_flushed = false;
	}
	remote->recycle_wanted = false;
	if (remote->fence_done != remote->fence_wanted) {
		remote->fence_done = remote->fence_wanted;
		pthread_cond_broadcast(&remote->changed);
	}
	pthread_mutex_unlock(&remote->lock);
	return go_on;
}

static void take_inbox(struct remote *remote, uint64_t now_ns)
{
	struct store_io *io = __atomic_exchange_n(&remote->inbox, NULL, __ATOMIC_SEQ_CST);
	struct store_io *oldest = NULL, *next;

	for (; io; io = next) {
		next = io->next;
		io->next = oldest;
		oldest = io;
	}
	for (io = oldest; io; io = next) {
		next = io->next;
		remote_take(remote, io, now_ns);
	}
}

/* With nothing under way a connection may be lost unseen: what comes next will see it. */
static bool is_watched(const struct remote *remote)
{
	return remote->state == REMOTE_UP && remote->used && remote->protocol->watch;
}

/* When there is something to do without anybody saying so. */
static uint64_t next_event_ns(const struct remote *remote)
{
	uint64_t next = remote->check_ns;

	if (remote->state == REMOTE_DOWN && remote->retry_ns < next)
		next = remote->retry_ns;
	if (remote->state == REMOTE_CONNECTING && remote->give_up_ns < next)
		next = remote->give_up_ns;
	if (is_watched(remote) && remote->watch_ns < next)
		next = remote->watch_ns;
	return next;
}

static void watch(struct remote *remote, uint64_t now_ns)
{
	char why[REMOTE_STATE_MAX] = "";
	int ret = remote->protocol->watch(remote, why);

	remote->watch_ns = now_ns + WATCH_NS;
	if (ret)
		failed(remote, ret, why);
}

static void time_passed(struct remote *remote, uint64_t now_ns)
{
	remote_expire(remote, now_ns);
	if (remote->state == REMOTE_CONNECTING && now_ns >= remote->give_up_ns)
		failed(remote, -ETIMEDOUT, "no connection in time");
	if (is_watched(remote) && now_ns >= remote->watch_ns)
		watch(remote, now_ns);
	if (remote->state == REMOTE_DOWN && now_ns >= remote->retry_ns)
		start_connecting(remote, now_ns);
}

/* Connect anew, to see a disk that has grown: when nothing is under way or in a cache. */
static void recycle(struct remote *remote)
{
	if (!remote->recycle || remote->used || remote->state != REMOTE_UP)
		return;
	if (!remote->recycle_flushed) {
		remote->recycle_flushed = true;
		remote_flush_own(remote);
		if (remote->used)
			return;
	}
	remote->recycle = false;
	remote_drop(remote, "to see the new size");
	remote->retry_ns = 0;
}

static void *run(void *arg)
{
	struct remote *remote = arg;
	struct pollfd fds[2] = { { .fd = remote->wake_fd, .events = POLLIN } };
	uint64_t count, now_ns;

	while (heed(remote)) {
		uint64_t next, wait_ns;
		struct timespec wait;
		int num;

		now_ns = remote_now_ns();
		take_inbox(remote, now_ns);
		time_passed(remote, now_ns);
		if (remote->state == REMOTE_UP) {
			remote_issue_all(remote);
			recycle(remote);
			if (remote->lost_now)
				failed(remote, -ECONNRESET, "the connection was lost");
			if (remote->state == REMOTE_DOWN)
				continue;
		}
		fds[1] = (struct pollfd){ .fd = -1 };
		if (remote->state != REMOTE_DOWN)
			remote->protocol->wants(remote, &fds[1]);
		next = next_event_ns(remote);
		now_ns = remote_now_ns();
		wait_ns = next > now_ns ? next - now_ns : 0;
		wait = (struct timespec){ (time_t)(wait_ns / 1000000000),
					  (long)(wait_ns % 1000000000) };
		num = ppoll(fds, 2, next == UINT64_MAX ? NULL : &wait, NULL);
		/* Nothing lost if this one comes a round too early. */
		if (num > 0 && fds[0].revents && read(remote->wake_fd, &count, sizeof(count)) < 0)
			continue;
		if (remote->state != REMOTE_DOWN && num >= 0)
			service(remote, num ? fds[1].revents : 0);
	}
	remote->protocol->disconnect(remote);
	return NULL;
}

static int remote_resize(struct store *store, uint64_t size_bytes)
{
	struct remote *remote = (struct remote *)store;
	int ret;

	if (size_bytes)
		return -EOPNOTSUPP;
	ret = remote->protocol->look(remote, &size_bytes);
	if (ret)
		return ret;
	size_bytes &= ~(uint64_t)(store->info.block_bytes - 1);
	/* Smaller: then operations beyond its end fail, and those that are to come are refused. */
	if (size_bytes == store_size(store))
		return 0;
	pthread_mutex_lock(&remote->lock);
	remote->recycle_wanted = true;
	pthread_mutex_unlock(&remote->lock);
	/* From here on nothing new goes over the connection that knows the old size. */
	remote_fence(remote);
	__atomic_store_n(&store->info.size_bytes, size_bytes, __ATOMIC_RELAXED);
	return 0;
}

static json_t *remote_describe(struct store *store)
{
	struct remote *remote = (struct remote *)store;
	json_t *object;

	pthread_mutex_lock(&remote->lock);
	object = json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "type", remote->protocol->type,
			   "state", remote->state_text, "timeout_ms",
			   (json_int_t)(remote->timeout_ns / MS), "connections",
			   (json_int_t)__atomic_load_n(&remote->connections, __ATOMIC_RELAXED),
			   "timeouts",
			   (json_int_t)__atomic_load_n(&remote->timeouts, __ATOMIC_RELAXED),
			   "writeback", remote->writeback);
	pthread_mutex_unlock(&remote->lock);
	if (object)
		remote->protocol->describe(remote, object);
	return object;
}

static void remote_close(struct store *store)
{
	struct remote *remote = (struct remote *)store;

	if (remote->has_thread) {
		pthread_mutex_lock(&remote->lock);
		remote->stop = true;
		pthread_mutex_unlock(&remote->lock);
		remote_wake(remote);
		pthread_join(remote->thread, NULL);
	}
	remote->protocol->free(remote);
	remote_steps_free(remote);
	if (remote->wake_fd >= 0)
		close(remote->wake_fd);
	pthread_cond_destroy(&remote->changed);
	pthread_mutex_destroy(&remote->lock);
	free(remote);
}

static const struct store_ops remote_ops = {
	.type = "remote",
	.queue_open = remote_queue_open,
	.queue_close = remote_queue_close,
	.submit = remote_submit,
	.kick = remote_kick,
	.poll = remote_poll,
	.fd = remote_queue_fd,
	.resize = remote_resize,
	.describe = remote_describe,
	.close = remote_close,
};

/*
 * Signals are for the threads that expect them; but buffers may be a frontend's, which can take
 * them away: the SIGBUS of that has a handler, and blocked it would end the process.
 */
static int start_thread(struct remote *remote)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	/* WORKER_SIGNAL of storage/target/worker.h: what has to be done in each thread. */
	sigdelset(&all, SIGRTMAX);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&remote->thread, NULL, run, remote);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	remote->has_thread = !ret;
	return -ret;
}

static int wait_until_open(struct remote *remote, struct vhu_reason *reason)
{
	int ret;

	/* The thread gives up by itself. */
	pthread_mutex_lock(&remote->lock);
	while (remote->open_result == 1)
		pthread_cond_wait(&remote->changed, &remote->lock);
	ret = remote->open_result;
	if (ret)
		vhu_reason_set(reason, "%s: %s", remote->protocol->type, remote->state_text);
	pthread_mutex_unlock(&remote->lock);
	return ret;
}

int remote_open(struct remote *remote, struct store **store, struct vhu_reason *reason)
{
	int ret;

	remote->store.ops = &remote_ops;
	remote->open_result = 1;
	remote->back_off_ns = BACK_OFF_FIRST_NS;
	pthread_mutex_init(&remote->lock, NULL);
	pthread_cond_init(&remote->changed, NULL);
	ret = remote_steps_init(remote);
	remote->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!ret && remote->wake_fd < 0)
		ret = -errno;
	if (!ret)
		ret = start_thread(remote);
	if (!ret)
		ret = wait_until_open(remote, reason);
	if (ret)
		remote_close(&remote->store);
	else
		*store = &remote->store;
	return ret;
}
