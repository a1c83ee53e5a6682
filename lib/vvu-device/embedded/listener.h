/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening AF_UNIX socket and its file. */
#ifndef VVU_EMBEDDED_LISTENER_H
#define VVU_EMBEDDED_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "vhost-proto/codec.h"

struct emb_listener {
	int fd;			/* -1: none */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev;		/* of the socket file, so that only ours is removed */
	ino_t ino;
	bool adopted;		/* the file is somebody else's */
};

/* -EINVAL (no path), -ENAMETOOLONG. */
int emb_unix_address(const char *path, struct sockaddr_un *address, struct vhu_reason *reason);
/*
 * Bind @path with permission bits @mode and listen; non-blocking. @group, unless 0, becomes
 * the file's. A socket file on which nobody listens is replaced. -EADDRINUSE (somebody does,
 * or it is no socket), those of emb_unix_address(), or what socket(), bind(), chown(), chmod()
 * and listen() gave.
 */
int emb_listener_open(struct emb_listener *listener, const char *path, unsigned int mode,
		      uint32_t group, struct vhu_reason *reason);
/* Take over @fd, which listens already and whose file somebody else looks after. */
void emb_listener_adopt(struct emb_listener *listener, int fd);
/* Closes, and removes the file unless it is somebody else's. */
void emb_listener_close(struct emb_listener *listener);

#endif
