/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of PCI functions in words: "0000:00:05.0". Pure functions. */
#ifndef VHOST_RELAY_BUS_PCI_ADDRESS_H
#define VHOST_RELAY_BUS_PCI_ADDRESS_H

#include <stdint.h>

struct vhr_pci_address {
	uint32_t domain;
	uint8_t bus;
	uint8_t device;		/* 0..31 */
	uint8_t function;	/* 0..7 */
};

#define VHR_PCI_ADDRESS_MAX 20	/* bytes of the longest, with its 0 */

/*
 * "DDDD:BB:DD.F" in hexadecimal, as sysfs names functions; the domain may have up to eight
 * digits. -EINVAL for anything else, leading or trailing characters included.
 */
int vhr_pci_address_parse(const char *text, struct vhr_pci_address *address);
/* As sysfs spells it. */
void vhr_pci_address_format(const struct vhr_pci_address *address,
			    char text[VHR_PCI_ADDRESS_MAX]);

#endif
