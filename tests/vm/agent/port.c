/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

#define OPEN_TRIES	500
#define OPEN_PAUSE_US	20000

int port_open(struct port *port, const char *path)
{
	for (int i = 0; i < OPEN_TRIES; i++) {
		port->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (port->fd >= 0)
			return 0;
		usleep(OPEN_PAUSE_US);
	}
	return -1;
}

static void unpatch(struct port *port)
{
	if (port->patched)
		port->buffer[port->taken] = port->saved;
	port->patched = false;
}

int port_fill(struct port *port)
{
	ssize_t count;

	unpatch(port);
	memmove(port->buffer, port->buffer + port->taken, port->filled - port->taken);
	port->filled -= port->taken;
	port->taken = 0;
	/* The last byte is room for the zero after a frame. */
	count = read(port->fd, port->buffer + port->filled,
		     sizeof(port->buffer) - 1 - port->filled);
	if (count < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (count == 0) {
		port->filled = 0;
		return -ENOTCONN;
	}
	port->filled += (size_t)count;
	return 0;
}

bool port_next(struct port *port, struct frame *frame)
{
	struct frame_header header;

	unpatch(port);
	while (port->filled - port->taken >= sizeof(header)) {
		memcpy(&header, port->buffer + port->taken, sizeof(header));
		if (header.magic != FRAME_MAGIC || header.length > FRAME_DATA_MAX) {
			port->taken++;
			continue;
		}
		if (port->filled - port->taken < sizeof(header) + header.length)
			return false;
		frame->type = header.type;
		frame->id = header.id;
		frame->length = header.length;
		frame->data = port->buffer + port->taken + sizeof(header);
		port->taken += sizeof(header) + header.length;
		port->saved = port->buffer[port->taken];
		port->buffer[port->taken] = '\0';
		port->patched = true;
		return true;
	}
	return false;
}

/* Whether all of it was taken; not when no host is attached. */
static bool put(struct port *port, const char *data, size_t length)
{
	while (length > 0) {
		struct pollfd poller = { .fd = port->fd, .events = POLLOUT };
		ssize_t count = write(port->fd, data, length);

		if (count > 0) {
			data += count;
			length -= (size_t)count;
			continue;
		}
		if (count < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (poll(&poller, 1, 1000) > 0 && (poller.revents & POLLHUP) != 0)
			return false;
	}
	return true;
}

void port_send(struct port *port, int type, uint32_t id, const void *data, uint32_t length)
{
	struct frame_header header = {
		.magic = FRAME_MAGIC, .type = (uint8_t)type, .id = id, .length = length,
	};

	if (put(port, (const char *)&header, sizeof(header)))
		put(port, data, length);
}

void port_hello(struct port *port)
{
	char boot_id[64] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t count = fd < 0 ? 0 : read(fd, boot_id, sizeof(boot_id));

	if (fd >= 0)
		close(fd);
	port_send(port, FRAME_HELLO, 0, boot_id, count < 0 ? 0 : (uint32_t)count);
}
