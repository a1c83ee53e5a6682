/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every user of a function's PCI configuration space needs: the command register and
 * the capability list. On the ops of any bus.
 *
 * Threads: as the bus.
 */
#ifndef VHOST_RELAY_BUS_PCI_H
#define VHOST_RELAY_BUS_PCI_H

#include <stdint.h>

#include <linux/pci_regs.h>

#include "bus.h"

#define VHR_PCI_NUM_BARS	6u
#define VHR_PCI_CONFIG_SIZE	256u	/* conventional space: all that virtio uses */

static inline uint16_t
vhr_le16_get(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t
vhr_le32_get(const uint8_t *bytes)
{
	return (uint32_t)vhr_le16_get(bytes) | (uint32_t)vhr_le16_get(bytes + 2) << 16;
}

/* Set, then clear bits of the command register (PCI_COMMAND_...). 0 or -EIO. */
int vhr_pci_command(struct vhr_bus *bus, uint16_t set, uint16_t clear);

/*
 * Walk of the capability list: at most one visit per dword of configuration space, so
 * that a list with a loop ends. "problem" says why a list ended early, "" when it did not.
 */
struct vhr_pci_walk {
	struct vhr_bus *bus;
	uint64_t seen;			/* one bit per dword */
	uint8_t next;
	struct vhu_reason problem;
};

/* 0, or -EIO. A function without a list has an empty one. */
int vhr_pci_walk_start(struct vhr_pci_walk *walk, struct vhr_bus *bus);
/* 1 with the capability's id and position, 0 at the end, -EIO. */
int vhr_pci_walk_next(struct vhr_pci_walk *walk, uint8_t *id, uint8_t *position);

#define VHR_PCI_MSIX_CAP_SIZE 12u
/* The first MSI-X capability: 1 with its position and its bytes, 0 without one, -EIO. */
int vhr_pci_find_msix(struct vhr_bus *bus, uint8_t *position,
		      uint8_t bytes[VHR_PCI_MSIX_CAP_SIZE]);

#endif
