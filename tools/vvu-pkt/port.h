/* SPDX-License-Identifier: BSD-3-Clause */
/* The ethdev port vvu-pkt works on. One thread. */
#ifndef VVU_PKT_PORT_H
#define VVU_PKT_PORT_H

#include <stdbool.h>

#include <rte_mbuf.h>

#include "frame.h"
#include "options.h"

#define PORT_BURST 32

/*
 * Configure and start; fills in options->own_mac where it was not given. 0, or -errno after
 * a message. port_close() is due in both cases.
 */
int port_open(struct options *options);
void port_close(const struct options *options);
bool port_up(const struct options *options);

/* An empty frame of @size bytes in one piece, addressed to the peer. NULL: out of buffers. */
struct rte_mbuf *port_frame(const struct options *options, unsigned int size);

/* Send a control frame (not data) on @flow's queue. False when it was not accepted. */
bool port_control(const struct options *options, enum frame_type type, unsigned int flow,
		  uint64_t seq, uint64_t arg);

/*
 * HELLO on every queue: so that what is on the way knows all of them. Lost ones do no harm,
 * the peer asks again.
 */
void port_hello(const struct options *options, uint64_t arg);

#endif
