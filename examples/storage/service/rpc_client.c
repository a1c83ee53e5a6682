/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes of a client, both ways. */
#include "rpc_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "program.h"
#include "vvu-device/host_ops.h"

static size_t pending(const struct rpc_client *client)
{
	return client->out_end - client->out_start;
}

static bool is_throttled(const struct rpc_client *client)
{
	return client->kept >= RPC_KEPT_MAX || pending(client) >= RPC_OUTPUT_HIGH;
}

void rpc_wake(struct rpc_server *server)
{
	/* It fails only when the counter is full, and then it is readable as it is. */
	if (eventfd_write(server->wake_fd, 1) < 0)
		return;
}

/* What is waited for; a hang-up that must not be acted on yet would be reported without end. */
static void watch(struct rpc_client *client, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = client };
	bool watched = events != 0 || !client->hung_up;
	int op = EPOLL_CTL_MOD;

	if (client->watched == watched && client->events == events)
		return;
	if (!watched)
		op = EPOLL_CTL_DEL;
	else if (!client->watched)
		op = EPOLL_CTL_ADD;
	if (epoll_ctl(client->server->epoll_fd, op, client->fd, &event) == 0) {
		client->watched = watched;
		client->events = events;
	}
}

/* Without a descriptor for it, a connection that waits would be reported without end. */
static void drop_one(struct rpc_server *server)
{
	int fd;

	close(server->spare_fd);
	fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		close(fd);
	server->spare_fd = eventfd(0, EFD_CLOEXEC);
	program_log(VVU_LOG_WARNING, "RPC: a client is dropped: no descriptors left");
}

void rpc_client_accept(struct rpc_server *server)
{
	struct rpc_client *client;
	int fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		drop_one(server);
		return;
	}
	if (fd < 0)
		return;
	client = calloc(1, sizeof(*client));
	if (client == NULL) {
		close(fd);
		return;
	}
	client->server = server;
	client->fd = fd;
	client->next = server->clients;
	server->clients = client;
	server->num_clients++;
	watch(client, EPOLLIN);
	if (server->num_clients > RPC_CLIENTS_MAX) {
		rpc_refuse(client, RPC_SERVER_ERROR - EBUSY, "too many clients");
		client->closing = true;
		rpc_wake(server);
	}
}

static void disconnect(struct rpc_client *client)
{
	if (client->dead)
		return;
	client->dead = true;
	/* Also takes it out of the epoll set. */
	close(client->fd);
	client->fd = -1;
	free(client->in);
	free(client->out);
	client->in = client->out = NULL;
	client->in_start = client->in_end = 0;
	client->out_start = client->out_end = client->out_size = 0;
}

void rpc_client_free(struct rpc_client *client)
{
	struct rpc_client **at = &client->server->clients;

	disconnect(client);
	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	client->server->num_clients--;
	free(client);
}

/* ---- to the client ---- */

static bool make_room(struct rpc_client *client, size_t bytes)
{
	size_t used = pending(client), size = client->out_size ? client->out_size : 4096;
	char *out;

	if (client->out_start > 0 && used > 0)
		memmove(client->out, client->out + client->out_start, used);
	client->out_start = 0;
	client->out_end = used;
	while (size < used + bytes)
		size *= 2;
	if (size == client->out_size)
		return true;
	out = realloc(client->out, size);
	if (out == NULL)
		return false;
	client->out = out;
	client->out_size = size;
	return true;
}

void rpc_client_send(struct rpc_client *client, const json_t *answer)
{
	char *text;
	size_t length;

	if (client->dead || client->hung_up)
		return;
	/* What is measured has no more digits that mean anything. */
	text = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(9));
	length = text != NULL ? strlen(text) : 0;
	if (text == NULL || !make_room(client, length + 1)) {
		program_log(VVU_LOG_WARNING, "RPC: a client is dropped: no memory for an answer");
		client->closing = true;
		free(text);
		return;
	}
	memcpy(client->out + client->out_end, text, length);
	client->out_end += length;
	client->out[client->out_end++] = '\n';
	free(text);
}

