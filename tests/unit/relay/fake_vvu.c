/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_vvu.h"

struct fake_vvu fake;

static void
bus_close(struct vhr_bus *bus)
{
	fake.bus_closes++;
}

static const struct vhr_bus_ops bus_ops = { .close = bus_close };
static struct vhr_bus the_bus = { .ops = &bus_ops, .name = "fake" };

struct vhr_bus *
fake_bus(void)
{
	return &the_bus;
}

void
fake_reset(void)
{
	unsigned int i;

	memset(&fake, 0, sizeof(fake));
	fake.max_vhost_queues = FAKE_QUEUES;
	fake.config_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fake.rxq_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (i = 0; i < FAKE_QUEUES; i++)
		fake.kick_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fake.window = aligned_alloc(4096, FAKE_WINDOW);
	assert_non_null(fake.window);
	memset(fake.window, 0, FAKE_WINDOW);
	fake.inflight = aligned_alloc(4096, FAKE_INFLIGHT);
	assert_non_null(fake.inflight);
	memset(fake.inflight, 0, FAKE_INFLIGHT);
}

void
fake_free(void)
{
	unsigned int i;

	while (fake.rx_head != fake.rx_tail)
		free(fake.rx[fake.rx_head++]);
	close(fake.config_fd);
	close(fake.rxq_fd);
	for (i = 0; i < FAKE_QUEUES; i++)
		close(fake.kick_fds[i]);
	free(fake.window);
	free(fake.inflight);
}

