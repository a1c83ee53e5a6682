/* SPDX-License-Identifier: BSD-3-Clause */
#include "device.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "driver.h"
#include "frontend.h"
#include "internal.h"
#include "resources.h"

void vvu_log(struct vvu_device *device, enum vvu_log_level level, const char *fmt, ...)
{
	char text[VHU_REASON_MAX + 64];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	device->ops->log(device->host, level, text);
}

void vvu_trace(struct vvu_device *device, enum vhu_space space, const struct vhu_msg *msg,
	       const char *from)
{
	char text[VHU_REASON_MAX];

	vhu_print(space, msg, text, sizeof(text));
	vvu_log(device, VVU_LOG_DEBUG, "%s: %s", from, text);
}

void vvu_poll_changed(struct vvu_device *device)
{
	if (device->ops->poll_changed != NULL)
		device->ops->poll_changed(device->host);
}

void vvu_disconnect(struct vvu_device *device, const struct vhu_reason *reason)
{
	vvu_connection_event(device, VVU_EVENT_REFUSED, reason->text);
}

static int check_range(const struct vvu_bar_layout *layout, uint8_t shmid,
		       struct vhu_reason *reason)
{
	const struct vvu_range *range = vvu_layout_shm(layout, shmid);

	if (range->length != 0 && range->length % VVU_PAGE_SIZE == 0 &&
	    range->offset % VVU_PAGE_SIZE == 0 && range->length <= layout->bar_size &&
	    range->offset <= layout->bar_size - range->length)
		return 0;
	vhu_reason_set(reason, "layout: shared memory %u at 0x%llx, 0x%llx bytes, in a BAR of "
			       "0x%llx",
		       shmid, (unsigned long long)range->offset,
		       (unsigned long long)range->length, (unsigned long long)layout->bar_size);
	return -EINVAL;
}

/* The name of a host operation that has to be there and is not, NULL when none lacks. */
static const char *missing_op(const struct vvu_host_ops *ops)
{
#define VVU_X_OP(op) \
	do { \
		if (ops->op == NULL) \
			return #op; \
	} while (0)
	VVU_X_OP(window_map);
	VVU_X_OP(window_unmap);
	VVU_X_OP(kick_set);
	VVU_X_OP(doorbell_set);
	VVU_X_OP(rxq_put);
	VVU_X_OP(frontend_send);
	VVU_X_OP(frontend_close);
	VVU_X_OP(channel_set);
	VVU_X_OP(channel_send);
	VVU_X_OP(config_changed);
	VVU_X_OP(needs_reset);
	VVU_X_OP(log);
#undef VVU_X_OP
	return NULL;
}

int vvu_device_create(const struct vvu_device_config *config, const struct vvu_host_ops *ops,
		      void *host, struct vvu_device **device, struct vhu_reason *reason)
{
	uint64_t unknown = config->protocol_features & ~vhu_protocol_features_passed();
	struct vvu_device *dev;
	unsigned int i;
	int ret;

	if (config->max_vhost_queues > VHU_MAX_VRINGS) {
		vhu_reason_set(reason, "max_vhost_queues %u, at most %u",
			       config->max_vhost_queues, VHU_MAX_VRINGS);
		return -EINVAL;
	}
	if (unknown != 0) {
		vhu_reason_set(reason, "protocol_features 0x%llx has bits 0x%llx that no device "
				       "lets through",
			       (unsigned long long)config->protocol_features,
			       (unsigned long long)unknown);
		return -EINVAL;
	}
	if (missing_op(ops) != NULL) {
		vhu_reason_set(reason, "host operation %s is missing", missing_op(ops));
		return -EINVAL;
	}
	for (i = VVU_SHMID_MEMORY; i <= VVU_SHMID_INFLIGHT; i++) {
		ret = check_range(&config->layout, (uint8_t)i, reason);
		if (ret < 0)
			return ret;
	}

	dev = calloc(1, sizeof(*dev));
	if (dev == NULL) {
		vhu_reason_set(reason, "out of memory");
		return -ENOMEM;
	}
	dev->ops = ops;
	dev->host = host;
	dev->max_queues = config->max_vhost_queues != 0 ? config->max_vhost_queues :
							  VHU_MAX_VRINGS;
	memcpy(dev->uuid, config->uuid, sizeof(dev->uuid));
	dev->layout = config->layout;
	dev->align_window = config->align_window;
	dev->neg.allowed = vvu_features_allowed(config->protocol_features);
	dev->log_fd = -1;
	vvu_channel_clear(&dev->channel);
	for (i = 0; i < VHU_MAX_VRINGS; i++) {
		dev->rings[i].kick_fd = -1;
		dev->rings[i].call_fd = -1;
		dev->rings[i].err_fd = -1;
	}
	*device = dev;
	return 0;
}

void vvu_device_destroy(struct vvu_device *device)
{
	if (device == NULL)
		return;
	vvu_connection_event(device, VVU_EVENT_RESET, "the device is removed");
	free(device);
}

void vvu_device_driver_ok(struct vvu_device *device)
{
	vvu_connection_event(device, VVU_EVENT_DRIVER_OK, NULL);
}

void vvu_device_reset(struct vvu_device *device)
{
	vvu_connection_event(device, VVU_EVENT_RESET, "the driver reset the device");
}

