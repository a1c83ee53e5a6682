/* SPDX-License-Identifier: BSD-3-Clause */
#include "options_table.h"

#include <errno.h>

#define ROW(name, kind, where, key, value, help) { name, kind, where, key, value, help }

static const struct option_row common[] = {
	ROW("socket-path", OPTION_STRING, OPTION_DEVICE, "socket-path", "PATH",
	    "listen for frontends at this AF_UNIX socket"),
	ROW("fd", OPTION_NUMBER, OPTION_DEVICE, "fd", "N",
	    "serve this open socket, connected or listening, instead"),
	ROW("device", OPTION_STRING, OPTION_DEVICE, "device", "BDF|UUID",
	    "serve a virtio-vhost-user function bound to vfio-pci instead"),
	ROW("name", OPTION_STRING, OPTION_DEVICE, "name", "NAME",
	    "of the device, for messages and RPC"),
	ROW("queues", OPTION_NUMBER, OPTION_DEVICE, "queues", "N",
	    "rings, 1..256; default: one per thread"),
	ROW("map", OPTION_NUMBERS, OPTION_DEVICE, "map", "LIST",
	    "thread of each ring, such as 0,1,1; starts again where it ends; default: in turn"),
	ROW("packed", OPTION_TRUE, OPTION_DEVICE, "packed", NULL, "offer packed rings too"),
	ROW("socket-mode", OPTION_STRING, OPTION_DEVICE, "socket-mode", "MODE",
	    "permission bits of the socket; default: 0660"),
	ROW("socket-group", OPTION_STRING, OPTION_DEVICE, "socket-group", "GROUP",
	    "group of the socket, a name or a number"),
	ROW("config", OPTION_CONFIG, OPTION_PROGRAM, NULL, "FILE",
	    "JSON with these keys and \"devices\""),
	ROW("threads", OPTION_NUMBER, OPTION_PROGRAM, "threads", "N",
	    "worker threads, 1..64; default: 1, or one per CPU of --cpus"),
	ROW("cpus", OPTION_NUMBERS, OPTION_PROGRAM, "cpus", "LIST",
	    "CPU of each thread, such as 2,3 or 2-5"),
	ROW("mode", OPTION_STRING, OPTION_PROGRAM, "mode", "MODE",
	    "poll, interrupt, or adaptive (the default)"),
	ROW("poll-us", OPTION_NUMBER, OPTION_PROGRAM, "poll-us", "US",
	    "adaptive: poll for so long at most after the last work; default: 50"),
	ROW("rpc-socket", OPTION_STRING, OPTION_PROGRAM, "rpc-socket", "PATH",
	    "answer JSON-RPC at this AF_UNIX socket"),
	ROW("rpc-mode", OPTION_STRING, OPTION_PROGRAM, "rpc-mode", "MODE",
	    "permission bits of that socket; default: 0600"),
	ROW("user", OPTION_STRING, OPTION_PROGRAM, "user", "USER",
	    "become this user once everything is open"),
	ROW("group", OPTION_STRING, OPTION_PROGRAM, "group", "GROUP",
	    "and this group; default: the user's"),
	ROW("no-sandbox", OPTION_FALSE, OPTION_PROGRAM, "sandbox", NULL,
	    "keep capabilities, and filter no system calls"),
	ROW("log-level", OPTION_STRING, OPTION_PROGRAM, "log-level", "LEVEL",
	    "error, warning, info (the default) or debug"),
	ROW("print-capabilities", OPTION_CAPABILITIES, OPTION_PROGRAM, NULL, NULL,
	    "print what this program is as JSON, and do nothing else"),
	ROW("help", OPTION_HELP, OPTION_PROGRAM, NULL, NULL, "this text"),
	ROW("version", OPTION_VERSION, OPTION_PROGRAM, NULL, NULL, "print the version"),
};
#define COMMON (sizeof(common) / sizeof(common[0]))

static const struct {
	enum option_kind kind;
	const char *value;
} kinds[] = {
	[PROGRAM_STRING] = { OPTION_STRING, "TEXT" },
	[PROGRAM_NUMBER] = { OPTION_NUMBER, "N" },
	[PROGRAM_FLAG] = { OPTION_TRUE, NULL },
	[PROGRAM_LIST] = { OPTION_LIST, "TEXT" },
	[PROGRAM_FILE] = { OPTION_FILE, "PATH" },
};

bool option_has_value(const struct option_row *row)
{
	return row->value != NULL;
}

int option_rows(const struct program_type *type, struct option_row *rows, unsigned int *num,
		struct vhu_reason *reason)
{
	unsigned int count = 0;

	for (const struct program_option *option = type->options; option && option->name;
	     option++) {
		if (count + COMMON >= OPTION_ROWS_MAX) {
			vhu_reason_set(reason, "%s has more than %zu options", type->name,
				       OPTION_ROWS_MAX - COMMON);
			return -E2BIG;
		}
		rows[count++] = (struct option_row){
			.name = option->name,
			.kind = kinds[option->kind].kind,
			.where = OPTION_DEVICE,
			.key = option->key,
			.value = kinds[option->kind].value,
			.help = option->help,
		};
	}
	for (unsigned int i = 0; i < COMMON; i++)
		rows[count++] = common[i];
	*num = count;
	return 0;
}
