/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Common configuration (virtio 1.3, 4.1.4.3): features, status, queues, vectors.
 */
#ifndef VVU_EMBEDDED_COMMON_CFG_H
#define VVU_EMBEDDED_COMMON_CFG_H

#include <stdint.h>

#include "virtq.h"
#include "vvu-device/layout.h"

#define EMB_STATUS_ACKNOWLEDGE	0x01u
#define EMB_STATUS_DRIVER	0x02u
#define EMB_STATUS_DRIVER_OK	0x04u
#define EMB_STATUS_FEATURES_OK	0x08u
#define EMB_STATUS_NEEDS_RESET	0x40u
#define EMB_STATUS_FAILED	0x80u

/* What a write asks for besides storing the value */
#define EMB_COMMON_RESET	0x1u	/* device_status was written 0 */
#define EMB_COMMON_DRIVER_OK	0x2u	/* DRIVER_OK was set */
#define EMB_COMMON_BROKEN	0x4u	/* a queue was enabled that cannot work: @reason */

struct emb_common {
	uint64_t offered;		/* feature bits */
	uint64_t driver_features;
	uint32_t device_feature_select;
	uint32_t driver_feature_select;
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t status;
	uint8_t generation;
	unsigned int vectors;
	struct emb_virtq *virtq;	/* VVU_NUM_VIRTQUEUES */
};

void emb_common_init(struct emb_common *common, struct emb_virtq *virtq, unsigned int vectors);
/* Device reset: all registers but config_generation, and the queues. */
void emb_common_reset(struct emb_common *common);

/* [offset, offset + width) is inside the structure; width 1, 2, 4 or 8. */
uint64_t emb_common_read(const struct emb_common *common, unsigned int offset,
			 unsigned int width);
/*
 * A field takes writes of its own width; a 64-bit one also of each half. Others are
 * ignored. Returns EMB_COMMON_...
 */
unsigned int emb_common_write(struct emb_common *common, unsigned int offset, unsigned int width,
			      uint64_t value, struct vhu_reason *reason);

#endif
