/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages that only a network device gets. */
#include <inttypes.h>

#include "internal.h"

/* Range of the MTU field of a network device (virtio 1.3, 5.1.4.1). */
#define MTU_MIN 68u
#define MTU_MAX 65535u

enum vhr_verdict
vhr_net_set_mtu(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	if (request->u64 < MTU_MIN || request->u64 > MTU_MAX) {
		vhu_reason_set(&s->reason, "NET_SET_MTU: %" PRIu64 ", expected %u to %u",
			       request->u64, MTU_MIN, MTU_MAX);
		return VHR_ILLEGAL;
	}
	if (s->ops.set_mtu(s->priv, (uint16_t)request->u64) == 0)
		return VHR_DONE;
	vhu_reason_set(&s->reason, "NET_SET_MTU: %" PRIu64 ": refused by the device",
		       request->u64);
	return VHR_FAILED;
}

enum vhr_verdict
vhr_send_rarp(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	const uint8_t *mac = request->mac;

	if (s->ops.send_rarp(s->priv, mac) == 0)
		return VHR_DONE;
	vhu_reason_set(&s->reason,
		       "SEND_RARP: %02x:%02x:%02x:%02x:%02x:%02x: refused by the device", mac[0],
		       mac[1], mac[2], mac[3], mac[4], mac[5]);
	return VHR_FAILED;
}
