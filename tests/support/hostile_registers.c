/* SPDX-License-Identifier: BSD-3-Clause */
/* Abuse of the registers: device and common configuration, doorbells, vectors, PCI. */
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "vhost-relay/bus/pci.h"
#include "vvu-device/layout.h"

#include "vvu-hostile.h"

#define BEYOND		64u	/* bytes behind a structure that are tried too */
#define EVERY_OFFSET_MAX 1024u	/* longer structures are sampled */

static unsigned int
any_width(struct hostile *h)
{
	return 1u << hostile_below(h, 4);
}

/* One access of any width in a structure or just behind it. */
static void
poke(struct hostile *h, const struct vhr_cap *cap, uint64_t offset)
{
	unsigned int width = any_width(h);

	if (!cap->present)
		return;
	if (hostile_below(h, 3) == 0)
		(void)hostile_read(h, cap->bar, cap->offset + offset, width);
	else
		hostile_write(h, cap->bar, cap->offset + offset, width, hostile_number(h));
}

/* Every offset of a short structure with every width; a sample of a long one. */
static void
poke_all(struct hostile *h, const struct vhr_cap *cap)
{
	uint64_t end = cap->length + BEYOND, offset;
	unsigned int i, width;

	for (offset = 0; cap->present && end <= EVERY_OFFSET_MAX && offset < end; offset++) {
		for (width = 1; width <= 8; width *= 2) {
			(void)hostile_read(h, cap->bar, cap->offset + offset, width);
			hostile_write(h, cap->bar, cap->offset + offset, width,
				      hostile_random(h));
		}
	}
	for (i = 0; i < 256; i++)
		poke(h, cap, hostile_below(h, end));
}

void
hostile_config(struct hostile *h)
{
	const struct vhr_cap *device = &h->virtio.caps.device;

	switch (hostile_below(h, 4)) {
	case 0:
		poke_all(h, device);
		break;
	case 1:
		poke_all(h, &h->virtio.caps.isr);
		break;
	default:
		/* Up and down in any order, and bits that are not the driver's. */
		hostile_write(h, device->bar, device->offset + VVU_CONFIG_STATUS, 4,
			      hostile_below(h, 2) ? hostile_below(h, 4) : hostile_number(h));
	}
}

/* FAILED, DRIVER_OK without features, bits that come back, reset at any time. */
static void
abuse_status(struct hostile *h)
{
	static const uint8_t sequences[][6] = {
		{ 0, VIRTIO_CONFIG_S_DRIVER_OK },
		{ 0, VIRTIO_CONFIG_S_FEATURES_OK, VIRTIO_CONFIG_S_DRIVER_OK },
		{ VIRTIO_CONFIG_S_FAILED, VIRTIO_CONFIG_S_DRIVER_OK },
		{ 0xff, 0, 0xff, 0 },
		{ VIRTIO_CONFIG_S_NEEDS_RESET, 0xbf, VIRTIO_CONFIG_S_DRIVER_OK },
		{ 0, 1, 3, 0xb, 0xf, 0 },
	};
	const uint8_t *sequence = sequences[hostile_below(h, 6)];
	unsigned int i;

	if (hostile_below(h, 3) == 0) {
		hostile_common(h, VIRTIO_PCI_COMMON_STATUS, 1, hostile_random(h));
		return;
	}
	for (i = 0; i < 6; i++) {
		hostile_common(h, VIRTIO_PCI_COMMON_STATUS, 1, sequence[i]);
		if (hostile_below(h, 2))
			hostile_pump(h);
	}
}

