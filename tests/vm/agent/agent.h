/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VM_AGENT_H
#define VM_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The wire between harness and agent: frames in both directions, all numbers little-endian.
 *
 *   offset  0  le32  FRAME_MAGIC
 *   offset  4  u8    type, then three bytes of zero
 *   offset  8  le32  id of the command, chosen by the host
 *   offset 12  le32  length of the data that follow, FRAME_DATA_MAX at most
 *
 * The magic lets a host that attaches in the middle of a frame find the next hello.
 */
#define FRAME_MAGIC	0x41555656u
#define FRAME_DATA_MAX	(64u * 1024)

enum frame_type {
	/* from the host */
	FRAME_PING = 'P',	/* answered with a hello */
	FRAME_EXEC = 'X',	/* data: a command line for /bin/sh -c */
	FRAME_TERMINAL = 'T',	/* the same on a terminal of its own; there is no FRAME_ERR */
	FRAME_INPUT = 'I',	/* data for standard input; none: end of file */
	FRAME_SIGNAL = 'K',	/* data: one byte, the signal for the process group */
	/* from the guest */
	FRAME_HELLO = 'H',	/* data: the boot id of the kernel; at start and after a ping */
	FRAME_OUT = 'O',
	FRAME_ERR = 'E',
	FRAME_EXIT = 'Q',	/* data: le32, status as waitpid() gives it; the last of an id */
};

struct frame_header {
	uint32_t magic;
	uint8_t type, zero[3];
	uint32_t id, length;
};

struct frame {
	int type;
	uint32_t id, length;
	/* One byte more than length, zero. */
	const char *data;
};

struct port {
	int fd;
	size_t filled, taken;
	/* The byte after the last frame is replaced by zero for a moment. */
	char buffer[2 * (FRAME_DATA_MAX + sizeof(struct frame_header)) + 1];
	bool patched;
	char saved;
};

/* Waits some seconds for the device node. 0 or -1 with errno. */
int port_open(struct port *port, const char *path);

/*
 * Read what there is. 0; -ENOTCONN while no host is attached (an incomplete frame of the last
 * one is dropped); another negative errno when the port is unusable.
 */
int port_fill(struct port *port);

/* The next complete frame; its data are valid until the next call. */
bool port_next(struct port *port, struct frame *frame);

/* Blocks while the host is slow; drops the frame when no host is attached. */
void port_send(struct port *port, int type, uint32_t id, const void *data, uint32_t length);

void port_hello(struct port *port);

#define COMMANDS_MAX	64

struct command {
	bool used, in_closing;
	uint32_t id;
	pid_t pid;
	/* -1 once closed. A terminal has one descriptor, in and out are duplicates of it. */
	int in, out, err;
	char *pending;
	size_t pending_length;
};

/* 0, or a negative errno when no process could be made. */
int command_start(struct command *command, const struct frame *frame);

/* Queue input; a length of 0 closes it once all is written. */
void command_input(struct command *command, const char *data, uint32_t length);

/* Write queued input as far as the command takes it. */
void command_feed(struct command *command);

/* Pass output to the host; *fd becomes -1 at its end. */
void command_pump(struct command *command, int *fd, int type, struct port *port);

/* The process is gone: send what it has left behind and its status, free the slot. */
void command_ended(struct command *command, struct port *port, int32_t status);

#endif
