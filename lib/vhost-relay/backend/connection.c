/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A frontend comes, a frontend goes, and the device that has to be reset.
 *
 * Whatever ends a connection, the order is the same: all rings stop, the memory table goes
 * from under them, what the old frontend still had in rxq is thrown away, and only then
 * BACKEND_UP is set again, which is also our word that the old window is let go.
 */
#include <errno.h>
#include <inttypes.h>

#include "internal.h"
#include "vvu-device/layout.h"

#define MS_NS			1000000ull
/* A device without interrupts is looked at this often, and so is a full txq. */
#define POLL_NS			(1 * MS_NS)
#define CLOSING_POLL_NS		(10 * MS_NS)
/* The device clears FRONTEND_UP by itself; one that does not is reset. */
#define CLOSING_MAX_NS		(2000 * MS_NS)
/* rxq holds 64 messages and the device may put in as many again from its own queue. */
#define DRAIN_PORTION		64u
#define DRAIN_MAX		4096u
#define REOPEN_MAX		7u
#define REOPEN_FIRST_NS		(20 * MS_NS)

int
vhr_device_open(struct vhr_session *s)
{
	unsigned int i;
	int ret;

	ret = vhr_vvu_open(&s->vvu, s->bus, s->config.virtio_id, s->num_rings);
	if (ret < 0) {
		s->reason = s->vvu.reason;
		return ret;
	}
	if (s->num_rings > s->vvu.max_vhost_queues) {
		vhu_reason_set(&s->reason, "max_rings %u, the device has %u queues", s->num_rings,
			       s->vvu.max_vhost_queues);
		vhr_vvu_close(&s->vvu);
		return -EINVAL;
	}
	if (s->config.inflight && vhr_vvu_map_inflight(&s->vvu) < 0)
		vhr_log(s, VHR_LOG_WARNING, "requests under way are not recorded: %s",
			s->vvu.reason.text);
	if (s->vvu.config_vector == VVU_NO_VECTOR)
		vhr_log(s, VHR_LOG_WARNING, "no interrupts, the device is polled: %s",
			s->vvu.reason.text);
	ret = vhr_events_attach(s);
	if (ret < 0) {
		vhu_reason_set(&s->reason, "interrupts of the device cannot be watched: error %d",
			       -ret);
		vhr_events_detach(s);
		vhr_vvu_close(&s->vvu);
		return ret;
	}
	/*
	 * Bound once and for all connections, so that a device's own event loop may keep
	 * the fds. A kick that comes before the message that starts its ring waits in them.
	 */
	for (i = 0; i < s->num_rings; i++) {
		int fd = vhr_vvu_kick_fd(&s->vvu, i);

		vhr_ring_begin(s, i)->kick_fd = fd < 0 ? -1 : fd;
		vhr_ring_end(s, i);
	}
	s->link = VHR_LINK_DOWN;
	return 0;
}

void
vhr_device_close(struct vhr_session *s)
{
	unsigned int i;

	if (s->link == VHR_LINK_FAILED)
		return;
	for (i = 0; i < s->num_rings; i++) {
		struct vhr_ring *ring = vhr_ring_begin(s, i);

		if (ring->kick_fd >= 0)
			vhr_vvu_kick_release(&s->vvu, i);
		ring->kick_fd = -1;
		vhr_ring_end(s, i);
	}
	vhr_events_detach(s);
	vhr_vvu_close(&s->vvu);
}

/* Everything that belonged to one frontend. */
static void
forget_frontend(struct vhr_session *s)
{
	bool was_connected = s->link == VHR_LINK_CONNECTED;

	s->leaving = true;
	vhr_rings_reset(s, true);
	s->leaving = false;
	vhr_rings_set_memory(s, NULL);
	s->features_offered = s->features_next;
	s->features_set = false;
	s->features = 0;
	s->protocol_features = 0;
	s->device_status = 0;
	s->channel = false;
	s->reply_pending = false;
	vhr_rings_tell(s);
	if (was_connected && s->ops.connected != NULL)
		s->ops.connected(s->priv, false);
}

