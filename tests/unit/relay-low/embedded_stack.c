/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "embedded_stack.h"

#define TIMEOUT_NS	(20 * 1000000000ll)	/* of a wait that is over in a millisecond */

static void
quiet(void *ctx, enum vvu_log_level level, const char *text)
{
}

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

void
stack_run_until(struct stack *stack, bool (*done)(struct stack *stack, void *arg), void *arg)
{
	int64_t deadline = now_ns() + TIMEOUT_NS;
	struct pollfd fd = { .fd = stack->bus->ops->poll_fd(stack->bus), .events = POLLIN };

	while (!done(stack, arg)) {
		assert_true(now_ns() < deadline);
		poll(&fd, 1, 10);
		assert_true(stack->bus->ops->run(stack->bus) >= 0);
	}
}

bool
frontend_is_up(struct stack *stack, void *arg)
{
	uint32_t status, epoch;

	assert_int_equal(vhr_vvu_status(&stack->vvu, &status, &epoch), 0);
	return (status & VVU_STATUS_FRONTEND_UP) != 0;
}

bool
frontend_is_gone(struct stack *stack, void *arg)
{
	uint32_t status, epoch;

	assert_int_equal(vhr_vvu_status(&stack->vvu, &status, &epoch), 0);
	return status == 0;
}

bool
message_is_there(struct stack *stack, void *arg)
{
	struct received *received = arg;
	int ret = vhr_vvu_receive(&stack->vvu, &received->msg, &received->space);

	assert_true(ret >= 0);
	return ret == 1;
}

bool
fd_is_readable(struct stack *stack, void *arg)
{
	struct pollfd fd = { .fd = *(int *)arg, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

uint64_t
eventfd_drain(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

int
stack_setup(void **state)
{
	struct stack *stack = calloc(1, sizeof(*stack));
	static unsigned int serial;

	assert_non_null(stack);
	snprintf(stack->path, sizeof(stack->path), "/tmp/vhr-low-%d-%u.sock", getpid(), serial++);
	stack->config.socket_path = stack->path;
	stack->config.max_vhost_queues = 4;
	stack->config.bar_size = 64ull << 20;
	memset(stack->config.uuid, 0x5a, sizeof(stack->config.uuid));
	stack->config.log = quiet;
	stack->frontend = -1;
	*state = stack;
	return 0;
}

int
stack_teardown(void **state)
{
	struct stack *stack = *state;

	if (stack->frontend >= 0)
		close(stack->frontend);
	vhr_vvu_close(&stack->vvu);
	if (stack->bus != NULL)
		stack->bus->ops->close(stack->bus);
	assert_int_equal(access(stack->path, F_OK), -1);
	free(stack);
	return 0;
}

void
stack_open(struct stack *stack)
{
	struct vhu_reason reason = { "" };
	int ret;

	ret = vhr_bus_embedded_open(&stack->config, &stack->bus, &reason);
	if (ret < 0)
		fail_msg("bus: %s", reason.text);
	ret = vhr_vvu_open(&stack->vvu, stack->bus, 0, 0);
	if (ret < 0)
		fail_msg("device: %s", stack->vvu.reason.text);
}

void
stack_connect(struct stack *stack)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	stack->frontend = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(stack->frontend >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", stack->path);
	assert_int_equal(connect(stack->frontend, (struct sockaddr *)&address, sizeof(address)), 0);
	stack_run_until(stack, frontend_is_up, NULL);
}

void
stack_open_connected(struct stack *stack)
{
	stack_open(stack);
	assert_int_equal(vhr_vvu_backend_up(&stack->vvu, true), 0);
	stack_connect(stack);
}

void
frontend_send(struct stack *stack, const struct vhu_msg *msg, int fd)
{
	uint8_t bytes[VHU_MAX_MESSAGE];
	int len = vhu_encode(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, msg, bytes, sizeof(bytes), NULL);
	struct iovec iov = { bytes, (size_t)len };
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	assert_true(len > 0);
	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	assert_int_equal(sendmsg(stack->frontend, &message, MSG_NOSIGNAL), len);
}

void
stack_pass(struct stack *stack, const struct vhu_msg *msg, int fd, struct received *received)
{
	frontend_send(stack, msg, fd);
	stack_run_until(stack, message_is_there, received);
	assert_int_equal(received->space, VHU_SPACE_FRONTEND);
	assert_int_equal(received->msg.hdr.request, msg->hdr.request);
}

void
stack_answer_u64(struct stack *stack, const struct received *received, uint64_t value,
	   struct vhu_msg *reply)
{
	uint8_t bytes[20];

	vhu_reply_init(reply, &received->msg, 8);
	reply->u64 = value;
	assert_int_equal(vhr_vvu_send(&stack->vvu, VHU_SPACE_FRONTEND, reply), 0);
	stack_run_until(stack, fd_is_readable, &stack->frontend);
	assert_int_equal(recv(stack->frontend, bytes, sizeof(bytes), MSG_WAITALL), sizeof(bytes));
	memset(reply, 0, sizeof(*reply));
	assert_int_equal(vhu_decode(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, true, bytes,
				    sizeof(bytes), reply, NULL), 0);
}

void
request_init(struct vhu_msg *msg, uint32_t id, uint32_t size)
{
	memset(msg, 0, sizeof(*msg));
	msg->hdr = (struct vhu_header){ id, VHU_VERSION, size };
}
