/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operations as steps that a peer can do: what is longer than it takes in several, zeroes that it
 * cannot make as data, and a flush at the end of a write that must be durable where it cannot
 * make a single write so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "remote.h"

int remote_steps_init(struct remote *remote)
{
	remote->waiting_end = &remote->waiting;
	remote->check_ns = UINT64_MAX;
	remote->zeroes = calloc(1, REMOTE_BOUNCE_BYTES);
	for (unsigned int i = 0; i < REMOTE_REQUESTS; i++)
		remote->requests[i].remote = remote;
	return remote->zeroes ? 0 : -ENOMEM;
}

void remote_steps_free(struct remote *remote)
{
	for (unsigned int i = 0; i < REMOTE_REQUESTS; i++)
		free(remote->requests[i].bounce);
	free(remote->zeroes);
}

void remote_take(struct remote *remote, struct store_io *io, uint64_t now_ns)
{
	*remote_deadline(io) = now_ns + remote->timeout_ns;
	if (*remote_deadline(io) < remote->check_ns)
		remote->check_ns = *remote_deadline(io);
	io->next = NULL;
	*remote->waiting_end = io;
	remote->waiting_end = &io->next;
}

static struct store_io *next_waiting(struct remote *remote)
{
	struct store_io *io = remote->waiting;

	remote->waiting = io->next;
	if (!remote->waiting)
		remote->waiting_end = &remote->waiting;
	return io;
}

static bool must_be_durable(const struct remote *remote, const struct store_io *io)
{
	return (io->op == STORE_WRITE || io->op == STORE_WRITE_ZEROES) &&
	       (!remote->writeback || io->flags & STORE_F_FUA);
}

/* The operation is over. */
static void finish(struct remote_request *request, int result)
{
	struct remote *remote = request->remote;
	struct store_io *io = request->io;

	if (!result && (io->op == STORE_WRITE || io->op == STORE_WRITE_ZEROES) &&
	    !must_be_durable(remote, io))
		remote->written++;
	request->io = NULL;
	request->issued = false;
	remote->used--;
	remote_give_back(io, result);
}

static bool can_fua(const struct remote *remote, const struct store_io *io)
{
	return io->op == STORE_WRITE_ZEROES ? remote->link.can_fua_zeroes : remote->link.can_fua;
}

static void begin(struct remote_request *request)
{
	request->done = 0;
	request->issued = false;
}

/*
 * The buffer of a step of a read or write at request->done: the submitter's own where it is in
 * one piece there, else memory of the request. Sets length, too.
 */
static int find_buffer(struct remote_request *request, uint64_t length)
{
	const struct store_io *io = request->io;
	uint64_t at = request->done;
	unsigned int i = 0;
	char *to;

	while (at >= io->iov[i].iov_len)
		at -= io->iov[i++].iov_len;
	request->bounced = io->iov[i].iov_len - at < length;
	request->length = length;
	if (!request->bounced) {
		request->data = (char *)io->iov[i].iov_base + at;
		return 0;
	}
	if (!request->bounce)
		request->bounce = malloc(REMOTE_BOUNCE_BYTES);
	if (!request->bounce)
		return -ENOMEM;
	if (length > REMOTE_BOUNCE_BYTES)
		length = REMOTE_BOUNCE_BYTES;
	request->length = length;
	request->data = to = request->bounce;
	for (; io->op == STORE_WRITE && length; i++, at = 0) {
		uint64_t part = io->iov[i].iov_len - at;

		if (part > length)
			part = length;
		memcpy(to, (char *)io->iov[i].iov_base + at, part);
		to += part;
		length -= part;
	}
	return 0;
}

static void copy_out(const struct remote_request *request)
{
	const struct store_io *io = request->io;
	uint64_t at = request->done, length = request->length;
	const char *from = request->bounce;
	unsigned int i = 0;

	while (at >= io->iov[i].iov_len)
		at -= io->iov[i++].iov_len;
	for (; length; i++, at = 0) {
		uint64_t part = io->iov[i].iov_len - at;

		if (part > length)
			part = length;
		memcpy((char *)io->iov[i].iov_base + at, from, part);
		from += part;
		length -= part;
	}
}

