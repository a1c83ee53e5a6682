/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The embedded host: a virtio-vhost-user PCI function that lives in the driver's own
 * process. It shows, byte for byte, the PCI configuration space, capabilities and BARs
 * that an emulated function would show a VM, so that the real driver stack runs on any
 * machine without a VM, and so that an appliance program serves AF_UNIX frontends of its
 * own host with the same code that serves VMs.
 *
 * Threads: the caller serialises all calls for one device, with two exceptions that any
 * thread may make at any time between create and destroy: writes to doorbells
 * (vvu_emb_bar_write() inside the doorbell capability) and access to the mapped window.
 * No thread is started. Nothing blocks.
 */
#ifndef VVU_DEVICE_EMBEDDED_H
#define VVU_DEVICE_EMBEDDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vvu-device/device.h"

struct vvu_emb;

struct vvu_emb_config {
	const char *socket_path;	/* AF_UNIX stream; copied */
	bool client;			/* connect (and reconnect) instead of listening */
	unsigned int reconnect_ms;	/* client: pause between attempts; 0 means 500 */
	unsigned int socket_mode;	/* server: permission bits of the socket; 0 means 0660 */
	uint32_t socket_group;		/* server: group of the socket's file; 0: left as it is */
	/*
	 * Instead of socket_path an AF_UNIX stream socket that somebody else made. Listening
	 * (SO_ACCEPTCONN): frontends are accepted from it, and its file stays. Connected: there
	 * is this one frontend, and none after it; its socket is shut down when it is dropped.
	 * Duplicated, so that the caller's stays the caller's; becomes non-blocking.
	 */
	bool has_fd;
	int fd;
	uint32_t virtio_id;		/* 0 means VVU_VIRTIO_ID */
	uint32_t max_vhost_queues;	/* 0 means VHU_MAX_VRINGS */
	uint8_t uuid[16];
	uint64_t bar_size;		/* 0 means VVU_BAR_SIZE_DEFAULT */
	bool page_per_vq;
	bool align_window;
	uint64_t protocol_features;	/* see struct vvu_device_config */
	unsigned int vectors;		/* MSI-X; 0 means 3 + max_vhost_queues */
	/*
	 * For a program that may hold addresses in the window beyond what they showed. Where
	 * something was mapped and is no longer, zeros are read instead of a fault; and
	 * window_release, if any, gets the window's address range at destroy, with no frontend's
	 * memory in it, and has to munmap() it some time.
	 */
	bool stale_zeros;
	void (*window_release)(void *ctx, void *base, size_t length);
	void *window_ctx;
	/* Optional; NULL logs warnings and errors to stderr. */
	void (*log)(void *ctx, enum vvu_log_level level, const char *text);
	void *log_ctx;
};

/*
 * -EINVAL (a field, see @reason), -ENAMETOOLONG (socket path), -EADDRINUSE (somebody is
 * listening there; a stale socket file is replaced), -EBADF and -ENOTSOCK (fd), -ENOMEM, or
 * what socket(), bind(), chown(), mmap(), epoll_create1() or eventfd() gave.
 */
int vvu_emb_create(const struct vvu_emb_config *config, struct vvu_emb **emb,
		   struct vhu_reason *reason);
/* Closes the frontend, unlinks the socket, unmaps the window. NULL is fine. */
void vvu_emb_destroy(struct vvu_emb *emb);

/* One fd that is readable when vvu_emb_run() has something to do. Owned by the device. */
int vvu_emb_poll_fd(const struct vvu_emb *emb);
/*
 * Do what is due: accept, read the socket, relay, signal kicks. Handles a bounded number
 * of events and returns how many, 0 when there was nothing; -errno only when the event
 * mechanism itself failed.
 */
int vvu_emb_run(struct vvu_emb *emb);

/* ---- the PCI function as the driver sees it ---- */

/* Configuration space, 256 bytes. -EINVAL beyond it. Read-only bits ignore writes. */
int vvu_emb_cfg_read(struct vvu_emb *emb, uint32_t offset, void *buf, size_t len);
int vvu_emb_cfg_write(struct vvu_emb *emb, uint32_t offset, const void *buf, size_t len);

/* Size of a BAR in bytes, 0 for one that is not implemented. */
uint64_t vvu_emb_bar_size(const struct vvu_emb *emb, unsigned int bar);
/*
 * Register access of 1, 2, 4 or 8 bytes; @value in the host's order, registers are
 * little-endian as on the bus. -EINVAL outside the BAR or for another width. Legal but
 * meaningless accesses read as all ones or zeros as virtio 1.3 says, and ignore writes.
 * Not for window memory: map that.
 */
int vvu_emb_bar_read(struct vvu_emb *emb, unsigned int bar, uint64_t offset, unsigned int width,
		     uint64_t *value);
int vvu_emb_bar_write(struct vvu_emb *emb, unsigned int bar, uint64_t offset, unsigned int width,
		      uint64_t value);
/*
 * Address of window memory (BAR 0, shmid 1, 2 or 3 ranges only), NULL elsewhere. Valid
 * until destroy; where nothing is mapped an access faults (but see stale_zeros). A page whose
 * file shrank under the mapping reads as zeros and disconnects the frontend: the process does
 * not die of it.
 */
void *vvu_emb_bar_map(struct vvu_emb *emb, unsigned int bar, uint64_t offset, uint64_t length);

/*
 * Make [@addr, @addr + @length) known to the device at @iova: what an IOMMU would do. The
 * device reaches virtqueue memory only through such ranges. -EEXIST on overlap, -EINVAL,
 * -ENOSPC beyond 16 ranges. @iova and @addr must not differ modulo 16; unmap takes a whole
 * range as it was mapped.
 */
int vvu_emb_dma_map(struct vvu_emb *emb, uint64_t iova, void *addr, uint64_t length);
int vvu_emb_dma_unmap(struct vvu_emb *emb, uint64_t iova, uint64_t length);

/* Entries of the MSI-X table. */
unsigned int vvu_emb_num_vectors(const struct vvu_emb *emb);
/*
 * The eventfd (non-blocking) that MSI-X vector @vector signals while MSI-X is enabled and
 * the vector is not masked (a masked one sets its pending bit and is signalled when
 * unmasked). Made when first asked for; what was signalled before then is not lost. Owned
 * by the device. -EINVAL, or what eventfd() gave.
 */
int vvu_emb_irq_fd(const struct vvu_emb *emb, unsigned int vector);

/* vvu_device_query() of the device inside. */
void vvu_emb_query(const struct vvu_emb *emb, struct vvu_device_status *status);

#endif
