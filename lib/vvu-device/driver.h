/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's side: messages to rxq, messages from txq. */
#ifndef VVU_DEVICE_DRIVER_H
#define VVU_DEVICE_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#include "vhost-proto/codec.h"

struct vvu_device;

/*
 * Put @msg on rxq, or keep it until the driver posts a buffer; nothing else may be kept
 * then. @seq: its number when it is a message of the frontend, else 0. -errno with @reason:
 * it can never be delivered.
 */
int vvu_driver_deliver(struct vvu_device *device, enum vhu_space space,
		       const struct vhu_msg *msg, uint64_t seq, struct vhu_reason *reason);
/* rxq has buffers again. -errno with @reason. */
int vvu_driver_retry(struct vvu_device *device, struct vhu_reason *reason);
/*
 * One message from txq while a frontend is connected. 0; VVU_DRIVER_DROPPED with @reason
 * when it goes nowhere and nothing else happens; -errno with @reason when the frontend is to
 * be disconnected.
 */
#define VVU_DRIVER_DROPPED 1
int vvu_driver_message(struct vvu_device *device, const void *buf, size_t len,
		       struct vhu_reason *reason);

#endif