void
fake_signal(int fd)
{
	uint64_t one = 1;

	if (!fake.no_vectors)
		assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static struct fake_rx *
push(void)
{
	struct fake_rx *rx = calloc(1, sizeof(*rx));

	assert_non_null(rx);
	if (fake.rx_head == fake.rx_tail)
		fake.rx_head = fake.rx_tail = 0;
	assert_true(fake.rx_tail < FAKE_RXQ);
	fake.rx[fake.rx_tail++] = rx;
	fake_signal(fake.rxq_fd);
	return rx;
}

void
fake_push_bytes(const void *bytes, size_t len)
{
	struct fake_rx *rx = push();

	memcpy(rx->bytes, bytes, len);
	rx->len = len;
}

void
fake_push(enum vhu_space space, const struct vhu_msg *msg)
{
	struct vhu_reason reason;
	uint8_t bytes[VHU_MAX_MESSAGE];
	int len = vhu_encode(VHU_ORDER_LE, space, msg, bytes, sizeof(bytes), &reason);

	if (len < 0)
		fail_msg("test message: %s", reason.text);
	fake_push_bytes(bytes, (size_t)len);
}

void
fake_push_error(int error)
{
	push()->error = error;
}

bool
fake_connect(void)
{
	if (!fake.is_open || !(fake.status & VVU_STATUS_BACKEND_UP) ||
	    (fake.status & VVU_STATUS_FRONTEND_UP))
		return false;
	fake.epoch++;
	fake.status |= VVU_STATUS_FRONTEND_UP;
	fake_signal(fake.config_fd);
	return true;
}

void
fake_hang_up(void)
{
	fake.status = 0;
	fake_signal(fake.config_fd);
}

/* ---- vvu.h ---- */

int
vhr_vvu_open(struct vhr_vvu *vvu, struct vhr_bus *bus, uint32_t virtio_id, unsigned int rings)
{
	memset(vvu, 0, sizeof(*vvu));
	fake.opens++;
	if (fake.open_failures != 0) {
		fake.open_failures--;
		vhu_reason_set(&vvu->reason, "open failed as planned");
		return -ENODEV;
	}
	assert_false(fake.is_open);
	fake.is_open = true;
	fake.needs_reset = false;
	fake.status = 0;
	vvu->max_vhost_queues = fake.max_vhost_queues;
	vvu->max_message_size = VHU_MAX_MESSAGE;
	vvu->has_epoch = !fake.no_epoch;
	vvu->window = fake.window;
	vvu->window_size = FAKE_WINDOW;
	vvu->window_flags = VHR_MAP_CACHED;
	vvu->kick_vectors = fake.no_vectors ? 0 : FAKE_QUEUES;
	return 0;
}

void
vhr_vvu_close(struct vhr_vvu *vvu)
{
	assert_true(fake.is_open);
	fake.is_open = false;
	fake.status = 0;
	fake.closes++;
	while (fake.rx_head != fake.rx_tail)
		free(fake.rx[fake.rx_head++]);
}

int
vhr_vvu_map_inflight(struct vhr_vvu *vvu)
{
	if (fake.no_inflight) {
		vhu_reason_set(&vvu->reason, "no shared memory 3, as planned");
		return -ENOTSUP;
	}
	vvu->inflight = fake.inflight;
	vvu->inflight_size = FAKE_INFLIGHT;
	return 0;
}

bool
vhr_virtio_needs_reset(struct vhr_virtio *virtio)
{
	assert_true(fake.is_open);
	return fake.needs_reset;
}

int
vhr_vvu_status(struct vhr_vvu *vvu, uint32_t *status, uint32_t *epoch)
{
	assert_true(fake.is_open);
	if (fake.status_error != 0) {
		vhu_reason_set(&vvu->reason, "status cannot be read, as planned");
		return fake.status_error;
	}
	*status = fake.status;
	*epoch = fake.no_epoch ? 0 : fake.epoch;
	return 0;
}

int
vhr_vvu_backend_up(struct vhr_vvu *vvu, bool up)
{
	assert_true(fake.is_open);
	if (up) {
		fake.ups++;
		fake.status |= VVU_STATUS_BACKEND_UP;
	} else {
		fake.downs++;
		fake.status &= ~VVU_STATUS_BACKEND_UP;
		if (!fake.keeps_frontend_up)
			fake.status = 0;
	}
	return 0;
}

int
vhr_vvu_receive(struct vhr_vvu *vvu, struct vhu_msg *msg, enum vhu_space *space)
{
	struct fake_rx *rx;
	struct vhu_header hdr;
	bool reply;
	int ret;

	assert_true(fake.is_open);
	if (fake.rx_head == fake.rx_tail)
		return 0;
	rx = fake.rx[fake.rx_head++];
	if (rx->error != 0) {
		ret = rx->error;
		vhu_reason_set(&vvu->reason, "receive failed as planned");
	} else {
		memcpy(&hdr, rx->bytes, sizeof(hdr));
		reply = (le32toh(hdr.flags) & VHU_FLAG_REPLY) != 0;
		*space = reply ? VHU_SPACE_BACKEND : VHU_SPACE_FRONTEND;
		ret = vhu_decode(VHU_ORDER_LE, *space, reply, rx->bytes, rx->len, msg,
				 &vvu->reason);
	}
	free(rx);
	return ret < 0 ? ret : 1;
}

int
vhr_vvu_send(struct vhr_vvu *vvu, enum vhu_space space, const struct vhu_msg *msg)
{
	bool reply = (msg->hdr.flags & VHU_FLAG_REPLY) != 0;
	uint8_t bytes[VHU_MAX_MESSAGE];
	int len;

	assert_true(fake.is_open);
	if (fake.txq_full)
		return -EAGAIN;
	if (fake.send_error != 0) {
		vhu_reason_set(&vvu->reason, "send failed as planned");
		return fake.send_error;
	}
	assert_int_equal(reply, space == VHU_SPACE_FRONTEND);
	len = vhu_encode(VHU_ORDER_LE, space, msg, bytes, sizeof(bytes), &vvu->reason);
	if (len < 0)
		fail_msg("sent what is no message: %s", vvu->reason.text);
	assert_true(fake.num_sent < FAKE_SENT);
	fake.sent[fake.num_sent].space = space;
	assert_int_equal(vhu_decode(VHU_ORDER_LE, space, reply, bytes, (size_t)len,
				    &fake.sent[fake.num_sent].msg, NULL), 0);
	fake.num_sent++;
	return 0;
}

void
vhr_vvu_doorbell(struct vhr_vvu *vvu, unsigned int index)
{
	assert_true(fake.is_open);
	assert_true(index < sizeof(fake.doorbells) / sizeof(fake.doorbells[0]));
	fake.doorbells[index]++;
}

int
vhr_vvu_kick_fd(struct vhr_vvu *vvu, unsigned int queue)
{
	assert_true(fake.is_open && queue < FAKE_QUEUES);
	if (fake.no_vectors)
		return -ENOSPC;
	fake.kick_bound[queue] = true;
	return fake.kick_fds[queue];
}

void
vhr_vvu_kick_release(struct vhr_vvu *vvu, unsigned int queue)
{
	assert_true(fake.is_open && queue < FAKE_QUEUES);
	fake.kick_bound[queue] = false;
}

int
vhr_vvu_config_fd(struct vhr_vvu *vvu)
{
	return fake.no_vectors ? -1 : fake.config_fd;
}

int
vhr_vvu_rxq_fd(struct vhr_vvu *vvu)
{
	return fake.no_vectors ? -1 : fake.rxq_fd;
}
