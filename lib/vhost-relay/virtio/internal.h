/* SPDX-License-Identifier: BSD-3-Clause */
/* What virtio_pci.c and virtqueue.c share. */
#ifndef VHOST_RELAY_VIRTIO_INTERNAL_H
#define VHOST_RELAY_VIRTIO_INTERNAL_H

#include <linux/virtio_pci.h>

#include "virtio.h"

#define VHR_NO_VECTOR 0xffffu	/* virtio 1.3, 4.1.5.1.2 */

/* Registers of the common configuration, by VIRTIO_PCI_COMMON_... 0 or -EIO. */
int vhr_common_read(struct vhr_virtio *virtio, uint32_t offset, unsigned int width,
		    uint32_t *value);
int vhr_common_write(struct vhr_virtio *virtio, uint32_t offset, unsigned int width,
		     uint32_t value);

/* Buffers were posted before DRIVER_OK, where notifying is not allowed: do it now. */
void vhr_virtqueue_start(struct vhr_virtqueue *queue);
/* The device must have been reset. NULL is fine. */
void vhr_virtqueue_destroy(struct vhr_virtqueue *queue);

#endif
