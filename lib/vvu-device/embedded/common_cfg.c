/* SPDX-License-Identifier: BSD-3-Clause */
#include "common_cfg.h"

#include <string.h>

#include "bar.h"
#include "bytes.h"

enum {
	DEVICE_FEATURE_SELECT = 0,
	DEVICE_FEATURE = 4,
	DRIVER_FEATURE_SELECT = 8,
	DRIVER_FEATURE = 12,
	CONFIG_MSIX_VECTOR = 16,
	NUM_QUEUES = 18,
	DEVICE_STATUS = 20,
	CONFIG_GENERATION = 21,
	QUEUE_SELECT = 22,
	QUEUE_SIZE = 24,
	QUEUE_MSIX_VECTOR = 26,
	QUEUE_ENABLE = 28,
	QUEUE_NOTIFY_OFF = 30,
	QUEUE_DESC = 32,
	QUEUE_DRIVER = 40,
	QUEUE_DEVICE = 48,
	/*
	 * queue_notif_config_data, queue_reset and the admin queue's fields follow. Their
	 * features are not offered: they read as 0 and ignore writes.
	 */
};

void emb_common_init(struct emb_common *common, struct emb_virtq *virtq, unsigned int vectors)
{
	memset(common, 0, sizeof(*common));
	common->offered = UINT64_C(1) << VHU_VIRTIO_F_VERSION_1 |
			  UINT64_C(1) << VHU_VIRTIO_F_ACCESS_PLATFORM;
	common->virtq = virtq;
	common->vectors = vectors;
	emb_common_reset(common);
}

void emb_common_reset(struct emb_common *common)
{
	common->driver_features = 0;
	common->device_feature_select = 0;
	common->driver_feature_select = 0;
	common->config_vector = VVU_NO_VECTOR;
	common->queue_select = 0;
	common->status = 0;
	for (unsigned int i = 0; i < VVU_NUM_VIRTQUEUES; i++)
		emb_virtq_reset(&common->virtq[i]);
}

/* Feature bits are seen through a 32-bit window; beyond bit 63 there are none. */
static uint32_t feature_word(uint64_t features, uint32_t select)
{
	return select < 2 ? (uint32_t)(features >> (32 * select)) : 0;
}

static struct emb_virtq *selected(const struct emb_common *common)
{
	if (common->queue_select >= VVU_NUM_VIRTQUEUES)
		return NULL;
	return &common->virtq[common->queue_select];
}

uint64_t emb_common_read(const struct emb_common *common, unsigned int offset, unsigned int width)
{
	const struct emb_virtq *virtq = selected(common);
	uint8_t image[EMB_COMMON_SIZE] = { 0 };

	emb_put_le(&image[DEVICE_FEATURE_SELECT], 4, common->device_feature_select);
	emb_put_le(&image[DEVICE_FEATURE], 4,
		   feature_word(common->offered, common->device_feature_select));
	emb_put_le(&image[DRIVER_FEATURE_SELECT], 4, common->driver_feature_select);
	emb_put_le(&image[DRIVER_FEATURE], 4,
		   feature_word(common->driver_features, common->driver_feature_select));
	emb_put_le(&image[CONFIG_MSIX_VECTOR], 2, common->config_vector);
	emb_put_le(&image[NUM_QUEUES], 2, VVU_NUM_VIRTQUEUES);
	image[DEVICE_STATUS] = common->status;
	image[CONFIG_GENERATION] = common->generation;
	emb_put_le(&image[QUEUE_SELECT], 2, common->queue_select);
	if (virtq != NULL) {
		emb_put_le(&image[QUEUE_SIZE], 2, virtq->size);
		emb_put_le(&image[QUEUE_MSIX_VECTOR], 2, virtq->vector);
		emb_put_le(&image[QUEUE_ENABLE], 2, virtq->enabled);
		emb_put_le(&image[QUEUE_NOTIFY_OFF], 2, common->queue_select);
		emb_put_le(&image[QUEUE_DESC], 8, virtq->desc);
		emb_put_le(&image[QUEUE_DRIVER], 8, virtq->avail);
		emb_put_le(&image[QUEUE_DEVICE], 8, virtq->used);
	} else {
		/* A queue that does not exist has size 0 (virtio 1.3, 4.1.5.1.3). */
		emb_put_le(&image[QUEUE_MSIX_VECTOR], 2, VVU_NO_VECTOR);
	}
	return emb_get_le(&image[offset], width);
}

static uint16_t vector_or_none(const struct emb_common *common, uint64_t vector)
{
	return vector < common->vectors ? (uint16_t)vector : VVU_NO_VECTOR;
}

