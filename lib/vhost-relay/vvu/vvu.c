/* SPDX-License-Identifier: BSD-3-Clause */
/* Bring-up, configuration space and messages of a virtio-vhost-user function. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "vvu-device/layout.h"

#include "../bus/pci.h"
#include "internal.h"

#define RXQ_BUFFERS	64u
#define TXQ_BUFFERS	64u
/*
 * What max_message_size may say: less than the smallest value any draft allows, or more
 * than anybody needs, and the field is not there (an old device whose capability is
 * longer than its configuration reads as all ones behind it).
 */
#define MESSAGE_SIZE_MIN	512u
#define MESSAGE_SIZE_MAX	65536u

/* Ids that published devices of this type use, and the one of the draft. */
static const uint32_t known_ids[] = { VVU_VIRTIO_ID, 24, 53, 61 };

static bool
id_matches(uint32_t id, uint32_t wanted)
{
	unsigned int i;

	if (wanted != 0)
		return id == wanted;
	for (i = 0; i < sizeof(known_ids) / sizeof(known_ids[0]); i++) {
		if (id == known_ids[i])
			return true;
	}
	return false;
}

/* virtio 1.3, 4.1.2.1: id + 0x1040; a transitional one has it in its subsystem id. */
static int
check_identity(struct vhr_vvu *vvu, struct vhr_bus *bus, uint32_t virtio_id)
{
	uint8_t ids[4], subsystem[2];
	uint16_t vendor, device;
	uint32_t id;

	if (bus->ops->cfg_read(bus, PCI_VENDOR_ID, ids, sizeof(ids)) < 0 ||
	    bus->ops->cfg_read(bus, PCI_SUBSYSTEM_ID, subsystem, sizeof(subsystem)) < 0) {
		vhu_reason_set(&vvu->reason, "configuration space cannot be read");
		return -EIO;
	}
	vendor = vhr_le16_get(ids);
	device = vhr_le16_get(ids + 2);
	if (device >= VVU_PCI_DEVICE(0) && device < VVU_PCI_DEVICE(0x40))
		id = device - VVU_PCI_DEVICE(0);
	else if (device >= 0x1000 && device < VVU_PCI_DEVICE(0))
		id = vhr_le16_get(subsystem);
	else
		id = 0;
	if (vendor == VVU_PCI_VENDOR && id != 0 && id_matches(id, virtio_id))
		return 0;
	vhu_reason_set(&vvu->reason, "PCI id %04x:%04x, virtio id %u: not a virtio-vhost-user "
		       "function", vendor, device, id);
	return -ENODEV;
}

/* What the type of device needs beyond what every virtio function has. */
static int
check_resources(struct vhr_vvu *vvu)
{
	const struct vhr_pci_caps *caps = &vvu->virtio.caps;
	const struct vhr_cap *shm = &caps->shm[VVU_SHMID_MEMORY];
	struct vhr_bus *bus = vvu->virtio.bus;

	if (!caps->doorbell.present) {
		vhu_reason_set(&vvu->reason, "no usable doorbell capability (6)%s%s",
			       vvu->virtio.reason.text[0] ? "; " : "", vvu->virtio.reason.text);
		return -ENOTSUP;
	}
	if (!shm->present)
		shm = &caps->shm[0];
	if (!shm->present) {
		vhu_reason_set(&vvu->reason, "no usable shared memory capability (8)%s%s",
			       vvu->virtio.reason.text[0] ? "; " : "", vvu->virtio.reason.text);
		return -ENOTSUP;
	}
	vvu->window = bus->ops->bar_map(bus, shm->bar, shm->offset, shm->length,
					&vvu->window_flags);
	if (vvu->window == NULL) {
		vhu_reason_set(&vvu->reason, "window: bar %u, offset 0x%llx, length 0x%llx cannot "
			       "be mapped: %s", shm->bar, (unsigned long long)shm->offset,
			       (unsigned long long)shm->length, strerror(errno));
		return -ENOTSUP;
	}
	vvu->window_size = shm->length;
	return 0;
}

int
vhr_vvu_map_inflight(struct vhr_vvu *vvu)
{
	const struct vhr_cap *shm = &vvu->virtio.caps.shm[VVU_SHMID_INFLIGHT];
	struct vhr_bus *bus = vvu->virtio.bus;
	unsigned int flags;

	if (!shm->present) {
		vhu_reason_set(&vvu->reason, "the device has no shared memory %u",
			       VVU_SHMID_INFLIGHT);
		return -ENOTSUP;
	}
	vvu->inflight = bus->ops->bar_map(bus, shm->bar, shm->offset, shm->length, &flags);
	if (vvu->inflight == NULL) {
		vhu_reason_set(&vvu->reason, "shared memory %u: bar %u, offset 0x%llx, length "
			       "0x%llx cannot be mapped: %s", VVU_SHMID_INFLIGHT, shm->bar,
			       (unsigned long long)shm->offset, (unsigned long long)shm->length,
			       strerror(errno));
		return -ENOTSUP;
	}
	vvu->inflight_size = shm->length;
	return 0;
}

