/* SPDX-License-Identifier: BSD-3-Clause */
#include "driver.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "resources.h"

static int put(struct vvu_device *device, const void *buf, size_t len, const char *name,
	       struct vhu_reason *reason)
{
	int ret = device->ops->rxq_put(device->host, buf, len);

	if (ret == -EMSGSIZE)
		vhu_reason_set(reason, "%s: message of %zu bytes does not fit the driver's rxq "
				       "buffer",
			       name, len);
	else if (ret < 0 && ret != -EAGAIN)
		vhu_reason_set(reason, "%s: cannot put %zu bytes on rxq: %s", name, len,
			       strerror(-ret));
	return ret;
}

int vvu_driver_deliver(struct vvu_device *device, enum vhu_space space, const struct vhu_msg *msg,
		       uint64_t seq, struct vhu_reason *reason)
{
	int len, ret;

	/* Encoded where it would have to wait: what is sent later is what was checked. */
	len = vhu_encode(VHU_ORDER_LE, space, msg, device->pending, sizeof(device->pending),
			 reason);
	if (len < 0)
		return len;
	ret = put(device, device->pending, (size_t)len, vhu_message_name(space, msg->hdr.request),
		  reason);
	if (ret != -EAGAIN)
		return ret;
	device->pending_len = (size_t)len;
	device->pending_seq = seq;
	return 0;
}

int vvu_driver_retry(struct vvu_device *device, struct vhu_reason *reason)
{
	int ret;

	if (device->pending_len != 0) {
		ret = put(device, device->pending, device->pending_len, "waiting message", reason);
		if (ret == -EAGAIN)
			return 0;
		if (ret < 0)
			return ret;
		device->pending_len = 0;
	}
	return vvu_channel_flush(device, reason);
}

static int mismatch(const struct vvu_request *request, const char *field, uint64_t got,
		    uint64_t expected, struct vhu_reason *reason)
{
	vhu_reason_set(reason, "%s reply: %s %llu, the request's is %llu",
		       vhu_message_name(VHU_SPACE_FRONTEND, request->id), field,
		       (unsigned long long)got, (unsigned long long)expected);
	return -EPROTO;
}

/* What the driver answered, made fit for the frontend. */
static int filter_reply(struct vvu_device *device, const struct vvu_request *request,
			struct vhu_msg *msg, int *fd, struct vhu_reason *reason)
{
	switch (request->id) {
	case VHU_GET_FEATURES:
		msg->u64 = vvu_features_offer(&device->neg, msg->u64);
		break;
	case VHU_GET_PROTOCOL_FEATURES:
		msg->u64 = vvu_features_offer_protocol(&device->neg, msg->u64);
		break;
	case VHU_GET_QUEUE_NUM:
		if (msg->u64 > device->max_queues)
			msg->u64 = device->max_queues;
		break;
	case VHU_GET_MAX_MEM_SLOTS:
		if (msg->u64 > vvu_window_slots(device))
			msg->u64 = vvu_window_slots(device);
		break;
	case VHU_GET_VRING_BASE:
		if (msg->state.index != request->index)
			return mismatch(request, "index", msg->state.index, request->index,
					reason);
		break;
	case VHU_GET_CONFIG:
		if (msg->hdr.size == 0)
			break;
		if (msg->hdr.size != request->size)
			return mismatch(request, "payload size", msg->hdr.size, request->size,
					reason);
		if (msg->config.offset != request->config_offset)
			return mismatch(request, "offset", msg->config.offset,
					request->config_offset, reason);
		break;
	case VHU_GET_INFLIGHT_FD:
		if (msg->inflight.num_queues > device->max_queues)
			return mismatch(request, "num_queues", msg->inflight.num_queues,
					request->index, reason);
		return vvu_area_create_inflight(device, msg, request->seq, fd, reason);
	default:
		break;
	}
	return 0;
}

/* The driver said no to a message that the frontend wants, or the device needs, to succeed. */
static int refused(struct vvu_device *device, const struct vvu_request *request, uint64_t result,
		   struct vhu_reason *reason)
{
	/*
	 * A refused table stays mapped and in force: the driver has dropped the old one
	 * before it looked at the new one, and what it still has is one or the other.
	 */
	if (request->id == VHU_ADD_MEM_REG)
		vvu_window_add_refused(device, request->seq);
	else if (request->id == VHU_REM_MEM_REG)
		vvu_window_remove_refused(device, request->seq);
	if (request->expect == VVU_EXPECT_ACK)
		return 0;
	vhu_reason_set(reason, "%s: the driver refused it with 0x%llx, which the frontend did not "
			       "ask to be told",
		       vhu_message_name(VHU_SPACE_FRONTEND, request->id),
		       (unsigned long long)result);
	return -EPROTO;
}

static int send_reply(struct vvu_device *device, struct vhu_msg *msg, int fd,
		      struct vhu_reason *reason)
{
	uint8_t buf[VHU_MAX_MESSAGE];
	int len, ret;

