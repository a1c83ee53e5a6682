/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

static void __attribute__((noreturn)) become(const char *line)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	execl("/bin/sh", "sh", "-c", line, (char *)NULL);
	_exit(127);
}

static void close_pair(const int *pair)
{
	close(pair[0]);
	close(pair[1]);
}

static int three_pipes(int in[2], int out[2], int err[2])
{
	if (pipe2(in, O_CLOEXEC) != 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) != 0) {
		close_pair(in);
		return -EMFILE;
	}
	if (pipe2(err, O_CLOEXEC) != 0) {
		close_pair(in);
		close_pair(out);
		return -EMFILE;
	}
	return 0;
}

static int start_on_pipes(struct command *command, const char *line)
{
	int in[2], out[2], err[2], status = three_pipes(in, out, err);

	if (status != 0)
		return status;
	command->pid = fork();
	if (command->pid == 0) {
		setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		become(line);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	if (command->pid < 0) {
		close(in[1]);
		close(out[0]);
		close(err[0]);
		return -EAGAIN;
	}
	command->in = in[1];
	command->out = out[0];
	command->err = err[0];
	return 0;
}

static int start_on_terminal(struct command *command, const char *line)
{
	int master;

	command->pid = forkpty(&master, NULL, NULL, NULL);
	if (command->pid < 0)
		return -EAGAIN;
	if (command->pid == 0)
		become(line);
	fcntl(master, F_SETFD, FD_CLOEXEC);
	command->out = master;
	command->in = fcntl(master, F_DUPFD_CLOEXEC, 0);
	command->err = -1;
	return 0;
}

int command_start(struct command *command, const struct frame *frame)
{
	int status;

	memset(command, 0, sizeof(*command));
	command->id = frame->id;
	status = frame->type == FRAME_TERMINAL ? start_on_terminal(command, frame->data) :
						 start_on_pipes(command, frame->data);
	if (status != 0)
		return status;
	fcntl(command->in, F_SETFL, O_NONBLOCK);
	fcntl(command->out, F_SETFL, O_NONBLOCK);
	if (command->err >= 0)
		fcntl(command->err, F_SETFL, O_NONBLOCK);
	command->used = true;
	return 0;
}

static void close_input(struct command *command)
{
	if (command->in >= 0)
		close(command->in);
	command->in = -1;
	command->in_closing = false;
	command->pending_length = 0;
}

void command_input(struct command *command, const char *data, uint32_t length)
{
	char *longer;

	if (command->in < 0)
		return;
	if (length == 0) {
		command->in_closing = true;
		command_feed(command);
		return;
	}
	longer = realloc(command->pending, command->pending_length + length);
	if (longer == NULL) {
		/* The command sees an end of file, and its checksum will not be right. */
		close_input(command);
		return;
	}
	memcpy(longer + command->pending_length, data, length);
	command->pending = longer;
	command->pending_length += length;
	command_feed(command);
}

void command_feed(struct command *command)
{
	size_t done = 0;

	while (done < command->pending_length) {
		ssize_t count = write(command->in, command->pending + done,
				      command->pending_length - done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno != EAGAIN) {
			close_input(command);
			return;
		}
		if (count < 0)
			break;
		done += (size_t)count;
	}
	command->pending_length -= done;
	if (done > 0)
		memmove(command->pending, command->pending + done, command->pending_length);
	if (command->in_closing && command->pending_length == 0)
		close_input(command);
}

void command_pump(struct command *command, int *fd, int type, struct port *port)
{
	char data[16384];
	ssize_t count = read(*fd, data, sizeof(data));

	if (count > 0) {
		port_send(port, type, command->id, data, (uint32_t)count);
		return;
	}
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close(*fd);
	*fd = -1;
}

/* Only what is there: a grandchild may hold the pipe open for as long as it lives. */
static void drain(struct command *command, int *fd, int type, struct port *port)
{
	char data[16384];
	ssize_t count;

	if (*fd < 0)
		return;
	while ((count = read(*fd, data, sizeof(data))) > 0)
		port_send(port, type, command->id, data, (uint32_t)count);
	close(*fd);
	*fd = -1;
}

void command_ended(struct command *command, struct port *port, int32_t status)
{
	drain(command, &command->out, FRAME_OUT, port);
	drain(command, &command->err, FRAME_ERR, port);
	close_input(command);
	free(command->pending);
	port_send(port, FRAME_EXIT, command->id, &status, sizeof(status));
	memset(command, 0, sizeof(*command));
}
