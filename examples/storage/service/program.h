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
 *
 * Exit status: 0 after SIGTERM, SIGINT or the end of the only frontend (--fd); 1: could not
 * start, or was told a second time to end; 2: a wrong option, key or value.
 */
#ifndef STORAGE_PROGRAM_H
#define STORAGE_PROGRAM_H

#include <jansson.h>

#include "storage/target/target.h"
#include "rpc.h"

/* An option of the type's own, which becomes a key of the description. */
enum program_option_kind {
	PROGRAM_STRING,		/* a string */
	PROGRAM_NUMBER,		/* an integer, 0 or more */
	PROGRAM_FLAG,		/* without a value: true */
	PROGRAM_LIST,		/* an array of strings, one for each time it is given */
	PROGRAM_FILE,		/* a path, which becomes the string "file:PATH" */
};

struct program_option {
	const char *name;		/* "serial" for --serial */
	enum program_option_kind kind;
	const char *key;
	const char *help;
};

/*
 * The options of a type that has one store, --blk-file and --read-only spelled as QEMU's
 * conventions want them. Its create() finds the keys "store" (what store_open_text() takes;
 * in a configuration file it may be an object for store_open(), too) and "read-only".
 */
#define PROGRAM_STORE_OPTIONS \
	{ "store", PROGRAM_STRING, "store", \
	  "what holds the data: ram:SIZE, null:SIZE, file:PATH, " \
	  "an nbd, iscsi or iser URI, or a JSON object" }, \
		{ "blk-file", PROGRAM_FILE, "store", "the same as --store file:PATH" }, \
	{ \
		"read-only", PROGRAM_FLAG, "read-only", "refuse writes" \
	}

struct program_type {
	const char *name;		/* "vhost-blk" */
	const char *summary;		/* one line of --help */
	const char *backend_type;	/* of --print-capabilities: "block", "scsi" */
	const char *const *capabilities;	/* its "features", NULL at the end */
	const struct program_option *options;	/* NULL name at the end */
	/*
	 * Make a device. @config has the common keys already (queues: one per worker where none
	 * are asked for); the type fills in ops, priv and features, takes its own keys from
	 * @description, which has no others (what it does not know is an error), and calls
	 * target_create(). -EINVAL: something in @description is wrong; or what the system said.
	 * In a thread of its own for JSON-RPC, maybe several at a time: a server that does not
	 * answer is waited for here, while all else goes on. @device of others and what follows
	 * below is the main thread's, but for destroy().
	 */
	int (*create)(struct worker_pool *pool, struct target_config *config,
		      const json_t *description, void **device, struct vhu_reason *reason);
	/*
	 * How many files of RDMA devices what a description describes, of a device or of an array
	 * of them, will use: such a device is made last, with the credentials that the program
	 * keeps. And let the program lock the memory for so many; -errno with @reason. Before any
	 * device is made; both NULL where there are none.
	 */
	unsigned int (*count_rdma)(const json_t *description);
	int (*allow_rdma)(unsigned int count, struct vhu_reason *reason);
	/*
	 * Waits for what is under way, in a thread of its own, so that the others go on. No other
	 * call for the same device is made then or later.
	 */
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

/*
 * The device that params["name"] names. NULL with @reason when there is none of that name, or it
 * is being removed.
 */
void *program_device(struct program *program, const json_t *params, struct vhu_reason *reason);

/*
 * Work on a device that may have to wait: for a server, for what is under way. In a thread of its
 * own; the device has no other job meanwhile, and stays. 0, or -errno with @reason.
 */
typedef int program_work(void *device, const json_t *params, struct vhu_reason *reason);
/*
 * From within the handler of a type's method, which returns what this returns: do @work with the
 * device that params["name"] names, and answer null or the error when it is done. Other requests
 * go on.
 */
int program_start_work(struct program *program, const json_t *params, program_work *work,
		       struct vhu_reason *reason);

/*
 * A line on stderr, if its level is at or above --log-level (enum vvu_log_level). Any thread.
 */
__attribute__((format(printf, 2, 3)))
void program_log(int level, const char *fmt, ...);

#endif