static uint64_t at_most(uint64_t length, uint64_t max)
{
	return length < max ? length : max;
}

/* The next step of @request. 0; 1: there is none, it is done; -errno: it fails. */
static int prepare(struct remote_request *request)
{
	struct remote *remote = request->remote;
	const struct remote_link *link = &remote->link;
	const struct store_io *io = request->io;
	uint64_t left = io->op == STORE_FLUSH ? 0 : io->length - request->done;

	/* By what this connection can; the one before may have been able to do more. */
	if (!request->done)
		request->flush_left = must_be_durable(remote, io) &&
				      !can_fua(remote, io) && link->can_flush;
	request->offset = io->offset + request->done;
	request->fua = must_be_durable(remote, io) && can_fua(remote, io);
	request->unmap = io->flags & STORE_F_UNMAP;
	request->bounced = false;
	if (!left) {
		if (io->op != STORE_FLUSH && !request->flush_left)
			return 1;
		if (io->op == STORE_FLUSH && remote_tells_loss(remote, io))
			return -EIO;
		if (!link->can_flush)
			return 1;
		request->step = REMOTE_FLUSH;
		request->length = 0;
		request->sequence = remote->written;
		return 0;
	}
	switch (io->op) {
	case STORE_READ:
		request->step = REMOTE_READ;
		return find_buffer(request, at_most(left, link->max_transfer_bytes));
	case STORE_WRITE:
		request->step = REMOTE_WRITE;
		return find_buffer(request, at_most(left, link->max_transfer_bytes));
	case STORE_DISCARD:
		if (!link->max_discard_bytes)
			return -EOPNOTSUPP;
		request->step = REMOTE_DISCARD;
		request->length = at_most(left, link->max_discard_bytes);
		return 0;
	default:
		if (link->max_zeroes_bytes) {
			request->step = REMOTE_ZEROES;
			request->length = at_most(left, link->max_zeroes_bytes);
			return 0;
		}
		request->step = REMOTE_WRITE;
		request->data = remote->zeroes;
		request->length = at_most(at_most(left, link->max_transfer_bytes),
					  REMOTE_BOUNCE_BYTES);
		return 0;
	}
}

/* Hand over the next step. False: the connection takes no more now. */
static bool issue(struct remote_request *request)
{
	struct remote *remote = request->remote;
	int ret = prepare(request);

	if (ret) {
		finish(request, ret > 0 ? 0 : ret);
		return true;
	}
	/* Before: it may be done from within. */
	request->issued = true;
	ret = remote->protocol->issue(remote, request);
	if (!ret)
		return true;
	request->issued = false;
	if (ret == -EAGAIN)
		return false;
	finish(request, ret);
	return true;
}

static struct remote_request *free_request(struct remote *remote)
{
	for (unsigned int i = 0; i < REMOTE_REQUESTS; i++)
		if (!remote->requests[i].io)
			return &remote->requests[i];
	return NULL;
}

void remote_issue_all(struct remote *remote)
{
	/* Those that had begun first. */
	for (unsigned int i = 0; remote->used && i < REMOTE_REQUESTS; i++) {
		struct remote_request *request = &remote->requests[i];

		if (request->io && !request->issued && !issue(request))
			return;
	}
	while (remote->waiting && remote->used < REMOTE_REQUESTS && !remote->recycle) {
		struct remote_request *request = free_request(remote);

		request->io = next_waiting(remote);
		remote->used++;
		begin(request);
		if (!issue(request))
			return;
	}
}

