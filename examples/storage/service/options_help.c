/* SPDX-License-Identifier: BSD-3-Clause */
#include "options_help.h"

#include <stdio.h>

static void section(const char *title, enum option_where where, bool own,
		    const struct option_row *rows, unsigned int num, unsigned int num_own)
{
	printf("\n%s:\n", title);
	for (unsigned int i = own ? 0 : num_own; i < (own ? num_own : num); i++) {
		char text[64];

		if (rows[i].where != where)
			continue;
		snprintf(text, sizeof(text), "--%s%s%s", rows[i].name, rows[i].value ? " " : "",
			 rows[i].value ? rows[i].value : "");
		printf("  %-24s %s\n", text, rows[i].help);
	}
}

void options_help(const struct program_type *type, const struct option_row *rows,
		  unsigned int num)
{
	unsigned int own = 0;

	while (type->options != NULL && type->options[own].name != NULL)
		own++;
	printf("usage: %s [OPTIONS]\n%s\n", type->name, type->summary);
	section("What the device is", OPTION_DEVICE, true, rows, num, own);
	section("Where its frontend comes from", OPTION_DEVICE, false, rows, num, own);
	section("The program", OPTION_PROGRAM, false, rows, num, own);
}

void options_capabilities(const struct program_type *type)
{
	json_t *features = json_array(), *object = json_pack("{s:s}", "type", type->backend_type);

	for (const char *const *name = type->capabilities; name && *name; name++)
		json_array_append_new(features, json_string(*name));
	/* Types without features of their own have no such member there. */
	if (json_array_size(features) > 0)
		json_object_set(object, "features", features);
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(features);
	json_decref(object);
}
