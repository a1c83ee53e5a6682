/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the process itself is to be like, from a JSON object: the configuration file's, with what
 * the options said. The devices in it are read by device_config.h.
 */
#ifndef STORAGE_SETTINGS_H
#define STORAGE_SETTINGS_H

#include <stdbool.h>

#include <jansson.h>

#include "storage/target/worker.h"

#define SETTINGS_THREADS_MAX 64u

struct settings {
	unsigned int threads;
	int cpus[SETTINGS_THREADS_MAX];	/* per thread; -1: anywhere */
	enum worker_mode mode;
	unsigned int poll_us;
	const char *rpc_socket;		/* NULL: none; of the object, as are other strings */
	unsigned int rpc_mode;
	const char *user;
	const char *group;
	bool sandbox;
	int log_level;
	const json_t *devices;		/* an array of objects, maybe NULL */
};

/*
 * Strings stay those of @config. -EINVAL with @reason: an unknown key, a wrong type, or a value
 * that is not possible.
 */
int settings_read(const json_t *config, struct settings *settings, struct vhu_reason *reason);

const char *settings_mode_name(enum worker_mode mode);

/* ---- reading values out of objects, for all that read descriptions ---- */

/* Every key of @object is one of @keys (NULL at the end); @what names the object. */
int settings_known(const json_t *object, const char *const *keys, const char *what,
		   struct vhu_reason *reason);
/* An absent key leaves @value as it is. -EINVAL: of another type, or out of range. */
int settings_number(const json_t *object, const char *key, unsigned int min, unsigned int max,
		    unsigned int *value, struct vhu_reason *reason);
int settings_string(const json_t *object, const char *key, const char **value,
		    struct vhu_reason *reason);
int settings_flag(const json_t *object, const char *key, bool *value,
		  struct vhu_reason *reason);
/* Permission bits, a string of octal digits: JSON has no octal numbers. */
int settings_mode(const json_t *object, const char *key, unsigned int *value,
		  struct vhu_reason *reason);
/*
 * An array of numbers in [@min, @max], at most @cap of them into @values. Returns how many, 0 for
 * an absent key, or -EINVAL.
 */
int settings_numbers(const json_t *object, const char *key, int min, int max, int *values,
		     unsigned int cap, struct vhu_reason *reason);

#endif
