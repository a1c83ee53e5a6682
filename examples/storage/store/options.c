/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptions of stores, checked key by key. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"

int store_size_parse(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	unsigned int shift = 0;
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	if (*end) {
		const char *unit = strchr(units, *end);

		if (!unit || end[1])
			return -EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (shift && number >> (64 - shift))
		return -EINVAL;
	*bytes = (uint64_t)number << shift;
	return 0;
}

bool store_block_size_ok(uint64_t bytes)
{
	return bytes >= 512 && bytes <= 65536 && !(bytes & (bytes - 1));
}

static const char *type_name(enum store_key_type type)
{
	static const char *const names[] = {
		[STORE_KEY_STRING] = "a string", [STORE_KEY_BOOL] = "true or false",
		[STORE_KEY_NUMBER] = "a whole number", [STORE_KEY_SIZE] = "a size",
		[STORE_KEY_CHOICE] = "a string", [STORE_KEY_STORE] = "an object",
		[STORE_KEY_ARRAY] = "an array", [STORE_KEY_REAL] = "a number from 0 to 1",
	};

	return names[type];
}

/* What the user gave, short enough for a reason. */
static int refuse(const char *what, const struct store_key *key, const json_t *value,
		  const char *problem, struct vhu_reason *reason)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	vhu_reason_set(reason, "%s: \"%s\" is %.60s, %s", what, key->name, text ? text : "?",
		       problem);
	free(text);
	return -EINVAL;
}

static int wrong_type(const char *what, const struct store_key *key, const json_t *value,
		      struct vhu_reason *reason)
{
	char problem[64];

	snprintf(problem, sizeof(problem), "not %s", type_name(key->type));
	return refuse(what, key, value, problem, reason);
}

static int parse_number(const char *what, const struct store_key *key, const json_t *value,
			uint64_t *number, struct vhu_reason *reason)
{
	char problem[96];

	if (json_is_integer(value) && json_integer_value(value) >= 0)
		*number = (uint64_t)json_integer_value(value);
	else if (key->type != STORE_KEY_SIZE || !json_is_string(value) ||
		 store_size_parse(json_string_value(value), number))
		return wrong_type(what, key, value, reason);
	if (*number < key->min || (key->max && *number > key->max)) {
		if (key->max)
			snprintf(problem, sizeof(problem), "not from %" PRIu64 " to %" PRIu64,
				 key->min, key->max);
		else
			snprintf(problem, sizeof(problem), "not %" PRIu64 " or more", key->min);
		return refuse(what, key, value, problem, reason);
	}
	return 0;
}

static int parse_choice(const char *what, const struct store_key *key, const json_t *value,
			unsigned int *choice, struct vhu_reason *reason)
{
	char problem[96] = "not one of";
	const char *text = json_string_value(value);

	if (!text)
		return wrong_type(what, key, value, reason);
	for (unsigned int i = 0; key->choices[i]; i++) {
		size_t used = strlen(problem);

		if (!strcmp(key->choices[i], text)) {
			*choice = i;
			return 0;
		}
		snprintf(problem + used, sizeof(problem) - used, "%s %s", i ? "," : "",
			 key->choices[i]);
	}
	return refuse(what, key, value, problem, reason);
}

static int parse_value(const char *what, const struct store_key *key, const json_t *value,
		       void *field, struct vhu_reason *reason)
{
	switch (key->type) {
	case STORE_KEY_STRING:
		if (!json_is_string(value))
			break;
		/* As a path or a URI it would end at the first null. */
		if (strlen(json_string_value(value)) != json_string_length(value))
			return refuse(what, key, value, "with a null byte inside", reason);
		if (!json_string_length(value))
			return refuse(what, key, value, "empty", reason);
		*(const char **)field = json_string_value(value);
		return 0;
	case STORE_KEY_BOOL:
		if (!json_is_boolean(value))
			break;
		*(bool *)field = json_is_true(value);
		return 0;
	case STORE_KEY_NUMBER:
	case STORE_KEY_SIZE:
		return parse_number(what, key, value, field, reason);
	case STORE_KEY_CHOICE:
		return parse_choice(what, key, value, field, reason);
	case STORE_KEY_STORE:
		if (!json_is_object(value))
			break;
		*(const json_t **)field = value;
		return 0;
	case STORE_KEY_ARRAY:
		if (!json_is_array(value))
			break;
		*(const json_t **)field = value;
		return 0;
	case STORE_KEY_REAL:
		if (!json_is_number(value) || !(json_number_value(value) >= 0) ||
		    !(json_number_value(value) <= 1))
			break;
		*(double *)field = json_number_value(value);
		return 0;
	}
	return wrong_type(what, key, value, reason);
}

int store_keys_parse(const char *what, const json_t *object, const struct store_key *keys,
		     bool with_common, void *options, struct vhu_reason *reason)
{
	static const struct store_key read_only = { "read_only", STORE_KEY_BOOL, false,
						    offsetof(struct store_options, read_only),
						    0, 0, NULL };
	const char *name;
	json_t *value;

	/* The const is only for the caller: the macro does not change the object. */
	json_object_foreach((json_t *)object, name, value) {
		const struct store_key *key = keys;
		int ret;

		if (with_common && !strcmp(name, "type"))
			continue;
		while (key->name && strcmp(key->name, name))
			key++;
		if (!key->name && with_common && !strcmp(name, "read_only"))
			key = &read_only;
		if (!key->name) {
			vhu_reason_set(reason, "%s: there is no key \"%.60s\"", what, name);
			return -EINVAL;
		}
		ret = parse_value(what, key, value, (char *)options + key->offset, reason);
		if (ret)
			return ret;
	}
	for (const struct store_key *key = keys; key->name; key++) {
		if (key->required && !json_object_get(object, key->name)) {
			vhu_reason_set(reason, "%s: \"%s\" is missing", what, key->name);
			return -EINVAL;
		}
	}
	return 0;
}
