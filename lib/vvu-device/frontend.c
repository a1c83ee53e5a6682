/* SPDX-License-Identifier: BSD-3-Clause */
#include "frontend.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"
#include "internal.h"
#include "resources.h"

static int set_features(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
			struct vhu_reason *reason)
{
	return vvu_features_ack(&device->neg, msg->u64, reason);
}

static int set_protocol_features(struct vvu_device *device, struct vhu_msg *msg, int *fds,
				 unsigned int nfds, struct vhu_reason *reason)
{
	return vvu_features_ack_protocol(&device->neg, msg->u64, &msg->u64, reason);
}

static int reset_device(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
			struct vhu_reason *reason)
{
	device->reset_seq = device->seq;
	return 0;
}

static int check_num_queues(const struct vvu_device *device, const struct vhu_msg *msg,
			    struct vhu_reason *reason)
{
	if (msg->inflight.num_queues <= device->max_queues)
		return 0;
	vhu_reason_set(reason, "%s: num_queues %u, at most %u",
		       vhu_message_name(VHU_SPACE_FRONTEND, msg->hdr.request),
		       msg->inflight.num_queues, device->max_queues);
	return -EINVAL;
}

static int get_inflight(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
			struct vhu_reason *reason)
{
	return check_num_queues(device, msg, reason);
}

static int set_inflight(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
			struct vhu_reason *reason)
{
	int ret = check_num_queues(device, msg, reason);

	return ret < 0 ? ret : vvu_area_set_inflight(device, msg, fds, nfds, reason);
}

/* Messages of which the device does more than to pass them on. */
static const struct {
	int (*handle)(struct vvu_device *device, struct vhu_msg *msg, int *fds,
		      unsigned int nfds, struct vhu_reason *reason);
	/* Something waits for the answer: the device asks for one if the frontend does not. */
	bool answer_needed;
} special[] = {
	[VHU_SET_FEATURES] = { set_features, false },
	[VHU_SET_PROTOCOL_FEATURES] = { set_protocol_features, false },
	[VHU_SET_MEM_TABLE] = { vvu_window_set_table, true },
	[VHU_ADD_MEM_REG] = { vvu_window_add, true },
	[VHU_REM_MEM_REG] = { vvu_window_remove, true },
	[VHU_SET_LOG_BASE] = { vvu_area_set_log, false },
	[VHU_SET_LOG_FD] = { vvu_notify_set_log, false },
	[VHU_SET_VRING_KICK] = { vvu_notify_set_kick, false },
	[VHU_SET_VRING_CALL] = { vvu_notify_set_call, false },
	[VHU_SET_VRING_ERR] = { vvu_notify_set_err, false },
	[VHU_SET_BACKEND_REQ_FD] = { vvu_channel_open, false },
	[VHU_GET_INFLIGHT_FD] = { get_inflight, false },
	[VHU_SET_INFLIGHT_FD] = { set_inflight, true },
	[VHU_RESET_DEVICE] = { reset_device, false },
};

#define NUM_SPECIAL (sizeof(special) / sizeof(special[0]))

/* Every ring index, at its full width, before anything narrows it or uses it. */
static int check_index(const struct vvu_device *device, const struct vhu_message_info *info,
		       const struct vhu_msg *msg, struct vhu_reason *reason)
{
	uint64_t index;

	if (info->request == VHU_SHAPE_VRING_STATE) {
		index = msg->state.index;
	} else if (info->request == VHU_SHAPE_VRING_ADDR) {
		index = msg->addr.index;
	} else if (info->action == VHU_DO_KICK || info->action == VHU_DO_CALL ||
		   info->action == VHU_DO_ERR) {
		index = msg->u64 & VHU_VRING_INDEX_MASK;
	} else {
		return 0;
	}
	if (index < device->max_queues)
		return 0;
	vhu_reason_set(reason, "%s: ring index %llu, the device has %u", info->name,
		       (unsigned long long)index, device->max_queues);
	return -EINVAL;
}

/* Ask the driver for an answer where one is due, and remember what it will be. */
static int expect_answer(struct vvu_device *device, const struct vhu_message_info *info,
			 struct vhu_msg *msg, struct vhu_reason *reason)
{
	bool asked = (msg->hdr.flags & VHU_FLAG_NEED_REPLY) &&
		     vvu_features_reply_ack(&device->neg);
	bool needed = info->id < NUM_SPECIAL && special[info->id].answer_needed &&
		      device->neg.driver_reply_ack;
	struct vvu_request request = {
		.id = info->id,
		.seq = device->seq,
		.size = msg->hdr.size,
	};
	int ret;

	msg->hdr.flags = VHU_VERSION;
	if (info->rule == VHU_REPLY_ALWAYS) {
		/* Passed on as it is: some back-ends answer IOTLB messages only when asked. */
		if (asked)
			msg->hdr.flags |= VHU_FLAG_NEED_REPLY;
		request.expect = VVU_EXPECT_DATA;
	} else if (asked || needed) {
		msg->hdr.flags |= VHU_FLAG_NEED_REPLY;
		request.expect = asked ? VVU_EXPECT_ACK : VVU_EXPECT_SWALLOW;
	} else {
		return 0;
	}
	if (info->request == VHU_SHAPE_VRING_STATE) {
		request.index = msg->state.index;
	} else if (info->request == VHU_SHAPE_INFLIGHT) {
		request.index = msg->inflight.num_queues;
	} else if (info->request == VHU_SHAPE_CONFIG) {
		request.config_offset = msg->config.offset;
	}
	ret = vvu_requests_push(&device->requests, &request);
	if (ret < 0)
		vhu_reason_set(reason, "%s: %u requests wait for the driver already", info->name,
			       VVU_MAX_REQUESTS);
	return ret;
}

