/* SPDX-License-Identifier: BSD-3-Clause */
#include "negotiation.h"

#include <errno.h>

uint64_t vvu_features_allowed(uint64_t mask)
{
	uint64_t passed = vhu_protocol_features_passed();

	return mask != 0 ? passed & mask : passed;
}

void vvu_features_clear(struct vvu_negotiation *neg)
{
	*neg = (struct vvu_negotiation){ .allowed = neg->allowed };
}

uint64_t vvu_features_offer(struct vvu_negotiation *neg, uint64_t features)
{
	uint64_t iotlb_needs = VVU_BIT(VHU_PROTOCOL_F_REPLY_ACK) |
			       VVU_BIT(VHU_PROTOCOL_F_BACKEND_REQ);

	/* A frontend may refuse a back-end that offers an IOTLB without its two helpers. */
	if ((neg->allowed & iotlb_needs) != iotlb_needs)
		features &= ~VVU_BIT(VHU_VIRTIO_F_ACCESS_PLATFORM);
	neg->offered = features;
	return features;
}

uint64_t vvu_features_offer_protocol(struct vvu_negotiation *neg, uint64_t features)
{
	neg->protocol_driver = features & neg->allowed;
	return neg->protocol_driver;
}

int vvu_features_ack(struct vvu_negotiation *neg, uint64_t features, struct vhu_reason *reason)
{
	uint64_t extra = features & ~neg->offered;

	if (!(features & VVU_BIT(VHU_VIRTIO_F_VERSION_1))) {
		vhu_reason_set(reason, "SET_FEATURES: features 0x%llx lack VERSION_1 (bit %d), a "
				       "legacy frontend is not served",
			       (unsigned long long)features,
			       VHU_VIRTIO_F_VERSION_1);
		return -EPROTO;
	}
	if (extra != 0) {
		vhu_reason_set(reason, "SET_FEATURES: features 0x%llx have bits 0x%llx that were "
				       "not offered",
			       (unsigned long long)features,
			       (unsigned long long)extra);
		return -EPROTO;
	}
	neg->acked = features;
	return 0;
}

int vvu_features_ack_protocol(struct vvu_negotiation *neg, uint64_t features, uint64_t *to_driver,
			      struct vhu_reason *reason)
{
	uint64_t extra = features & ~neg->protocol_driver;

	if (extra != 0) {
		const struct vhu_protocol_feature_info *first =
			vhu_protocol_feature_info((unsigned int)__builtin_ctzll(extra));

		vhu_reason_set(reason, "SET_PROTOCOL_FEATURES: features 0x%llx have bits 0x%llx "
				       "that were not offered, %s first",
			       (unsigned long long)features,
			       (unsigned long long)extra, first != NULL ? first->name : "unknown");
		return -EPROTO;
	}
	neg->protocol_acked = features;
	*to_driver = features | (neg->protocol_driver & VVU_BIT(VHU_PROTOCOL_F_REPLY_ACK));
	neg->driver_reply_ack = (*to_driver & VVU_BIT(VHU_PROTOCOL_F_REPLY_ACK)) != 0;
	return 0;
}

int vvu_features_gate(const struct vvu_negotiation *neg, const struct vhu_message_info *info,
		      struct vhu_reason *reason)
{
	const struct vhu_protocol_feature_info *feature;

	switch (info->gate) {
	case VHU_GATE_NONE:
		return 0;
	case VHU_GATE_PROTOCOL_FEATURES:
		if (neg->offered & VVU_BIT(VHU_F_PROTOCOL_FEATURES))
			return 0;
		vhu_reason_set(reason, "%s: virtio feature bit %d (PROTOCOL_FEATURES) was not "
				       "offered",
			       info->name, VHU_F_PROTOCOL_FEATURES);
		return -EPROTO;
	case VHU_GATE_ACCESS_PLATFORM:
		if (neg->acked & VVU_BIT(VHU_VIRTIO_F_ACCESS_PLATFORM))
			return 0;
		vhu_reason_set(reason, "%s: virtio feature bit %d (ACCESS_PLATFORM) was not "
				       "negotiated",
			       info->name, VHU_VIRTIO_F_ACCESS_PLATFORM);
		return -EPROTO;
	default:
		if (info->gate < 64 && (neg->protocol_acked & VVU_BIT(info->gate)))
			return 0;
		feature = vhu_protocol_feature_info(info->gate);
		vhu_reason_set(reason, "%s: protocol feature bit %u (%s) was not negotiated",
			       info->name, info->gate, feature ? feature->name : "unknown");
		return -EPROTO;
	}
}

bool vvu_features_reply_ack(const struct vvu_negotiation *neg)
{
	return (neg->protocol_acked & VVU_BIT(VHU_PROTOCOL_F_REPLY_ACK)) != 0;
}
