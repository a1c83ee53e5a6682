/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake_bus.h"

void
fake_le32(uint8_t *bytes, uint32_t value)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

uint32_t
fake_get_le32(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

static void
le16_put(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)value;
	bytes[1] = (uint8_t)(value >> 8);
}

static uint16_t
le16_get(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static struct fake_bus *
fake(struct vhr_bus *bus)
{
	return (struct fake_bus *)bus;
}

static int
fake_cfg_read(struct vhr_bus *bus, uint32_t offset, void *buf, size_t len)
{
	if (fake(bus)->cfg_broken)
		return -EIO;
	if (offset > 256 || len > 256 - offset)
		return -EINVAL;
	memcpy(buf, fake(bus)->cfg + offset, len);
	return 0;
}

static int
fake_cfg_write(struct vhr_bus *bus, uint32_t offset, const void *buf, size_t len)
{
	if (offset > 256 || len > 256 - offset)
		return -EINVAL;
	memcpy(fake(bus)->cfg + offset, buf, len);
	return 0;
}

static uint64_t
fake_bar_size(struct vhr_bus *bus, unsigned int bar)
{
	return bar < FAKE_BARS ? fake(bus)->bar_size[bar] : 0;
}

static void *
fake_bar_map(struct vhr_bus *bus, unsigned int bar, uint64_t offset, uint64_t length,
	     unsigned int *flags)
{
	struct fake_bus *self = fake(bus);

	if (self->no_map || bar != FAKE_WINDOW_BAR || self->window == NULL ||
	    offset > self->bar_size[bar] || length > self->bar_size[bar] - offset) {
		errno = ENODEV;
		return NULL;
	}
	*flags = VHR_MAP_CACHED;
	return self->window + offset;
}

static void
do_reset(struct fake_bus *self)
{
	unsigned int i;

	self->resets++;
	self->driver_features = 0;
	self->config_vector = 0xffff;
	for (i = 0; i < 2; i++) {
		self->queue[i].enable = 0;
		self->queue[i].size = self->queue[i].size_max;
		self->queue[i].vector = 0xffff;
		self->queue[i].avail_seen = 0;
		self->queue[i].used_idx = 0;
	}
}

static uint16_t
accept_vector(struct fake_bus *self, uint64_t vector)
{
	if (self->refuse_vectors || (self->vectors_accepted && vector >= self->vectors_accepted))
		return 0xffff;
	return (uint16_t)vector;
}

static uint64_t
common_read(struct fake_bus *self, uint64_t offset)
{
	struct fake_queue *queue = self->queue_select < 2 ? &self->queue[self->queue_select] : NULL;

	switch (offset) {
	case 4:
		return self->device_select < 2 ? (uint32_t)(self->features >>
							    (32 * self->device_select)) : 0;
	case 16:
		return self->config_vector;
	case 18:
		return self->num_queues;
	case 20:
		if (self->status == 0 && self->reset_reads != 0) {
			if (self->reset_reads > 0)
				self->reset_reads--;
			return 0x0f;
		}
		return self->status;
	case 21:
		if (self->generation_moves > 0) {
			self->generation_moves--;
			self->generation++;
		}
		return self->generation;
	case 24:
		return queue ? queue->size : 0;
	case 26:
		return queue ? queue->vector : 0xffff;
	case 28:
		return queue ? queue->enable : 0;
	case 30:
		return queue ? queue->notify_off : 0;
	}
	return 0;
}

static void
set_half(uint64_t *field, bool high, uint64_t value)
{
	if (high)
		*field = (*field & 0xffffffffull) | value << 32;
	else
		*field = (*field & ~0xffffffffull) | (uint32_t)value;
}

static void
common_write(struct fake_bus *self, uint64_t offset, uint64_t value)
{
	struct fake_queue *queue = self->queue_select < 2 ? &self->queue[self->queue_select] : NULL;

	switch (offset) {
	case 0:
		self->device_select = (uint32_t)value;
		return;
	case 8:
		self->driver_select = (uint32_t)value;
		return;
	case 12:
		if (self->driver_select < 2)
			set_half(&self->driver_features, self->driver_select == 1, value);
		return;
	case 16:
		self->config_vector = accept_vector(self, value);
		return;
	case 20:
		if (self->num_status < sizeof(self->status_log))
			self->status_log[self->num_status++] = (uint8_t)value;
		if (value == 0)
			do_reset(self);
		self->status = (uint8_t)(value & (self->refuse_features ? ~8u : ~0u));
		return;
	case 22:
		self->queue_select = (uint16_t)value;
		return;
	}
	if (queue == NULL)
		return;
	switch (offset) {
	case 24:
		queue->size = (uint16_t)value;
		break;
	case 26:
		queue->vector = accept_vector(self, value);
		break;
	case 28:
		queue->enable = (uint16_t)value;
		break;
	case 32:
	case 36:
		set_half(&queue->desc, offset == 36, value);
		break;
	case 40:
	case 44:
		set_half(&queue->avail, offset == 44, value);
		break;
	case 48:
	case 52:
		set_half(&queue->used, offset == 52, value);
		break;
	}
}

static int
fake_reg_read(struct vhr_bus *bus, unsigned int bar, uint64_t offset, unsigned int width,
	      uint64_t *value)
{
	struct fake_bus *self = fake(bus);
	unsigned int i;

	if (bar >= FAKE_BARS || offset > self->bar_size[bar] ||
	    width > self->bar_size[bar] - offset || offset % width != 0)
		return -EINVAL;
	*value = 0;
	if (bar == FAKE_VIRTIO_BAR && offset < 0x1000)
		*value = common_read(self, offset);
	else if (bar == FAKE_VIRTIO_BAR && offset >= FAKE_DEVICE && offset < FAKE_NOTIFY)
		for (i = 0; i < width; i++)
			*value |= (uint64_t)self->device_cfg[offset - FAKE_DEVICE + i] << (8 * i);
	else if (bar == FAKE_WINDOW_BAR && offset == FAKE_KICK + 2)
		*value = self->kick_select < 256 ? self->kick[self->kick_select] : 0xffff;
	else if (bar == FAKE_WINDOW_BAR && offset == FAKE_KICK)
		*value = self->kick_select;
	return 0;
}

static void
window_bar_write(struct fake_bus *self, uint64_t offset, unsigned int width, uint64_t value)
{
	if (self->num_writes < FAKE_WRITES)
		self->write[self->num_writes++] =
			(struct fake_write){ FAKE_WINDOW_BAR, offset, width, value };
	if (offset == FAKE_KICK)
		self->kick_select = (uint16_t)value;
	else if (offset == FAKE_KICK + 2 && self->kick_select < 256)
		self->kick[self->kick_select] = accept_vector(self, value);
}

static int
fake_reg_write(struct vhr_bus *bus, unsigned int bar, uint64_t offset, unsigned int width,
	       uint64_t value)
{
	struct fake_bus *self = fake(bus);
	unsigned int i;

	if (bar >= FAKE_BARS || offset > self->bar_size[bar] ||
	    width > self->bar_size[bar] - offset || offset % width != 0)
		return -EINVAL;
	if (bar == FAKE_VIRTIO_BAR && offset < 0x1000) {
		common_write(self, offset, value);
	} else if (bar == FAKE_VIRTIO_BAR && offset >= FAKE_DEVICE && offset < FAKE_NOTIFY) {
		for (i = 0; i < width; i++)
			self->device_cfg[offset - FAKE_DEVICE + i] = (uint8_t)(value >> (8 * i));
	} else if (bar == FAKE_VIRTIO_BAR && offset >= FAKE_NOTIFY && width == 2) {
		for (i = 0; i < 2; i++) {
			if (offset - FAKE_NOTIFY == self->queue[i].notify_off * 4u && value == i)
				self->queue[i].notified++;
		}
	} else if (bar == FAKE_WINDOW_BAR) {
		window_bar_write(self, offset, width, value);
	}
	return 0;
}

static int
fake_dma_alloc(struct vhr_bus *bus, size_t size, struct vhr_dma *dma)
{
	struct fake_bus *self = fake(bus);
	unsigned int i;

	for (i = 0; i < 16 && self->dma[i] != NULL; i++)
		;
	if (i == 16)
		return -ENOSPC;
	size = (size + 4095) & ~(size_t)4095;
	self->dma[i] = aligned_alloc(4096, size);
	if (self->dma[i] == NULL)
		return -ENOMEM;
	memset(self->dma[i], 0, size);
	self->dma_size[i] = size;
	self->dma_iova[i] = FAKE_IOVA + i * 0x10000000ull;
	self->dma_live++;
	*dma = (struct vhr_dma){ self->dma[i], self->dma_iova[i], size, NULL };
	return 0;
}

static void
fake_dma_free(struct vhr_bus *bus, struct vhr_dma *dma)
{
	struct fake_bus *self = fake(bus);
	unsigned int i;

	for (i = 0; i < 16; i++) {
		if (self->dma[i] != NULL && self->dma[i] == dma->va) {
			free(self->dma[i]);
			self->dma[i] = NULL;
			self->dma_live--;
			dma->va = NULL;
		}
	}
}

static int
fake_irq_enable(struct vhr_bus *bus, unsigned int wanted)
{
	struct fake_bus *self = fake(bus);

	if (self->irq_result < 0)
		return self->irq_result;
	self->vectors = wanted < FAKE_VECTORS ? wanted : FAKE_VECTORS;
	return (int)self->vectors;
}

static void
fake_irq_disable(struct vhr_bus *bus)
{
	fake(bus)->vectors = 0;
}

static int
fake_irq_fd(struct vhr_bus *bus, unsigned int vector)
{
	return vector < fake(bus)->vectors ? fake(bus)->irq_fd[vector] : -EINVAL;
}

static void
fake_close(struct vhr_bus *bus)
{
	struct fake_bus *self = fake(bus);
	unsigned int i;

	for (i = 0; i < 16; i++)
		free(self->dma[i]);
	for (i = 0; i < FAKE_VECTORS; i++)
		close(self->irq_fd[i]);
	free(self->window);
	free(self);
}

static const struct vhr_bus_ops fake_ops = {
	.cfg_read = fake_cfg_read,
	.cfg_write = fake_cfg_write,
	.bar_size = fake_bar_size,
	.bar_map = fake_bar_map,
	.reg_read = fake_reg_read,
	.reg_write = fake_reg_write,
	.dma_alloc = fake_dma_alloc,
	.dma_free = fake_dma_free,
	.irq_enable = fake_irq_enable,
	.irq_disable = fake_irq_disable,
	.irq_fd = fake_irq_fd,
	.close = fake_close,
};

struct fake_bus *
fake_bus_new(void)
{
	struct fake_bus *self = calloc(1, sizeof(*self));
	unsigned int i;

	if (self == NULL)
		abort();
	self->bus.ops = &fake_ops;
	snprintf(self->bus.name, sizeof(self->bus.name), "fake");
	for (i = 0; i < FAKE_VECTORS; i++)
		self->irq_fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (i = 0; i < 256; i++)
		self->kick[i] = 0xffff;
	return self;
}

uint8_t
fake_cap_add(struct fake_bus *self, const uint8_t *bytes, size_t len)
{
	uint8_t *link = &self->cfg[0x34];
	uint8_t position = 0x40;

	while (*link != 0) {
		position =
			(uint8_t)(*link + (self->cfg[*link] == 0x09 ? self->cfg[*link + 2] : 12));
		position = (uint8_t)((position + 3u) & ~3u);
		link = &self->cfg[*link + 1];
	}
	*link = position;
	memcpy(self->cfg + position, bytes, len);
	self->cfg[position + 1] = 0;
	self->cfg[0x06] |= 0x10;
	return position;
}

uint8_t
fake_virtio_cap(struct fake_bus *self, uint8_t type, uint8_t len, uint8_t bar, uint8_t id,
		uint64_t offset, uint64_t length, uint32_t extra)
{
	uint8_t bytes[24] = { 0x09, 0, len, type, bar, id };

	fake_le32(bytes + 8, (uint32_t)offset);
	fake_le32(bytes + 12, (uint32_t)length);
	if (len >= 24) {
		fake_le32(bytes + 16, (uint32_t)(offset >> 32));
		fake_le32(bytes + 20, (uint32_t)(length >> 32));
	} else {
		fake_le32(bytes + 16, extra);
	}
	return fake_cap_add(self, bytes, len);
}

void
fake_msix_cap(struct fake_bus *self, unsigned int vectors)
{
	uint8_t bytes[12] = { 0x11 };

	le16_put(bytes + 2, (uint16_t)(vectors - 1));
	fake_le32(bytes + 4, 2);
	fake_le32(bytes + 8, 0x800 | 2);
	fake_cap_add(self, bytes, sizeof(bytes));
}

void
fake_virtio_caps(struct fake_bus *self)
{
	self->bar_size[FAKE_VIRTIO_BAR] = 0x4000;
	fake_virtio_cap(self, 1, 16, FAKE_VIRTIO_BAR, 0, FAKE_COMMON, 64, 0);
	fake_virtio_cap(self, 2, 20, FAKE_VIRTIO_BAR, 0, FAKE_NOTIFY, 0x1000, 4);
	fake_virtio_cap(self, 3, 16, FAKE_VIRTIO_BAR, 0, FAKE_ISR, 4, 0);
	fake_virtio_cap(self, 4, 16, FAKE_VIRTIO_BAR, 0, FAKE_DEVICE,
			(uint32_t)self->device_cfg_length, 0);
}

struct fake_bus *
fake_bus_modern(uint32_t queues)
{
	struct fake_bus *self = fake_bus_new();
	unsigned int i;

	le16_put(self->cfg + 0x00, 0x1af4);
	le16_put(self->cfg + 0x02, 0x106b);
	self->cfg[0x08] = 1;
	self->device_cfg_length = 32;
	fake_virtio_caps(self);
	self->bar_size[FAKE_WINDOW_BAR] = 0x20000;
	fake_virtio_cap(self, 6, 20, FAKE_WINDOW_BAR, 0, FAKE_DOORBELL, 0x2000, 4);
	fake_virtio_cap(self, 7, 16, FAKE_WINDOW_BAR, 0, FAKE_KICK, 4, 0);
	fake_virtio_cap(self, 8, 24, FAKE_WINDOW_BAR, 1, 0, FAKE_WINDOW_SIZE, 0);
	fake_msix_cap(self, FAKE_VECTORS);
	self->window = calloc(1, 0x20000);

	self->features = 1ull << 32 | 1ull << 33;
	self->num_queues = 2;
	for (i = 0; i < 2; i++) {
		self->queue[i].size_max = 256;
		self->queue[i].notify_off = (uint16_t)i;
	}
	fake_le32(self->device_cfg + 4, queues);
	for (i = 0; i < 16; i++)
		self->device_cfg[8 + i] = (uint8_t)(0xa0 + i);
	fake_le32(self->device_cfg + 24, 4096);
	fake_le32(self->device_cfg + 28, 7);
	return self;
}

void *
fake_dma(struct fake_bus *self, uint64_t iova, size_t len)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		if (self->dma[i] != NULL && iova >= self->dma_iova[i] &&
		    iova - self->dma_iova[i] <= self->dma_size[i] &&
		    len <= self->dma_size[i] - (iova - self->dma_iova[i]))
			return (uint8_t *)self->dma[i] + (iova - self->dma_iova[i]);
	}
	return NULL;
}

