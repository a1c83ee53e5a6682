/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Modern virtio-pci driver (virtio 1.3, 4.1), as much of it as one small device needs:
 * capabilities, status handshake, split virtqueues for whole messages, vectors, reset.
 * The device is not trusted: every capability, register and used entry is checked.
 *
 * Threads: one at a time per device.
 */
#ifndef VHOST_RELAY_VIRTIO_H
#define VHOST_RELAY_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bus/bus.h"

/* Where a capability points, checked against the size of its BAR. */
struct vhr_cap {
	bool present;
	uint8_t bar;
	uint64_t offset;
	uint64_t length;
};

#define VHR_MAX_SHM 8u	/* shmids remembered */

struct vhr_pci_caps {
	struct vhr_cap common;			/* 1 */
	struct vhr_cap notify;			/* 2 */
	uint32_t notify_multiplier;
	struct vhr_cap isr;			/* 3 */
	struct vhr_cap device;			/* 4 */
	struct vhr_cap doorbell;		/* 6 */
	uint32_t doorbell_multiplier;
	struct vhr_cap kick_vector;		/* 7 */
	struct vhr_cap shm[VHR_MAX_SHM];	/* 8, by shmid; [0] also one without an id */
	uint8_t shm_cap_len[VHR_MAX_SHM];	/* 16 or 24: a short one's length is not true */
	bool msix;
	unsigned int msix_vectors;		/* size of the table */
};

/*
 * Walk the capability list. Bounded against loops, pointers below 0x40 or past the end,
 * lengths that leave configuration space, BARs that are not there, ranges that leave
 * their BAR (offset + length without overflow) and zero lengths: a bad capability is
 * skipped with a note in @reason (also when 0 is returned), the first good one of a type
 * counts. -ENODEV when a modern device's capabilities 1 to 4 are not all there; -EIO when
 * configuration space cannot be read.
 */
int vhr_pci_caps_read(struct vhr_bus *bus, struct vhr_pci_caps *caps, struct vhu_reason *reason);

struct vhr_virtqueue;

struct vhr_virtio {
	struct vhr_bus *bus;
	struct vhr_pci_caps caps;
	uint64_t features;		/* negotiated */
	unsigned int vectors;		/* 0: no MSI-X, poll */
	struct vhr_virtqueue *queue[2];
	struct vhu_reason reason;	/* of the last failure */
};

/*
 * Reset (waits until the status reads 0, at most 1 s: -ETIMEDOUT), acknowledge, negotiate
 * @wanted among the offered features; VERSION_1 is required (-ENOTSUP) and ACCESS_PLATFORM
 * taken where offered. Leaves the device at FEATURES_OK.
 */
int vhr_virtio_start(struct vhr_virtio *virtio, struct vhr_bus *bus, uint64_t wanted);
/*
 * Enable up to @wanted MSI-X vectors; virtio->vectors tells how many there are, 0 when the
 * function has none: poll. To be called before vectors and queues are set. 0, or -errno
 * of the bus.
 */
int vhr_virtio_irq_enable(struct vhr_virtio *virtio, unsigned int wanted);
/* DRIVER_OK, and the first notification of queues that have buffers posted. 0 or -EIO. */
int vhr_virtio_driver_ok(struct vhr_virtio *virtio);
/*
 * Reset the device, free the queues and the vectors. Legal at any time after
 * vhr_virtio_start(), also when that failed, and more than once. A device that does not
 * finish its reset in 1 s loses bus mastering before the memory goes.
 */
void vhr_virtio_stop(struct vhr_virtio *virtio);
/* True when the device set DEVICE_NEEDS_RESET. */
bool vhr_virtio_needs_reset(struct vhr_virtio *virtio);
/* Config interrupt's vector; -EIO when it reads back as VVU_NO_VECTOR. */
int vhr_virtio_config_vector(struct vhr_virtio *virtio, uint16_t vector);

/* Device configuration space, repeated until config_generation is stable. 0 or -errno. */
int vhr_virtio_config_read(struct vhr_virtio *virtio, uint32_t offset, void *buf, size_t len);
int vhr_virtio_config_write(struct vhr_virtio *virtio, uint32_t offset, const void *buf,
			    size_t len);

/*
 * Whole-message virtqueue: @buffers buffers of @buffer_size bytes of the queue's own DMA
 * memory. @to_driver: all buffers are posted for the device to write; else they are filled
 * by vhr_virtqueue_send(), and raise no interrupt but when a send has found no buffer and
 * one comes back. @vector 0xffff: none. Fewer buffers when the device's queue is smaller.
 * -EINVAL (argument, at most 1024 buffers), -ENOTSUP (no such queue, or its notification
 * address is wrong), -EBUSY (the device has no resources for @vector: try another),
 * -ENOMEM, -EIO, or what the bus's dma_alloc gave.
 */
int vhr_virtqueue_create(struct vhr_virtio *virtio, uint16_t index, bool to_driver,
			 unsigned int buffers, size_t buffer_size, uint16_t vector);
/*
 * Next whole message from a to_driver queue, copied into @buf; its buffer is posted again.
 * Returns its length, 0 when there is none, -EMSGSIZE (used length larger than the buffer
 * or @cap; the message is dropped), -EBADMSG (used length 0: how one published device says
 * that its frontend left), -EPROTO (used id or index that no correct device writes: the
 * queue is unusable until vhr_virtio_stop()).
 */
int vhr_virtqueue_receive(struct vhr_virtqueue *queue, void *buf, size_t cap);
/*
 * Copy a message out. -EAGAIN when all buffers are with the device: the queue's interrupt
 * comes when one is back. -EMSGSIZE, -EPROTO, -EINVAL (no bytes, or a to_driver queue).
 */
int vhr_virtqueue_send(struct vhr_virtqueue *queue, const void *buf, size_t len);

#endif