static void
schedule_reopen(struct vhr_session *s)
{
	s->link = VHR_LINK_FAILED;
	if (s->reopen_attempts == REOPEN_MAX) {
		s->reopen_at_ns = 0;
		vhr_log(s, VHR_LOG_ERROR, "device given up after %u attempts to open it again: %s",
			REOPEN_MAX, s->reason.text);
		return;
	}
	s->reopen_at_ns = vhr_now_ns() + (REOPEN_FIRST_NS << s->reopen_attempts);
	s->reopen_attempts++;
}

void
vhr_device_failed(struct vhr_session *s)
{
	vhr_log(s, VHR_LOG_ERROR, "device is reset: %s", s->reason.text);
	forget_frontend(s);
	vhr_device_close(s);
	schedule_reopen(s);
}

static void
set_backend_up(struct vhr_session *s, bool up)
{
	if (vhr_vvu_backend_up(&s->vvu, up) < 0) {
		vhu_reason_set(&s->reason, "BACKEND_UP cannot be %s: %s", up ? "set" : "cleared",
			       s->vvu.reason.text);
		vhr_device_failed(s);
		return;
	}
	if (up)
		s->link = VHR_LINK_WAITING;
}

/* BACKEND_UP says that the old window is let go. */
static bool
memory_in_use(const struct vhr_session *s)
{
	return s->ops.memory_in_use != NULL && s->ops.memory_in_use(s->priv);
}

static bool
reopen(struct vhr_session *s)
{
	if (s->reopen_at_ns == 0 || vhr_now_ns() < s->reopen_at_ns)
		return false;
	if (memory_in_use(s)) {
		s->reopen_at_ns = vhr_now_ns() + CLOSING_POLL_NS;
		return false;
	}
	if (vhr_device_open(s) < 0) {
		vhr_log(s, VHR_LOG_WARNING, "device cannot be opened again: %s", s->reason.text);
		schedule_reopen(s);
		return true;
	}
	vhr_log(s, VHR_LOG_INFO, "device opened again");
	if (s->want_up)
		set_backend_up(s, true);
	return true;
}

static void
begin_closing(struct vhr_session *s)
{
	forget_frontend(s);
	s->link = VHR_LINK_CLOSING;
	s->closing_since_ns = vhr_now_ns();
	s->drained = 0;
	s->events.config_due = true;
}

void
vhr_device_retry(struct vhr_session *s)
{
	s->reopen_attempts = 0;
	s->reopen_at_ns = vhr_now_ns();
	reopen(s);
}

void
vhr_connection_up(struct vhr_session *s)
{
	set_backend_up(s, true);
}

void
vhr_connection_drop(struct vhr_session *s)
{
	if (s->link != VHR_LINK_CONNECTED)
		return;
	vhr_log(s, VHR_LOG_WARNING, "frontend disconnected: %s", s->reason.text);
	begin_closing(s);
	set_backend_up(s, false);
}

void
vhr_connection_down(struct vhr_session *s)
{
	if (s->link != VHR_LINK_WAITING && s->link != VHR_LINK_CONNECTED)
		return;
	begin_closing(s);
	set_backend_up(s, false);
}

static void
connected(struct vhr_session *s, uint32_t epoch)
{
	s->link = VHR_LINK_CONNECTED;
	s->epoch = epoch;
	s->connections++;
	s->reopen_attempts = 0;
	vhr_log(s, VHR_LOG_INFO, "frontend connected, epoch %u", epoch);
	if (s->ops.connected != NULL)
		s->ops.connected(s->priv, true);
}

