/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers of the PCI function: identity, BAR use, and what lies where in BAR 0. Whoever
 * hosts the device (the embedded host, a VMM) and whoever tests it takes them from here.
 */
#ifndef VVU_DEVICE_LAYOUT_H
#define VVU_DEVICE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost-proto/codec.h"

/*
 * Virtio device id. The device type draft asks for 43, which the virtio 1.4 registry has
 * since given to the camera device; the id is a property for that reason.
 */
#define VVU_VIRTIO_ID		43u
#define VVU_PCI_VENDOR		0x1af4u
#define VVU_PCI_DEVICE(id)	(0x1040u + (id))	/* virtio 1.3, 4.1.2.1 */
#define VVU_PCI_CLASS		0x00ffu
#define VVU_PCI_REVISION	1u

#define VVU_BAR_WINDOW		0u	/* 64-bit prefetchable, takes BAR 0 and 1 */
#define VVU_BAR_MSIX		2u
#define VVU_BAR_VIRTIO		4u	/* common, isr, device configuration, notify */

/* Capability types that the draft adds to virtio 1.3, 4.1.4 */
#define VVU_CAP_DOORBELL	6u	/* device auxiliary notifications */
#define VVU_CAP_KICK_VECTOR	7u	/* driver auxiliary notifications */
#define VVU_CAP_SHARED_MEMORY	8u

enum vvu_shmid {
	VVU_SHMID_MEMORY = 1,		/* the frontend's memory: "the window" */
	VVU_SHMID_LOG = 2,
	VVU_SHMID_INFLIGHT = 3,
};

enum vvu_virtqueue {
	VVU_RXQ = 0,			/* device to driver */
	VVU_TXQ = 1,			/* driver to device */
	VVU_NUM_VIRTQUEUES = 2,
};

/* Kick-vector registers, inside capability VVU_CAP_KICK_VECTOR */
#define VVU_KICK_SELECT		0u	/* le16 */
#define VVU_KICK_VECTOR		2u	/* le16 */
#define VVU_KICK_REGION_SIZE	4u
#define VVU_NO_VECTOR		0xffffu	/* virtio 1.3, 4.1.5.1.2 */

/* ISR bit of a kick when there is no MSI-X (bits 0 and 1 are virtio's own) */
#define VVU_ISR_KICK		0x4u

/* Device configuration space, little-endian */
#define VVU_CONFIG_STATUS		0u	/* le32 */
#define VVU_CONFIG_MAX_VHOST_QUEUES	4u	/* le32 */
#define VVU_CONFIG_UUID			8u	/* 16 bytes */
#define VVU_CONFIG_MAX_MESSAGE_SIZE	24u	/* le32, ours */
#define VVU_CONFIG_EPOCH		28u	/* le32, ours: +1 at every frontend connection */
#define VVU_CONFIG_SIZE			32u
#define VVU_CONFIG_SIZE_DRAFT		24u	/* what a device without our fields shows */

#define VVU_STATUS_BACKEND_UP	0x1u		/* written by the driver */
#define VVU_STATUS_FRONTEND_UP	0x2u		/* written by the device */

/* Doorbells: call of queue i, err of queue i, log; N = max_vhost_queues */
#define VVU_DOORBELL_CALL(n, i)	(i)
#define VVU_DOORBELL_ERR(n, i)	((n) + (i))
#define VVU_DOORBELL_LOG(n)	(2u * (n))
#define VVU_NUM_DOORBELLS(n)	(2u * (n) + 1u)

#define VVU_PAGE_SIZE		4096ull

struct vvu_range {
	uint64_t offset;	/* from the start of BAR 0 */
	uint64_t length;
};

/* What lies where in BAR 0. Ranges do not overlap; doorbells and kick are page aligned. */
struct vvu_bar_layout {
	uint64_t bar_size;
	struct vvu_range memory;	/* VVU_SHMID_MEMORY, always at offset 0 */
	struct vvu_range log;		/* VVU_SHMID_LOG */
	struct vvu_range inflight;	/* VVU_SHMID_INFLIGHT */
	struct vvu_range doorbell;
	uint32_t doorbell_multiplier;	/* bytes between doorbells */
	struct vvu_range kick;		/* last page */
};

#define VVU_BAR_SIZE_DEFAULT	(64ull << 30)
#define VVU_BAR_SIZE_MIN	(4ull << 20)

/*
 * Lay out a BAR of @bar_size bytes (a power of two, at least VVU_BAR_SIZE_MIN) for
 * @max_vhost_queues (1..VHU_MAX_VRINGS). With @page_per_vq every doorbell has a page of
 * its own. -EINVAL with @reason otherwise.
 */
int vvu_layout_init(struct vvu_bar_layout *layout, uint64_t bar_size, uint32_t max_vhost_queues,
		    bool page_per_vq, struct vhu_reason *reason);

/* The range of a shmid, or NULL. */
const struct vvu_range *vvu_layout_shm(const struct vvu_bar_layout *layout, uint8_t shmid);

#endif
