/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs commands inside a test guest for the harness on the host, over one virtio-serial port.
 * The framing is described in agent.h; harness/agent.py is the other end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

/* The port is not read while a command has so much unread input: the host waits. */
#define PENDING_MAX	(1u << 20)
#define IDLE_MS		1000
#define DETACHED_MS	100

static struct command commands[COMMANDS_MAX];
static struct port port = { .fd = -1 };
static int child_pipe[2];

static void on_child(int number)
{
	int saved = errno;

	/* A full pipe already says what there is to say. */
	if (write(child_pipe[1], "", 1) < 0)
		errno = saved;
	errno = saved;
}

static struct command *command_of(uint32_t id)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (commands[i].used && commands[i].id == id)
			return &commands[i];
	return NULL;
}

static void start(const struct frame *frame)
{
	int32_t status = 127 << 8;

	for (size_t i = 0; i < COMMANDS_MAX && command_of(frame->id) == NULL; i++) {
		if (commands[i].used)
			continue;
		if (command_start(&commands[i], frame) == 0)
			return;
		break;
	}
	port_send(&port, FRAME_EXIT, frame->id, &status, sizeof(status));
}

static void handle(const struct frame *frame)
{
	struct command *command = command_of(frame->id);

	switch (frame->type) {
	case FRAME_PING:
		port_hello(&port);
		break;
	case FRAME_EXEC:
	case FRAME_TERMINAL:
		start(frame);
		break;
	case FRAME_INPUT:
		if (command != NULL)
			command_input(command, frame->data, frame->length);
		break;
	case FRAME_SIGNAL:
		if (command != NULL && frame->length == 1)
			kill(-command->pid, (unsigned char)frame->data[0]);
		break;
	default:
		fprintf(stderr, "vm-agent: unknown frame type %d\n", frame->type);
	}
}

static void reap(void)
{
	char drop[64];
	int status;
	pid_t pid;

	while (read(child_pipe[0], drop, sizeof(drop)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < COMMANDS_MAX; i++)
			if (commands[i].used && commands[i].pid == pid)
				command_ended(&commands[i], &port, status);
}

static bool input_is_stuck(void)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (commands[i].used && commands[i].pending_length > PENDING_MAX)
			return true;
	return false;
}

/* Where in the array of struct pollfd the descriptors of each command are. */
struct polled {
	struct pollfd fds[2 + 3 * COMMANDS_MAX];
	nfds_t count;
};

static struct pollfd *poll_add(struct polled *polled, int fd, short events)
{
	polled->fds[polled->count] = (struct pollfd){ .fd = fd, .events = events };
	return &polled->fds[polled->count++];
}

static bool is_ready(const struct polled *polled, int fd, short events)
{
	for (nfds_t i = 2; fd >= 0 && i < polled->count; i++)
		if (polled->fds[i].fd == fd && (polled->fds[i].events & events) != 0)
			return polled->fds[i].revents != 0;
	return false;
}

static void serve(const struct polled *polled)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++) {
		struct command *command = &commands[i];

		if (!command->used)
			continue;
		if (is_ready(polled, command->in, POLLOUT))
			command_feed(command);
		if (is_ready(polled, command->out, POLLIN))
			command_pump(command, &command->out, FRAME_OUT, &port);
		if (is_ready(polled, command->err, POLLIN))
			command_pump(command, &command->err, FRAME_ERR, &port);
	}
}

static int loop(void)
{
	bool detached = false;
	struct frame frame;

	for (;;) {
		struct polled polled = { .count = 0 };
		int status;

		/* Without a host poll() would return at once, for ever. */
		poll_add(&polled, detached || input_is_stuck() ? -1 : port.fd, POLLIN);
		poll_add(&polled, child_pipe[0], POLLIN);
		for (size_t i = 0; i < COMMANDS_MAX; i++) {
			if (!commands[i].used)
				continue;
			if (commands[i].pending_length > 0 || commands[i].in_closing)
				poll_add(&polled, commands[i].in, POLLOUT);
			poll_add(&polled, commands[i].out, POLLIN);
			poll_add(&polled, commands[i].err, POLLIN);
		}
		if (poll(polled.fds, polled.count, detached ? DETACHED_MS : IDLE_MS) < 0 &&
		    errno != EINTR)
			return 1;
		serve(&polled);
		if ((polled.fds[1].revents & POLLIN) != 0)
			reap();
		if (!detached && polled.fds[0].revents == 0)
			continue;
		status = port_fill(&port);
		detached = status == -ENOTCONN;
		if (status < 0 && !detached)
			return 1;
		while (port_next(&port, &frame))
			handle(&frame);
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_RESTART };

	if (argc != 2) {
		fprintf(stderr, "usage: vm-agent PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(child_pipe, O_CLOEXEC | O_NONBLOCK) != 0 ||
	    sigaction(SIGCHLD, &action, NULL) != 0 || port_open(&port, argv[1]) != 0) {
		perror("vm-agent");
		return 1;
	}
	port_hello(&port);
	return loop();
}
