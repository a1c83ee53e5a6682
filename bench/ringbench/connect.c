/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "connect.h"
#include "frontend/session.h"

#define BIT(number)	(1ull << (number))
#define F_IN_ORDER	35
#define TIMEOUT_NS	60000000000ull
#define AREA_BYTES	(2u << 20)

/* As DPDK's virtio-user has it: no event index. */
static int negotiate(struct frontend *frontend, const struct shape *shape,
		     struct vhu_reason *reason)
{
	uint64_t wanted = BIT(VIRTIO_F_VERSION_1) | BIT(VHU_F_PROTOCOL_FEATURES), offered = 0;
	struct control *control = &frontend->control;
	struct vhu_msg msg;
	int ret;

	wanted |= shape->packed ? BIT(VIRTIO_F_RING_PACKED) : 0;
	wanted |= shape->mrg ? BIT(VIRTIO_NET_F_MRG_RXBUF) : 0;
	wanted |= shape->in_order ? BIT(F_IN_ORDER) : 0;
	control_init(&msg, VHU_SET_OWNER, 0);
	ret = control_command(control, &msg, -1, reason);
	if (!ret)
		ret = session_get_u64(control, VHU_GET_FEATURES, &offered, reason);
	if (!ret && (offered & wanted) != wanted) {
		vhu_reason_set(reason, "it does not offer %#llx",
			       (unsigned long long)(wanted & ~offered));
		return -EOPNOTSUPP;
	}
	wanted |= offered & BIT(VIRTIO_RING_F_INDIRECT_DESC);
	if (!ret)
		ret = session_get_u64(control, VHU_GET_PROTOCOL_FEATURES, &offered, reason);
	if (!ret) {
		offered &= BIT(VHU_PROTOCOL_F_REPLY_ACK);
		ret = session_set_u64(control, VHU_SET_PROTOCOL_FEATURES, offered, -1, reason);
	}
	if (!ret)
		control->ack = offered != 0;
	return ret ? ret : session_set_u64(control, VHU_SET_FEATURES, wanted, -1, reason);
}

static int make_ring(struct frontend *frontend, struct driver *driver, const struct shape *shape,
		     bool writable)
{
	*driver = (struct driver){
		.ops = shape->packed ? &driver_packed_ops : &driver_split_ops,
		.area = &frontend->area,
		.in_order = shape->in_order,
		.mrg = shape->mrg,
		.writable = writable,
		.buffers = area_take(&frontend->area, RING_SIZE * (size_t)BUFFER_BYTES, 64),
	};
	return driver->buffers ? driver->ops->init(driver) : -ENOSPC;
}

static int start_ring(struct frontend *frontend, const struct driver *driver, unsigned int index,
		      struct vhu_reason *reason)
{
	struct session_ring ring = {
		.index = index,
		.size = RING_SIZE,
		.base = driver->ops->first_base,
		.kick_fd = frontend->kick_fd,
		.call_fd = frontend->call_fd,
		.err_fd = frontend->err_fd,
	};

	driver->ops->address(driver, &ring.address);
	return session_start_ring(&frontend->control, &ring, reason);
}

int connect_open(struct frontend *frontend, const char *path, const struct shape *shape,
		 struct vhu_reason *reason)
{
	int ret;

	*frontend = (struct frontend){
		.control = { .fd = -1 },
		.area = { .fd = -1 },
		.kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (frontend->kick_fd < 0 || frontend->call_fd < 0 || frontend->err_fd < 0) {
		ret = -errno;
		vhu_reason_set(reason, "eventfd(): %s", strerror(errno));
		return ret;
	}
	ret = control_connect(&frontend->control, path, TIMEOUT_NS, reason);
	if (!ret)
		ret = negotiate(frontend, shape, reason);
	if (!ret)
		ret = area_create(&frontend->area, AREA_BYTES, false, reason);
	if (!ret) {
		ret = make_ring(frontend, &frontend->receive, shape, true);
		if (!ret)
			ret = make_ring(frontend, &frontend->transmit, shape, false);
		if (ret)
			vhu_reason_set(reason, "the shared memory is too small");
	}
	if (!ret)
		ret = session_share(&frontend->control, &frontend->area, reason);
	if (!ret)
		ret = start_ring(frontend, &frontend->receive, 0, reason);
	return ret ? ret : start_ring(frontend, &frontend->transmit, 1, reason);
}

void connect_close(struct frontend *frontend)
{
	control_close(&frontend->control);
	area_destroy(&frontend->area);
	if (frontend->kick_fd >= 0)
		close(frontend->kick_fd);
	if (frontend->call_fd >= 0)
		close(frontend->call_fd);
	if (frontend->err_fd >= 0)
		close(frontend->err_fd);
}
