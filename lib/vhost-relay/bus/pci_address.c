/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>

#include "pci_address.h"

/* @min to @max hexadecimal digits. Returns what follows, NULL when there are not as many. */
static const char *
hex(const char *text, unsigned int min, unsigned int max, uint32_t *value)
{
	unsigned int digits;
	uint32_t sum = 0;

	for (digits = 0; digits < max; digits++, text++) {
		if (*text >= '0' && *text <= '9')
			sum = sum << 4 | (uint32_t)(*text - '0');
		else if (*text >= 'a' && *text <= 'f')
			sum = sum << 4 | (uint32_t)(*text - 'a' + 10);
		else if (*text >= 'A' && *text <= 'F')
			sum = sum << 4 | (uint32_t)(*text - 'A' + 10);
		else
			break;
	}
	*value = sum;
	return digits < min ? NULL : text;
}

int
vhr_pci_address_parse(const char *text, struct vhr_pci_address *address)
{
	uint32_t domain, bus, device, function;

	if (text == NULL)
		return -EINVAL;
	text = hex(text, 4, 8, &domain);
	if (text == NULL || *text++ != ':')
		return -EINVAL;
	text = hex(text, 2, 2, &bus);
	if (text == NULL || *text++ != ':')
		return -EINVAL;
	text = hex(text, 2, 2, &device);
	if (text == NULL || *text++ != '.')
		return -EINVAL;
	text = hex(text, 1, 1, &function);
	if (text == NULL || *text != '\0' || device > 31 || function > 7)
		return -EINVAL;
	*address = (struct vhr_pci_address){
		domain, (uint8_t)bus, (uint8_t)device, (uint8_t)function
	};
	return 0;
}

void
vhr_pci_address_format(const struct vhr_pci_address *address, char text[VHR_PCI_ADDRESS_MAX])
{
	snprintf(text, VHR_PCI_ADDRESS_MAX, "%04x:%02x:%02x.%x", address->domain, address->bus,
		 address->device, address->function & 7u);
}
