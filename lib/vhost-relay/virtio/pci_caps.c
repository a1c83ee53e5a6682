/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtio capabilities (virtio 1.3, 4.1.4), with types 6 and 7 of the device type draft.
 * Each one is copied out of configuration space once, then checked, then used.
 */
#include <errno.h>
#include <string.h>

#include <linux/virtio_pci.h>

#include "../bus/pci.h"
#include "virtio.h"

/* Layout of struct virtio_pci_cap, and of what follows it in longer ones */
#define CAP_LEN		2
#define CAP_TYPE	3
#define CAP_BAR		4
#define CAP_ID		5
#define CAP_OFFSET	8
#define CAP_LENGTH	12
#define CAP_SIZE	16u
#define CAP_MULTIPLIER	16	/* types 2 and 6 */
#define CAP_OFFSET_HI	16	/* type 8 */
#define CAP_LENGTH_HI	20
#define CAP64_SIZE	24u

#define TYPE_COMMON	1
#define TYPE_NOTIFY	2
#define TYPE_ISR	3
#define TYPE_DEVICE	4
#define TYPE_DOORBELL	6
#define TYPE_KICK	7
#define TYPE_SHM	8
#define NUM_TYPES	9

/* What a capability of a type must have to be of use; types without a name are not ours. */
struct cap_rule {
	const char *name;
	uint8_t cap_size;	/* bytes of the capability itself */
	uint8_t min_length;	/* bytes of what it points to */
	uint8_t align;		/* of its offset */
};

static const struct cap_rule cap_rules[NUM_TYPES] = {
	/* 56 bytes: up to and with queue_device, the layout of virtio 1.0. */
	[TYPE_COMMON] = { "common configuration", CAP_SIZE, 56, 4 },
	[TYPE_NOTIFY] = { "notification", CAP_SIZE + 4, 2, 2 },
	[TYPE_ISR] = { "ISR", CAP_SIZE, 1, 1 },
	[TYPE_DEVICE] = { "device configuration", CAP_SIZE, 1, 4 },
	[TYPE_DOORBELL] = { "doorbell", CAP_SIZE + 4, 2, 2 },
	[TYPE_KICK] = { "kick vector", CAP_SIZE, 4, 2 },
	[TYPE_SHM] = { "shared memory", CAP_SIZE, 1, 1 },
};

/* A capability as read, host order. */
struct raw_cap {
	uint8_t position;
	uint8_t size;
	uint8_t type;
	uint8_t bar;
	uint8_t id;
	uint64_t offset;
	uint64_t length;
	uint32_t multiplier;
};

/* 1 with @raw, 0 when the capability itself makes no sense (noted), -EIO. */
static int
read_cap(struct vhr_bus *bus, uint8_t position, struct raw_cap *raw, struct vhu_reason *note)
{
	uint8_t bytes[CAP64_SIZE] = { 0 };
	size_t want;

	if (position + CAP_SIZE > VHR_PCI_CONFIG_SIZE) {
		vhu_reason_set(note, "vendor capability at 0x%02x: leaves configuration space",
			       position);
		return 0;
	}
	if (bus->ops->cfg_read(bus, position, bytes, CAP_SIZE) < 0)
		return -EIO;
	raw->position = position;
	raw->size = bytes[CAP_LEN];
	raw->type = bytes[CAP_TYPE];
	if (raw->size < CAP_SIZE || position + raw->size > VHR_PCI_CONFIG_SIZE) {
		vhu_reason_set(note, "capability %u at 0x%02x: cap_len %u", raw->type, position,
			       raw->size);
		return 0;
	}
	want = raw->size < CAP64_SIZE ? raw->size : CAP64_SIZE;
	if (want > CAP_SIZE &&
	    bus->ops->cfg_read(bus, position + CAP_SIZE, bytes + CAP_SIZE, want - CAP_SIZE) < 0)
		return -EIO;
	raw->bar = bytes[CAP_BAR];
	raw->id = bytes[CAP_ID];
	raw->offset = vhr_le32_get(bytes + CAP_OFFSET);
	raw->length = vhr_le32_get(bytes + CAP_LENGTH);
	raw->multiplier = 0;
	if (raw->type == TYPE_SHM && raw->size >= CAP64_SIZE) {
		raw->offset |= (uint64_t)vhr_le32_get(bytes + CAP_OFFSET_HI) << 32;
		raw->length |= (uint64_t)vhr_le32_get(bytes + CAP_LENGTH_HI) << 32;
	} else if (raw->size >= CAP_MULTIPLIER + 4) {
		raw->multiplier = vhr_le32_get(bytes + CAP_MULTIPLIER);
	}
	return 1;
}

