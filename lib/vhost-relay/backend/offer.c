/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session offers: what the device asked for, if the session can carry it. */
#include <errno.h>
#include <inttypes.h>

#include "internal.h"

#define VIRTIO_F_NOTIFICATION_DATA	38
#define VIRTIO_F_SR_IOV			37
#define VIRTIO_F_ADMIN_VQ		41
#define VIRTIO_F_SUSPEND		43

static const struct {
	unsigned int bit;
	const char *why;
} not_carried[] = {
	{ VHU_F_LOG_ALL, "the session keeps no dirty log" },
	{ VHU_VIRTIO_F_ACCESS_PLATFORM, "the session keeps no IOTLB" },
	{ VHR_F_RING_PACKED, "the device has to ask for it by itself (packed)" },
	{ VIRTIO_F_SR_IOV, "it belongs to the frontend's own transport" },
	{ VIRTIO_F_NOTIFICATION_DATA, "a kick carries no data" },
	{ VIRTIO_F_ADMIN_VQ, "it belongs to the frontend's own transport" },
	{ VIRTIO_F_SUSPEND, "it belongs to the frontend's own transport" },
};

/* Protocol features whose message the device itself has to carry out. */
static uint64_t
without_callback(const struct vhr_ops *ops)
{
	uint64_t mask = 0;

	if (ops->set_mtu == NULL)
		mask |= BIT(VHU_PROTOCOL_F_MTU);
	if (ops->send_rarp == NULL)
		mask |= BIT(VHU_PROTOCOL_F_RARP);
	if (ops->get_config == NULL)
		mask |= BIT(VHU_PROTOCOL_F_CONFIG);
	return mask;
}

int
vhr_offer(const struct vhr_config *config, const struct vhr_ops *ops, uint64_t *features,
	  uint64_t *protocol_features, struct vhu_reason *reason)
{
	uint64_t without = without_callback(ops), bad;
	uint64_t inflight = config->inflight ? BIT(VHU_PROTOCOL_F_INFLIGHT_SHMFD) : 0;
	unsigned int i;

	for (i = 0; i < sizeof(not_carried) / sizeof(not_carried[0]); i++) {
		if (!(config->features & BIT(not_carried[i].bit)))
			continue;
		vhu_reason_set(reason, "features 0x%" PRIx64 ": bit %u cannot be offered: %s",
			       config->features, not_carried[i].bit, not_carried[i].why);
		return -EINVAL;
	}
	*features = config->features | BIT(VHU_VIRTIO_F_VERSION_1) | BIT(VHU_F_PROTOCOL_FEATURES);
	if (config->packed)
		*features |= BIT(VHR_F_RING_PACKED);

	if (config->protocol_features == 0) {
		*protocol_features = (VHR_PROTOCOL_FEATURES & ~without) | inflight;
		return 0;
	}
	bad = config->protocol_features & ~(VHR_PROTOCOL_FEATURES | inflight);
	if (bad != 0) {
		vhu_reason_set(reason,
			       "protocol features 0x%" PRIx64 ": bits 0x%" PRIx64
			       " are not implemented", config->protocol_features, bad);
		return -EINVAL;
	}
	bad = config->protocol_features & without;
	if (bad != 0) {
		vhu_reason_set(reason,
			       "protocol features 0x%" PRIx64 ": bits 0x%" PRIx64
			       " have no callback", config->protocol_features, bad);
		return -EINVAL;
	}
	*protocol_features = config->protocol_features | inflight;
	return 0;
}
