/* SPDX-License-Identifier: BSD-3-Clause */
/* What the function is and what its registers hold: for people, nothing depends on it. */
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <string.h>

#include "../vvu/internal.h"
#include "internal.h"

static uint16_t
config16(struct vhr_bus *bus, uint32_t offset)
{
	uint8_t bytes[2];

	if (bus->ops->cfg_read(bus, offset, bytes, sizeof(bytes)) < 0)
		return UINT16_MAX;
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

void
vhr_device_info(const struct vhr_session *s, struct vhr_device_info *info)
{
	const struct vhr_vvu *vvu = &s->vvu;

	memset(info, 0, sizeof(*info));
	info->pci_vendor = config16(s->bus, PCI_VENDOR_ID);
	info->pci_device = config16(s->bus, PCI_DEVICE_ID);
	info->pci_revision = (uint8_t)config16(s->bus, PCI_REVISION_ID);
	if (s->link == VHR_LINK_FAILED)
		return;
	memcpy(info->uuid, vvu->uuid, sizeof(info->uuid));
	info->max_vhost_queues = vvu->device_queues;
	info->max_message_size = vvu->max_message_size;
	info->vectors = vvu->virtio.vectors;
	info->kick_vectors = vvu->kick_vectors;
	info->window_size = vvu->window_size;
	info->window = vvu->window;
}

static uint32_t
read_reg(struct vhr_vvu *vvu, const struct vhr_cap *cap, unsigned int offset, unsigned int width)
{
	uint64_t value;

	/* All ones, as of a register that is not there. */
	if (vhr_vvu_reg_read(vvu, cap, offset, width, &value) < 0)
		return (uint32_t)(UINT32_MAX >> (32 - 8 * width));
	return (uint32_t)value;
}

/*
 * Each field of the common configuration with its own width: a device need not know others
 * (virtio 1.3, 4.1.3.1), and QEMU's answers with the first field alone.
 */
static void
read_common(struct vhr_vvu *vvu, uint32_t *words)
{
	/* struct virtio_pci_common_cfg from config_msix_vector to queue_notify_off. */
	static const uint8_t narrow[] = { 2, 2, 1, 1, 2, 2, 2, 2, 2 };
	const struct vhr_cap *common = &vvu->virtio.caps.common;
	unsigned int i, at = VIRTIO_PCI_COMMON_MSIX;

	for (i = 0; i < VHR_COMMON_WORDS; i++) {
		if (i < VIRTIO_PCI_COMMON_MSIX / 4 || i >= VIRTIO_PCI_COMMON_Q_DESCLO / 4)
			words[i] = read_reg(vvu, common, 4 * i, 4);
		else
			words[i] = 0;
	}
	for (i = 0; i < sizeof(narrow); at += narrow[i], i++)
		words[at / 4] |= read_reg(vvu, common, at, narrow[i]) << 8 * (at % 4);
}

void
vhr_device_registers(struct vhr_session *s, struct vhr_registers *registers)
{
	unsigned int i;

	memset(registers, 0xff, sizeof(*registers));
	if (s->link == VHR_LINK_FAILED)
		return;
	read_common(&s->vvu, registers->common);
	for (i = 0; i < VHR_CONFIG_WORDS; i++)
		registers->config[i] = read_reg(&s->vvu, &s->vvu.virtio.caps.device, 4 * i, 4);
}
