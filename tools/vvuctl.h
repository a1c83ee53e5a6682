/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of vvuctl share; vvuctl.c says what the program is. */
#ifndef VVUCTL_H
#define VVUCTL_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost-relay/bus/pci.h"
#include "vhost-relay/virtio/virtio.h"

#define VVUCTL_MAX_CAPS		48u	/* dwords of configuration space behind the header */
#define VVUCTL_MAX_QUEUES	16u	/* listed; this type of device has 2 */

/* A capability as it stands there, right or wrong. */
struct vvuctl_cap {
	uint8_t position;
	uint8_t id;			/* PCI */
	bool virtio;			/* a vendor capability: the rest is filled */
	uint8_t size;			/* cap_len */
	uint8_t type;
	uint8_t bar;
	uint8_t shmid;
	uint64_t offset;
	uint64_t length;
	uint32_t multiplier;		/* types 2 and 6 */
};

struct vvuctl_function {
	char name[64];
	uint16_t vendor, device, subsystem_vendor, subsystem, class;
	uint8_t revision;
	unsigned int virtio_id;		/* 0: not virtio */
	uint64_t bar_size[VHR_PCI_NUM_BARS];
	unsigned int num_caps;
	struct vvuctl_cap cap[VVUCTL_MAX_CAPS];
	struct vhu_reason list_problem;	/* why the list ended early, "" */

	/* What the driver makes of them */
	bool usable;			/* a modern virtio function */
	struct vhr_pci_caps caps;
	struct vhu_reason caps_problem;	/* why not, or what it skipped, "" */

	/* Valid when usable */
	uint8_t device_status;
	uint64_t features;
	uint16_t num_queues;
	uint16_t queue_size[VVUCTL_MAX_QUEUES];

	/* Valid when it has the doorbells of a virtio-vhost-user device */
	bool has_config, has_epoch;
	uint32_t config_status, max_vhost_queues, max_message_size, epoch;
	uint8_t uuid[16];
};

/* Everything there is to read: 0 or -EIO. Changes nothing but queue and feature selectors. */
int vvuctl_read(struct vhr_bus *bus, struct vvuctl_function *function);

void vvuctl_print_text(const struct vvuctl_function *function);
void vvuctl_print_json(const struct vvuctl_function *function);

#endif