static void write_driver_feature(struct emb_common *common, uint32_t value)
{
	unsigned int shift = 32 * common->driver_feature_select;

	/* Features are settled with FEATURES_OK (virtio 1.3, 3.1.1). */
	if (common->driver_feature_select > 1 || (common->status & EMB_STATUS_FEATURES_OK))
		return;
	common->driver_features &= ~(UINT64_C(0xffffffff) << shift);
	common->driver_features |= (uint64_t)value << shift;
}

static unsigned int write_status(struct emb_common *common, uint8_t value)
{
	uint8_t set;

	if (value == 0)
		return EMB_COMMON_RESET;
	/* A driver never clears a bit but by reset (virtio 1.3, 2.1.1). */
	set = value & ~common->status &
	      (EMB_STATUS_ACKNOWLEDGE | EMB_STATUS_DRIVER | EMB_STATUS_DRIVER_OK |
	       EMB_STATUS_FEATURES_OK | EMB_STATUS_FAILED);
	if ((set & EMB_STATUS_FEATURES_OK) &&
	    ((common->driver_features & ~common->offered) ||
	     !(common->driver_features & UINT64_C(1) << VHU_VIRTIO_F_VERSION_1)))
		set &= ~EMB_STATUS_FEATURES_OK;
	/* No buffer is used before the features are agreed. */
	if (!((common->status | set) & EMB_STATUS_FEATURES_OK))
		set &= ~EMB_STATUS_DRIVER_OK;
	common->status |= set;
	return set & EMB_STATUS_DRIVER_OK ? EMB_COMMON_DRIVER_OK : 0;
}

/* Store a half, or all, of a 64-bit address. */
static void write_address(uint64_t *address, unsigned int at, unsigned int width, uint64_t value)
{
	if (width == 8)
		*address = value;
	else if (at == 0)
		*address = (*address & ~UINT64_C(0xffffffff)) | (uint32_t)value;
	else
		*address = (*address & UINT64_C(0xffffffff)) | value << 32;
}

static unsigned int write_queue(struct emb_common *common, unsigned int offset, unsigned int width,
				uint64_t value, struct vhu_reason *reason)
{
	struct emb_virtq *virtq = selected(common);
	bool word = width == 4 || width == 8;

	if (virtq == NULL)
		return 0;
	if (offset == QUEUE_MSIX_VECTOR && width == 2) {
		virtq->vector = vector_or_none(common, value);
		return 0;
	}
	/* The rest belongs to the driver until it enables the queue. */
	if (virtq->enabled)
		return 0;
	if (offset == QUEUE_SIZE && width == 2) {
		if (value != 0 && value <= EMB_VIRTQ_SIZE && (value & (value - 1)) == 0)
			virtq->size = (uint16_t)value;
	} else if (offset == QUEUE_ENABLE && width == 2 && value == 1) {
		if (emb_virtq_enable(virtq, reason) < 0)
			return EMB_COMMON_BROKEN;
	} else if (word && offset >= QUEUE_DESC && offset + width <= QUEUE_DESC + 8) {
		write_address(&virtq->desc, offset - QUEUE_DESC, width, value);
	} else if (word && offset >= QUEUE_DRIVER && offset + width <= QUEUE_DRIVER + 8) {
		write_address(&virtq->avail, offset - QUEUE_DRIVER, width, value);
	} else if (word && offset >= QUEUE_DEVICE && offset + width <= QUEUE_DEVICE + 8) {
		write_address(&virtq->used, offset - QUEUE_DEVICE, width, value);
	}
	return 0;
}

unsigned int emb_common_write(struct emb_common *common, unsigned int offset, unsigned int width,
			      uint64_t value, struct vhu_reason *reason)
{
	if (offset % width)
		return 0;
	if (offset == DEVICE_FEATURE_SELECT && width == 4)
		common->device_feature_select = (uint32_t)value;
	else if (offset == DRIVER_FEATURE_SELECT && width == 4)
		common->driver_feature_select = (uint32_t)value;
	else if (offset == DRIVER_FEATURE && width == 4)
		write_driver_feature(common, (uint32_t)value);
	else if (offset == CONFIG_MSIX_VECTOR && width == 2)
		common->config_vector = vector_or_none(common, value);
	else if (offset == DEVICE_STATUS && width == 1)
		return write_status(common, (uint8_t)value);
	else if (offset == QUEUE_SELECT && width == 2)
		common->queue_select = (uint16_t)value;
	else if (offset >= QUEUE_SIZE)
		return write_queue(common, offset, width, value, reason);
	return 0;
}
