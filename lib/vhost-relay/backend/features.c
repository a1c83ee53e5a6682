/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtio and protocol features of one connection. */
#include <inttypes.h>

#include "internal.h"

/* Without shared memory 3 there is no place for an inflight area. */
static uint64_t
protocol_offered(const struct vhr_session *s)
{
	uint64_t features = s->protocol_offered;

	return s->vvu.inflight != NULL ? features : features & ~BIT(VHU_PROTOCOL_F_INFLIGHT_SHMFD);
}

enum vhr_verdict
vhr_get_features(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	vhu_reply_init(reply, request, sizeof(reply->u64));
	reply->u64 = s->features_offered;
	return VHR_DONE;
}

enum vhr_verdict
vhr_set_features(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	uint64_t features = request->u64;
	unsigned int i;

	if (features & ~s->features_offered) {
		vhu_reason_set(&s->reason,
			       "SET_FEATURES: 0x%" PRIx64 ": bits 0x%" PRIx64 " were not offered",
			       features, features & ~s->features_offered);
		return VHR_ILLEGAL;
	}
	if (!(features & BIT(VHU_VIRTIO_F_VERSION_1))) {
		vhu_reason_set(&s->reason,
			       "SET_FEATURES: 0x%" PRIx64 ": without VIRTIO_F_VERSION_1 (bit 32); "
			       "a legacy frontend is not served", features);
		return VHR_ILLEGAL;
	}
	if (s->features_set && features != s->features) {
		unsigned int started = vhr_rings_started(s);

		if (started != 0) {
			vhu_reason_set(&s->reason,
				       "SET_FEATURES: 0x%" PRIx64 " after 0x%" PRIx64
				       " while %u rings run", features, s->features, started);
			return VHR_FAILED;
		}
	}
	if ((!s->features_set || features != s->features) && s->ops.set_features != NULL &&
	    s->ops.set_features(s->priv, features) != 0) {
		vhu_reason_set(&s->reason, "SET_FEATURES: 0x%" PRIx64 ": refused by the device",
			       features);
		return VHR_FAILED;
	}
	s->features = features;
	s->features_set = true;
	for (i = 0; i < s->num_rings; i++) {
		/* Sizes and addresses may have come before the format was known. */
		if (!vhr_ring_check_format(s, &s->slot[i]))
			return VHR_ILLEGAL;
	}
	vhr_rings_update_features(s);
	return VHR_DONE;
}

enum vhr_verdict
vhr_get_protocol_features(struct vhr_session *s, const struct vhu_msg *request,
			  struct vhu_msg *reply)
{
	vhu_reply_init(reply, request, sizeof(reply->u64));
	reply->u64 = protocol_offered(s);
	return VHR_DONE;
}

enum vhr_verdict
vhr_set_protocol_features(struct vhr_session *s, const struct vhu_msg *request,
			  struct vhu_msg *reply)
{
	uint64_t features = request->u64;

	if (features & ~protocol_offered(s)) {
		vhu_reason_set(&s->reason,
			       "SET_PROTOCOL_FEATURES: 0x%" PRIx64 ": bits 0x%" PRIx64
			       " were not offered", features, features & ~protocol_offered(s));
		return VHR_ILLEGAL;
	}
	if (features != s->protocol_features && vhr_rings_started(s) != 0) {
		vhu_reason_set(&s->reason,
			       "SET_PROTOCOL_FEATURES: 0x%" PRIx64 " after 0x%" PRIx64
			       " while %u rings run", features, s->protocol_features,
			       vhr_rings_started(s));
		return VHR_FAILED;
	}
	s->protocol_features = features;
	/* GPA_ADDRESSES gives addresses that were sent before another meaning. */
	vhr_rings_update_translation(s);
	return VHR_DONE;
}