static void write_out(struct rpc_client *client)
{
	while (pending(client) > 0) {
		ssize_t sent = send(client->fd, client->out + client->out_start, pending(client),
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0) {
			/* It reads no more; what it asked for is done all the same. */
			client->hung_up = true;
			client->out_start = client->out_end;
			return;
		}
		client->out_start += (size_t)sent;
	}
	/* A large answer does not keep its memory. */
	if (client->out_size > RPC_OUTPUT_HIGH) {
		free(client->out);
		client->out = NULL;
		client->out_size = 0;
	}
	client->out_start = client->out_end = 0;
}

/* ---- from the client ---- */

static bool read_in(struct rpc_client *client)
{
	ssize_t got;

	if (client->in == NULL) {
		client->in = malloc(RPC_REQUEST_MAX);
		if (client->in == NULL)
			return false;
	}
	if (client->in_start > 0 && client->in_end == RPC_REQUEST_MAX) {
		memmove(client->in, client->in + client->in_start,
			client->in_end - client->in_start);
		client->in_end -= client->in_start;
		client->in_start = 0;
	}
	if (client->in_end == RPC_REQUEST_MAX)
		return true;
	got = recv(client->fd, client->in + client->in_end, RPC_REQUEST_MAX - client->in_end,
		   MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (got == 0)
		client->end_of_input = true;
	client->in_end += (size_t)got;
	return true;
}

/* The next request that is there as a whole. */
static bool handle_one(struct rpc_client *client)
{
	const char *text = client->in + client->in_start;
	size_t length = client->in_end - client->in_start;
	struct rpc_frame *frame = &client->frame;
	int found = client->in == NULL ? 0 : rpc_frame_scan(frame, text, length);

	if (found > 0) {
		size_t start = frame->start, end = frame->scanned;

		*frame = (struct rpc_frame){ .scanned = 0 };
		client->in_start += end;
		rpc_handle(client, text + start, end - start);
		return true;
	}
	if (found < 0) {
		rpc_refuse(client, RPC_PARSE_ERROR, "neither an object nor an array begins here");
		client->closing = true;
	} else if (length == RPC_REQUEST_MAX) {
		rpc_refuse(client, RPC_INVALID_REQUEST, "a request is larger than 1 MiB");
		client->closing = true;
	} else if (client->end_of_input && frame->depth > 0) {
		rpc_refuse(client, RPC_PARSE_ERROR, "the connection ended within a request");
		client->closing = true;
	} else if (frame->depth == 0) {
		/* White space */
		client->in_start = client->in_end;
		frame->scanned = 0;
	}
	return false;
}

static void handle_input(struct rpc_client *client)
{
	unsigned int burst = RPC_BURST;
	bool more = true;

	while (more && burst-- > 0 && !is_throttled(client) && !client->closing)
		more = handle_one(client);
	/* The others first. */
	if (more && !is_throttled(client) && !client->closing)
		rpc_wake(client->server);
	if (!more && client->in_start == client->in_end) {
		free(client->in);
		client->in = NULL;
		client->in_start = client->in_end = 0;
		client->frame = (struct rpc_frame){ .scanned = 0 };
	}
}

bool rpc_client_step(struct rpc_client *client)
{
	bool wants_more, idle;

	if (client->dead)
		return client->kept > 0;
	if (client->readable && !client->end_of_input && !client->closing && !read_in(client))
		client->end_of_input = client->hung_up = true;
	client->readable = false;
	handle_input(client);
	write_out(client);
	/* An error that a client does not take at once, it does not get. */
	if (client->closing)
		disconnect(client);
	idle = client->in == NULL && pending(client) == 0 && client->kept == 0;
	if (!client->dead && client->end_of_input && idle)
		disconnect(client);
	if (client->dead)
		return client->kept > 0;
	/* With a request in the buffer that waits, more input is not asked for. */
	wants_more = !client->end_of_input && !is_throttled(client);
	watch(client, (wants_more ? (uint32_t)EPOLLIN : 0) |
			      (pending(client) > 0 ? (uint32_t)EPOLLOUT : 0));
	return true;
}
