/* SPDX-License-Identifier: BSD-3-Clause */
/* A vhost-user frontend that writes to its socket whatever the test says, right or wrong. */
#ifndef TEST_EMBEDDED_RAW_FRONTEND_H
#define TEST_EMBEDDED_RAW_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mini_driver.h"
#include "vhost-proto/wire.h"

/* Connected socket; fails the test when nobody listens. */
int fe_connect(const char *path);
void fe_send(int sock, uint32_t id, uint32_t flags, const void *payload, uint32_t size,
	     const int *fds, unsigned int nfds);
/* Next message within a second: payload size, or -1 when the peer closed. */
int fe_receive(int sock, struct vhu_header *hdr, void *payload, size_t cap);
/* Has the peer closed the connection? Reads away nothing but the end. */
bool fe_closed(int sock);
int fe_memfd(size_t size);
int fe_eventfd(void);
/* Does an eventfd add up? Not where user-mode emulation swaps one end's bytes. */
bool fe_eventfd_counts(void);

/*
 * A driver that is up, with a frontend connected and past feature negotiation (VERSION_1
 * and protocol features; no REPLY_ACK). Returns the frontend's socket.
 */
int fe_session(struct mini_driver *mini);
/* Pass on one request to the driver, which must get message @id of @size payload bytes. */
void fe_expect(struct mini_driver *mini, uint32_t id, void *payload, size_t size);
/* The driver answers request @id. */
void fe_answer(struct mini_driver *mini, uint32_t id, const void *payload, uint32_t size);
/* One region at guest address 0, through to the driver and its acknowledgement. */
void fe_set_mem_table(struct mini_driver *mini, int sock, int memfd, uint64_t size);

#endif