	msg->hdr.flags = VHU_VERSION | VHU_FLAG_REPLY;
	len = vhu_encode(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, msg, buf, sizeof(buf), reason);
	if (len < 0)
		return len;
	ret = device->ops->frontend_send(device->host, buf, (size_t)len, fd >= 0 ? &fd : NULL,
					 fd >= 0 ? 1 : 0);
	if (ret < 0)
		vhu_reason_set(reason, "%s reply: cannot send to the frontend: %s",
			       vhu_message_name(VHU_SPACE_FRONTEND, msg->hdr.request),
			       strerror(-ret));
	return ret;
}

/* The request that this reply answers: the oldest, if the driver has it and it fits. */
static int find_request(struct vvu_device *device, const struct vhu_header *hdr,
			struct vvu_request *request, struct vhu_reason *reason)
{
	const struct vvu_request *head = vvu_requests_head(&device->requests);
	const char *name = vhu_message_name(VHU_SPACE_FRONTEND, hdr->request);

	if (head == NULL) {
		vhu_reason_set(reason, "%s reply (id %u): unsolicited, nothing is asked", name,
			       hdr->request);
		return -EPROTO;
	}
	if (device->pending_len != 0 && device->pending_seq != 0 &&
	    head->seq >= device->pending_seq) {
		vhu_reason_set(reason, "%s reply (id %u): the driver has not got the request yet",
			       name, hdr->request);
		return -EPROTO;
	}
	if (head->id != hdr->request) {
		vhu_reason_set(reason, "%s reply (id %u): expected the reply to %s", name,
			       hdr->request, vhu_message_name(VHU_SPACE_FRONTEND, head->id));
		return -EPROTO;
	}
	*request = *head;
	return 0;
}

static int reply(struct vvu_device *device, struct vhu_msg *msg, struct vhu_reason *reason)
{
	struct vvu_request request;
	int fd = -1, ret;

	ret = find_request(device, &msg->hdr, &request, reason);
	if (ret < 0)
		return ret;
	vvu_requests_pop(&device->requests);

	ret = 0;
	if (request.expect != VVU_EXPECT_DATA && msg->u64 != 0)
		ret = refused(device, &request, msg->u64, reason);
	/* In order: whoever answers this message has let go of what it and others replaced. */
	vvu_maps_release(device, request.seq);
	vvu_notify_answered(device, request.seq);
	if (ret < 0)
		return ret;
	if (request.expect == VVU_EXPECT_SWALLOW)
		return 0;

	if (request.expect == VVU_EXPECT_DATA)
		ret = filter_reply(device, &request, msg, &fd, reason);
	if (ret == 0)
		ret = send_reply(device, msg, fd, reason);
	if (fd >= 0)
		close(fd);
	if (ret == 0 && request.id == VHU_GET_VRING_BASE)
		vvu_notify_ring_stopped(device, request.index, request.seq);
	return ret;
}

static int request(struct vvu_device *device, const void *buf, size_t len,
		   const struct vhu_header *hdr, struct vhu_reason *reason)
{
	struct vhu_reason more;
	struct vhu_msg msg;
	int ret;

	ret = vhu_decode(VHU_ORDER_LE, VHU_SPACE_BACKEND, false, buf, len, &msg, reason);
	if (ret < 0) {
		vvu_channel_reject(device, hdr);
	} else {
		vvu_trace(device, VHU_SPACE_BACKEND, &msg, "driver");
		ret = vvu_channel_request(device, &msg, reason);
	}
	if (vvu_channel_flush(device, &more) < 0) {
		*reason = more;
		return -EPROTO;
	}
	return ret < 0 ? VVU_DRIVER_DROPPED : 0;
}

int vvu_driver_message(struct vvu_device *device, const void *buf, size_t len,
		       struct vhu_reason *reason)
{
	struct vhu_header hdr;
	struct vhu_msg msg;
	int ret;

	if (len < VHU_HEADER_SIZE || len > VHU_MAX_MESSAGE) {
		vhu_reason_set(reason, "txq: message of %zu bytes, from %zu to %u are legal", len,
			       VHU_HEADER_SIZE, VHU_MAX_MESSAGE);
		return -EBADMSG;
	}
	memcpy(&hdr, buf, sizeof(hdr));
	hdr.request = le32toh(hdr.request);
	hdr.flags = le32toh(hdr.flags);
	hdr.size = le32toh(hdr.size);
	if ((hdr.flags & VHU_VERSION_MASK) != VHU_VERSION || (hdr.flags & ~VHU_FLAGS_KNOWN)) {
		vhu_reason_set(reason, "txq: message id %u has flags 0x%x", hdr.request,
			       hdr.flags);
		return -EPROTO;
	}
	/* The reply flag alone tells whose id this is: both sides count from 1. */
	if (!(hdr.flags & VHU_FLAG_REPLY))
		return request(device, buf, len, &hdr, reason);
	ret = vhu_decode(VHU_ORDER_LE, VHU_SPACE_FRONTEND, true, buf, len, &msg, reason);
	if (ret < 0)
		return ret;
	vvu_trace(device, VHU_SPACE_FRONTEND, &msg, "driver");
	return reply(device, &msg, reason);
}
