/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "pci.h"

#define FIRST_CAPABILITY 0x40u	/* what lies below is the header (PCI 3.0, 6.1) */

int
vhr_pci_command(struct vhr_bus *bus, uint16_t set, uint16_t clear)
{
	uint8_t bytes[2];
	uint16_t old, new;

	if (bus->ops->cfg_read(bus, PCI_COMMAND, bytes, sizeof(bytes)) < 0)
		return -EIO;
	old = vhr_le16_get(bytes);
	new = (uint16_t)((old | set) & ~clear);
	if (new == old)
		return 0;
	bytes[0] = (uint8_t)new;
	bytes[1] = (uint8_t)(new >> 8);
	return bus->ops->cfg_write(bus, PCI_COMMAND, bytes, sizeof(bytes)) < 0 ? -EIO : 0;
}

int
vhr_pci_walk_start(struct vhr_pci_walk *walk, struct vhr_bus *bus)
{
	uint8_t status[2];

	memset(walk, 0, sizeof(*walk));
	walk->bus = bus;
	if (bus->ops->cfg_read(bus, PCI_STATUS, status, sizeof(status)) < 0)
		return -EIO;
	if ((vhr_le16_get(status) & PCI_STATUS_CAP_LIST) == 0)
		return 0;
	if (bus->ops->cfg_read(bus, PCI_CAPABILITY_LIST, &walk->next, 1) < 0)
		return -EIO;
	return 0;
}

int
vhr_pci_walk_next(struct vhr_pci_walk *walk, uint8_t *id, uint8_t *position)
{
	/* The low two bits are reserved and to be masked off (PCI 3.0, 6.7). */
	uint8_t here = walk->next & 0xfcu;
	uint64_t bit = 1ull << (here / 4);
	uint8_t header[2];

	if (here == 0)
		return 0;
	walk->next = 0;
	if (here < FIRST_CAPABILITY) {
		vhu_reason_set(&walk->problem, "capability list: pointer 0x%02x is below 0x40",
			       here);
		return 0;
	}
	if (walk->seen & bit) {
		vhu_reason_set(&walk->problem, "capability list: loop at 0x%02x", here);
		return 0;
	}
	walk->seen |= bit;
	if (walk->bus->ops->cfg_read(walk->bus, here, header, sizeof(header)) < 0)
		return -EIO;
	*id = header[PCI_CAP_LIST_ID];
	*position = here;
	walk->next = header[PCI_CAP_LIST_NEXT];
	return 1;
}

int
vhr_pci_find_msix(struct vhr_bus *bus, uint8_t *position, uint8_t bytes[VHR_PCI_MSIX_CAP_SIZE])
{
	struct vhr_pci_walk walk;
	uint8_t id;
	int ret;

	ret = vhr_pci_walk_start(&walk, bus);
	if (ret < 0)
		return ret;
	while ((ret = vhr_pci_walk_next(&walk, &id, position)) == 1) {
		if (id != PCI_CAP_ID_MSIX ||
		    *position + VHR_PCI_MSIX_CAP_SIZE > VHR_PCI_CONFIG_SIZE)
			continue;
		if (bus->ops->cfg_read(bus, *position, bytes, VHR_PCI_MSIX_CAP_SIZE) < 0)
			return -EIO;
		return 1;
	}
	return ret;
}
