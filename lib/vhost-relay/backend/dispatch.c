/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One message: may it come now, who handles it, what is answered. All but the handlers
 * comes from the message table. The codec has checked header, sizes and counts.
 */
#include <errno.h>

#include "internal.h"

#define HANDLER(name, handler) [VHU_##name] = vhr_##handler,
static vhr_handler *const handlers[] = { VHR_HANDLERS(HANDLER) };
#undef HANDLER

#define NUM_HANDLERS (sizeof(handlers) / sizeof(handlers[0]))

static bool
gate_open(struct vhr_session *s, const struct vhu_message_info *info)
{
	const struct vhu_protocol_feature_info *feature;

	switch (info->gate) {
	case VHU_GATE_NONE:
		return true;
	case VHU_GATE_PROTOCOL_FEATURES:
		/* Bit 30 is always offered. */
		return true;
	case VHU_GATE_ACCESS_PLATFORM:
		vhu_reason_set(&s->reason, "%s: ACCESS_PLATFORM (feature bit 33) was not offered",
			       info->name);
		return false;
	default:
		if (s->protocol_features & BIT(info->gate))
			return true;
		feature = vhu_protocol_feature_info(info->gate);
		vhu_reason_set(&s->reason, "%s: protocol feature %s (bit %u) was not negotiated",
			       info->name, feature != NULL ? feature->name : "unknown", info->gate);
		return false;
	}
}

static enum vhr_verdict
handle(struct vhr_session *s, enum vhu_space space, const struct vhu_message_info *info,
       const struct vhu_msg *request, struct vhu_msg *reply)
{
	if (space != VHU_SPACE_FRONTEND) {
		/* None of our requests asks for an answer. */
		vhu_reason_set(&s->reason, "%s: reply that nobody waits for", info->name);
		return VHR_ILLEGAL;
	}
	if (info->action == VHU_DO_REFUSE) {
		vhu_reason_set(&s->reason, "%s: refused by every virtio-vhost-user device",
			       info->name);
		return VHR_ILLEGAL;
	}
	if (!gate_open(s, info))
		return VHR_ILLEGAL;
	if (info->id >= NUM_HANDLERS || handlers[info->id] == NULL) {
		vhu_reason_set(&s->reason, "%s: not offered", info->name);
		return VHR_ILLEGAL;
	}
	return handlers[info->id](s, request, reply);
}

bool
vhr_dispatch_flush(struct vhr_session *s)
{
	int ret;

	if (!s->reply_pending)
		return true;
	ret = vhr_vvu_send(&s->vvu, VHU_SPACE_FRONTEND, &s->reply);
	if (ret == -EAGAIN)
		return false;
	s->reply_pending = false;
	if (ret == 0)
		return true;
	vhu_reason_set(&s->reason, "%s: reply cannot be sent: %s",
		       vhu_message_name(VHU_SPACE_FRONTEND, s->reply.hdr.request),
		       s->vvu.reason.text);
	if (ret == -EIO)
		vhr_device_failed(s);
	else
		vhr_connection_drop(s);
	return true;
}

/* vhost-user, "REPLY_ACK": zero is success. */
static void
answer_u64(struct vhr_session *s, const struct vhu_msg *request, uint64_t value)
{
	vhu_reply_init(&s->reply, request, sizeof(s->reply.u64));
	s->reply.u64 = value;
	s->reply_pending = true;
}

static void
conclude(struct vhr_session *s, enum vhr_verdict verdict, const struct vhu_message_info *info,
	 const struct vhu_msg *request)
{
	/*
	 * NEED_REPLY is honoured whether or not the frontend negotiated REPLY_ACK: a device
	 * sets it by itself where it has to know that a window range is let go.
	 */
	bool asked = (request->hdr.flags & VHU_FLAG_NEED_REPLY) != 0;
	bool can_refuse = asked && info->rule == VHU_REPLY_ACK &&
			  (s->protocol_features & BIT(VHU_PROTOCOL_F_REPLY_ACK));

	switch (verdict) {
	case VHR_DONE:
		if (info->rule == VHU_REPLY_ALWAYS)
			s->reply_pending = true;
		else if (asked)
			answer_u64(s, request, 0);
		return;
	case VHR_FAILED:
		if (can_refuse) {
			s->refused++;
			vhr_log(s, VHR_LOG_WARNING, "refused: %s", s->reason.text);
			answer_u64(s, request, 1);
			return;
		}
		break;
	case VHR_ILLEGAL:
		break;
	}
	s->refused++;
	vhr_connection_drop(s);
}

static void
count_time(struct vhr_session *s, uint64_t ns)
{
	unsigned int bits = 0;

	while (bits < VHR_MESSAGE_TIMES - 1 && ns >> bits != 0)
		bits++;
	s->message_times[bits]++;
	s->last_message_ns = ns;
	if (ns > s->max_message_ns)
		s->max_message_ns = ns;
}

void
vhr_dispatch(struct vhr_session *s, enum vhu_space space)
{
	const struct vhu_msg *request = &s->request;
	const struct vhu_message_info *info = vhu_message_info(space, request->hdr.request);
	uint64_t begin = vhr_now_ns();

	s->messages++;
	vhr_log_message(s, "received", space, request);
	conclude(s, handle(s, space, info, request, &s->reply), info, request);
	vhr_rings_tell(s);
	if (s->reply_pending) {
		vhr_log_message(s, "answered", VHU_SPACE_FRONTEND, &s->reply);
		vhr_dispatch_flush(s);
	}
	count_time(s, vhr_now_ns() - begin);
}
