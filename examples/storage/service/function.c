/* SPDX-License-Identifier: BSD-3-Clause */
#include "function.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vhost-relay/bus/bus.h"
#include "vhost-relay/bus/sysfs.h"
#include "vhost-relay/vvu/vvu.h"

#define VIRTIO_VENDOR		0x1af4u
#define VIRTIO_DEVICE_BASE	0x1040u	/* virtio 1.3, 4.1.2: plus the device type */

int function_parse_uuid(const char *text, uint8_t uuid[16])
{
	static const char digits[] = "0123456789abcdef";
	unsigned int nibbles = 0;

	for (unsigned int i = 0; i < 36; i++) {
		char c = text[i];
		const char *digit;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (c != '-')
				return -EINVAL;
			continue;
		}
		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		digit = c == '\0' ? NULL : strchr(digits, c);
		if (digit == NULL)
			return -EINVAL;
		if (nibbles % 2 == 0)
			uuid[nibbles / 2] = (uint8_t)((digit - digits) << 4);
		else
			uuid[nibbles / 2] |= (uint8_t)(digit - digits);
		nibbles++;
	}
	return text[36] == '\0' ? 0 : -EINVAL;
}

static void format_uuid(const uint8_t u[16], char text[37])
{
	snprintf(text, 37,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		 u[15]);
}

/* A hexadecimal attribute of a function; 0 where there is none. */
static unsigned int attribute(const char *sysfs, const char *function, const char *name)
{
	char path[PATH_MAX], text[32] = "";
	FILE *file;

	if (snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s", sysfs, function, name) >=
	    (int)sizeof(path))
		return 0;
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	fclose(file);
	return (unsigned int)strtoul(text, NULL, 16);
}

/* The ids that this kind of device has had; vhr_vvu_open() looks more closely. */
static bool is_candidate(const char *sysfs, const char *function)
{
	static const unsigned int types[] = { 43, 24, 53, 61 };
	unsigned int device = attribute(sysfs, function, "device");

	if (attribute(sysfs, function, "vendor") != VIRTIO_VENDOR)
		return false;
	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (device == VIRTIO_DEVICE_BASE + types[i])
			return true;
	return false;
}

static int read_uuid_by_vfio(const char *address, uint8_t uuid[16], void *arg)
{
	struct vhu_reason reason;
	struct vhr_vvu *vvu = calloc(1, sizeof(*vvu));
	struct vhr_bus *bus = NULL;
	int err;

	if (vvu == NULL)
		return -ENOMEM;
	err = vhr_bus_vfio_open(address, &bus, &reason);
	if (err == 0) {
		err = vhr_vvu_open(vvu, bus, 0, 1);
		if (err == 0) {
			memcpy(uuid, vvu->uuid, 16);
			vhr_vvu_close(vvu);
		}
		bus->ops->close(bus);
	}
	free(vvu);
	return err;
}

/* What was found instead, as far as there is room. */
struct seen {
	char text[VHU_REASON_MAX];
	size_t used;
};

__attribute__((format(printf, 2, 3)))
static void note(struct seen *seen, const char *fmt, ...)
{
	va_list args;
	int length;

	if (seen->used >= sizeof(seen->text))
		return;
	va_start(args, fmt);
	length = vsnprintf(seen->text + seen->used, sizeof(seen->text) - seen->used, fmt, args);
	va_end(args);
	seen->used += length > 0 ? (size_t)length : 0;
}

static bool matches(const char *sysfs,
		    int (*read_uuid)(const char *address, uint8_t uuid[16], void *arg), void *arg,
		    const char *function, const uint8_t wanted[16], struct seen *seen)
{
	char driver[VHR_SYSFS_NAME_MAX], text[37];
	struct vhr_pci_address address;
	uint8_t uuid[16];
	int err;

	if (vhr_pci_address_parse(function, &address) < 0 || !is_candidate(sysfs, function))
		return false;
	err = vhr_sysfs_driver(sysfs, &address, driver);
	if (err < 0 || strcmp(driver, "vfio-pci") != 0) {
		note(seen, "; %s has driver %s", function, err < 0 ? "none" : driver);
		return false;
	}
	err = read_uuid(function, uuid, arg);
	if (err < 0) {
		note(seen, "; %s: %s", function, strerror(-err));
		return false;
	}
	if (memcmp(uuid, wanted, sizeof(uuid)) == 0)
		return true;
	format_uuid(uuid, text);
	note(seen, "; %s is %s", function, text);
	return false;
}

int function_find_at(const char *sysfs,
		     int (*read_uuid)(const char *address, uint8_t uuid[16], void *arg), void *arg,
		     const char *text, char address[VHR_PCI_ADDRESS_MAX],
		     struct vhu_reason *reason)
{
	struct dirent **entries = NULL;
	struct seen seen = { .used = 0 };
	char path[PATH_MAX];
	bool found = false;
	uint8_t uuid[16];
	int count;

	if (function_parse_uuid(text, uuid) < 0) {
		vhu_reason_set(reason, "device: \"%.64s\" is neither a PCI address nor a uuid",
			       text);
		return -EINVAL;
	}
	snprintf(path, sizeof(path), "%s/bus/pci/devices", sysfs);
	count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		if (!found && matches(sysfs, read_uuid, arg, entries[i]->d_name, uuid, &seen)) {
			snprintf(address, VHR_PCI_ADDRESS_MAX, "%.*s", VHR_PCI_ADDRESS_MAX - 1,
				 entries[i]->d_name);
			found = true;
		}
		free(entries[i]);
	}
	free(entries);
	if (found)
		return 0;
	vhu_reason_set(reason, "device: no function has uuid %.36s%.*s", text,
		       (int)sizeof(seen.text),
		       seen.used ? seen.text : "; there is no virtio-vhost-user function");
	return -ENODEV;
}

int function_find(const char *text, char address[VHR_PCI_ADDRESS_MAX], struct vhu_reason *reason)
{
	return function_find_at(VHR_SYSFS, read_uuid_by_vfio, NULL, text, address, reason);
}
