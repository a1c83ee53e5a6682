/* SPDX-License-Identifier: BSD-3-Clause */
/* What --help and --print-capabilities print. */
#ifndef STORAGE_OPTIONS_HELP_H
#define STORAGE_OPTIONS_HELP_H

#include "options_table.h"

void options_help(const struct program_type *type, const struct option_row *rows,
		  unsigned int num);
/* VHostUserBackendCapabilities of QEMU's docs/interop/vhost-user.json. */
void options_capabilities(const struct program_type *type);

#endif
