/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What sysfs tells about PCI functions and IOMMU groups. @root is where sysfs is mounted,
 * VHR_SYSFS but in tests. No state.
 */
#ifndef VHOST_RELAY_BUS_SYSFS_H
#define VHOST_RELAY_BUS_SYSFS_H

#include <stddef.h>

#include "pci_address.h"

#define VHR_SYSFS "/sys"
#define VHR_SYSFS_NAME_MAX 64	/* of a driver or a function, with its 0; longer is cut */

/*
 * Name of the driver that @address is bound to. -ENODEV: there is no such function,
 * -ENOENT: it has no driver.
 */
int vhr_sysfs_driver(const char *root, const struct vhr_pci_address *address,
		     char name[VHR_SYSFS_NAME_MAX]);
/* -ENODEV, -ENOENT (no IOMMU group), -EINVAL (not a number). */
int vhr_sysfs_iommu_group(const char *root, const struct vhr_pci_address *address,
			  unsigned int *group);
/*
 * A function of @group that keeps it from being used by user space, because a host driver
 * has it: 1 with the function's and the driver's names, 0 when there is none, -errno when
 * the group cannot be listed.
 */
int vhr_sysfs_group_blocker(const char *root, unsigned int group,
			    char function[VHR_SYSFS_NAME_MAX], char driver[VHR_SYSFS_NAME_MAX]);

#endif
