/* SPDX-License-Identifier: BSD-3-Clause */
#include "channel.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"
#include "internal.h"
#include "resources.h"

/* What the driver is told of a request that did not reach the frontend. */
#define RESULT_FAILED 1u

static struct vvu_channel_request *entry(struct vvu_channel *channel, unsigned int i)
{
	return &channel->entry[(channel->first + i) % VVU_CHANNEL_MAX_REQUESTS];
}

static int push(struct vvu_channel *channel, uint32_t id, bool answered, uint64_t result)
{
	struct vvu_channel_request *request;

	if (channel->count == VVU_CHANNEL_MAX_REQUESTS)
		return -ENOSPC;
	request = entry(channel, channel->count++);
	request->id = id;
	request->answered = answered;
	request->result = result;
	return 0;
}

void vvu_channel_clear(struct vvu_channel *channel)
{
	channel->fd = -1;
	channel->first = 0;
	channel->count = 0;
	channel->have = 0;
	channel->total = 0;
}

int vvu_channel_open(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
		     struct vhu_reason *reason)
{
	struct vvu_channel *channel = &device->channel;
	int ret;

	ret = vvu_fd_check_stream(fds[0], "SET_BACKEND_REQ_FD", reason);
	if (ret < 0)
		return ret;
	/*
	 * QEMU sends it again when it starts over on one connection. What the driver asked
	 * for on the old channel has failed; it is told when it takes this message off rxq.
	 */
	vvu_channel_close(device);
	ret = device->ops->channel_set(device->host, fds[0]);
	if (ret < 0) {
		vhu_reason_set(reason, "SET_BACKEND_REQ_FD: cannot watch the socket: %s",
			       strerror(-ret));
		return ret;
	}
	channel->fd = fds[0];
	fds[0] = -1;
	return 0;
}

void vvu_channel_close(struct vvu_device *device)
{
	struct vvu_channel *channel = &device->channel;
	unsigned int i;

	if (channel->fd < 0)
		return;
	device->ops->channel_set(device->host, -1);
	close(channel->fd);
	channel->fd = -1;
	channel->have = 0;
	channel->total = 0;
	for (i = 0; i < channel->count; i++) {
		struct vvu_channel_request *request = entry(channel, i);

		if (!request->answered) {
			request->answered = true;
			request->result = RESULT_FAILED;
		}
	}
}

void vvu_channel_reject(struct vvu_device *device, const struct vhu_header *hdr)
{
	/*
	 * Draft: such requests are discarded. Where the driver asked for an answer it gets
	 * one, so that it need not wait for what never comes.
	 */
	if ((hdr->flags & VHU_FLAG_NEED_REPLY) && device->neg.driver_reply_ack &&
	    vhu_message_info(VHU_SPACE_BACKEND, hdr->request) != NULL)
		push(&device->channel, hdr->request, true, RESULT_FAILED);
}

static int check_request(const struct vvu_device *device, const struct vhu_message_info *info,
			 const struct vhu_msg *msg, struct vhu_reason *reason)
{
	if (info->action == VHU_DO_REFUSE) {
		vhu_reason_set(reason, "%s: no such message passes this device", info->name);
		return -EOPNOTSUPP;
	}
	if (device->channel.fd < 0) {
		vhu_reason_set(reason, "%s: the frontend has no backend request channel open",
			       info->name);
		return -ENOTCONN;
	}
	if (device->channel.count == VVU_CHANNEL_MAX_REQUESTS) {
		vhu_reason_set(reason, "%s: %u requests wait for the frontend already",
			       info->name, device->channel.count);
		return -ENOSPC;
	}
	return vvu_features_gate(&device->neg, info, reason);
}

int vvu_channel_request(struct vvu_device *device, const struct vhu_msg *msg,
			struct vhu_reason *reason)
{
	const struct vhu_message_info *info =
		vhu_message_info(VHU_SPACE_BACKEND, msg->hdr.request);
	struct vhu_msg out = *msg;
	uint8_t buf[VHU_MAX_MESSAGE];
	bool asked, passed;
	int len, ret;

