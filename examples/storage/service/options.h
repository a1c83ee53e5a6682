/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line, turned into the object that a configuration file has. */
#ifndef STORAGE_OPTIONS_H
#define STORAGE_OPTIONS_H

#include "program.h"

enum options_result {
	OPTIONS_RUN,	/* @config is what to do */
	OPTIONS_DONE,	/* --help and the like: printed */
};

/*
 * Read @argv, and the file that --config names. Options for a device make one device more than
 * the file has; all others replace what the file says. An enum options_result, with a new *config
 * if it is OPTIONS_RUN; or with @reason -EINVAL (option or value, or contents of the file),
 * -ENOMEM, or what reading the file gave.
 */
int options_read(const struct program_type *type, int argc, char **argv, json_t **config,
		 struct vhu_reason *reason);

#endif
