/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rte_eth_dev_get_reg_info() and rte_eth_dev_fw_version_get(). A function of this kind has no
 * firmware: what stands for it is which device it is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_dev_info.h>

#include "vvu_ethdev.h"
#include "vvu_port.h"
#include "vvu_registers.h"

#define RING_WORDS	8u
#define DEVICE_WORDS	(VHR_COMMON_WORDS + VHR_CONFIG_WORDS)
#define WRAP_BIT	31u

static void
ring_words(struct vvu_queue *q, uint32_t *words)
{
	const struct vhr_ring *ring;

	memset(words, 0, RING_WORDS * sizeof(*words));
	vvu_queue_lock(q);
	ring = q->ring;
	if (ring != NULL) {
		words[0] = (uint32_t)ring->started << 0 | (uint32_t)ring->enabled << 1 |
			   (uint32_t)ring->ready << 2 | (uint32_t)ring->broken << 3 |
			   (uint32_t)ring->packed << 4 | (uint32_t)ring->event_idx << 5 |
			   (uint32_t)ring->kicks_wanted << 6 | (uint32_t)q->running << 7 |
			   (uint32_t)q->interrupt << 8;
		words[1] = ring->size;
		words[2] = ring->last_avail | (uint32_t)ring->avail_wrap << WRAP_BIT;
		words[3] = ring->used_idx | (uint32_t)ring->used_wrap << WRAP_BIT;
		words[4] = (uint32_t)ring->calls;
		words[5] = (uint32_t)(ring->calls >> 32);
		words[6] = (uint32_t)q->stats.packets;
		words[7] = (uint32_t)(q->stats.packets >> 32);
	}
	vvu_queue_unlock(q);
}

static uint32_t
word_at(struct vvu_port *port, const struct vhr_registers *device, uint32_t at)
{
	uint32_t words[RING_WORDS];

	if (at < VHR_COMMON_WORDS)
		return device->common[at];
	if (at < DEVICE_WORDS)
		return device->config[at - VHR_COMMON_WORDS];
	at -= DEVICE_WORDS;
	ring_words(&port->queues[at / RING_WORDS], words);
	return words[at % RING_WORDS];
}

int
vvu_get_reg(struct rte_eth_dev *dev, struct rte_dev_reg_info *info)
{
	struct vvu_port *port = dev->data->dev_private;
	uint32_t i, total = DEVICE_WORDS + port->num_rings * RING_WORDS;
	struct vhr_device_info device;
	struct vhr_registers registers;
	uint32_t *out = info->data;

	info->width = sizeof(uint32_t);
	if (out == NULL) {
		info->length = total;
		return 0;
	}
	if (info->offset > total || info->length > total - info->offset)
		return -EINVAL;
	pthread_mutex_lock(&port->lock);
	if (port->session == NULL) {
		pthread_mutex_unlock(&port->lock);
		return -EIO;
	}
	vhr_device_info(port->session, &device);
	vhr_device_registers(port->session, &registers);
	pthread_mutex_unlock(&port->lock);
	info->version = (uint32_t)device.pci_device << 16 | device.pci_revision;
	for (i = 0; i < info->length; i++)
		out[i] = word_at(port, &registers, info->offset + i);
	return 0;
}

void
vvu_uuid_text(const uint8_t uuid[16], char text[VVU_UUID_TEXT])
{
	unsigned int i, at = 0;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[at++] = '-';
		at += (unsigned int)snprintf(text + at, VVU_UUID_TEXT - at, "%02x", uuid[i]);
	}
}

int
vvu_fw_version_get(struct rte_eth_dev *dev, char *text, size_t size)
{
	struct vvu_port *port = dev->data->dev_private;
	struct vhr_device_info info;
	char uuid[VVU_UUID_TEXT];
	int needed;

	pthread_mutex_lock(&port->lock);
	if (port->session == NULL) {
		pthread_mutex_unlock(&port->lock);
		return -EIO;
	}
	vhr_device_info(port->session, &info);
	pthread_mutex_unlock(&port->lock);
	vvu_uuid_text(info.uuid, uuid);
	needed = snprintf(text, size, "%04x:%04x rev %u uuid %s", info.pci_vendor,
			  info.pci_device, info.pci_revision, uuid);
	/* ethdev: the size that is needed, with its terminator, when it is too small. */
	return needed < 0 ? -EINVAL : (size_t)needed < size ? 0 : needed + 1;
}
