/* SPDX-License-Identifier: BSD-3-Clause */
/* Kick vectors and the call, err and log doorbells: one eventfd of the frontend each. */
#include <string.h>
#include <unistd.h>

#include "resources.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Arm @arm for @index with the new descriptor, then let the old one go. */
static int replace(struct vvu_device *device, int (*arm)(void *host, unsigned int index, int fd),
		   unsigned int index, int *slot, int *fd, const char *what,
		   struct vhu_reason *reason)
{
	int ret;

	if (*fd >= 0) {
		ret = vvu_fd_check_eventfd(*fd, what, reason);
		if (ret < 0)
			return ret;
	} else if (*slot < 0) {
		return 0; /* none before, none now */
	}
	ret = arm(device->host, index, *fd);
	if (ret < 0) {
		vhu_reason_set(reason, "%s: cannot use the descriptor for index %u: %s", what,
			       index, strerror(-ret));
		return ret;
	}
	close_fd(slot);
	*slot = *fd;
	*fd = -1;
	return 0;
}

int vvu_notify_set_kick(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
			struct vhu_reason *reason)
{
	unsigned int queue = msg->u64 & VHU_VRING_INDEX_MASK;
	struct vvu_ring *ring = &device->rings[queue];
	int none = -1, ret;

	ret = replace(device, device->ops->kick_set, queue, &ring->kick_fd,
		      nfds != 0 ? &fds[0] : &none, "SET_VRING_KICK", reason);
	if (ret < 0)
		return ret;
	/* vhost-user, "Ring states": SET_VRING_KICK starts the ring, with or without an fd. */
	ring->running = true;
	ring->kick_seq = device->seq;
	return 0;
}

int vvu_notify_set_call(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
			struct vhu_reason *reason)
{
	unsigned int queue = msg->u64 & VHU_VRING_INDEX_MASK;
	int none = -1;

	return replace(device, device->ops->doorbell_set,
		       VVU_DOORBELL_CALL(device->max_queues, queue),
		       &device->rings[queue].call_fd, nfds != 0 ? &fds[0] : &none,
		       "SET_VRING_CALL", reason);
}

int vvu_notify_set_err(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
		       struct vhu_reason *reason)
{
	unsigned int queue = msg->u64 & VHU_VRING_INDEX_MASK;
	int none = -1;

	return replace(device, device->ops->doorbell_set,
		       VVU_DOORBELL_ERR(device->max_queues, queue),
		       &device->rings[queue].err_fd, nfds != 0 ? &fds[0] : &none,
		       "SET_VRING_ERR", reason);
}

int vvu_notify_set_log(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
		       struct vhu_reason *reason)
{
	return replace(device, device->ops->doorbell_set, VVU_DOORBELL_LOG(device->max_queues),
		       &device->log_fd, &fds[0], "SET_LOG_FD", reason);
}

void vvu_notify_ring_stopped(struct vvu_device *device, unsigned int queue, uint64_t seq)
{
	struct vvu_ring *ring = &device->rings[queue];

	if (ring->kick_seq > seq)
		return;
	ring->running = false;
	if (ring->kick_fd < 0)
		return;
	device->ops->kick_set(device->host, queue, -1);
	close_fd(&ring->kick_fd);
}

void vvu_notify_answered(struct vvu_device *device, uint64_t seq)
{
	unsigned int i;

	if (device->reset_seq == 0 || device->reset_seq > seq)
		return;
	for (i = 0; i < device->max_queues; i++)
		if (device->rings[i].kick_seq < device->reset_seq)
			device->rings[i].running = false;
	device->reset_seq = 0;
}

bool vvu_notify_any_running(const struct vvu_device *device)
{
	unsigned int i;

	for (i = 0; i < device->max_queues; i++)
		if (device->rings[i].running)
			return true;
	return false;
}

void vvu_notify_disarm_all(struct vvu_device *device)
{
	uint32_t n = device->max_queues;
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct vvu_ring *ring = &device->rings[i];

		if (ring->kick_fd >= 0)
			device->ops->kick_set(device->host, i, -1);
		if (ring->call_fd >= 0)
			device->ops->doorbell_set(device->host, VVU_DOORBELL_CALL(n, i), -1);
		if (ring->err_fd >= 0)
			device->ops->doorbell_set(device->host, VVU_DOORBELL_ERR(n, i), -1);
		close_fd(&ring->kick_fd);
		close_fd(&ring->call_fd);
		close_fd(&ring->err_fd);
		ring->running = false;
		ring->kick_seq = 0;
	}
	if (device->log_fd >= 0)
		device->ops->doorbell_set(device->host, VVU_DOORBELL_LOG(n), -1);
	close_fd(&device->log_fd);
}
