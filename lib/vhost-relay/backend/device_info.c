/* SPDX-License-Identifier: BSD-3-Clause */
/* What the function is and what its registers hold: for people, nothing depends on it. */
#include <linux/pci_regs.h>
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

static void
read_words(struct vhr_vvu *vvu, const struct vhr_cap *cap, uint32_t *words, unsigned int num)
{
	uint64_t value;
	unsigned int i;

	for (i = 0; i < num; i++) {
		words[i] = UINT32_MAX;
		if (vhr_vvu_reg_read(vvu, cap, 4u * i, 4, &value) == 0)
			words[i] = (uint32_t)value;
	}
}

void
vhr_device_registers(struct vhr_session *s, struct vhr_registers *registers)
{
	memset(registers, 0xff, sizeof(*registers));
	if (s->link == VHR_LINK_FAILED)
		return;
	read_words(&s->vvu, &s->vvu.virtio.caps.common, registers->common, VHR_COMMON_WORDS);
	read_words(&s->vvu, &s->vvu.virtio.caps.device, registers->config, VHR_CONFIG_WORDS);
}
