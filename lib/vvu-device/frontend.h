/* SPDX-License-Identifier: BSD-3-Clause */
/* The frontend's side: bytes and descriptors from the socket, made into messages on rxq. */
#ifndef VVU_DEVICE_FRONTEND_H
#define VVU_DEVICE_FRONTEND_H

#include <stddef.h>

#include "vhost-proto/codec.h"

struct vvu_device;

/* A message that was read in part is forgotten, its descriptors are closed. */
void vvu_frontend_clear(struct vvu_device *device);
size_t vvu_frontend_want(const struct vvu_device *device);
/* -errno with @reason: the frontend is to be disconnected. Descriptors are consumed. */
int vvu_frontend_input(struct vvu_device *device, const void *buf, size_t len, const int *fds,
		       unsigned int nfds, struct vhu_reason *reason);

#endif
