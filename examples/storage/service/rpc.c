/* SPDX-License-Identifier: BSD-3-Clause */
/* The RPC server: its socket, its clients. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rpc_internal.h"

#define EVENTS 16

/* What an event is about, where it is not a client. */
static char listening, woken;

static struct rpc_method *copy_methods(const struct rpc_method *methods)
{
	struct rpc_method *copy;
	size_t num = 0;

	while (methods[num].name != NULL)
		num++;
	copy = calloc(num + 1, sizeof(*copy));
	if (copy != NULL)
		memcpy(copy, methods, num * sizeof(*copy));
	return copy;
}

static int watch(struct rpc_server *server, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_events(struct rpc_server *server)
{
	int err;

	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->spare_fd = eventfd(0, EFD_CLOEXEC);
	if (server->epoll_fd < 0 || server->wake_fd < 0 || server->spare_fd < 0)
		return -errno;
	err = watch(server, server->wake_fd, &woken);
	return err < 0 ? err : watch(server, server->listener.fd, &listening);
}

int rpc_open(const char *path, unsigned int mode, const struct rpc_method *methods, void *arg,
	     struct rpc_server **out, struct vhu_reason *reason)
{
	struct rpc_server *server = calloc(1, sizeof(*server));
	int err;

	if (server == NULL)
		return -ENOMEM;
	server->epoll_fd = server->wake_fd = server->spare_fd = server->listener.fd = -1;
	server->arg = arg;
	server->methods = copy_methods(methods);
	if (server->methods == NULL) {
		rpc_close(server);
		return -ENOMEM;
	}
	err = emb_listener_open(&server->listener, path, mode, 0, reason);
	if (err == 0) {
		err = open_events(server);
		if (err < 0)
			vhu_reason_set(reason, "%s: epoll or eventfd: %s", path, strerror(-err));
	}
	if (err < 0) {
		rpc_close(server);
		return err;
	}
	*out = server;
	return 0;
}

void rpc_close(struct rpc_server *server)
{
	if (server == NULL)
		return;
	while (server->clients != NULL)
		rpc_client_free(server->clients);
	emb_listener_close(&server->listener);
	if (server->spare_fd >= 0)
		close(server->spare_fd);
	if (server->wake_fd >= 0)
		close(server->wake_fd);
	if (server->epoll_fd >= 0)
		close(server->epoll_fd);
	free(server->methods);
	free(server);
}

int rpc_fd(const struct rpc_server *server)
{
	return server->epoll_fd;
}

static void note_event(const struct epoll_event *event)
{
	struct rpc_client *client = event->data.ptr;

	if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		client->readable = true;
	if (event->events & (EPOLLHUP | EPOLLERR))
		client->hung_up = true;
}

void rpc_run(struct rpc_server *server)
{
	struct epoll_event event[EVENTS];
	int count = epoll_wait(server->epoll_fd, event, EVENTS, 0);
	bool accepting = false;
	eventfd_t value;

	for (int i = 0; i < count; i++) {
		if (event[i].data.ptr == &listening)
			accepting = true;
		else if (event[i].data.ptr != &woken)
			note_event(&event[i]);
		else if (eventfd_read(server->wake_fd, &value) < 0)
			continue;
	}
	for (struct rpc_client *client = server->clients, *next; client != NULL; client = next) {
		next = client->next;
		if (!rpc_client_step(client))
			rpc_client_free(client);
	}
	if (accepting)
		rpc_client_accept(server);
}
