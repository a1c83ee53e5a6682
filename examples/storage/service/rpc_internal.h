/* SPDX-License-Identifier: BSD-3-Clause */
/* A server and its clients, as the files of the RPC server see them. */
#ifndef STORAGE_RPC_INTERNAL_H
#define STORAGE_RPC_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "rpc.h"
#include "rpc_frame.h"
#include "vvu-device/embedded/listener.h"

/* Bytes of answers that wait for a client; its next request is looked at when there are less. */
#define RPC_OUTPUT_HIGH	(256u << 10)
/* Requests, or batches, of one client in one rpc_run() */
#define RPC_BURST	16u

struct rpc_client {
	struct rpc_server *server;
	struct rpc_client *next;
	int fd;
	uint32_t events;	/* that epoll waits for */
	bool watched;		/* is in the epoll set */
	bool readable;		/* in this round */
	bool end_of_input;	/* it sends no more */
	bool hung_up;		/* it reads no more, either */
	bool closing;		/* what follows is not understood */
	bool dead;		/* closed; there are kept calls */
	unsigned int kept;	/* requests and batches that are not answered yet */

	char *in;		/* RPC_REQUEST_MAX bytes; NULL: nothing waits in it */
	size_t in_start, in_end;
	struct rpc_frame frame;	/* of in + in_start */

	char *out;
	size_t out_start, out_end, out_size;
};

struct rpc_server {
	struct emb_listener listener;
	int epoll_fd;
	int wake_fd;		/* eventfd: there is work that no socket tells of */
	struct rpc_method *methods;
	void *arg;
	struct rpc_client *clients;
	unsigned int num_clients;
	struct rpc_call *current;	/* while its handler runs */
	int spare_fd;		/* given up to accept a client that there is no descriptor for */
};

/* rpc_client.c */
void rpc_client_accept(struct rpc_server *server);
/* Read, handle, write; false when there is no more to come of it: rpc_client_free(). */
bool rpc_client_step(struct rpc_client *client);
void rpc_client_free(struct rpc_client *client);
/* An answer; it is written when the client takes it. */
void rpc_client_send(struct rpc_client *client, const json_t *answer);
void rpc_wake(struct rpc_server *server);

/* rpc_call.c */
/* One text of a client: a request or a batch. */
void rpc_handle(struct rpc_client *client, const char *text, size_t length);
/* An error that belongs to no request. */
void rpc_refuse(struct rpc_client *client, int code, const char *message);

#define RPC_PARSE_ERROR		(-32700)	/* JSON-RPC 2.0, 5.1 */
#define RPC_INVALID_REQUEST	(-32600)
#define RPC_METHOD_NOT_FOUND	(-32601)
#define RPC_INVALID_PARAMS	(-32602)
#define RPC_INTERNAL_ERROR	(-32603)
#define RPC_SERVER_ERROR	(-32000)

#endif
