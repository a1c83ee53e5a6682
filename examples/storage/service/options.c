/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options_help.h"
#include "options_table.h"

/* As argv[1..] has it: what an option is called where something is wrong with its value. */
struct reading {
	const struct option_row *rows;
	unsigned int num;
	json_t *program;	/* keys of the configuration */
	json_t *device;		/* keys of the one device, NULL while there are none */
	const char *file;	/* --config */
	bool done;
};

/* The whole of @text as a number, decimal or 0x hexadecimal. */
static json_t *number(const struct option_row *row, const char *text, struct vhu_reason *reason)
{
	char *end = NULL;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 0);
	/* strtoll() takes blanks and signs; none of ours is negative. */
	if (*text < '0' || *text > '9' || errno != 0 || *end != '\0') {
		vhu_reason_set(reason, "--%s: \"%s\" is not a number", row->name, text);
		return NULL;
	}
	return json_integer(value);
}

/* "0,2,4-7" as an array. */
static json_t *numbers(const struct option_row *row, const char *text, struct vhu_reason *reason)
{
	json_t *list = json_array();
	const char *at = text;

	while (*at >= '0' && *at <= '9' && json_array_size(list) < OPTION_NUMBERS_MAX) {
		char *end;
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last - first >= OPTION_NUMBERS_MAX)
			break;
		for (unsigned long n = first; n <= last; n++)
			json_array_append_new(list, json_integer((json_int_t)n));
		if (*end == '\0')
			return list;
		if (*end != ',')
			break;
		at = end + 1;
	}
	json_decref(list);
	vhu_reason_set(reason, "--%s: \"%s\" is not a list of numbers, like 0,2,4-7", row->name,
		       text);
	return NULL;
}

static json_t *string(const struct option_row *row, const char *text, struct vhu_reason *reason)
{
	json_t *value;

	if (*text == '\0') {
		vhu_reason_set(reason, "--%s: is empty", row->name);
		return NULL;
	}
	value = row->kind == OPTION_FILE ? json_sprintf("file:%s", text) : json_string(text);
	if (value == NULL)
		vhu_reason_set(reason, "--%s: the value is not UTF-8", row->name);
	return value;
}

static int append(json_t *object, const char *key, json_t *value)
{
	json_t *list = json_object_get(object, key);

	if (list == NULL) {
		list = json_array();
		if (json_object_set_new(object, key, list) < 0) {
			json_decref(value);
			return -ENOMEM;
		}
	}
	return json_array_append_new(list, value) < 0 ? -ENOMEM : 0;
}

static int store_value(struct reading *reading, const struct option_row *row, const char *text,
		       struct vhu_reason *reason)
{
	json_t *object = reading->program, *value = NULL;

	if (row->where == OPTION_DEVICE) {
		if (reading->device == NULL)
			reading->device = json_object();
		object = reading->device;
	}
	switch (row->kind) {
	case OPTION_NUMBER:
		value = number(row, text, reason);
		break;
	case OPTION_NUMBERS:
		value = numbers(row, text, reason);
		break;
	case OPTION_TRUE:
		value = json_true();
		break;
	case OPTION_FALSE:
		value = json_false();
		break;
	default:
		value = string(row, text, reason);
	}
	if (value == NULL)
		return -EINVAL;
	if (row->kind == OPTION_LIST)
		return append(object, row->key, value);
	/* Twice the same, or --store and --blk-file: which one is meant is anybody's guess. */
	if (json_object_get(object, row->key) != NULL) {
		json_decref(value);
		vhu_reason_set(reason, "--%s: \"%s\" was given before", row->name, row->key);
		return -EINVAL;
	}
	return json_object_set_new(object, row->key, value) < 0 ? -ENOMEM : 0;
}

static int handle(const struct program_type *type, struct reading *reading,
		  const struct option_row *row, const char *text, struct vhu_reason *reason)
{
	switch (row->kind) {
	case OPTION_HELP:
		options_help(type, reading->rows, reading->num);
		reading->done = true;
		return 0;
	case OPTION_VERSION:
		printf("%s %s\n", type->name, PROJECT_VERSION);
		reading->done = true;
		return 0;
	case OPTION_CAPABILITIES:
		options_capabilities(type);
		reading->done = true;
		return 0;
	case OPTION_CONFIG:
		if (reading->file != NULL) {
			vhu_reason_set(reason, "--%s: was given before", row->name);
			return -EINVAL;
		}
		reading->file = text;
		return 0;
	default:
		return store_value(reading, row, text, reason);
	}
}

