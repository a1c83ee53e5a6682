/* SPDX-License-Identifier: BSD-3-Clause */
/* Ownership and resets that a frontend asks for. */
#include "internal.h"

void
vhr_device_reset(struct vhr_session *s)
{
	vhr_rings_reset(s, false);
	s->device_status = 0;
	if (s->ops.reset != NULL)
		s->ops.reset(s->priv);
}

/*
 * Ownership, features and the memory table stay (vhost-user, RESET_DEVICE).
 */
enum vhr_verdict
vhr_reset_device(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	vhr_device_reset(s);
	return VHR_DONE;
}

enum vhr_verdict
vhr_set_owner(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	/* The connection is the ownership. */
	return VHR_DONE;
}

enum vhr_verdict
vhr_reset_owner(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	/* Deprecated, with several meanings in use; the text says to ignore it. */
	return VHR_DONE;
}
