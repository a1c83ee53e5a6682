/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Driver of a virtio-vhost-user device (virtio id 43): messages, doorbells, kick vectors
 * and the window. Knows the device, nothing of what the messages mean for a ring.
 *
 * Threads: one at a time per device; vhr_vvu_doorbell() from any thread.
 */
#ifndef VHOST_RELAY_VVU_H
#define VHOST_RELAY_VVU_H

#include <stdbool.h>
#include <stdint.h>

#include "../virtio/virtio.h"
#include "vhost-proto/codec.h"

struct vhr_vvu {
	struct vhr_virtio virtio;
	uint32_t max_vhost_queues;	/* as the device says, capped at VHU_MAX_VRINGS and at
					 * the number of call doorbells that it shows */
	uint32_t max_message_size;	/* VHU_MAX_MESSAGE where the device does not say */
	uint8_t uuid[16];
	bool has_epoch;			/* the device shows our two extra fields */
	void *window;			/* VVU_SHMID_MEMORY */
	uint64_t window_size;
	unsigned int window_flags;	/* VHR_MAP_... */
	void *inflight;			/* VVU_SHMID_INFLIGHT; NULL: not mapped */
	uint64_t inflight_size;
	unsigned int kick_vectors;	/* vectors left for kicks; 0: poll */
	struct vhu_reason reason;	/* of the last failure */

	/* ---- the driver's own ---- */
	uint32_t device_queues;		/* max_vhost_queues uncapped: places err doorbells */
	unsigned int kick_base;		/* first vector of the kicks */
	uint16_t config_vector;		/* VVU_NO_VECTOR: poll; so the next two */
	uint16_t rxq_vector;
	uint16_t txq_vector;
};

/*
 * Bring the function on @bus up to DRIVER_OK with rxq and txq in place: 64 rxq buffers of
 * max_message_size, or of VHU_MAX_MESSAGE where that is more. -ENODEV (not a
 * virtio-vhost-user function: @virtio_id 0 recognises 43, 24, 53 and 61, else just that
 * id; a transitional function by its subsystem id, if its modern capabilities are there),
 * -EIO, -ENOTSUP, -ETIMEDOUT, -ENOMEM; the reason is in vvu->reason. The bus stays the
 * caller's. After a failure vhr_vvu_close() is not needed, and harmless.
 *
 * Vectors: 0 configuration, 1 rxq, 2 txq, from 3 on kicks. Of three, 0 serves txq too; of
 * two, 0 serves all but the kicks; with one, kicks are polled; with none, everything is, and
 * vvu->reason says why. Kicks of @rings rings are planned for (0: of max_vhost_queues): a
 * machine may have no interrupts for more.
 * @vvu must not move while it is open.
 */
int vhr_vvu_open(struct vhr_vvu *vvu, struct vhr_bus *bus, uint32_t virtio_id,
		 unsigned int rings);
/* Reset the device; nothing of it is touched afterwards. */
void vhr_vvu_close(struct vhr_vvu *vvu);

/*
 * Map VVU_SHMID_INFLIGHT, for as long as the window. -ENOTSUP: the device shows none, or it
 * cannot be mapped; the reason is in vvu->reason.
 */
int vhr_vvu_map_inflight(struct vhr_vvu *vvu);

/* le32 status of the configuration space (VVU_STATUS_...) and epoch (0 without one). */
int vhr_vvu_status(struct vhr_vvu *vvu, uint32_t *status, uint32_t *epoch);
/* Set or clear BACKEND_UP. Setting it is also our word that the old window is let go. */
int vhr_vvu_backend_up(struct vhr_vvu *vvu, bool up);

/*
 * Next message: a request of the frontend, or (VHU_FLAG_REPLY) its answer to a request of
 * ours. 1 with @msg, 0 when there is none, or -errno of the codec (-EBADMSG also for a
 * message without a byte) with the reason in vvu->reason: the frontend should be dropped.
 * -EIO: not the frontend's fault, the device broke its virtqueue; nothing but close and
 * open helps. *space tells which number space the message is in.
 */
int vhr_vvu_receive(struct vhr_vvu *vvu, struct vhu_msg *msg, enum vhu_space *space);
/*
 * Send a reply (VHU_FLAG_REPLY, VHU_SPACE_FRONTEND) or a backend request. -EAGAIN: txq is
 * full, vhr_vvu_txq_fd() tells when it no longer is. -EINVAL (flag and space disagree),
 * -EMSGSIZE, an error of vhu_encode(); -EIO as above.
 */
int vhr_vvu_send(struct vhr_vvu *vvu, enum vhu_space space, const struct vhu_msg *msg);

/*
 * Write doorbell @index, VVU_DOORBELL_... with N = max_vhost_queues. One that the device
 * does not show is not written.
 */
void vhr_vvu_doorbell(struct vhr_vvu *vvu, unsigned int index);
/*
 * Bind kick vector @queue to an interrupt; vectors are shared when there are fewer than
 * rings: then an event on the fd means all rings that have it. Returns the eventfd (the
 * bus's; never that of config, rxq or txq), or -ENOSPC when there is no vector or the
 * device has no resources for it: poll. -EINVAL (@queue), -EIO.
 */
int vhr_vvu_kick_fd(struct vhr_vvu *vvu, unsigned int queue);
/* Unbind. */
void vhr_vvu_kick_release(struct vhr_vvu *vvu, unsigned int queue);

/*
 * fds that become readable on a configuration change, on rxq, and when a full txq has
 * room again; -1 when polling. They may be one and the same fd. The bus's.
 */
int vhr_vvu_config_fd(struct vhr_vvu *vvu);
int vhr_vvu_rxq_fd(struct vhr_vvu *vvu);
int vhr_vvu_txq_fd(struct vhr_vvu *vvu);

#endif
