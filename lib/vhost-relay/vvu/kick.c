/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Notifications outside the virtqueues: doorbells (capability 6, from us to the frontend)
 * and kick vectors (capability 7, the other way).
 */
#include <errno.h>

#include "vvu-device/layout.h"

#include "internal.h"

static bool
inside(const struct vhr_cap *cap, uint64_t offset, unsigned int width)
{
	return cap->present && offset <= cap->length && cap->length - offset >= width;
}

int
vhr_vvu_reg_read(struct vhr_vvu *vvu, const struct vhr_cap *cap, uint64_t offset,
		 unsigned int width, uint64_t *value)
{
	struct vhr_bus *bus = vvu->virtio.bus;

	if (bus == NULL || !inside(cap, offset, width) ||
	    bus->ops->reg_read(bus, cap->bar, cap->offset + offset, width, value) < 0)
		return -EIO;
	return 0;
}

int
vhr_vvu_reg_write(struct vhr_vvu *vvu, const struct vhr_cap *cap, uint64_t offset,
		  unsigned int width, uint64_t value)
{
	struct vhr_bus *bus = vvu->virtio.bus;

	if (bus == NULL || !inside(cap, offset, width) ||
	    bus->ops->reg_write(bus, cap->bar, cap->offset + offset, width, value) < 0)
		return -EIO;
	return 0;
}

/*
 * The caller counts doorbells by max_vhost_queues, which is capped; the device counts by
 * what it said itself. Err and log doorbells come after the calls of all its queues.
 */
static uint64_t
device_doorbell(const struct vhr_vvu *vvu, unsigned int index)
{
	uint32_t ours = vvu->max_vhost_queues;

	if (index < ours)
		return index;
	if (index < VVU_DOORBELL_LOG(ours))
		return VVU_DOORBELL_ERR((uint64_t)vvu->device_queues, index - ours);
	return VVU_DOORBELL_LOG((uint64_t)vvu->device_queues);
}

void
vhr_vvu_doorbell(struct vhr_vvu *vvu, unsigned int index)
{
	uint64_t doorbell;

	if (index >= VVU_NUM_DOORBELLS(vvu->max_vhost_queues))
		return;
	doorbell = device_doorbell(vvu, index);
	/* A device that shows fewer has none there to ring: nothing to be done or said. */
	(void)vhr_vvu_reg_write(vvu, &vvu->virtio.caps.doorbell,
				doorbell * vvu->virtio.caps.doorbell_multiplier, 2,
				doorbell & 0xffffu);
}

void
vhr_vvu_plan_vectors(struct vhr_vvu *vvu)
{
	unsigned int vectors = vvu->virtio.vectors;

	/*
	 * With vectors enough, one each for configuration, rxq and txq. Before that the
	 * rings come first: a vector that says "some ring" is worth more than one that
	 * tells a control message from a configuration change.
	 */
	vvu->kick_base = vectors > 3 ? 3 : vectors - 1;
	if (vectors < 2 || !vvu->virtio.caps.kick_vector.present)
		vvu->kick_vectors = 0;
	else
		vvu->kick_vectors = vectors - vvu->kick_base;
	vvu->config_vector = vectors > 0 ? 0 : VVU_NO_VECTOR;
	vvu->rxq_vector = vectors > 2 ? 1 : vvu->config_vector;
	vvu->txq_vector = vectors > 3 ? 2 : vvu->config_vector;
}

/* Bind vector @vector to the kicks of @queue and read back what the device made of it. */
static int
bind_kick(struct vhr_vvu *vvu, unsigned int queue, uint16_t vector)
{
	const struct vhr_cap *cap = &vvu->virtio.caps.kick_vector;
	uint64_t got;
	int ret;

	/* Two accesses of 16 bits: published devices take a combined one for a select. */
	ret = vhr_vvu_reg_write(vvu, cap, VVU_KICK_SELECT, 2, queue);
	if (ret == 0)
		ret = vhr_vvu_reg_write(vvu, cap, VVU_KICK_VECTOR, 2, vector);
	if (ret == 0)
		ret = vhr_vvu_reg_read(vvu, cap, VVU_KICK_VECTOR, 2, &got);
	if (ret < 0) {
		vhu_reason_set(&vvu->reason, "kick vector %u: registers cannot be reached", queue);
		return ret;
	}
	if (got != vector) {
		vhu_reason_set(&vvu->reason, "kick vector %u: 0x%04x written, 0x%04x read", queue,
			       vector, (unsigned int)got);
		return -ENOSPC;
	}
	return 0;
}

int
vhr_vvu_kick_fd(struct vhr_vvu *vvu, unsigned int queue)
{
	struct vhr_bus *bus = vvu->virtio.bus;
	unsigned int vector;
	int ret;

	if (bus == NULL || queue >= vvu->max_vhost_queues) {
		vhu_reason_set(&vvu->reason, "kick vector %u: at most %u queues", queue,
			       vvu->max_vhost_queues);
		return -EINVAL;
	}
	if (vvu->kick_vectors == 0) {
		vhu_reason_set(&vvu->reason, "kick vector %u: %u MSI-X vectors, none is left",
			       queue, vvu->virtio.vectors);
		return -ENOSPC;
	}
	vector = vvu->kick_base + queue % vvu->kick_vectors;
	ret = bind_kick(vvu, queue, (uint16_t)vector);
	if (ret < 0)
		return ret;
	return bus->ops->irq_fd(bus, vector);
}

void
vhr_vvu_kick_release(struct vhr_vvu *vvu, unsigned int queue)
{
	if (vvu->virtio.bus == NULL || vvu->kick_vectors == 0 || queue >= vvu->max_vhost_queues)
		return;
	(void)bind_kick(vvu, queue, VVU_NO_VECTOR);
}

static int
vector_fd(struct vhr_vvu *vvu, uint16_t vector)
{
	struct vhr_bus *bus = vvu->virtio.bus;
	int fd;

	if (bus == NULL || vector == VVU_NO_VECTOR)
		return -1;
	fd = bus->ops->irq_fd(bus, vector);
	return fd < 0 ? -1 : fd;
}

int
vhr_vvu_config_fd(struct vhr_vvu *vvu)
{
	return vector_fd(vvu, vvu->config_vector);
}

int
vhr_vvu_rxq_fd(struct vhr_vvu *vvu)
{
	return vector_fd(vvu, vvu->rxq_vector);
}

int
vhr_vvu_txq_fd(struct vhr_vvu *vvu)
{
	return vector_fd(vvu, vvu->txq_vector);
}
