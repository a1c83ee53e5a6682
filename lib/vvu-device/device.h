/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio-vhost-user device (virtio id 43), independent of who hosts it.
 *
 * A struct vvu_device sits between a vhost-user frontend on a socket and a driver on two
 * virtqueues. It parses every message, checks it, turns file descriptors into device
 * resources (window ranges, kick vectors, doorbells), and re-serialises it for the other
 * side. It does no I/O of its own: the host feeds it bytes and events by the functions
 * below and does what struct vvu_host_ops asks for.
 *
 * Threads: one at a time; the host serialises all calls for one device. Different devices
 * are independent. No function blocks. Nothing a peer sends makes a function abort; a
 * frontend that breaks a rule is disconnected, a driver that does is ignored for that
 * message, answered by a disconnect of its frontend, or set to DEVICE_NEEDS_RESET, as each
 * function says. The last reason is kept for vvu_device_query().
 */
#ifndef VVU_DEVICE_DEVICE_H
#define VVU_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host_ops.h"
#include "layout.h"
#include "vhost-proto/codec.h"

struct vvu_device;

struct vvu_device_config {
	uint32_t max_vhost_queues;	/* 1..VHU_MAX_VRINGS; 0 means VHU_MAX_VRINGS */
	uint8_t uuid[16];		/* all zero: none */
	struct vvu_bar_layout layout;	/* of BAR 0, for the bounds of each shmid */
	/*
	 * Protocol features the device lets through, in addition to the table's own masks;
	 * 0 means all the table passes.
	 */
	uint64_t protocol_features;
	/*
	 * Start every region at a multiple of 2 MiB where its size is at least that, by
	 * gaps told in mmap_offset (for huge mappings), instead of back to back.
	 */
	bool align_window;
};

/* Everything a query command, a trace or telemetry shows. */
struct vvu_device_status {
	const char *state;		/* name of the connection state */
	uint32_t status;		/* VVU_STATUS_... */
	uint32_t epoch;
	uint64_t features;		/* acknowledged by SET_FEATURES, 0 before */
	uint64_t protocol_features;	/* likewise */
	unsigned int regions;
	uint64_t window_used;		/* bytes of VVU_SHMID_MEMORY mapped */
	unsigned int outstanding;	/* requests the driver has not answered */
	uint64_t connections;
	uint64_t messages_from_frontend;
	uint64_t messages_from_driver;
	uint64_t driver_messages_dropped;	/* stale, ungated, or without a channel */
	struct vhu_reason last_disconnect;
};

/* @host is passed to every op. -EINVAL (with @reason), -ENOMEM. */
int vvu_device_create(const struct vvu_device_config *config, const struct vvu_host_ops *ops,
		      void *host, struct vvu_device **device, struct vhu_reason *reason);
/* Disconnects, removes all resources (through the ops) and frees. NULL is fine. */
void vvu_device_destroy(struct vvu_device *device);

/* ---- driver side ---- */

/* Driver wrote DRIVER_OK: queues may be used. */
void vvu_device_driver_ok(struct vvu_device *device);
/*
 * Device reset, legal in every state: the frontend is disconnected, every resource goes,
 * the configuration space returns to its defaults (the epoch does not: it only grows).
 */
void vvu_device_reset(struct vvu_device *device);
/* Device configuration space. Bytes past VVU_CONFIG_SIZE read as 0 and ignore writes. */
void vvu_device_config_read(struct vvu_device *device, uint32_t offset, void *buf, size_t len);
/*
 * Any width, so that byte-wise writes of status work: a bit that is defined takes effect
 * with the byte that holds it. Undefined status bits disconnect the frontend and set
 * DEVICE_NEEDS_RESET; FRONTEND_UP and all other fields ignore writes. BACKEND_UP before
 * DRIVER_OK is kept and takes effect then.
 */
void vvu_device_config_write(struct vvu_device *device, uint32_t offset, const void *buf,
			     size_t len);
/* The driver posted rxq buffers: deliver what waits for one. */
void vvu_device_rxq_ready(struct vvu_device *device);
/*
 * One whole message from txq, little-endian. Returns 0, or -errno for the host's trace:
 *   -ENOTCONN    dropped: no frontend is connected
 *   -EOPNOTSUPP  dropped: a backend-initiated request that does not pass here, or not now
 *   others       malformed, or an unsolicited or mismatched reply: the frontend was
 *                disconnected
 * BACKEND_UP is the driver's word that it is done with the earlier frontend. What is on
 * txq before that write belongs to the earlier epoch, so a host hands over everything that
 * is on txq before it passes on a write to the configuration space or a reset; with no
 * frontend connected it is dropped here.
 */
int vvu_device_driver_message(struct vvu_device *device, const void *msg, size_t len);

/* ---- frontend side ---- */

/* May a frontend be accepted now? True once BACKEND_UP is set and none is connected. */
bool vvu_device_accepts(const struct vvu_device *device);
/* A frontend's socket was accepted (or connected). -EBUSY when accepts() is false. */
int vvu_device_frontend_connected(struct vvu_device *device);
/* The frontend hung up. Clears both status bits, config interrupt; the window stays. */
void vvu_device_frontend_closed(struct vvu_device *device, const char *why);
/*
 * How many bytes the device wants to read from the frontend's socket next: the rest of a
 * header, or of a payload; 0 while it is held up by the driver (no rxq buffer, too many
 * unanswered requests). A host never reads more, so that descriptors stay with the
 * message they came with.
 */
size_t vvu_device_frontend_want(const struct vvu_device *device);
/*
 * @len <= vvu_device_frontend_want() bytes as read, with the descriptors that came with
 * them. The device owns the descriptors from here, also on error. 0, or -errno when the
 * frontend was disconnected for it (ops->frontend_close() has been called).
 */
int vvu_device_frontend_input(struct vvu_device *device, const void *buf, size_t len,
			      const int *fds, unsigned int nfds);

/* Backend request channel: the same two functions for the frontend's replies on it. */
size_t vvu_device_channel_want(const struct vvu_device *device);
int vvu_device_channel_input(struct vvu_device *device, const void *buf, size_t len);
/* The frontend closed the channel; only the channel is gone. */
void vvu_device_channel_closed(struct vvu_device *device);

/*
 * The host found that a window page cannot be read any more (the frontend's file shrank):
 * disconnects with @why.
 */
void vvu_device_fault(struct vvu_device *device, const char *why);

/* What a query command, a trace or telemetry shows; always succeeds. */
void vvu_device_query(const struct vvu_device *device, struct vvu_device_status *status);

#endif
