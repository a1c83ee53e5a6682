/* SPDX-License-Identifier: BSD-3-Clause */
/* What a function tells about itself. Nothing of it is believed. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_pci.h>

#include "vvu-device/layout.h"

#include "vvuctl.h"

#define CAP_SIZE	16u	/* struct virtio_pci_cap */
#define CAP64_SIZE	24u

static int
read_identity(struct vhr_bus *bus, struct vvuctl_function *f)
{
	uint8_t head[64];

	if (bus->ops->cfg_read(bus, 0, head, sizeof(head)) < 0)
		return -EIO;
	f->vendor = vhr_le16_get(head + PCI_VENDOR_ID);
	f->device = vhr_le16_get(head + PCI_DEVICE_ID);
	f->revision = head[PCI_REVISION_ID];
	f->class = vhr_le16_get(head + PCI_CLASS_DEVICE);
	f->subsystem_vendor = vhr_le16_get(head + PCI_SUBSYSTEM_VENDOR_ID);
	f->subsystem = vhr_le16_get(head + PCI_SUBSYSTEM_ID);
	/* virtio 1.3, 4.1.2.1; a transitional function has the id in its subsystem. */
	if (f->vendor != VVU_PCI_VENDOR)
		f->virtio_id = 0;
	else if (f->device >= VVU_PCI_DEVICE(0) && f->device < VVU_PCI_DEVICE(0x40))
		f->virtio_id = f->device - VVU_PCI_DEVICE(0);
	else if (f->device >= 0x1000 && f->device < VVU_PCI_DEVICE(0))
		f->virtio_id = f->subsystem;
	return 0;
}

static int
read_cap(struct vhr_bus *bus, struct vvuctl_cap *cap)
{
	uint8_t bytes[CAP64_SIZE] = { 0 };
	unsigned int more;
	uint32_t extra;

	if (cap->id != PCI_CAP_ID_VNDR || cap->position + CAP_SIZE > VHR_PCI_CONFIG_SIZE)
		return 0;
	if (bus->ops->cfg_read(bus, cap->position, bytes, CAP_SIZE) < 0)
		return -EIO;
	cap->virtio = true;
	cap->size = bytes[2];
	/* As much of what follows as it has and as there is. */
	more = cap->size < CAP64_SIZE ? cap->size : CAP64_SIZE;
	if (more > VHR_PCI_CONFIG_SIZE - cap->position)
		more = VHR_PCI_CONFIG_SIZE - cap->position;
	if (more > CAP_SIZE &&
	    bus->ops->cfg_read(bus, cap->position + CAP_SIZE, bytes + CAP_SIZE,
			       more - CAP_SIZE) < 0)
		return -EIO;
	cap->type = bytes[3];
	cap->bar = bytes[4];
	cap->shmid = bytes[5];
	cap->offset = vhr_le32_get(bytes + 8);
	cap->length = vhr_le32_get(bytes + 12);
	extra = vhr_le32_get(bytes + CAP_SIZE);
	if (cap->type == VVU_CAP_SHARED_MEMORY && cap->size >= CAP64_SIZE) {
		cap->offset |= (uint64_t)extra << 32;
		cap->length |= (uint64_t)vhr_le32_get(bytes + CAP_SIZE + 4) << 32;
	} else if (cap->size >= CAP_SIZE + 4) {
		cap->multiplier = extra;
	}
	return 0;
}

static int
read_caps(struct vhr_bus *bus, struct vvuctl_function *f)
{
	struct vhr_pci_walk walk;
	struct vvuctl_cap *cap;
	int ret;

	ret = vhr_pci_walk_start(&walk, bus);
	while (ret == 0 && f->num_caps < VVUCTL_MAX_CAPS) {
		cap = &f->cap[f->num_caps];
		ret = vhr_pci_walk_next(&walk, &cap->id, &cap->position);
		if (ret <= 0)
			break;
		f->num_caps++;
		ret = read_cap(bus, cap);
	}
	f->list_problem = walk.problem;
	return ret;
}

