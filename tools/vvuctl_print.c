/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>

#include "vvu-device/layout.h"

#include "json_out.h"
#include "vvuctl.h"

static const char *
type_name(uint8_t type)
{
	static const char *const names[] = {
		NULL, "common configuration", "notifications", "ISR", "device configuration",
		"PCI access", "doorbells", "kick vectors", "shared memory",
	};

	return type < sizeof(names) / sizeof(names[0]) && names[type] != NULL ? names[type] :
		"unknown";
}

static const char *
cap_name(const struct vvuctl_cap *cap)
{
	switch (cap->id) {
	case PCI_CAP_ID_PM:
		return "power management";
	case PCI_CAP_ID_MSI:
		return "MSI";
	case PCI_CAP_ID_EXP:
		return "PCI Express";
	case PCI_CAP_ID_MSIX:
		return "MSI-X";
	default:
		return cap->virtio ? type_name(cap->type) : "other";
	}
}

static void
format_uuid(const uint8_t uuid[16], char text[37])
{
	unsigned int i, at = 0;

	for (i = 0; i < 16; i++) {
		at += (unsigned int)snprintf(text + at, 37 - at, "%s%02x",
					     i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
					     uuid[i]);
	}
}

static void
print_cap(const struct vvuctl_cap *cap)
{
	printf("  0x%02x  %-20s", cap->position, cap_name(cap));
	if (!cap->virtio) {
		printf("  id %u\n", cap->id);
		return;
	}
	printf("  type %u, bar %u, offset 0x%" PRIx64 ", length 0x%" PRIx64, cap->type, cap->bar,
	       cap->offset, cap->length);
	if (cap->type == VVU_CAP_SHARED_MEMORY)
		printf(", id %u", cap->shmid);
	if (cap->type == 2 || cap->type == VVU_CAP_DOORBELL)
		printf(", multiplier %u", cap->multiplier);
	printf("\n");
}

static void
print_registers(const struct vvuctl_function *f)
{
	char uuid[37];
	unsigned int i;

	printf("device status 0x%02x, features 0x%" PRIx64 ", %u queues", f->device_status,
	       f->features, f->num_queues);
	for (i = 0; i < f->num_queues && i < VVUCTL_MAX_QUEUES; i++)
		printf("%s%u", i == 0 ? " of " : ", ", f->queue_size[i]);
	printf("\n");
	if (!f->has_config)
		return;
	format_uuid(f->uuid, uuid);
	printf("status 0x%x:%s%s\nmax_vhost_queues %u\nuuid %s\n", f->config_status,
	       f->config_status & VVU_STATUS_BACKEND_UP ? " BACKEND_UP" : "",
	       f->config_status & VVU_STATUS_FRONTEND_UP ? " FRONTEND_UP" : "",
	       f->max_vhost_queues, uuid);
	if (f->has_epoch)
		printf("max_message_size %u\nepoch %u\n", f->max_message_size, f->epoch);
}

void
vvuctl_print_text(const struct vvuctl_function *f)
{
	unsigned int i;

	printf("%s  %04x:%04x (subsystem %04x:%04x), class %04x, revision %u, ", f->name,
	       f->vendor, f->device, f->subsystem_vendor, f->subsystem, f->class, f->revision);
	if (f->virtio_id != 0)
		printf("virtio id %u\n", f->virtio_id);
	else
		printf("not virtio\n");
	printf("BARs\n");
	for (i = 0; i < VHR_PCI_NUM_BARS; i++) {
		if (f->bar_size[i] != 0)
			printf("  %u  0x%" PRIx64 " bytes\n", i, f->bar_size[i]);
	}
	printf("capabilities\n");
	for (i = 0; i < f->num_caps; i++)
		print_cap(&f->cap[i]);
	printf("MSI-X vectors %u\n", f->caps.msix_vectors);
	if (f->usable)
		print_registers(f);
	if (f->list_problem.text[0] != '\0')
		printf("problem: %s\n", f->list_problem.text);
	if (f->caps_problem.text[0] != '\0')
		printf("problem: %s\n", f->caps_problem.text);
}

static void
json_cap(const struct vvuctl_cap *cap)
{
	json_open(NULL, '{');
	json_u64("position", cap->position);
	json_u64("id", cap->id);
	json_string("name", cap_name(cap));
	if (cap->virtio) {
		json_u64("cap_len", cap->size);
		json_u64("type", cap->type);
		json_u64("bar", cap->bar);
		json_u64("offset", cap->offset);
		json_u64("length", cap->length);
		if (cap->type == VVU_CAP_SHARED_MEMORY)
			json_u64("shmid", cap->shmid);
		if (cap->type == 2 || cap->type == VVU_CAP_DOORBELL)
			json_u64("multiplier", cap->multiplier);
	}
	json_close();
}

static void
json_registers(const struct vvuctl_function *f)
{
	char uuid[37];
	unsigned int i;

	json_u64("device_status", f->device_status);
	json_u64("features", f->features);
	json_open("queues", '[');
	for (i = 0; i < f->num_queues && i < VVUCTL_MAX_QUEUES; i++)
		json_u64(NULL, f->queue_size[i]);
	json_close();
	if (!f->has_config)
		return;
	format_uuid(f->uuid, uuid);
	json_open("config", '{');
	json_u64("status", f->config_status);
	json_u64("max_vhost_queues", f->max_vhost_queues);
	json_string("uuid", uuid);
	if (f->has_epoch) {
		json_u64("max_message_size", f->max_message_size);
		json_u64("epoch", f->epoch);
	}
	json_close();
}

void
vvuctl_print_json(const struct vvuctl_function *f)
{
	unsigned int i;

	json_open(NULL, '{');
	json_string("address", f->name);
	json_u64("vendor", f->vendor);
	json_u64("device", f->device);
	json_u64("subsystem_vendor", f->subsystem_vendor);
	json_u64("subsystem", f->subsystem);
	json_u64("class", f->class);
	json_u64("revision", f->revision);
	json_u64("virtio_id", f->virtio_id);
	json_open("bars", '[');
	for (i = 0; i < VHR_PCI_NUM_BARS; i++)
		json_u64(NULL, f->bar_size[i]);
	json_close();
	json_open("capabilities", '[');
	for (i = 0; i < f->num_caps; i++)
		json_cap(&f->cap[i]);
	json_close();
	json_u64("msix_vectors", f->caps.msix_vectors);
	json_bool("usable", f->usable);
	if (f->usable)
		json_registers(f);
	json_open("problems", '[');
	if (f->list_problem.text[0] != '\0')
		json_string(NULL, f->list_problem.text);
	if (f->caps_problem.text[0] != '\0')
		json_string(NULL, f->caps_problem.text);
	json_close();
	json_close();
}
