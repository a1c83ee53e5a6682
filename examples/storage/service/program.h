/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the storage programs have in common: options, QEMU's conventions for vhost-user back-end
 * programs (--socket-path, --fd, --print-capabilities), devices from options, a configuration
 * file or JSON-RPC, worker threads, privileges, signals, systemd. A program is a type of device
 * and a main() that calls program_main().
 *
 * A device is described by a JSON object. The common keys: "name", one of "socket-path", "fd",
 * "device" (PCI address or uuid), and "socket-mode", "socket-group", "queues", "map", "packed".
 * All others are the type's. Options become such an object, so there is one way in.
 */
#ifndef STORAGE_PROGRAM_H
#define STORAGE_PROGRAM_H

#include <jansson.h>

#include "storage/target/target.h"
#include "rpc.h"

/* An option of the type's own, which becomes a key of the description. */
struct program_option {
	const char *name;		/* "serial" for --serial */
	enum { PROGRAM_STRING, PROGRAM_NUMBER, PROGRAM_FLAG, PROGRAM_LIST } kind;
	const char *key;
	const char *help;
};

struct program_type {
	const char *name;		/* "vhost-blk" */
	const char *summary;
	const char *backend_type;	/* of --print-capabilities: "block", "scsi" */
	const char *const *capabilities;	/* its "features", NULL at the end */
	const struct program_option *options;	/* NULL name at the end */
	/*
	 * Make a device. @config has the common keys already; the type fills in ops, priv and
	 * features, takes its own keys from @description (what it does not know is an error),
	 * and calls target_create(). Main thread, as all below.
	 */
	int (*create)(struct worker_pool *pool, struct target_config *config,
		      const json_t *description, void **device, struct vhu_reason *reason);
	/* Waits for what is under way. */
	void (*destroy)(void *device);
	struct target *(*target)(void *device);
	/* A new object: what is the type's own; with "stats". */
	json_t *(*describe)(void *device);
	/*
	 * Further RPC methods; their argument is a struct program *. "device.resize" and the
	 * like: program_device() finds what "name" of the parameters says.
	 */
	const struct rpc_method *methods;
};

struct program;

int program_main(const struct program_type *type, int argc, char **argv);

/* The device that params["name"] names; NULL with @reason. */
void *program_device(struct program *program, const json_t *params, struct vhu_reason *reason);

/* A line on stderr, if its level is at or above --log-level (enum vvu_log_level). */
__attribute__((format(printf, 2, 3)))
void program_log(int level, const char *fmt, ...);

#endif