int
fake_avail(struct fake_bus *self, unsigned int index)
{
	struct fake_queue *queue = &self->queue[index];
	const uint8_t *avail = fake_dma(self, queue->avail, 6 + 2u * queue->size);
	uint16_t id;

	if (avail == NULL || le16_get(avail + 2) == queue->avail_seen)
		return -1;
	id = le16_get(avail + 4 + 2u * (queue->avail_seen % queue->size));
	queue->avail_seen++;
	return id;
}

void *
fake_buffer(struct fake_bus *self, unsigned int index, uint16_t id, uint32_t *len, uint16_t *flags)
{
	const uint8_t *desc = fake_dma(self, self->queue[index].desc + id * 16ull, 16);

	if (desc == NULL)
		return NULL;
	*len = fake_get_le32(desc + 8);
	*flags = le16_get(desc + 12);
	return fake_dma(self, fake_get_le32(desc) | (uint64_t)fake_get_le32(desc + 4) << 32, *len);
}

void
fake_used_raw(struct fake_bus *self, unsigned int index, uint32_t id, uint32_t len, uint16_t step)
{
	struct fake_queue *queue = &self->queue[index];
	uint8_t *used = fake_dma(self, queue->used, 6 + 8u * queue->size);
	uint8_t *elem = used + 4 + 8u * (queue->used_idx % queue->size);

	fake_le32(elem, id);
	fake_le32(elem + 4, len);
	queue->used_idx = (uint16_t)(queue->used_idx + step);
	le16_put(used + 2, queue->used_idx);
}

