/* SPDX-License-Identifier: BSD-3-Clause */
/* Which virtio-vhost-user function of this machine has a given uuid. */
#ifndef STORAGE_FUNCTION_H
#define STORAGE_FUNCTION_H

#include <stdint.h>

#include "vhost-proto/codec.h"
#include "vhost-relay/bus/pci_address.h"

/* "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", either case. -EINVAL. */
int function_parse_uuid(const char *text, uint8_t uuid[16]);

/*
 * Address of the function with the uuid @text. Functions that are bound to vfio-pci and not in use
 * are opened and reset one after the other, since the uuid is in their configuration space.
 * -EINVAL (neither an address nor a uuid), -ENODEV with what was seen in @reason.
 */
int function_find(const char *text, char address[VHR_PCI_ADDRESS_MAX], struct vhu_reason *reason);

/*
 * The same with another sysfs, and with a way to read the uuid of a function that a test gives:
 * 0 or -errno.
 */
int function_find_at(const char *sysfs,
		     int (*read_uuid)(const char *address, uint8_t uuid[16], void *arg), void *arg,
		     const char *text, char address[VHR_PCI_ADDRESS_MAX],
		     struct vhu_reason *reason);

#endif
