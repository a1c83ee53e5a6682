/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the registers, BARs, DMA memory and interrupts of one PCI function are reached. The
 * seam under the virtio driver: one implementation per file, each with a struct vhr_bus as
 * its first member.
 *
 *   bus_embedded.c  a device in this process (lib/vvu-device)
 *   bus_vfio.c      /dev/vfio/GROUP
 *   and DPDK's PCI bus, in drivers/vvu_pmd
 *
 * Threads: all calls for one bus from one thread at a time, except reg_write() to a
 * doorbell, which any thread may make at any time between open and close.
 */
#ifndef VHOST_RELAY_BUS_H
#define VHOST_RELAY_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost-proto/codec.h"

struct vhr_bus;

struct vhr_dma {
	void *va;
	uint64_t iova;		/* what the device is told */
	size_t size;		/* bytes, as allocated (rounded up) */
	void *opaque;		/* the bus's own */
};

/* What may be done with window memory; users of a region ask, they do not assume. */
#define VHR_MAP_CACHED		0x1u	/* ordinary write-back memory */
#define VHR_MAP_PAGE_BACKED	0x2u	/* O_DIRECT, registered buffers, ibv_reg_mr work */

struct vhr_bus_ops {
	/* PCI configuration space. 0 or -errno; short accesses are errors. */
	int (*cfg_read)(struct vhr_bus *bus, uint32_t offset, void *buf, size_t len);
	int (*cfg_write)(struct vhr_bus *bus, uint32_t offset, const void *buf, size_t len);
	/* Bytes, 0 for a BAR that is not there (@bar 0..5). */
	uint64_t (*bar_size)(struct vhr_bus *bus, unsigned int bar);
	/*
	 * Memory of [offset, offset + length) of a BAR, NULL with errno set when it cannot
	 * be mapped. Valid until close. @flags gets VHR_MAP_....
	 */
	void *(*bar_map)(struct vhr_bus *bus, unsigned int bar, uint64_t offset, uint64_t length,
			 unsigned int *flags);
	/* Little-endian register of 1, 2, 4 or 8 bytes; values in the host's order. */
	int (*reg_read)(struct vhr_bus *bus, unsigned int bar, uint64_t offset, unsigned int width,
			uint64_t *value);
	int (*reg_write)(struct vhr_bus *bus, unsigned int bar, uint64_t offset,
			 unsigned int width, uint64_t value);
	/* Zeroed, page aligned memory that the device can reach. 0 or -errno. */
	int (*dma_alloc)(struct vhr_bus *bus, size_t size, struct vhr_dma *dma);
	void (*dma_free)(struct vhr_bus *bus, struct vhr_dma *dma);
	/*
	 * Enable MSI-X with up to @wanted vectors. Returns how many there are (>= 1), or
	 * -errno when the function has none.
	 */
	int (*irq_enable)(struct vhr_bus *bus, unsigned int wanted);
	void (*irq_disable)(struct vhr_bus *bus);
	/* eventfd signalled by @vector, owned by the bus; -EINVAL. */
	int (*irq_fd)(struct vhr_bus *bus, unsigned int vector);
	/*
	 * Only where the device itself needs this process to run (the embedded one); NULL
	 * elsewhere. poll_fd: readable when run() has work. run: number of events handled.
	 */
	int (*poll_fd)(struct vhr_bus *bus);
	int (*run)(struct vhr_bus *bus);
	/* Frees the bus and all it gave out. */
	void (*close)(struct vhr_bus *bus);
};

struct vhr_bus {
	const struct vhr_bus_ops *ops;
	char name[64];		/* for messages: BDF or socket path */
};

struct vvu_emb_config;
/* An embedded device; errors of vvu_emb_create(). */
int vhr_bus_embedded_open(const struct vvu_emb_config *config, struct vhr_bus **bus,
			  struct vhu_reason *reason);
struct vvu_emb;
/* The device behind an embedded bus, for queries; NULL for any other bus. */
struct vvu_emb *vhr_bus_embedded_device(struct vhr_bus *bus);

/*
 * A function bound to vfio-pci, by address "DDDD:BB:DD.F". Needs access to
 * /dev/vfio/GROUP. -EINVAL (not an address), -ENODEV (no such function), -ENOTSUP (not
 * bound to vfio-pci, or built without VFIO), -EPERM (group not viable: another function of
 * the group has a host driver), or what open(), ioctl() and mmap() gave.
 */
int vhr_bus_vfio_open(const char *address, struct vhr_bus **bus, struct vhu_reason *reason);

#endif
