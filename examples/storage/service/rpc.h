/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON-RPC 2.0 on a UNIX stream socket, one JSON object after the other, several clients.
 * Requests are handled in the thread that runs rpc_run(), one after the other.
 */
#ifndef STORAGE_RPC_H
#define STORAGE_RPC_H

#include <jansson.h>

#include "vhost-proto/codec.h"

struct rpc_server;

/*
 * Carry out a method. 0 with a new *result (NULL: null), or -errno with @reason: the client
 * gets an error object with code -32000 - errno (-32602 for -EINVAL), message and method.
 * @params is an object, {} where the client gave none.
 */
typedef int rpc_handler(void *arg, const json_t *params, json_t **result,
			struct vhu_reason *reason);

struct rpc_method {
	const char *name;
	rpc_handler *handler;
	const char *help;	/* one line; the method "help" answers them */
};

/*
 * Listen at @path (mode @mode, replaced if nobody listens there). @methods ends with a NULL
 * name. -EADDRINUSE and what socket(), bind() and listen() gave.
 */
int rpc_open(const char *path, unsigned int mode, const struct rpc_method *methods, void *arg,
	     struct rpc_server **server, struct vhu_reason *reason);
void rpc_close(struct rpc_server *server);
/* Readable when rpc_run() has something to do. */
int rpc_fd(const struct rpc_server *server);
void rpc_run(struct rpc_server *server);

#endif
