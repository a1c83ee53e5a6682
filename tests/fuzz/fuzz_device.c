/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz_device.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int window_map(void *ctx, const struct vvu_mapping *mapping)
{
	struct fuzz_host *host = ctx;

	if (mapping->length == 0 || mapping->offset % VVU_PAGE_SIZE != 0)
		abort();
	host->mappings++;
	return 0;
}

static void window_unmap(void *ctx, const struct vvu_mapping *mapping)
{
	struct fuzz_host *host = ctx;

	if (host->mappings-- == 0)
		abort();
}

static int set_fd(void *ctx, unsigned int index, int fd)
{
	if (index >= VVU_NUM_DOORBELLS(VHU_MAX_VRINGS))
		abort();
	return 0;
}

static int rxq_put(void *ctx, const void *msg, size_t len)
{
	struct fuzz_host *host = ctx;

	if (host->rxq_full)
		return -EAGAIN;
	if (len > sizeof(host->to_driver) || len < VHU_HEADER_SIZE)
		abort();
	memcpy(host->to_driver, msg, len);
	host->to_driver_len = len;
	return 0;
}

static int frontend_send(void *ctx, const void *msg, size_t len, const int *fds, unsigned int nfds)
{
	if (len < VHU_HEADER_SIZE || len > VHU_MAX_MESSAGE)
		abort();
	return 0;
}

static void frontend_close(void *ctx)
{
	struct fuzz_host *host = ctx;

	host->connected = false;
}

static int channel_set(void *ctx, int fd)
{
	return 0;
}

static int channel_send(void *ctx, const void *msg, size_t len)
{
	if (len < VHU_HEADER_SIZE || len > VHU_MAX_MESSAGE)
		abort();
	return 0;
}

static void nothing(void *ctx)
{
}

static void quiet(void *ctx, enum vvu_log_level level, const char *text)
{
}

static const struct vvu_host_ops ops = {
	.window_map = window_map,
	.window_unmap = window_unmap,
	.kick_set = set_fd,
	.doorbell_set = set_fd,
	.rxq_put = rxq_put,
	.frontend_send = frontend_send,
	.frontend_close = frontend_close,
	.channel_set = channel_set,
	.channel_send = channel_send,
	.config_changed = nothing,
	.needs_reset = nothing,
	.log = quiet,
};

void fuzz_device_open(struct fuzz_host *host)
{
	struct vvu_device_config config = { .max_vhost_queues = 16 };
	struct vhu_reason reason;
	const uint32_t up = htole32(VVU_STATUS_BACKEND_UP);

	memset(host, 0, sizeof(*host));
	if (vvu_layout_init(&config.layout, 64ull << 20, 16, false, &reason) != 0 ||
	    vvu_device_create(&config, &ops, host, &host->device, &reason) != 0)
		abort();
	vvu_device_driver_ok(host->device);
	vvu_device_config_write(host->device, VVU_CONFIG_STATUS, &up, sizeof(up));
	if (vvu_device_frontend_connected(host->device) != 0)
		abort();
	host->connected = true;
}

void fuzz_device_close(struct fuzz_host *host)
{
	vvu_device_destroy(host->device);
	if (host->mappings != 0)
		abort();
}

void fuzz_driver_answer(struct fuzz_host *host)
{
	struct vhu_msg request, reply;
	struct vhu_reason reason;
	uint8_t wire[VHU_MAX_MESSAGE];

	if (host->to_driver_len == 0 ||
	    vhu_decode(VHU_ORDER_LE, VHU_SPACE_FRONTEND, false, host->to_driver,
		       host->to_driver_len, &request, &reason) != 0)
		return;
	host->to_driver_len = 0;

	const struct vhu_message_info *info =
		vhu_message_info(VHU_SPACE_FRONTEND, request.hdr.request);
	uint32_t size = 8;

	if (info->rule == VHU_REPLY_ACK && !(request.hdr.flags & VHU_FLAG_NEED_REPLY))
		return;
	if (info->rule == VHU_REPLY_ALWAYS && info->reply != VHU_SHAPE_U64 &&
	    info->reply != VHU_SHAPE_U64_OR_NONE)
		size = request.hdr.size;
	vhu_reply_init(&reply, &request, size);
	if (info->rule == VHU_REPLY_ALWAYS && size == request.hdr.size && size != 0)
		memcpy(reply.raw, request.raw, size);
	if (info->rule == VHU_REPLY_ALWAYS && info->reply == VHU_SHAPE_U64)
		reply.u64 = UINT64_MAX;
	if (request.hdr.request == VHU_GET_INFLIGHT_FD)
		reply.inflight.mmap_size = 8192;

	int len = vhu_encode(VHU_ORDER_LE, VHU_SPACE_FRONTEND, &reply, wire, sizeof(wire),
			     &reason);

	if (len > 0)
		(void)vvu_device_driver_message(host->device, wire, (size_t)len);
}
