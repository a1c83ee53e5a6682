/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"
#include "vvu-device/host/send.h"

/* How long to wait before a listener with a full queue is asked again. */
#define RETRY_MS 5

int control_connect(struct control *control, const char *path, uint64_t timeout_ns,
		    struct vhu_reason *reason)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	uint64_t end_ns = clock_ns() + timeout_ns;
	int ret;

	*control = (struct control){ .fd = -1, .timeout_ns = timeout_ns };
	if (strlen(path) >= sizeof(address.sun_path)) {
		vhu_reason_set(reason, "the path has more than %zu bytes",
			       sizeof(address.sun_path) - 1);
		return -EINVAL;
	}
	strcpy(address.sun_path, path);
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->fd < 0) {
		ret = -errno;
		vhu_reason_set(reason, "socket(): %s", strerror(errno));
		return ret;
	}
	while (connect(control->fd, (struct sockaddr *)&address, sizeof(address))) {
		/* Only a full queue of the listener passes by itself. */
		if (errno != EAGAIN || clock_ns() >= end_ns) {
			ret = errno == EAGAIN ? -ETIMEDOUT : -errno;
			vhu_reason_set(reason, "connect(): %s", strerror(-ret));
			control_close(control);
			return ret;
		}
		poll(NULL, 0, RETRY_MS);
	}
	return 0;
}

void control_close(struct control *control)
{
	if (control->fd >= 0)
		close(control->fd);
	control->fd = -1;
}

void control_init(struct vhu_msg *msg, uint32_t id, uint32_t size)
{
	memset(msg, 0, sizeof(*msg));
	msg->hdr.request = id;
	msg->hdr.flags = VHU_VERSION;
	msg->hdr.size = size;
}

static const char *name_of(uint32_t id)
{
	return vhu_message_name(VHU_SPACE_FRONTEND, id);
}

/* Just @len bytes. Descriptors that come along are nobody's: recv() drops them. */
static int receive(struct control *control, void *buffer, size_t len, uint64_t end_ns,
		   uint32_t waited_for, struct vhu_reason *reason)
{
	uint8_t *at = buffer;
	ssize_t got;
	int ret;

	while (len > 0) {
		struct pollfd pollfd = { .fd = control->fd, .events = POLLIN };
		uint64_t now_ns = clock_ns();

		ret = poll(&pollfd, 1, now_ns < end_ns ? (int)((end_ns - now_ns) / 1000000) + 1 :
			   0);
		if (ret == 0) {
			vhu_reason_set(reason, "%s: no answer within %.3g s", name_of(waited_for),
				       (double)control->timeout_ns / 1e9);
			return -ETIMEDOUT;
		}
		got = ret < 0 ? -1 : recv(control->fd, at, len, 0);
		if (got == 0) {
			vhu_reason_set(reason, "%s: the back-end closed the connection",
				       name_of(waited_for));
			return -EPIPE;
		}
		if (got < 0 && errno != EINTR && errno != EAGAIN) {
			ret = -errno;
			vhu_reason_set(reason, "%s: %s", name_of(waited_for), strerror(errno));
			return ret;
		}
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		}
	}
	return 0;
}

static int receive_reply(struct control *control, uint32_t id, struct vhu_msg *msg,
			 struct vhu_reason *reason)
{
	uint64_t end_ns = clock_ns() + control->timeout_ns;
	uint8_t buffer[VHU_MAX_MESSAGE];
	struct vhu_header header;
	int ret;

	ret = receive(control, buffer, VHU_HEADER_SIZE, end_ns, id, reason);
	if (ret)
		return ret;
	/* A size that no reply of that kind has is refused here, before it is read. */
	if (vhu_decode_header(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, true, buffer, &header, reason))
		return -EPROTO;
	if (header.request != id) {
		vhu_reason_set(reason, "%s: the answer is one to %s", name_of(id),
			       name_of(header.request));
		return -EPROTO;
	}
	ret = receive(control, buffer + VHU_HEADER_SIZE, header.size, end_ns, id, reason);
	if (ret)
		return ret;
	if (vhu_decode(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, true, buffer,
		       VHU_HEADER_SIZE + header.size, msg, reason))
		return -EPROTO;
	return 0;
}

static int send_message(struct control *control, const struct vhu_msg *msg, int fd,
			struct vhu_reason *reason)
{
	uint8_t buffer[VHU_MAX_MESSAGE];
	int ret = vhu_encode(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, msg, buffer, sizeof(buffer),
			     reason);

	if (ret < 0)
		return ret;
	ret = vvu_send_whole(control->fd, buffer, (size_t)ret, &fd, fd >= 0);
	if (ret)
		vhu_reason_set(reason, "%s: sending: %s", name_of(msg->hdr.request),
			       strerror(-ret));
	return ret;
}

int control_query(struct control *control, struct vhu_msg *msg, struct vhu_reason *reason)
{
	int ret = send_message(control, msg, -1, reason);

	return ret ? ret : receive_reply(control, msg->hdr.request, msg, reason);
}

int control_command(struct control *control, struct vhu_msg *msg, int fd,
		    struct vhu_reason *reason)
{
	uint32_t id = msg->hdr.request;
	int ret;

	if (control->ack)
		msg->hdr.flags |= VHU_FLAG_NEED_REPLY;
	ret = send_message(control, msg, fd, reason);
	if (ret || !control->ack)
		return ret;
	ret = receive_reply(control, id, msg, reason);
	if (ret == 0 && msg->u64 != 0) {
		vhu_reason_set(reason, "%s: refused (%#llx)", name_of(id),
			       (unsigned long long)msg->u64);
		ret = -EREMOTEIO;
	}
	return ret;
}
