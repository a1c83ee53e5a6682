/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sysfs.h"

/* Last component of what the link at @path points to. -ENOENT when there is no link. */
static int
link_name(const char *path, char name[VHR_SYSFS_NAME_MAX])
{
	char target[PATH_MAX];
	const char *last;
	ssize_t len;

	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return errno == EINVAL || errno == ENOTDIR ? -ENOENT : -errno;
	target[len] = '\0';
	last = strrchr(target, '/');
	last = last == NULL ? target : last + 1;
	snprintf(name, VHR_SYSFS_NAME_MAX, "%.*s", VHR_SYSFS_NAME_MAX - 1, last);
	return 0;
}

static int
function_path(const char *root, const struct vhr_pci_address *address, const char *leaf,
	      char path[PATH_MAX])
{
	char text[VHR_PCI_ADDRESS_MAX];
	struct stat st;
	int len;

	vhr_pci_address_format(address, text);
	len = snprintf(path, PATH_MAX, "%s/bus/pci/devices/%s", root, text);
	if (len < 0 || len >= PATH_MAX)
		return -ENODEV;
	if (stat(path, &st) < 0)
		return -ENODEV;
	if (snprintf(path + len, (size_t)(PATH_MAX - len), "/%s", leaf) >= PATH_MAX - len)
		return -ENODEV;
	return 0;
}

int
vhr_sysfs_driver(const char *root, const struct vhr_pci_address *address,
		 char name[VHR_SYSFS_NAME_MAX])
{
	char path[PATH_MAX];
	int ret;

	ret = function_path(root, address, "driver", path);
	return ret < 0 ? ret : link_name(path, name);
}

int
vhr_sysfs_iommu_group(const char *root, const struct vhr_pci_address *address,
		      unsigned int *group)
{
	char path[PATH_MAX], name[VHR_SYSFS_NAME_MAX];
	unsigned long number;
	char *end;
	int ret;

	ret = function_path(root, address, "iommu_group", path);
	if (ret == 0)
		ret = link_name(path, name);
	if (ret < 0)
		return ret;
	errno = 0;
	number = strtoul(name, &end, 10);
	if (name[0] < '0' || name[0] > '9' || *end != '\0' || errno != 0 || number > INT_MAX)
		return -EINVAL;
	*group = (unsigned int)number;
	return 0;
}

/* Drivers that leave the DMA of a function to user space, or do none. */
static bool
harmless(const char *driver)
{
	return strncmp(driver, "vfio", 4) == 0 || strcmp(driver, "pci-stub") == 0 ||
	       strcmp(driver, "pcieport") == 0;
}

int
vhr_sysfs_group_blocker(const char *root, unsigned int group,
			char function[VHR_SYSFS_NAME_MAX], char driver[VHR_SYSFS_NAME_MAX])
{
	char path[PATH_MAX];
	const struct dirent *entry;
	int len, used, ret = 0;
	DIR *dir;

	len = snprintf(path, sizeof(path), "%s/kernel/iommu_groups/%u/devices", root, group);
	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (dir == NULL)
		return -errno;
	while (ret == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		used = snprintf(path + len, sizeof(path) - (size_t)len, "/%s/driver",
				entry->d_name);
		if (used < 0 || (size_t)used >= sizeof(path) - (size_t)len)
			continue;
		if (link_name(path, driver) < 0 || harmless(driver))
			continue;
		snprintf(function, VHR_SYSFS_NAME_MAX, "%.*s", VHR_SYSFS_NAME_MAX - 1,
			 entry->d_name);
		ret = 1;
	}
	closedir(dir);
	return ret;
}