void vvu_device_config_read(struct vvu_device *device, uint32_t offset, void *buf, size_t len)
{
	uint8_t config[VVU_CONFIG_SIZE];

	memset(buf, 0, len);
	if (offset >= sizeof(config))
		return;
	vvu_config_build(device, config);
	if (len > sizeof(config) - offset)
		len = sizeof(config) - offset;
	memcpy(buf, config + offset, len);
}

void vvu_device_config_write(struct vvu_device *device, uint32_t offset, const void *buf,
			     size_t len)
{
	switch (vvu_config_parse_write(offset, buf, len)) {
	case VVU_CONFIG_WRITE_NONE:
		break;
	case VVU_CONFIG_WRITE_UP:
		vvu_connection_event(device, VVU_EVENT_BACKEND_UP, NULL);
		break;
	case VVU_CONFIG_WRITE_DOWN:
		vvu_connection_event(device, VVU_EVENT_BACKEND_DOWN,
				     "the driver cleared BACKEND_UP");
		break;
	case VVU_CONFIG_WRITE_BAD:
		vvu_connection_event(device, VVU_EVENT_BAD_STATUS,
				     "the driver wrote undefined status bits");
		break;
	}
}

void vvu_device_rxq_ready(struct vvu_device *device)
{
	bool held_up = device->pending_len != 0;
	struct vhu_reason reason;

	if (device->state != VVU_STATE_CONNECTED)
		return;
	if (vvu_driver_retry(device, &reason) < 0)
		vvu_disconnect(device, &reason);
	else if (held_up && device->pending_len == 0)
		vvu_poll_changed(device);
}

int vvu_device_driver_message(struct vvu_device *device, const void *msg, size_t len)
{
	bool held_up = vvu_requests_full(&device->requests);
	struct vhu_reason reason;
	int ret;

	device->messages_from_driver++;
	if (device->state != VVU_STATE_CONNECTED) {
		device->driver_messages_dropped++;
		vvu_log(device, VVU_LOG_DEBUG, "driver: %zu bytes dropped, no frontend", len);
		return -ENOTCONN;
	}
	ret = vvu_driver_message(device, msg, len, &reason);
	if (ret == VVU_DRIVER_DROPPED) {
		device->driver_messages_dropped++;
		vvu_log(device, VVU_LOG_DEBUG, "driver: request dropped: %s", reason.text);
		return -EOPNOTSUPP;
	}
	if (ret < 0)
		vvu_disconnect(device, &reason);
	else if (held_up)
		vvu_poll_changed(device);
	return ret;
}

bool vvu_device_accepts(const struct vvu_device *device)
{
	return device->state == VVU_STATE_LISTENING;
}

int vvu_device_frontend_connected(struct vvu_device *device)
{
	if (!vvu_device_accepts(device))
		return -EBUSY;
	vvu_connection_event(device, VVU_EVENT_CONNECTED, NULL);
	return 0;
}

void vvu_device_frontend_closed(struct vvu_device *device, const char *why)
{
	vvu_connection_event(device, VVU_EVENT_CLOSED, why);
}

size_t vvu_device_frontend_want(const struct vvu_device *device)
{
	return vvu_frontend_want(device);
}

int vvu_device_frontend_input(struct vvu_device *device, const void *buf, size_t len,
			      const int *fds, unsigned int nfds)
{
	struct vhu_reason reason;
	unsigned int i;
	int ret;

	if (device->state != VVU_STATE_CONNECTED) {
		for (i = 0; i < nfds; i++)
			close(fds[i]);
		return -ENOTCONN;
	}
	ret = vvu_frontend_input(device, buf, len, fds, nfds, &reason);
	if (ret < 0)
		vvu_disconnect(device, &reason);
	else if (vvu_frontend_want(device) == 0)
		vvu_poll_changed(device);
	return ret;
}

size_t vvu_device_channel_want(const struct vvu_device *device)
{
	return vvu_channel_want(device);
}

int vvu_device_channel_input(struct vvu_device *device, const void *buf, size_t len)
{
	struct vhu_reason reason;
	int ret;

	if (device->channel.fd < 0)
		return -ENOTCONN;
	ret = vvu_channel_input(device, buf, len, &reason);
	if (ret < 0)
		vvu_disconnect(device, &reason);
	else if (device->pending_len != 0)
		vvu_poll_changed(device);
	return ret;
}

void vvu_device_channel_closed(struct vvu_device *device)
{
	struct vhu_reason reason;

	if (device->channel.fd < 0)
		return;
	vvu_log(device, VVU_LOG_INFO, "the frontend closed the backend request channel");
	vvu_channel_close(device);
	if (vvu_channel_flush(device, &reason) < 0)
		vvu_disconnect(device, &reason);
}

void vvu_device_fault(struct vvu_device *device, const char *why)
{
	vvu_connection_event(device, VVU_EVENT_REFUSED, why);
}

void vvu_device_query(const struct vvu_device *device, struct vvu_device_status *status)
{
	memset(status, 0, sizeof(*status));
	status->state = vvu_state_name(device->state);
	status->status = device->status;
	status->epoch = device->epoch;
	status->features = device->neg.acked;
	status->protocol_features = device->neg.protocol_acked;
	status->regions = vvu_window_regions(device);
	status->window_used = vvu_maps_used(device, VVU_SHMID_MEMORY);
	status->outstanding = device->requests.count;
	status->connections = device->connections;
	status->messages_from_frontend = device->messages_from_frontend;
	status->messages_from_driver = device->messages_from_driver;
	status->driver_messages_dropped = device->driver_messages_dropped;
	status->last_disconnect = device->last_disconnect;
}