/* Does @raw follow the rule of its type, and lie inside its BAR? Fills @cap. */
static bool
check_cap(struct vhr_bus *bus, struct raw_cap *raw, struct vhr_cap *cap, struct vhu_reason *note)
{
	const struct cap_rule *rule = &cap_rules[raw->type];
	uint64_t bar_size;

	if (raw->size < rule->cap_size) {
		vhu_reason_set(note, "%s capability at 0x%02x: cap_len %u, expected %u",
			       rule->name, raw->position, raw->size, rule->cap_size);
		return false;
	}
	if (raw->bar >= VHR_PCI_NUM_BARS) {
		vhu_reason_set(note, "%s capability at 0x%02x: bar %u", rule->name,
			       raw->position, raw->bar);
		return false;
	}
	bar_size = bus->ops->bar_size(bus, raw->bar);
	if (bar_size == 0) {
		vhu_reason_set(note, "%s capability at 0x%02x: bar %u is not there", rule->name,
			       raw->position, raw->bar);
		return false;
	}
	/*
	 * A shared memory capability without the 64-bit fields is one of a device older
	 * than virtio 1.2; what it says of the length does not hold more than 32 bits and
	 * was never meant: the memory takes the rest of the BAR.
	 */
	if (raw->type == TYPE_SHM && raw->size < CAP64_SIZE && raw->offset < bar_size)
		raw->length = bar_size - raw->offset;
	if (raw->length < rule->min_length) {
		vhu_reason_set(note, "%s capability at 0x%02x: length %llu, expected %u or more",
			       rule->name, raw->position, (unsigned long long)raw->length,
			       rule->min_length);
		return false;
	}
	if (raw->offset > bar_size || raw->length > bar_size - raw->offset) {
		vhu_reason_set(note, "%s capability at 0x%02x: offset 0x%llx + length 0x%llx "
			       "leaves bar %u of 0x%llx bytes", rule->name, raw->position,
			       (unsigned long long)raw->offset, (unsigned long long)raw->length,
			       raw->bar, (unsigned long long)bar_size);
		return false;
	}
	if (raw->offset % rule->align != 0) {
		vhu_reason_set(note, "%s capability at 0x%02x: offset 0x%llx is not aligned to %u",
			       rule->name, raw->position, (unsigned long long)raw->offset,
			       rule->align);
		return false;
	}
	/* Both kinds of notification are 16 bits wide: 0, or an even stride. */
	if (raw->multiplier % 2 != 0 && (raw->type == TYPE_NOTIFY || raw->type == TYPE_DOORBELL)) {
		vhu_reason_set(note, "%s capability at 0x%02x: multiplier %u is odd", rule->name,
			       raw->position, raw->multiplier);
		return false;
	}
	*cap = (struct vhr_cap){ true, raw->bar, raw->offset, raw->length };
	return true;
}

static void
take_shm(struct vhr_bus *bus, struct vhr_pci_caps *caps, struct raw_cap *raw,
	 struct vhu_reason *note)
{
	unsigned int shmid = raw->size < CAP64_SIZE ? 0 : raw->id;

