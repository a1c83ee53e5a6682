/* SPDX-License-Identifier: BSD-3-Clause */
/* A frontend with one queue pair, in the thread that also calls the back-end's port. */
#ifndef RINGBENCH_CONNECT_H
#define RINGBENCH_CONNECT_H

#include <stdbool.h>

#include "frontend/control.h"
#include "driver.h"

/* What is asked for; what is not offered makes connect_open() fail. */
struct shape {
	bool packed, mrg, in_order;
};

struct frontend {
	struct control control;
	struct area area;
	struct driver receive;		/* ring 0: the port transmits into it */
	struct driver transmit;		/* ring 1: the port receives from it */
	int kick_fd, call_fd, err_fd;
};

/*
 * -EOPNOTSUPP: the back-end does not offer what @shape asks for; what control_connect() and the
 * others give; all with @reason.
 */
int connect_open(struct frontend *frontend, const char *path, const struct shape *shape,
		 struct vhu_reason *reason);
void connect_close(struct frontend *frontend);

#endif
