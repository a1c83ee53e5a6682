/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages about the memory table. The device has shown the new ranges in the window before
 * a message gets here and keeps the old ones until it is answered, so both may be touched
 * while the rings move over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static struct vhr_memory *
new_memory(struct vhr_session *s, const struct vhu_msg *request)
{
	struct vhr_memory *memory = malloc(sizeof(*memory));

	if (memory == NULL)
		vhu_reason_set(&s->reason, "%s: no memory for %zu bytes",
			       vhu_message_name(VHU_SPACE_FRONTEND, request->hdr.request),
			       sizeof(*memory));
	return memory;
}

/* -EINVAL is the sender's mistake; all others are a lack of room or a matter of state. */
static enum vhr_verdict
verdict_of(int error)
{
	return error == -EINVAL ? VHR_ILLEGAL : VHR_FAILED;
}

/* A table in which what was there before may be gone or elsewhere. */
static void
replace_memory(struct vhr_session *s, const struct vhr_memory *memory)
{
	if (s->ops.memory_change != NULL)
		s->ops.memory_change(s->priv, true);
	vhr_rings_set_memory(s, memory);
	if (s->ops.memory_change != NULL)
		s->ops.memory_change(s->priv, false);
}

enum vhr_verdict
vhr_set_mem_table(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	struct vhr_memory *memory = new_memory(s, request);
	int ret = -ENOMEM;

	if (memory != NULL)
		ret = vhr_memory_from_table(memory, &request->table, s->config.layout,
					    s->vvu.window, s->vvu.window_size, &s->reason);
	if (ret < 0) {
		/* The old ranges go with the answer, whatever it is. */
		free(memory);
		replace_memory(s, NULL);
		return verdict_of(ret);
	}
	replace_memory(s, memory);
	return VHR_DONE;
}

enum vhr_verdict
vhr_add_mem_reg(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	struct vhr_memory *memory = new_memory(s, request);
	int ret;

	if (memory == NULL)
		return VHR_FAILED;
	*memory = *s->memory;
	ret = vhr_memory_add(memory, &request->single.region, s->vvu.window, s->vvu.window_size,
			     &s->reason);
	if (ret < 0) {
		free(memory);
		return verdict_of(ret);
	}
	vhr_rings_set_memory(s, memory);
	return VHR_DONE;
}

enum vhr_verdict
vhr_rem_mem_reg(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	struct vhr_memory *memory = new_memory(s, request);
	int ret;

	if (memory == NULL)
		return VHR_FAILED;
	*memory = *s->memory;
	ret = vhr_memory_remove(memory, &request->single.region, &s->reason);
	if (ret < 0) {
		free(memory);
		return verdict_of(ret);
	}
	replace_memory(s, memory);
	return VHR_DONE;
}

enum vhr_verdict
vhr_get_max_mem_slots(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	vhu_reply_init(reply, request, sizeof(reply->u64));
	reply->u64 = VHR_MAX_REGIONS;
	return VHR_DONE;
}