	if (shmid >= VHR_MAX_SHM) {
		vhu_reason_set(note, "shared memory capability at 0x%02x: id %u, at most %u",
			       raw->position, shmid, VHR_MAX_SHM - 1);
		return;
	}
	if (!caps->shm[shmid].present && check_cap(bus, raw, &caps->shm[shmid], note))
		caps->shm_cap_len[shmid] = raw->size < CAP64_SIZE ? CAP_SIZE : CAP64_SIZE;
}

static void
take_cap(struct vhr_bus *bus, struct vhr_pci_caps *caps, struct raw_cap *raw,
	 struct vhu_reason *note)
{
	struct vhr_cap *cap;

	switch (raw->type) {
	case TYPE_COMMON:
		cap = &caps->common;
		break;
	case TYPE_NOTIFY:
		cap = &caps->notify;
		break;
	case TYPE_ISR:
		cap = &caps->isr;
		break;
	case TYPE_DEVICE:
		cap = &caps->device;
		break;
	case TYPE_DOORBELL:
		cap = &caps->doorbell;
		break;
	case TYPE_KICK:
		cap = &caps->kick_vector;
		break;
	case TYPE_SHM:
		take_shm(bus, caps, raw, note);
		return;
	default:	/* 5, 9 and what is not invented yet: not for us, not an error */
		return;
	}
	if (cap->present || !check_cap(bus, raw, cap, note))
		return;
	if (raw->type == TYPE_NOTIFY)
		caps->notify_multiplier = raw->multiplier;
	else if (raw->type == TYPE_DOORBELL)
		caps->doorbell_multiplier = raw->multiplier;
}

static int
read_all(struct vhr_bus *bus, struct vhr_pci_caps *caps, struct vhu_reason *note)
{
	struct vhr_pci_walk walk;
	struct raw_cap raw;
	uint8_t id, position, msix[VHR_PCI_MSIX_CAP_SIZE];
	int ret;

	ret = vhr_pci_walk_start(&walk, bus);
	if (ret < 0)
		return ret;
	while ((ret = vhr_pci_walk_next(&walk, &id, &position)) == 1) {
		if (id != PCI_CAP_ID_VNDR)
			continue;
		ret = read_cap(bus, position, &raw, note);
		if (ret < 0)
			return ret;
		if (ret == 1)
			take_cap(bus, caps, &raw, note);
	}
	if (ret < 0)
		return ret;
	if (walk.problem.text[0] != '\0')
		*note = walk.problem;

	ret = vhr_pci_find_msix(bus, &position, msix);
	if (ret < 0)
		return ret;
	if (ret == 1) {
		caps->msix = true;
		caps->msix_vectors =
			(vhr_le16_get(msix + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1u;
	}
	return 0;
}

int
vhr_pci_caps_read(struct vhr_bus *bus, struct vhr_pci_caps *caps, struct vhu_reason *reason)
{
	struct vhu_reason note = { "" };
	unsigned int missing;
	int ret;

	memset(caps, 0, sizeof(*caps));
	ret = read_all(bus, caps, &note);
	if (ret < 0) {
		vhu_reason_set(reason, "configuration space cannot be read");
		return ret;
	}
	if (!caps->common.present)
		missing = TYPE_COMMON;
	else if (!caps->notify.present)
		missing = TYPE_NOTIFY;
	else if (!caps->isr.present)
		missing = TYPE_ISR;
	else if (!caps->device.present)
		missing = TYPE_DEVICE;
	else
		missing = 0;
	if (missing != 0) {
		vhu_reason_set(reason,
			       "not a modern virtio function: no usable capability %u "
			       "(%s)%s%s",
			       missing, cap_rules[missing].name, note.text[0] ? "; " : "",
			       note.text);
		return -ENODEV;
	}
	if (note.text[0] != '\0' && reason != NULL)
		*reason = note;
	return 0;
}