static int walk(const struct program_type *type, struct reading *reading, int argc, char **argv,
		struct vhu_reason *reason)
{
	struct option *table = calloc(reading->num + 1u, sizeof(*table));
	int c, err = 0;

	if (table == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < reading->num; i++) {
		table[i].name = reading->rows[i].name;
		table[i].has_arg = option_has_value(&reading->rows[i]) ? required_argument
								       : no_argument;
		table[i].val = (int)i + 256;
	}
	opterr = 0;
	optind = 0;
	while (err == 0 && !reading->done &&
	       (c = getopt_long(argc, argv, ":", table, NULL)) != -1) {
		if (c >= 256) {
			err = handle(type, reading, &reading->rows[c - 256], optarg, reason);
			continue;
		}
		if (c == ':')
			vhu_reason_set(reason, "%s: needs a value", argv[optind - 1]);
		else if (optopt >= 256)
			vhu_reason_set(reason, "%s: takes no value", argv[optind - 1]);
		else if (optopt != 0)
			vhu_reason_set(reason, "no such option: -%c", optopt);
		else
			vhu_reason_set(reason, "no such option, or not clear which: %s",
				       argv[optind - 1]);
		err = -EINVAL;
	}
	if (err == 0 && !reading->done && optind < argc) {
		vhu_reason_set(reason, "no such argument: %s", argv[optind]);
		err = -EINVAL;
	}
	free(table);
	return err;
}

static int read_file(const char *path, json_t **config, struct vhu_reason *reason)
{
	json_error_t error;
	FILE *file = fopen(path, "re");
	int err;

	if (file == NULL) {
		err = -errno;
		vhu_reason_set(reason, "%s: %s", path, strerror(-err));
		/* A path that leads nowhere is a wrong value; a disk that fails is not. */
		return err == -ENOENT || err == -ENOTDIR ? -EINVAL : err;
	}
	*config = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
	err = ferror(file) ? -EIO : -EINVAL;
	fclose(file);
	if (*config == NULL) {
		vhu_reason_set(reason, "%s: line %d, column %d: %s", path, error.line, error.column,
			       error.text);
		return err;
	}
	if (!json_is_object(*config)) {
		vhu_reason_set(reason, "%s: not a JSON object", path);
		json_decref(*config);
		*config = NULL;
		return -EINVAL;
	}
	return 0;
}

/* What the options say goes over what the file says. */
static int merge(struct reading *reading, json_t **config, struct vhu_reason *reason)
{
	json_t *object = NULL, *devices;
	int err = 0;

	if (reading->file != NULL)
		err = read_file(reading->file, &object, reason);
	else
		object = json_object();
	if (err == 0 && object == NULL)
		err = -ENOMEM;
	if (err < 0)
		return err;
	/* One list stands for the other: threads that were counted in the file go with it. */
	if (json_object_get(reading->program, "cpus") != NULL)
		json_object_del(object, "threads");
	if (json_object_get(reading->program, "threads") != NULL)
		json_object_del(object, "cpus");
	if (json_object_update(object, reading->program) < 0)
		err = -ENOMEM;
	devices = json_object_get(object, "devices");
	if (err == 0 && reading->device != NULL) {
		if (devices != NULL && !json_is_array(devices)) {
			vhu_reason_set(reason, "devices: not an array");
			err = -EINVAL;
		} else {
			err = append(object, "devices", json_incref(reading->device));
		}
	}
	if (err < 0) {
		json_decref(object);
		return err;
	}
	*config = object;
	return 0;
}

int options_read(const struct program_type *type, int argc, char **argv, json_t **config,
		 struct vhu_reason *reason)
{
	struct option_row rows[OPTION_ROWS_MAX];
	struct reading reading = { .rows = rows };
	int err;

	/* All others are ignored then, right or wrong (vhost-user, "Backend programs"). */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--print-capabilities") == 0) {
			options_capabilities(type);
			return OPTIONS_DONE;
		}
	}
	err = option_rows(type, rows, &reading.num, reason);
	if (err < 0)
		return err;
	reading.program = json_object();
	if (reading.program == NULL)
		return -ENOMEM;
	err = walk(type, &reading, argc, argv, reason);
	if (err == 0 && !reading.done)
		err = merge(&reading, config, reason);
	json_decref(reading.program);
	json_decref(reading.device);
	if (err < 0)
		return err;
	return reading.done ? OPTIONS_DONE : OPTIONS_RUN;
}