/* Throw away what the gone frontend left in rxq. True when nothing is left. */
static bool
drain(struct vhr_session *s)
{
	enum vhu_space space;
	unsigned int i;

	for (i = 0; i < DRAIN_PORTION; i++) {
		int ret = vhr_vvu_receive(&s->vvu, &s->request, &space);

		if (ret == 0)
			return true;
		if (ret == -EIO) {
			s->reason = s->vvu.reason;
			vhr_device_failed(s);
			return false;
		}
		s->drained++;
	}
	if (s->drained < DRAIN_MAX)
		return false;
	vhu_reason_set(&s->reason, "rxq is not empty after %u messages of a frontend that is gone",
		       s->drained);
	vhr_device_failed(s);
	return false;
}

static bool
check_closing(struct vhr_session *s, uint32_t status)
{
	if (status & VVU_STATUS_FRONTEND_UP) {
		if (vhr_now_ns() - s->closing_since_ns < CLOSING_MAX_NS)
			return false;
		vhu_reason_set(&s->reason, "status 0x%x: FRONTEND_UP is still set after %llu ms",
			       status, CLOSING_MAX_NS / MS_NS);
		vhr_device_failed(s);
		return true;
	}
	if (!drain(s))
		return true;
	if (s->want_up && memory_in_use(s))
		return false;
	s->link = VHR_LINK_DOWN;
	if (s->want_up)
		set_backend_up(s, true);
	return true;
}

bool
vhr_connection_check(struct vhr_session *s)
{
	uint32_t status, epoch;

	s->events.config_due = false;
	if (s->link == VHR_LINK_FAILED)
		return reopen(s);
	if (vhr_virtio_needs_reset(&s->vvu.virtio)) {
		vhu_reason_set(&s->reason, "device status: DEVICE_NEEDS_RESET");
		vhr_device_failed(s);
		return true;
	}
	if (vhr_vvu_status(&s->vvu, &status, &epoch) < 0) {
		s->reason = s->vvu.reason;
		vhr_device_failed(s);
		return true;
	}

	switch (s->link) {
	case VHR_LINK_WAITING:
		if (status & VVU_STATUS_FRONTEND_UP) {
			connected(s, epoch);
			return true;
		}
		if (status & VVU_STATUS_BACKEND_UP)
			return false;
		/* One came and went before we looked. */
		begin_closing(s);
		return check_closing(s, status);
	case VHR_LINK_CONNECTED:
		if ((status & VVU_STATUS_FRONTEND_UP) && epoch == s->epoch)
			return false;
		if (status & VVU_STATUS_FRONTEND_UP) {
			vhu_reason_set(&s->reason, "frontend replaced: epoch %u after %u", epoch,
				       s->epoch);
			vhr_log(s, VHR_LOG_INFO, "%s", s->reason.text);
			forget_frontend(s);
			connected(s, epoch);
			return true;
		}
		vhu_reason_set(&s->reason, "frontend closed the connection, epoch %u", s->epoch);
		vhr_log(s, VHR_LOG_INFO, "%s", s->reason.text);
		begin_closing(s);
		return check_closing(s, status);
	case VHR_LINK_CLOSING:
		return check_closing(s, status);
	case VHR_LINK_DOWN:
	case VHR_LINK_FAILED:
		break;
	}
	return false;
}

uint64_t
vhr_connection_timeout_ns(const struct vhr_session *s)
{
	uint64_t now;

	switch (s->link) {
	case VHR_LINK_FAILED:
		now = vhr_now_ns();
		if (s->reopen_at_ns == 0)
			return 0;
		return s->reopen_at_ns > now ? s->reopen_at_ns - now : 1;
	case VHR_LINK_CLOSING:
		return CLOSING_POLL_NS;
	case VHR_LINK_DOWN:
		return 0;
	case VHR_LINK_WAITING:
	case VHR_LINK_CONNECTED:
		break;
	}
	if (s->reply_pending || s->events.config_fd < 0 || s->events.rxq_fd < 0)
		return POLL_NS;
	return 0;
}
