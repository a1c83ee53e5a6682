/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtio device status byte of the frontend's driver. */
#include <inttypes.h>

#include "internal.h"

#define STATUS_FEATURES_OK 8u	/* virtio 1.3, 2.1 */

enum vhr_verdict
vhr_set_status(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	uint8_t status;

	if (request->u64 > UINT8_MAX) {
		vhu_reason_set(&s->reason, "SET_STATUS: 0x%" PRIx64 ", expected 8 bits",
			       request->u64);
		return VHR_ILLEGAL;
	}
	status = (uint8_t)request->u64;
	if (status == 0) {
		vhr_device_reset(s);
		return VHR_DONE;
	}
	/* The driver reads the bit back and learns so whether its features were taken. */
	if ((status & STATUS_FEATURES_OK) && !s->features_set) {
		vhr_log(s, VHR_LOG_WARNING,
			"SET_STATUS: 0x%x: FEATURES_OK without SET_FEATURES", status);
		status &= (uint8_t)~STATUS_FEATURES_OK;
	}
	s->device_status = status;
	if (s->ops.set_status != NULL)
		s->ops.set_status(s->priv, status);
	return VHR_DONE;
}

enum vhr_verdict
vhr_get_status(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	vhu_reply_init(reply, request, sizeof(reply->u64));
	reply->u64 = s->device_status;
	return VHR_DONE;
}
