/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frontend's connection: accepted or made when the device wants one, read only as far
 * as it wants, and the backend request channel beside it.
 */
#ifndef VVU_EMBEDDED_SOCKET_H
#define VVU_EMBEDDED_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "listener.h"
#include "vhost-proto/codec.h"

struct vvu_emb;
struct vvu_emb_config;

struct emb_socket {
	struct emb_listener listener;
	struct emb_source accept;	/* the listener while the device accepts */
	struct emb_source stream;	/* the frontend */
	struct emb_source channel;	/* the backend request channel, the device's fd */
	struct emb_source timer;	/* timerfd: next attempt to connect or accept */
	bool client;
	bool handed_in;			/* the frontend's socket is, or was, @given */
	int given;			/* connected, and not yet taken for a frontend; -1: none */
	bool timer_armed;
	struct sockaddr_un address;	/* client: whom to connect to */
	uint64_t pause_ns;		/* client: between attempts */
	uint64_t next_attempt_ns;	/* CLOCK_MONOTONIC */
	int last_error;			/* client: so that a failure is told once */
};

/* Before anything else; emb_socket_fini() is legal from here on. */
void emb_socket_prepare(struct emb_socket *socket);
/* Errors as vvu_emb_create(). */
int emb_socket_init(struct vvu_emb *emb, const struct vvu_emb_config *config,
		    struct vhu_reason *reason);
void emb_socket_fini(struct vvu_emb *emb);
/* Wait for what the device wants now: a frontend, its bytes, the channel's. */
void emb_socket_update(struct vvu_emb *emb);
/* The frontend is of no use any more: close its socket and tell the device. */
void emb_socket_lost(struct vvu_emb *emb, const char *why);

/* For the device's ops */
int emb_socket_send(struct emb_socket *socket, const void *msg, size_t len, const int *fds,
		    unsigned int nfds);
void emb_socket_close(struct vvu_emb *emb);
int emb_socket_channel(struct vvu_emb *emb, int fd);
int emb_socket_channel_send(struct emb_socket *socket, const void *msg, size_t len);

#endif