static void
abuse_features(struct hostile *h)
{
	unsigned int i;

	if (hostile_below(h, 2))
		hostile_common(h, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	for (i = 0; i < 3; i++) {
		hostile_common(h, VIRTIO_PCI_COMMON_DFSELECT, 4, hostile_number(h));
		hostile_common(h, VIRTIO_PCI_COMMON_GFSELECT, 4, i < 2 ? i : hostile_number(h));
		hostile_common(h, VIRTIO_PCI_COMMON_GF, 4, hostile_number(h));
	}
	hostile_common(h, VIRTIO_PCI_COMMON_STATUS, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE |
		       VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
	hostile_common(h, VIRTIO_PCI_COMMON_STATUS, 1, 0xf);
}

/* A queue with sizes and addresses that nobody has, enabled before or after DRIVER_OK. */
static void
abuse_queue(struct hostile *h)
{
	static const uint32_t sizes[] = { 0, 1, 3, 255, 257, 512, 32768, 65535 };
	unsigned int i;

	if (hostile_below(h, 2)) {
		hostile_common(h, VIRTIO_PCI_COMMON_STATUS, 1, 0);
		for (i = 0; i < 2; i++) {
			hostile_common(h, VIRTIO_PCI_COMMON_GFSELECT, 4, i);
			hostile_common(h, VIRTIO_PCI_COMMON_GF, 4,
				       (uint32_t)(h->virtio.features >> (32 * i)));
		}
		hostile_common(h, VIRTIO_PCI_COMMON_STATUS, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE |
			       VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
	}
	hostile_common(h, VIRTIO_PCI_COMMON_Q_SELECT, 2,
		       hostile_below(h, 4) ? hostile_below(h, 2) : hostile_number(h));
	hostile_common(h, VIRTIO_PCI_COMMON_Q_SIZE, 2, sizes[hostile_below(h, 8)]);
	hostile_common(h, VIRTIO_PCI_COMMON_Q_MSIX, 2, hostile_number(h));
	for (i = 0; i < 6; i++)
		hostile_common(h, VIRTIO_PCI_COMMON_Q_DESCLO + 4 * i, 4, hostile_number(h));
	hostile_common(h, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	hostile_common(h, VIRTIO_PCI_COMMON_STATUS, 1, 0xf);
	hostile_notify(h, (unsigned int)hostile_below(h, 2));
}

void
hostile_status(struct hostile *h)
{
	switch (hostile_below(h, 5)) {
	case 0:
		abuse_status(h);
		break;
	case 1:
		abuse_features(h);
		break;
	case 2:
		abuse_queue(h);
		break;
	case 3:
		poke_all(h, &h->virtio.caps.common);
		break;
	default:
		poke_all(h, &h->virtio.caps.notify);
	}
}

void
hostile_doorbell(struct hostile *h)
{
	const struct vhr_cap *cap = &h->virtio.caps.doorbell;

	if (!cap->present)
		return;
	poke_all(h, cap);
	/* What lies between it and the end of the BAR; no window memory is there. */
	poke(h, cap, hostile_below(h, h->bus->ops->bar_size(h->bus, cap->bar) - cap->offset));
}

void
hostile_kick(struct hostile *h)
{
	const struct vhr_cap *cap = &h->virtio.caps.kick_vector;

	if (!cap->present)
		return;
	if (hostile_below(h, 4) == 0) {
		poke_all(h, cap);
		return;
	}
	hostile_write(h, cap->bar, cap->offset + VVU_KICK_SELECT, 2, hostile_number(h));
	hostile_write(h, cap->bar, cap->offset + VVU_KICK_VECTOR, 2, hostile_number(h));
	(void)hostile_read(h, cap->bar, cap->offset + VVU_KICK_SELECT, any_width(h));
}

/* Vectors that go while they are bound, or are bound while there are none. */
void
hostile_msix(struct hostile *h)
{
	const struct vhr_pci_caps *caps = &h->virtio.caps;
	uint8_t position, msix[VHR_PCI_MSIX_CAP_SIZE], control[2];
	uint32_t table;

	if (!caps->msix || vhr_pci_find_msix(h->bus, &position, msix) != 1)
		return;
	switch (hostile_below(h, 4)) {
	case 0:
		if (h->virtio.vectors > 0)
			h->bus->ops->irq_disable(h->bus);
		h->virtio.vectors = 0;
		break;
	case 1:
		if (h->virtio.vectors == 0)
			(void)vhr_virtio_irq_enable(&h->virtio, (unsigned int)hostile_number(h));
		break;
	case 2:
		hostile_common(h, VIRTIO_PCI_COMMON_MSIX, 2, hostile_number(h));
		hostile_common(h, VIRTIO_PCI_COMMON_Q_SELECT, 2, hostile_below(h, 3));
		hostile_common(h, VIRTIO_PCI_COMMON_Q_MSIX, 2, hostile_number(h));
		hostile_kick(h);
		break;
	default:
		/* In a VM table and control register are the host's, and VFIO keeps them. */
		if (!h->embedded)
			break;
		table = vhr_le32_get(msix + PCI_MSIX_TABLE);
		hostile_write(h, table & PCI_MSIX_TABLE_BIR,
			      hostile_below(h, h->bus->ops->bar_size(h->bus, table &
								     PCI_MSIX_TABLE_BIR)),
			      any_width(h), hostile_number(h));
		control[0] = (uint8_t)hostile_random(h);
		control[1] = (uint8_t)hostile_random(h);
		(void)h->bus->ops->cfg_write(h->bus, position + PCI_MSIX_FLAGS, control, 2);
	}
	hostile_notify(h, (unsigned int)hostile_below(h, 2));
}

/*
 * Vendor capabilities, and with them the access to BARs through configuration space. The
 * command register, BARs and power management stay: a host kernel keeps them itself.
 */
void
hostile_pci(struct hostile *h)
{
	uint8_t id, position, cap_len, bytes[8];
	struct vhr_pci_walk walk;
	unsigned int i, at, width;

	if (vhr_pci_walk_start(&walk, h->bus) < 0)
		return;
	while (vhr_pci_walk_next(&walk, &id, &position) == 1) {
		if (id != PCI_CAP_ID_VNDR ||
		    h->bus->ops->cfg_read(h->bus, position + 2u, &cap_len, 1) < 0 || cap_len < 3)
			continue;
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)hostile_number(h);
		at = 2 + (unsigned int)hostile_below(h, cap_len - 2u);
		/* Not over its end: what comes next may be power management. */
		width = any_width(h);
		while (at + width > cap_len)
			width /= 2;
		(void)h->bus->ops->cfg_write(h->bus, position + at, bytes, width);
		(void)h->bus->ops->cfg_read(h->bus, position + at, bytes, width);
	}
}