static int
read_common(struct vhr_bus *bus, struct vvuctl_function *f)
{
	const struct vhr_cap *common = &f->caps.common;
	uint64_t value = 0;
	unsigned int i;
	int ret = 0;

	for (i = 0; ret == 0 && i < 2; i++) {
		ret = bus->ops->reg_write(bus, common->bar, common->offset +
					  VIRTIO_PCI_COMMON_DFSELECT, 4, i);
		if (ret == 0)
			ret = bus->ops->reg_read(bus, common->bar, common->offset +
						 VIRTIO_PCI_COMMON_DF, 4, &value);
		f->features |= value << (32 * i);
	}
	if (ret == 0)
		ret = bus->ops->reg_read(bus, common->bar, common->offset +
					 VIRTIO_PCI_COMMON_STATUS, 1, &value);
	f->device_status = (uint8_t)value;
	if (ret == 0)
		ret = bus->ops->reg_read(bus, common->bar, common->offset +
					 VIRTIO_PCI_COMMON_NUMQ, 2, &value);
	f->num_queues = (uint16_t)value;
	for (i = 0; ret == 0 && i < f->num_queues && i < VVUCTL_MAX_QUEUES; i++) {
		ret = bus->ops->reg_write(bus, common->bar, common->offset +
					  VIRTIO_PCI_COMMON_Q_SELECT, 2, i);
		if (ret == 0)
			ret = bus->ops->reg_read(bus, common->bar, common->offset +
						 VIRTIO_PCI_COMMON_Q_SIZE, 2, &value);
		f->queue_size[i] = (uint16_t)value;
	}
	return ret < 0 ? -EIO : 0;
}

static int
read_config(struct vhr_bus *bus, struct vvuctl_function *f)
{
	const struct vhr_cap *device = &f->caps.device;
	uint8_t config[VVU_CONFIG_SIZE] = { 0 };
	uint64_t value = 0;
	unsigned int at, i;

	if (!f->caps.doorbell.present || device->length < VVU_CONFIG_SIZE_DRAFT)
		return 0;
	for (at = 0; at < VVU_CONFIG_SIZE && at + 4 <= device->length; at += 4) {
		if (bus->ops->reg_read(bus, device->bar, device->offset + at, 4, &value) < 0)
			return -EIO;
		for (i = 0; i < 4; i++)
			config[at + i] = (uint8_t)(value >> (8 * i));
	}
	f->has_config = true;
	f->has_epoch = device->length >= VVU_CONFIG_SIZE;
	f->config_status = vhr_le32_get(config + VVU_CONFIG_STATUS);
	f->max_vhost_queues = vhr_le32_get(config + VVU_CONFIG_MAX_VHOST_QUEUES);
	memcpy(f->uuid, config + VVU_CONFIG_UUID, sizeof(f->uuid));
	f->max_message_size = vhr_le32_get(config + VVU_CONFIG_MAX_MESSAGE_SIZE);
	f->epoch = vhr_le32_get(config + VVU_CONFIG_EPOCH);
	return 0;
}

int
vvuctl_read(struct vhr_bus *bus, struct vvuctl_function *f)
{
	unsigned int bar;
	int ret;

	memset(f, 0, sizeof(*f));
	memcpy(f->name, bus->name, sizeof(f->name));
	ret = read_identity(bus, f);
	if (ret == 0)
		ret = read_caps(bus, f);
	if (ret < 0)
		return ret;
	for (bar = 0; bar < VHR_PCI_NUM_BARS; bar++)
		f->bar_size[bar] = bus->ops->bar_size(bus, bar);
	ret = vhr_pci_caps_read(bus, &f->caps, &f->caps_problem);
	if (ret == -ENODEV)
		return 0;
	if (ret < 0)
		return ret;
	f->usable = true;
	/* Registers answer only with memory decoding on. */
	ret = vhr_pci_command(bus, PCI_COMMAND_MEMORY, 0);
	if (ret == 0)
		ret = read_common(bus, f);
	return ret < 0 ? ret : read_config(bus, f);
}