/* How many queues' call doorbells the device shows. */
static uint64_t
doorbells_shown(const struct vhr_pci_caps *caps)
{
	if (caps->doorbell_multiplier == 0)
		return UINT32_MAX;
	return (caps->doorbell.length - 2) / caps->doorbell_multiplier + 1;
}

static int
read_config(struct vhr_vvu *vvu)
{
	uint8_t config[VVU_CONFIG_SIZE] = { 0 };
	const struct vhr_pci_caps *caps = &vvu->virtio.caps;
	bool ours = caps->device.length >= VVU_CONFIG_SIZE;
	uint32_t queues, size;
	int ret;

	if (caps->device.length < VVU_CONFIG_SIZE_DRAFT) {
		vhu_reason_set(&vvu->reason, "device configuration capability: length %llu, "
			       "expected %u or more", (unsigned long long)caps->device.length,
			       VVU_CONFIG_SIZE_DRAFT);
		return -ENOTSUP;
	}
	ret = vhr_virtio_config_read(&vvu->virtio, 0, config,
				     ours ? VVU_CONFIG_SIZE : VVU_CONFIG_SIZE_DRAFT);
	if (ret < 0) {
		vvu->reason = vvu->virtio.reason;
		return ret;
	}
	queues = vhr_le32_get(config + VVU_CONFIG_MAX_VHOST_QUEUES);
	if (queues == 0 || queues == UINT32_MAX) {
		vhu_reason_set(&vvu->reason, "max_vhost_queues: 0x%x", queues);
		return -ENOTSUP;
	}
	vvu->device_queues = queues;
	if (queues > VHU_MAX_VRINGS)
		queues = VHU_MAX_VRINGS;
	if (queues > doorbells_shown(caps))
		queues = (uint32_t)doorbells_shown(caps);
	vvu->max_vhost_queues = queues;
	memcpy(vvu->uuid, config + VVU_CONFIG_UUID, sizeof(vvu->uuid));

	size = vhr_le32_get(config + VVU_CONFIG_MAX_MESSAGE_SIZE);
	vvu->has_epoch = ours && size >= MESSAGE_SIZE_MIN && size <= MESSAGE_SIZE_MAX;
	vvu->max_message_size = vvu->has_epoch ? size : VHU_MAX_MESSAGE;
	return 0;
}

/*
 * Config and queue vectors. A device that has no resources for one is asked for the
 * shared vector 0, and then does without: the reader polls.
 */
static int
create_queue(struct vhr_vvu *vvu, uint16_t index, bool to_driver, unsigned int buffers,
	     size_t buffer_size, uint16_t *vector)
{
	int ret;

	for (;;) {
		ret = vhr_virtqueue_create(&vvu->virtio, index, to_driver, buffers, buffer_size,
					   *vector);
		if (ret != -EBUSY || *vector == VVU_NO_VECTOR)
			return ret;
		*vector = *vector != 0 ? vvu->config_vector : VVU_NO_VECTOR;
	}
}

static int
create_queues(struct vhr_vvu *vvu, unsigned int rings)
{
	size_t buffer_size = vvu->max_message_size > VHU_MAX_MESSAGE ? vvu->max_message_size :
			     VHU_MAX_MESSAGE;
	int ret;

	if (rings == 0 || rings > vvu->max_vhost_queues)
		rings = vvu->max_vhost_queues;
	/* Interrupts are a convenience: without them everything is polled. */
	if (vhr_virtio_irq_enable(&vvu->virtio, 3 + rings) < 0)
		vvu->reason = vvu->virtio.reason;
	vhr_vvu_plan_vectors(vvu);
	if (vvu->config_vector != VVU_NO_VECTOR &&
	    vhr_virtio_config_vector(&vvu->virtio, vvu->config_vector) < 0)
		vvu->config_vector = VVU_NO_VECTOR;
	ret = create_queue(vvu, VVU_RXQ, true, RXQ_BUFFERS, buffer_size, &vvu->rxq_vector);
	if (ret == 0)
		ret = create_queue(vvu, VVU_TXQ, false, TXQ_BUFFERS, buffer_size,
				   &vvu->txq_vector);
	if (ret == 0)
		ret = vhr_virtio_driver_ok(&vvu->virtio);
	if (ret < 0)
		vvu->reason = vvu->virtio.reason;
	return ret;
}