void remote_flush_own(struct remote *remote)
{
	struct remote_request *request = free_request(remote);

	if (!remote->writeback || remote->written == remote->flushed)
		return;
	remote->own_flush = (struct store_io){ .op = STORE_FLUSH };
	*remote_deadline(&remote->own_flush) = remote_now_ns() + remote->timeout_ns;
	request->io = &remote->own_flush;
	remote->used++;
	begin(request);
	issue(request);
}

void remote_step_done(struct remote_request *request, int result)
{
	struct remote *remote = request->remote;

	request->issued = false;
	if (result) {
		finish(request, result);
		return;
	}
	if (request->step == REMOTE_FLUSH) {
		if (request->sequence > remote->flushed)
			remote->flushed = request->sequence;
		finish(request, 0);
		return;
	}
	if (request->step == REMOTE_READ && request->bounced)
		copy_out(request);
	request->done += request->length;
	/* The last step of most: no need to wait for the next round. */
	if (request->done == request->io->length && !request->flush_left)
		finish(request, 0);
}

void remote_step_again(struct remote_request *request)
{
	request->issued = false;
}

/* Those that wait and those that had been handed over. */
static void fail_flushes(struct remote *remote)
{
	struct store_io *waiting = remote->waiting, *next;

	for (unsigned int i = 0; i < REMOTE_REQUESTS; i++) {
		struct remote_request *request = &remote->requests[i];

		if (request->io && request->io->op == STORE_FLUSH) {
			remote_tells_loss(remote, request->io);
			finish(request, -EIO);
		}
	}
	remote->waiting = NULL;
	remote->waiting_end = &remote->waiting;
	for (; waiting; waiting = next) {
		next = waiting->next;
		if (waiting->op == STORE_FLUSH) {
			remote_tells_loss(remote, waiting);
			remote_give_back(waiting, -EIO);
		} else {
			waiting->next = NULL;
			*remote->waiting_end = waiting;
			remote->waiting_end = &waiting->next;
		}
	}
}

void remote_steps_lost(struct remote *remote)
{
	/* From the start: what an earlier step wrote may have been in a cache. */
	for (unsigned int i = 0; i < REMOTE_REQUESTS; i++)
		if (remote->requests[i].io)
			begin(&remote->requests[i]);
	if (!remote->writeback || remote->written == remote->flushed)
		return;
	/*
	 * Writes that were reported as done and that no flush has covered: nobody can tell whether
	 * the peer still has them. Who asked for durability must hear of it.
	 */
	remote->flushed = remote->written;
	__atomic_store_n(&remote->losses, remote->losses + 1, __ATOMIC_RELAXED);
	fail_flushes(remote);
}

void remote_expire(struct remote *remote, uint64_t now_ns)
{
	unsigned int expired = 0;

	if (now_ns < remote->check_ns)
		return;
	for (unsigned int i = 0; i < REMOTE_REQUESTS; i++) {
		struct remote_request *request = &remote->requests[i];

		/* The peer must not touch buffers that are given back. */
		if (request->io && request->issued && *remote_deadline(request->io) <= now_ns) {
			remote_drop(remote, "no answer in time");
			break;
		}
	}
	remote->check_ns = UINT64_MAX;
	for (unsigned int i = 0; i < REMOTE_REQUESTS; i++) {
		struct remote_request *request = &remote->requests[i];

		if (!request->io)
			continue;
		if (*remote_deadline(request->io) <= now_ns) {
			finish(request, -ETIMEDOUT);
			expired++;
		} else if (*remote_deadline(request->io) < remote->check_ns) {
			remote->check_ns = *remote_deadline(request->io);
		}
	}
	/* They wait in the order of their deadlines. */
	while (remote->waiting && *remote_deadline(remote->waiting) <= now_ns) {
		remote_give_back(next_waiting(remote), -ETIMEDOUT);
		expired++;
	}
	if (remote->waiting && *remote_deadline(remote->waiting) < remote->check_ns)
		remote->check_ns = *remote_deadline(remote->waiting);
	__atomic_store_n(&remote->timeouts, remote->timeouts + expired, __ATOMIC_RELAXED);
}
