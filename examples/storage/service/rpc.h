/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON-RPC 2.0 on a UNIX stream socket, several clients. What one sends is one JSON object or
 * array (a batch) after the other, with white space between them or none.
 * Requests are handled in the thread that runs rpc_run(), one after the other. One that has to
 * wait is kept (rpc_keep()) and answered later; requests after it, also those of the same client,
 * go on. No client makes another one wait: one that does not read its answers is not read from.
 *
 * Limits: RPC_... below. A request beyond one gets an error (-32600), and one that is too large,
 * or after which it is not clear where the next one begins, ends the connection.
 */
#ifndef STORAGE_RPC_H
#define STORAGE_RPC_H

#include <jansson.h>

#include "vhost-proto/codec.h"

#define RPC_REQUEST_MAX		(1u << 20)	/* bytes of a request or batch */
#define RPC_BATCH_MAX		64u		/* requests of a batch */
#define RPC_CLIENTS_MAX		32u		/* a further one is told and dropped */
#define RPC_KEPT_MAX 64u /* of one client; more are read when there are less */

struct rpc_server;
struct rpc_call;

/* What a handler returns that has called rpc_keep(). */
#define RPC_LATER		1

/*
 * Carry out a method. 0 with a new *result (NULL: null), RPC_LATER, or -errno with @reason: the
 * client gets an error object with code -32000 - errno (-32602 for -EINVAL), the reason as its
 * message, and "data" with method and errno.
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
 * name and is copied, but not the strings. -EADDRINUSE, -ENAMETOOLONG, -ENOMEM and what socket(),
 * bind() and listen() gave.
 */
int rpc_open(const char *path, unsigned int mode, const struct rpc_method *methods, void *arg,
	     struct rpc_server **server, struct vhu_reason *reason);
/* NULL is fine. */
void rpc_close(struct rpc_server *server);
/* Readable when rpc_run() has something to do. */
int rpc_fd(const struct rpc_server *server);
void rpc_run(struct rpc_server *server);

/*
 * From within a handler, which then returns RPC_LATER: the request, for rpc_finish(). It may
 * outlive its client and is not NULL; every one must be finished before rpc_close().
 */
struct rpc_call *rpc_keep(struct rpc_server *server);
/* Answer it, as the handler would have: @err 0 with @result (taken over), or -errno. */
void rpc_finish(struct rpc_call *call, int err, json_t *result, const struct vhu_reason *reason);

#endif