int
vhr_vvu_open(struct vhr_vvu *vvu, struct vhr_bus *bus, uint32_t virtio_id, unsigned int rings)
{
	int ret;

	memset(vvu, 0, sizeof(*vvu));
	vvu->config_vector = VVU_NO_VECTOR;
	vvu->rxq_vector = VVU_NO_VECTOR;
	vvu->txq_vector = VVU_NO_VECTOR;
	ret = check_identity(vvu, bus, virtio_id);
	if (ret < 0)
		return ret;
	ret = vhr_virtio_start(&vvu->virtio, bus, 0);
	if (ret < 0) {
		vvu->reason = vvu->virtio.reason;
	} else {
		ret = check_resources(vvu);
		if (ret == 0)
			ret = read_config(vvu);
		if (ret == 0)
			ret = create_queues(vvu, rings);
	}
	if (ret < 0)
		vhr_vvu_close(vvu);
	return ret;
}

void
vhr_vvu_close(struct vhr_vvu *vvu)
{
	vhr_virtio_stop(&vvu->virtio);
	vvu->window = NULL;
	vvu->window_size = 0;
	vvu->inflight = NULL;
	vvu->inflight_size = 0;
	vvu->kick_vectors = 0;
}

int
vhr_vvu_status(struct vhr_vvu *vvu, uint32_t *status, uint32_t *epoch)
{
	uint8_t config[VVU_CONFIG_SIZE] = { 0 };
	int ret;

	/* In one read, so that the status is that of this epoch. */
	ret = vhr_virtio_config_read(&vvu->virtio, 0, config,
				     vvu->has_epoch ? VVU_CONFIG_SIZE : 4);
	if (ret < 0) {
		vvu->reason = vvu->virtio.reason;
		return -EIO;
	}
	*status = vhr_le32_get(config + VVU_CONFIG_STATUS);
	*epoch = vhr_le32_get(config + VVU_CONFIG_EPOCH);
	return 0;
}

int
vhr_vvu_backend_up(struct vhr_vvu *vvu, bool up)
{
	uint32_t status = htole32(up ? VVU_STATUS_BACKEND_UP : 0);

	if (vhr_virtio_config_write(&vvu->virtio, VVU_CONFIG_STATUS, &status, sizeof(status)) < 0) {
		vvu->reason = vvu->virtio.reason;
		return -EIO;
	}
	return 0;
}

int
vhr_vvu_receive(struct vhr_vvu *vvu, struct vhu_msg *msg, enum vhu_space *space)
{
	uint8_t buf[VHU_MAX_MESSAGE];
	bool reply;
	int ret;

	if (vvu->virtio.bus == NULL)
		return -EIO;
	ret = vhr_virtqueue_receive(vvu->virtio.queue[VVU_RXQ], buf, sizeof(buf));
	if (ret <= 0) {
		if (ret < 0)
			vvu->reason = vvu->virtio.reason;
		return ret == -EPROTO ? -EIO : ret;
	}
	if ((size_t)ret < VHU_HEADER_SIZE) {
		vhu_reason_set(&vvu->reason, "message of %d bytes is shorter than its header", ret);
		return -EBADMSG;
	}
	/* A reply on rxq is to a request of ours; everything else is a frontend's request. */
	reply = (vhr_le32_get(buf + offsetof(struct vhu_header, flags)) & VHU_FLAG_REPLY) != 0;
	*space = reply ? VHU_SPACE_BACKEND : VHU_SPACE_FRONTEND;
	ret = vhu_decode(VHU_ORDER_LE, *space, reply, buf, (size_t)ret, msg, &vvu->reason);
	return ret < 0 ? ret : 1;
}

int
vhr_vvu_send(struct vhr_vvu *vvu, enum vhu_space space, const struct vhu_msg *msg)
{
	bool reply = (msg->hdr.flags & VHU_FLAG_REPLY) != 0;
	uint8_t buf[VHU_MAX_MESSAGE];
	int ret;

	if (vvu->virtio.bus == NULL)
		return -EIO;
	if (reply != (space == VHU_SPACE_FRONTEND)) {
		vhu_reason_set(&vvu->reason, "%s: flags 0x%x: on txq a reply answers the frontend, "
			       "a request is the backend's",
			       vhu_message_name(space, msg->hdr.request), msg->hdr.flags);
		return -EINVAL;
	}
	ret = vhu_encode(VHU_ORDER_LE, space, msg, buf, sizeof(buf), &vvu->reason);
	if (ret < 0)
		return ret;
	if ((uint32_t)ret > vvu->max_message_size) {
		vhu_reason_set(&vvu->reason, "%s: %d bytes, max_message_size is %u",
			       vhu_message_name(space, msg->hdr.request), ret,
			       vvu->max_message_size);
		return -EMSGSIZE;
	}
	ret = vhr_virtqueue_send(vvu->virtio.queue[VVU_TXQ], buf, (size_t)ret);
	if (ret < 0 && ret != -EAGAIN)
		vvu->reason = vvu->virtio.reason;
	return ret == -EPROTO ? -EIO : ret;
}