static int message(struct vvu_device *device, struct vhu_reason *reason)
{
	struct vvu_input *input = &device->input;
	const struct vhu_message_info *info;
	struct vhu_msg msg;
	int ret;

	ret = vhu_decode(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, false, input->buf, input->have,
			 &msg, reason);
	if (ret < 0)
		return ret;
	vvu_trace(device, VHU_SPACE_FRONTEND, &msg, "frontend");
	info = vhu_message_info(VHU_SPACE_FRONTEND, msg.hdr.request);
	/* A row that asks for a resource nobody here knows to make is refused as well. */
	if (info->action == VHU_DO_REFUSE ||
	    (info->action != VHU_DO_RELAY &&
	     (info->id >= NUM_SPECIAL || special[info->id].handle == NULL))) {
		vhu_reason_set(reason, "%s (id %u): not served by this device", info->name,
			       info->id);
		return -EOPNOTSUPP;
	}
	ret = vvu_features_gate(&device->neg, info, reason);
	if (ret == 0)
		ret = vhu_check_fds(VHU_SPACE_FRONTEND, &msg, input->nfds, reason);
	if (ret == 0)
		ret = check_index(device, info, &msg, reason);
	if (ret < 0)
		return ret;

	device->seq++;
	device->messages_from_frontend++;
	if (info->id < NUM_SPECIAL && special[info->id].handle != NULL)
		ret = special[info->id].handle(device, &msg, input->fds, input->nfds, reason);
	if (ret == 0)
		ret = expect_answer(device, info, &msg, reason);
	if (ret == 0)
		ret = vvu_driver_deliver(device, VHU_SPACE_FRONTEND, &msg, device->seq, reason);
	return ret;
}

void vvu_frontend_clear(struct vvu_device *device)
{
	struct vvu_input *input = &device->input;
	unsigned int i;

	for (i = 0; i < input->nfds; i++)
		if (input->fds[i] >= 0)
			close(input->fds[i]);
	input->nfds = 0;
	input->have = 0;
	input->total = 0;
}

size_t vvu_frontend_want(const struct vvu_device *device)
{
	const struct vvu_input *input = &device->input;
	size_t total = input->total != 0 ? input->total : VHU_HEADER_SIZE;

	if (device->state != VVU_STATE_CONNECTED || device->pending_len != 0 ||
	    vvu_requests_full(&device->requests))
		return 0;
	return total - input->have;
}

/* Descriptors ride on the first byte of a message (vhost-user, "Communication"). */
static int take_fds(struct vvu_input *input, const int *fds, unsigned int nfds,
		    struct vhu_reason *reason)
{
	unsigned int i;

	if (nfds == 0)
		return 0;
	if (input->have == 0 && input->nfds == 0 && nfds <= VHU_MAX_FDS) {
		memcpy(input->fds, fds, nfds * sizeof(fds[0]));
		input->nfds = nfds;
		return 0;
	}
	for (i = 0; i < nfds; i++)
		close(fds[i]);
	if (input->have != 0 || input->nfds != 0)
		vhu_reason_set(reason, "%u file descriptors came with byte %zu of a message",
			       nfds, input->have);
	else
		vhu_reason_set(reason, "%u file descriptors with one message, at most %u", nfds,
			       VHU_MAX_FDS);
	return -EBADMSG;
}

int vvu_frontend_input(struct vvu_device *device, const void *buf, size_t len, const int *fds,
		       unsigned int nfds, struct vhu_reason *reason)
{
	struct vvu_input *input = &device->input;
	size_t want = vvu_frontend_want(device);
	struct vhu_header hdr;
	int ret;

	ret = take_fds(input, fds, nfds, reason);
	if (ret < 0)
		return ret;
	if (len > want) {
		vhu_reason_set(reason, "%zu bytes were read, %zu are wanted", len, want);
		return -EINVAL;
	}
	memcpy(input->buf + input->have, buf, len);
	input->have += len;
	if (input->total == 0 && input->have == VHU_HEADER_SIZE) {
		ret = vhu_decode_header(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, false, input->buf,
					&hdr, reason);
		if (ret < 0)
			return ret;
		if (hdr.size > VHU_MAX_PAYLOAD) {
			vhu_reason_set(reason, "%s: payload of %u bytes, at most %u",
				       vhu_message_name(VHU_SPACE_FRONTEND, hdr.request),
				       hdr.size, VHU_MAX_PAYLOAD);
			return -EMSGSIZE;
		}
		input->total = VHU_HEADER_SIZE + hdr.size;
	}
	if (input->total == 0 || input->have != input->total)
		return 0;
	ret = message(device, reason);
	vvu_frontend_clear(device);
	return ret;
}
