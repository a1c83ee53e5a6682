/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "device.h"
#include "frontend/session.h"

#define BIT(number) (1ull << (number))
/* Up to num_queues of virtio 1.3, 5.2.4; a back-end with less of it has no multiqueue. */
#define CONFIG_BYTES	36u

#define FEATURES_WANTED (BIT(VIRTIO_F_VERSION_1) | BIT(VHU_F_PROTOCOL_FEATURES) | \
			 BIT(BLK_F_SEG_MAX) | BIT(BLK_F_RO) | BIT(BLK_F_BLK_SIZE) | \
			 BIT(BLK_F_FLUSH) | BIT(BLK_F_MQ))
#define PROTOCOL_WANTED (BIT(VHU_PROTOCOL_F_MQ) | BIT(VHU_PROTOCOL_F_REPLY_ACK) | \
			 BIT(VHU_PROTOCOL_F_CONFIG))

static int choose_features(struct device *device, uint64_t offered, const struct options *options,
			   struct vhu_reason *reason)
{
	uint64_t wanted = FEATURES_WANTED;

	if (options->event_idx)
		wanted |= BIT(VIRTIO_RING_F_EVENT_IDX);
	if (options->indirect)
		wanted |= BIT(VIRTIO_RING_F_INDIRECT_DESC);
	if (options->packed)
		wanted |= BIT(VIRTIO_F_RING_PACKED);
	device->features = offered & wanted;
	if (!device_has(device, VHU_F_PROTOCOL_FEATURES))
		vhu_reason_set(reason, "it offers no protocol features (%#llx)",
			       (unsigned long long)offered);
	else if (!device_has(device, VIRTIO_F_VERSION_1))
		vhu_reason_set(reason, "it does not offer VERSION_1 (%#llx)",
			       (unsigned long long)offered);
	else if (options->packed && !device_has(device, VIRTIO_F_RING_PACKED))
		vhu_reason_set(reason, "it offers no packed rings (%#llx)",
			       (unsigned long long)offered);
	else if (options->flush_every && !device_has(device, BLK_F_FLUSH))
		vhu_reason_set(reason, "it offers no flush (%#llx)", (unsigned long long)offered);
	else if (options_writes(options) && device_has(device, BLK_F_RO))
		vhu_reason_set(reason, "it is read-only (%#llx)", (unsigned long long)offered);
	else
		return 0;
	return -EOPNOTSUPP;
}

/* As QEMU's frontend goes about it; features come first, and all else may follow. */
static int negotiate(struct device *device, const struct options *options,
		     struct vhu_reason *reason)
{
	uint64_t offered, queues = 1;
	struct vhu_msg msg;
	int ret;

	ret = session_get_u64(&device->control, VHU_GET_FEATURES, &offered, reason);
	if (!ret)
		ret = choose_features(device, offered, options, reason);
	if (!ret)
		ret = session_get_u64(&device->control, VHU_GET_PROTOCOL_FEATURES, &offered,
				      reason);
	if (ret)
		return ret;
	device->protocol_features = offered & PROTOCOL_WANTED;
	if (!(device->protocol_features & BIT(VHU_PROTOCOL_F_CONFIG))) {
		vhu_reason_set(reason, "it offers no configuration space (%#llx)",
			       (unsigned long long)offered);
		return -EOPNOTSUPP;
	}
	ret = session_set_u64(&device->control, VHU_SET_PROTOCOL_FEATURES,
			      device->protocol_features, -1, reason);
	if (ret)
		return ret;
	device->control.ack = device->protocol_features & BIT(VHU_PROTOCOL_F_REPLY_ACK);
	if (device->protocol_features & BIT(VHU_PROTOCOL_F_MQ))
		ret = session_get_u64(&device->control, VHU_GET_QUEUE_NUM, &queues, reason);
	if (ret)
		return ret;
	if (options->queues > queues) {
		vhu_reason_set(reason, "it has %llu queues, and --queues asks for %llu",
			       (unsigned long long)queues, (unsigned long long)options->queues);
		return -EOPNOTSUPP;
	}
	control_init(&msg, VHU_SET_OWNER, 0);
	ret = control_command(&device->control, &msg, -1, reason);
	return ret ? ret :
		     session_set_u64(&device->control, VHU_SET_FEATURES, device->features, -1,
				     reason);
}