	ret = check_request(device, info, msg, reason);
	if (ret < 0) {
		vvu_channel_reject(device, &msg->hdr);
		return ret;
	}
	/*
	 * REPLY_ACK may be on between device and driver alone. Then the frontend is not
	 * asked, and "handed to the frontend" is all there is to say.
	 */
	asked = (msg->hdr.flags & VHU_FLAG_NEED_REPLY) && device->neg.driver_reply_ack;
	passed = asked && vvu_features_reply_ack(&device->neg);
	out.hdr.flags = VHU_VERSION | (passed ? VHU_FLAG_NEED_REPLY : 0);
	len = vhu_encode(VHU_ORDER_NATIVE, VHU_SPACE_BACKEND, &out, buf, sizeof(buf), reason);
	if (len < 0)
		return len;
	ret = device->ops->channel_send(device->host, buf, (size_t)len);
	if (ret < 0) {
		vhu_reason_set(reason, "%s: cannot send on the backend request channel: %s",
			       info->name, strerror(-ret));
		vvu_channel_reject(device, &msg->hdr);
		if (ret != -EAGAIN)
			vvu_channel_close(device);
		return ret;
	}
	if (asked)
		push(&device->channel, msg->hdr.request, !passed, 0);
	return 0;
}

int vvu_channel_flush(struct vvu_device *device, struct vhu_reason *reason)
{
	struct vvu_channel *channel = &device->channel;
	struct vhu_msg request, reply;
	int ret;

	while (channel->count != 0 && device->pending_len == 0) {
		const struct vvu_channel_request *head = entry(channel, 0);

		if (!head->answered)
			break;
		request.hdr.request = head->id;
		vhu_reply_init(&reply, &request, sizeof(reply.u64));
		reply.u64 = head->result;
		channel->first = (channel->first + 1) % VVU_CHANNEL_MAX_REQUESTS;
		channel->count--;
		ret = vvu_driver_deliver(device, VHU_SPACE_BACKEND, &reply, 0, reason);
		if (ret < 0)
			return ret;
	}
	return 0;
}

size_t vvu_channel_want(const struct vvu_device *device)
{
	const struct vvu_channel *channel = &device->channel;
	size_t total = channel->total != 0 ? channel->total : VHU_HEADER_SIZE;

	if (channel->fd < 0 || device->pending_len != 0)
		return 0;
	return total - channel->have;
}

/* The answer belongs to the oldest request that has none. */
static int answer(struct vvu_device *device, struct vhu_reason *reason)
{
	struct vvu_channel *channel = &device->channel;
	struct vvu_channel_request *request = NULL;
	struct vhu_msg msg;
	unsigned int i;
	int ret;

	ret = vhu_decode(VHU_ORDER_NATIVE, VHU_SPACE_BACKEND, true, channel->buf, channel->have,
			 &msg, reason);
	if (ret < 0)
		return ret;
	vvu_trace(device, VHU_SPACE_BACKEND, &msg, "channel");
	for (i = 0; i < channel->count && request == NULL; i++)
		if (!entry(channel, i)->answered)
			request = entry(channel, i);
	if (request == NULL || request->id != msg.hdr.request) {
		vhu_reason_set(reason, "%s on the backend request channel: reply, but %s is asked",
			       vhu_message_name(VHU_SPACE_BACKEND, msg.hdr.request),
			       request != NULL ?
				       vhu_message_name(VHU_SPACE_BACKEND, request->id) :
				       "nothing");
		return -EPROTO;
	}
	request->answered = true;
	request->result = msg.u64;
	channel->have = 0;
	channel->total = 0;
	return vvu_channel_flush(device, reason);
}

int vvu_channel_input(struct vvu_device *device, const void *buf, size_t len,
		      struct vhu_reason *reason)
{
	struct vvu_channel *channel = &device->channel;
	struct vhu_header hdr;
	int ret;

	if (len > vvu_channel_want(device)) {
		vhu_reason_set(reason, "backend request channel: %zu bytes, %zu wanted", len,
			       vvu_channel_want(device));
		return -EINVAL;
	}
	memcpy(channel->buf + channel->have, buf, len);
	channel->have += len;
	if (channel->total == 0 && channel->have == VHU_HEADER_SIZE) {
		ret = vhu_decode_header(VHU_ORDER_NATIVE, VHU_SPACE_BACKEND, true, channel->buf,
					&hdr, reason);
		if (ret < 0)
			return ret;
		channel->total = VHU_HEADER_SIZE + hdr.size;
		if (channel->total > sizeof(channel->buf)) {
			vhu_reason_set(reason, "%s on the backend request channel: reply of %u "
					       "bytes",
				       vhu_message_name(VHU_SPACE_BACKEND, hdr.request),
				       hdr.size);
			return -EMSGSIZE;
		}
	}
	if (channel->total != 0 && channel->have == channel->total)
		return answer(device, reason);
	return 0;
}
