/* SPDX-License-Identifier: BSD-3-Clause */
#include "session.h"

int session_get_u64(struct control *control, uint32_t id, uint64_t *value,
		    struct vhu_reason *reason)
{
	struct vhu_msg msg;
	int ret;

	control_init(&msg, id, 0);
	ret = control_query(control, &msg, reason);
	if (ret == 0)
		*value = msg.u64;
	return ret;
}

int session_set_u64(struct control *control, uint32_t id, uint64_t value, int fd,
		    struct vhu_reason *reason)
{
	struct vhu_msg msg;

	control_init(&msg, id, sizeof(uint64_t));
	msg.u64 = value;
	return control_command(control, &msg, fd, reason);
}

int session_set_state(struct control *control, uint32_t id, unsigned int index, uint32_t num,
		      struct vhu_reason *reason)
{
	struct vhu_msg msg;

	control_init(&msg, id, sizeof(msg.state));
	msg.state.index = index;
	msg.state.num = num;
	return control_command(control, &msg, -1, reason);
}

int session_share(struct control *control, const struct area *area, struct vhu_reason *reason)
{
	struct vhu_msg msg;

	control_init(&msg, VHU_SET_MEM_TABLE, 8 + sizeof(struct vhu_mem_region));
	msg.table.nregions = 1;
	msg.table.region[0] = (struct vhu_mem_region){
		.guest_addr = AREA_GUEST_ADDR,
		.size = area->size,
		.user_addr = (uint64_t)(uintptr_t)area->base,
	};
	return control_command(control, &msg, area->fd, reason);
}

int session_start_ring(struct control *control, const struct session_ring *ring,
		       struct vhu_reason *reason)
{
	unsigned int index = ring->index;
	struct vhu_msg msg;
	int ret;

	ret = session_set_state(control, VHU_SET_VRING_NUM, index, ring->size, reason);
	if (!ret)
		ret = session_set_state(control, VHU_SET_VRING_BASE, index, ring->base, reason);
	if (!ret) {
		control_init(&msg, VHU_SET_VRING_ADDR, sizeof(msg.addr));
		msg.addr = ring->address;
		msg.addr.index = index;
		ret = control_command(control, &msg, -1, reason);
	}
	if (!ret)
		ret = session_set_u64(control, VHU_SET_VRING_ERR, index, ring->err_fd, reason);
	if (!ret)
		ret = session_set_u64(control, VHU_SET_VRING_KICK, index, ring->kick_fd, reason);
	if (!ret)
		ret = session_set_u64(control, VHU_SET_VRING_CALL, index, ring->call_fd, reason);
	return ret ? ret : session_set_state(control, VHU_SET_VRING_ENABLE, index, 1, reason);
}
