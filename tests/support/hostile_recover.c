/* SPDX-License-Identifier: BSD-3-Clause */
/* After the abuse: the library's own driver must find a device that works. */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "vvu-device/layout.h"

#include "vvu-hostile.h"

#define FRONTEND_TIMEOUT_MS	20000
#define LOOK_MS			20

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Answer GET_FEATURES. True when @msg is what the frontend says to the answer. */
static bool
answer(struct hostile *h, struct vhr_vvu *vvu, const struct vhu_msg *msg)
{
	struct vhu_msg reply;

	if (msg->hdr.request == VHU_GET_FEATURES) {
		vhu_reply_init(&reply, msg, sizeof(reply.u64));
		reply.u64 = 1ull << VHU_VIRTIO_F_VERSION_1;
		(void)vhr_vvu_send(vvu, VHU_SPACE_FRONTEND, &reply);
		hostile_pump(h);
	}
	return msg->hdr.request == VHU_SET_OWNER;
}

/* A frontend connects, its question arrives, the answer goes out, and is understood. */
static int
serve_frontend(struct hostile *h, struct vhr_vvu *vvu)
{
	int64_t deadline = now_ms() + FRONTEND_TIMEOUT_MS;
	struct pollfd fds[2];
	struct vhu_msg msg;
	enum vhu_space space;
	uint32_t status, epoch;
	nfds_t n;
	int ret;

	while (now_ms() < deadline) {
		hostile_pump(h);
		ret = vhr_vvu_receive(vvu, &msg, &space);
		if (ret == 1 && space == VHU_SPACE_FRONTEND && answer(h, vvu, &msg))
			return 0;
		if (ret == -EIO)
			break;
		if (ret != 0)
			continue;
		/* One that went away takes BACKEND_UP with it. */
		ret = vhr_vvu_status(vvu, &status, &epoch);
		if (ret == 0 && (status & VVU_STATUS_BACKEND_UP) == 0)
			ret = vhr_vvu_backend_up(vvu, true);
		if (ret < 0)
			break;
		n = 0;
		if (h->bus->ops->poll_fd != NULL)
			fds[n++] = (struct pollfd){ h->bus->ops->poll_fd(h->bus), POLLIN, 0 };
		else if (vhr_vvu_rxq_fd(vvu) >= 0)
			fds[n++] = (struct pollfd){ vhr_vvu_rxq_fd(vvu), POLLIN, 0 };
		(void)poll(fds, n, LOOK_MS);
	}
	vhu_reason_set(&h->reason, "no frontend was answered in %d s; %s",
		       FRONTEND_TIMEOUT_MS / 1000, vvu->reason.text);
	return -ETIMEDOUT;
}

/* BACKEND_UP reads back; a frontend that comes and goes in between may undo it. */
static int
check_backend_up(struct hostile *h, struct vhr_vvu *vvu)
{
	uint32_t status = 0, epoch = 0, before = 0;
	unsigned int tries;
	int ret;

	for (tries = 0; tries < 8; tries++) {
		ret = vhr_vvu_status(vvu, &status, &before);
		if (ret == 0)
			ret = vhr_vvu_backend_up(vvu, true);
		if (ret == 0)
			ret = vhr_vvu_status(vvu, &status, &epoch);
		if (ret < 0) {
			h->reason = vvu->reason;
			return ret;
		}
		if (status & VVU_STATUS_BACKEND_UP)
			return 0;
		if (epoch == before)
			break;
	}
	vhu_reason_set(&h->reason, "BACKEND_UP was written, status reads 0x%x", status);
	return -EIO;
}

int
hostile_recover(struct hostile *h)
{
	static struct vhr_vvu vvu;
	int ret;

	hostile_stop(h);
	ret = vhr_vvu_open(&vvu, h->bus, 0, 0);
	if (ret < 0) {
		h->reason = vvu.reason;
		return ret;
	}
	ret = check_backend_up(h, &vvu);
	if (ret == 0 && h->frontend)
		ret = serve_frontend(h, &vvu);
	if (ret == 0 && vhr_virtio_needs_reset(&vvu.virtio)) {
		vhu_reason_set(&h->reason, "DEVICE_NEEDS_RESET after a valid bring-up");
		ret = -EIO;
	}
	vhr_vvu_close(&vvu);
	hostile_pump(h);
	return ret;
}
