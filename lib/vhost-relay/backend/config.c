/* SPDX-License-Identifier: BSD-3-Clause */
/* Configuration space of the served device, and the backend channel that reports changes. */
#include <errno.h>
#include <string.h>

#include "internal.h"

static bool
flags_ok(struct vhr_session *s, const struct vhu_msg *request)
{
	if (request->config.flags <= VHU_CONFIG_MIGRATION)
		return true;
	vhu_reason_set(&s->reason, "%s: flags 0x%x, expected 0 or 1",
		       vhu_message_name(VHU_SPACE_FRONTEND, request->hdr.request),
		       request->config.flags);
	return false;
}

enum vhr_verdict
vhr_get_config(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	const struct vhu_config *asked = &request->config;

	if (!flags_ok(s, request))
		return VHR_ILLEGAL;
	vhu_reply_init(reply, request, VHU_CONFIG_HEADER_SIZE + asked->size);
	reply->config.offset = asked->offset;
	reply->config.size = asked->size;
	reply->config.flags = asked->flags;
	if (s->ops.get_config(s->priv, asked->offset, asked->size, reply->config.data) == 0)
		return VHR_DONE;
	/* vhost-user, GET_CONFIG: an empty payload says that it failed. */
	vhu_reply_init(reply, request, 0);
	s->refused++;
	vhu_reason_set(&s->reason, "GET_CONFIG: offset %u, size %u: refused by the device",
		       asked->offset, asked->size);
	vhr_log(s, VHR_LOG_WARNING, "%s", s->reason.text);
	return VHR_DONE;
}

enum vhr_verdict
vhr_set_config(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	const struct vhu_config *c = &request->config;

	if (!flags_ok(s, request))
		return VHR_ILLEGAL;
	if (s->ops.set_config != NULL &&
	    s->ops.set_config(s->priv, c->offset, c->size, c->data, c->flags) == 0)
		return VHR_DONE;
	vhu_reason_set(&s->reason,
		       "SET_CONFIG: offset %u, size %u, flags %u: refused by the device", c->offset,
		       c->size, c->flags);
	return VHR_FAILED;
}

enum vhr_verdict
vhr_set_backend_req_fd(struct vhr_session *s, const struct vhu_msg *request,
		       struct vhu_msg *reply)
{
	/* The descriptor stays with the device; txq takes requests from now on. */
	s->channel = true;
	return VHR_DONE;
}

int
vhr_config_changed(struct vhr_session *s)
{
	const uint64_t needed = BIT(VHU_PROTOCOL_F_CONFIG) | BIT(VHU_PROTOCOL_F_BACKEND_REQ);
	struct vhu_msg msg = {
		.hdr = { .request = VHU_BACKEND_CONFIG_CHANGE_MSG, .flags = VHU_VERSION },
	};

	if (s->link != VHR_LINK_CONNECTED)
		return -ENOTCONN;
	if ((s->protocol_features & needed) != needed || !s->channel)
		return -EOPNOTSUPP;
	/* vhost-user, "Suspended device state": no requests of ours while no ring is started. */
	if (vhr_rings_started(s) == 0)
		return -EAGAIN;
	/* Answers the frontend waits for come first. */
	if (s->reply_pending)
		return -EAGAIN;
	vhr_log_message(s, "sent", VHU_SPACE_BACKEND, &msg);
	return vhr_vvu_send(&s->vvu, VHU_SPACE_BACKEND, &msg);
}