static uint32_t le32_at(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

/* virtio 1.3, 5.2.4 */
static int read_config(struct device *device, unsigned int *segments_max,
		       struct vhu_reason *reason)
{
	struct vhu_msg msg;
	uint64_t sectors;
	int ret;

	control_init(&msg, VHU_GET_CONFIG, VHU_CONFIG_HEADER_SIZE + CONFIG_BYTES);
	msg.config.size = CONFIG_BYTES;
	ret = control_query(&device->control, &msg, reason);
	if (ret)
		return ret;
	if (msg.hdr.size != VHU_CONFIG_HEADER_SIZE + CONFIG_BYTES ||
	    msg.config.size != CONFIG_BYTES) {
		vhu_reason_set(reason, "GET_CONFIG: refused");
		return -EREMOTEIO;
	}
	sectors = le32_at(msg.config.data) | (uint64_t)le32_at(msg.config.data + 4) << 32;
	device->block_bytes = device_has(device, BLK_F_BLK_SIZE) ? le32_at(msg.config.data + 20) :
			      SECTOR_BYTES;
	*segments_max = device_has(device, BLK_F_SEG_MAX) ? le32_at(msg.config.data + 12) :
			SEGMENTS_MAX;
	if (*segments_max > SEGMENTS_MAX)
		*segments_max = SEGMENTS_MAX;
	if (sectors > UINT64_MAX / SECTOR_BYTES || device->block_bytes < SECTOR_BYTES ||
	    (device->block_bytes & (device->block_bytes - 1))) {
		vhu_reason_set(reason, "a disk of %llu sectors with blocks of %u bytes",
			       (unsigned long long)sectors, device->block_bytes);
		return -EPROTO;
	}
	device->capacity_bytes = sectors * SECTOR_BYTES;
	return 0;
}

/* Is the region on the disk, and what requests are like possible there? */
static int check_region(struct device *device, unsigned int segments_max,
			const struct options *options, struct vhu_reason *reason)
{
	uint64_t size = options->size_bytes, bs = options->block_bytes;

	device->segments = 1;
	if (options->segment_bytes)
		device->segments = (unsigned int)((bs + options->segment_bytes - 1) /
						  options->segment_bytes);
	if (options->offset_bytes >= device->capacity_bytes ||
	    size > device->capacity_bytes - options->offset_bytes) {
		vhu_reason_set(reason, "the region is not on the disk of %llu bytes",
			       (unsigned long long)device->capacity_bytes);
		return -EINVAL;
	}
	if (!size)
		size = device->capacity_bytes - options->offset_bytes;
	device->first = options->offset_bytes / bs;
	device->blocks = size / bs;
	if (bs % device->block_bytes ||
	    (options->segment_bytes && options->segment_bytes % device->block_bytes)) {
		vhu_reason_set(reason, "its blocks have %u bytes: --bs and --segment do not fit",
			       device->block_bytes);
		return -EINVAL;
	}
	if (device->segments > segments_max) {
		vhu_reason_set(reason, "%u pieces in a request, and the limit is %u",
			       device->segments, segments_max);
		return -EINVAL;
	}
	if (device->blocks < options->queues) {
		vhu_reason_set(reason, "a region of %llu requests is too small",
			       (unsigned long long)device->blocks);
		return -EINVAL;
	}
	return 0;
}

int device_open(struct device *device, const char *path, const struct options *options,
		struct vhu_reason *reason)
{
	unsigned int segments_max;
	int ret;

	*device = (struct device){ .path = path, .area = { .fd = -1 }, .err_fd = -1 };
	ret = control_connect(&device->control, path, options->timeout_ns, reason);
	if (!ret)
		ret = negotiate(device, options, reason);
	if (!ret)
		ret = read_config(device, &segments_max, reason);
	if (!ret)
		ret = check_region(device, segments_max, options, reason);
	return ret;
}

static int start_ring(struct device *device, const struct device_ring *ring, unsigned int index,
		      struct vhu_reason *reason)
{
	struct session_ring start = {
		.index = index,
		.size = ring->vq->config.size,
		.base = ring->vq->ops->first_base,
		.kick_fd = ring->kick_fd,
		.call_fd = ring->call_fd,
		.err_fd = device->err_fd,
	};

	ring->vq->ops->address(ring->vq, &start.address);
	return session_start_ring(&device->control, &start, reason);
}

int device_start(struct device *device, const struct device_ring *ring, unsigned int num,
		 struct vhu_reason *reason)
{
	uint64_t features;
	int ret;

	device->err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (device->err_fd < 0) {
		ret = -errno;
		vhu_reason_set(reason, "eventfd(): %s", strerror(errno));
		return ret;
	}
	ret = session_share(&device->control, &device->area, reason);
	for (unsigned int i = 0; i < num && !ret; i++)
		ret = start_ring(device, &ring[i], i, reason);
	/* Without acknowledgements this answer says that all before it was handled. */
	if (!ret && !device->control.ack)
		ret = session_get_u64(&device->control, VHU_GET_FEATURES, &features, reason);
	return ret;
}

int device_stop(struct device *device, const struct device_ring *ring, unsigned int num,
		struct vhu_reason *reason)
{
	struct vhu_msg msg;
	uint32_t base;
	int ret = 0;

	for (unsigned int i = 0; i < num && !ret; i++)
		ret = session_set_state(&device->control, VHU_SET_VRING_ENABLE, i, 0, reason);
	for (unsigned int i = 0; i < num && !ret; i++) {
		control_init(&msg, VHU_GET_VRING_BASE, sizeof(msg.state));
		msg.state.index = i;
		ret = control_query(&device->control, &msg, reason);
		base = ring[i].vq->ops->base(ring[i].vq);
		if (!ret && (msg.state.index != i || msg.state.num != base)) {
			vhu_reason_set(reason, "GET_VRING_BASE: ring %u at %#x, it was given %u "
				       "and %#x", msg.state.index, msg.state.num, i, base);
			ret = -EPROTO;
		}
	}
	return ret;
}

void device_close(struct device *device)
{
	control_close(&device->control);
	if (device->err_fd >= 0)
		close(device->err_fd);
	device->err_fd = -1;
	area_destroy(&device->area);
}
