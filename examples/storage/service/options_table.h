/* SPDX-License-Identifier: BSD-3-Clause */
/* Every option there is: the common ones, and those of the type. */
#ifndef STORAGE_OPTIONS_TABLE_H
#define STORAGE_OPTIONS_TABLE_H

#include "program.h"

#define OPTION_ROWS_MAX		96u
#define OPTION_NUMBERS_MAX	256u	/* of a list */

enum option_kind {
	OPTION_STRING,
	OPTION_FILE,
	OPTION_LIST,		/* strings, one for each time it is given */
	OPTION_NUMBER,
	OPTION_NUMBERS,
	OPTION_TRUE,		/* without a value, as are those that follow */
	OPTION_FALSE,
	OPTION_CAPABILITIES,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_CONFIG,		/* with one, though */
};

enum option_where { OPTION_PROGRAM, OPTION_DEVICE };

struct option_row {
	const char *name;
	enum option_kind kind;
	enum option_where where;
	const char *key;	/* of the configuration, or of a device's description */
	const char *value;	/* what --help calls it */
	const char *help;
};

bool option_has_value(const struct option_row *row);
/* Fill @rows (OPTION_ROWS_MAX). -E2BIG: the type has too many. */
int option_rows(const struct program_type *type, struct option_row *rows, unsigned int *num,
		struct vhu_reason *reason);

#endif