void
fake_used_flags(struct fake_bus *self, unsigned int index, uint16_t flags)
{
	le16_put(fake_dma(self, self->queue[index].used, 4), flags);
}

uint16_t
fake_avail_flags(struct fake_bus *self, unsigned int index)
{
	return le16_get(fake_dma(self, self->queue[index].avail, 4));
}

int
fake_rxq_put(struct fake_bus *self, const void *msg, uint32_t len)
{
	int id = fake_avail(self, 0);
	uint32_t room;
	uint16_t flags;
	void *buffer;

	if (id < 0)
		return -1;
	buffer = fake_buffer(self, 0, (uint16_t)id, &room, &flags);
	if (buffer == NULL || room < len || flags != 2)
		return -1;
	memcpy(buffer, msg, len);
	fake_used_raw(self, 0, (uint32_t)id, len, 1);
	return 0;
}

int
fake_txq_get(struct fake_bus *self, void *buf, size_t cap)
{
	int id = fake_avail(self, 1);
	uint32_t len;
	uint16_t flags;
	void *buffer;

	if (id < 0)
		return -1;
	buffer = fake_buffer(self, 1, (uint16_t)id, &len, &flags);
	if (buffer == NULL || len > cap || flags != 0)
		return -1;
	memcpy(buf, buffer, len);
	fake_used_raw(self, 1, (uint32_t)id, 0, 1);
	return (int)len;
}
