/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening AF_UNIX socket and its file. */
#ifndef VVU_EMBEDDED_LISTENER_H
#define VVU_EMBEDDED_LISTENER_H

#include <sys/types.h>
#include <sys/un.h>

#include "vhost-proto/codec.h"

struct emb_listener {
	int fd;			/* -1: none */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev;		/* of the socket file, so that only ours is removed */
	ino_t ino;
};

/* -EINVAL (no path), -ENAMETOOLONG. */
int emb_unix_address(const char *path, struct sockaddr_un *address, struct vhu_reason *reason);
/*
 * Bind @path with permission bits @mode and listen; non-blocking. A socket file on which
 * nobody listens is replaced. -EADDRINUSE (somebody does, or it is no socket), those of
 * emb_unix_address(), or what socket(), bind(), chmod() and listen() gave.
 */
int emb_listener_open(struct emb_listener *listener, const char *path, unsigned int mode,
		      struct vhu_reason *reason);
/* Closes, and removes the file unless somebody else has put another one there. */
void emb_listener_close(struct emb_listener *listener);

#endif
