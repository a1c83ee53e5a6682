/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user connection from the frontend's side: one message after the other, and no wait
 * without an end. The back-end is not trusted: what it answers is checked.
 */
#ifndef FRONTEND_CONTROL_H
#define FRONTEND_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost-proto/codec.h"

struct control {
	int fd;
	uint64_t timeout_ns;
	bool ack;			/* REPLY_ACK was negotiated */
};

/*
 * Connect to @path. -EINVAL: too long for a socket's path; -ETIMEDOUT; what connect() gave.
 * All functions here set @reason when they fail.
 */
int control_connect(struct control *control, const char *path, uint64_t timeout_ns,
		    struct vhu_reason *reason);
void control_close(struct control *control);

/*
 * Send a message that has a reply of its own, and put that into @msg. -ETIMEDOUT, -EPIPE (the
 * back-end closed the connection), -EPROTO (another message, or none that makes sense).
 */
int control_query(struct control *control, struct vhu_msg *msg, struct vhu_reason *reason);
/*
 * Send a message that has none, with a descriptor (-1: none). With REPLY_ACK wait for the
 * answer; -EREMOTEIO: the back-end refused.
 */
int control_command(struct control *control, struct vhu_msg *msg, int fd,
		    struct vhu_reason *reason);

/* A message with @size bytes of payload, all zero. */
void control_init(struct vhu_msg *msg, uint32_t id, uint32_t size);

#endif
