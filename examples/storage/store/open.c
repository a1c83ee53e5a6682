/* SPDX-License-Identifier: BSD-3-Clause */
/* From a description, as JSON or as a short text, to an open store. */
#include <errno.h>
#include <string.h>

#include "kinds.h"

static const struct store_kind *const kinds[] = {
	&store_kind_ram,
	&store_kind_null,
	&store_kind_file,
	&store_kind_nbd,
	&store_kind_iscsi,
	&store_kind_delay,
	&store_kind_error,
	&store_kind_throttle,
	&store_kind_stats,
};

static const struct store_kind *find_kind(const char *type)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i]->type, type))
			return kinds[i];
	return NULL;
}

/* How deep descriptions are nested; each opening of an inner store is a recursion. */
static unsigned int stores_in(const json_t *description)
{
	unsigned int depth = 0;

	while (json_is_object(description) && depth <= STORE_MAX_DEPTH) {
		depth++;
		description = json_object_get(description, "inner");
	}
	return depth;
}

int store_open_inner(const json_t *description, struct store **store, struct vhu_reason *reason)
{
	union {
		struct store_options common;
		uint64_t bytes[STORE_OPTIONS_MAX / 8];
	} options;
	struct vhu_reason why = { "" };
	const struct store_kind *kind;
	const char *type;
	int ret;

	if (!json_is_object(description)) {
		vhu_reason_set(reason, "the description of a store is not an object");
		return -EINVAL;
	}
	type = json_string_value(json_object_get(description, "type"));
	if (!type) {
		vhu_reason_set(reason, "a store has no \"type\", or not a string");
		return -EINVAL;
	}
	kind = find_kind(type);
	if (!kind) {
		vhu_reason_set(reason, "there is no store of type \"%.60s\"", type);
		return -EINVAL;
	}
	if (kind->missing) {
		vhu_reason_set(reason, "%s: not in this build, which was made without %s", type,
			       kind->missing);
		return -ENOTSUP;
	}
	memset(&options, 0, sizeof(options));
	if (kind->defaults)
		kind->defaults(&options);
	ret = store_keys_parse(type, description, kind->keys, true, &options, reason);
	if (ret)
		return ret;
	ret = kind->open(&options, store, &why);
	if (ret && why.text[0])
		vhu_reason_set(reason, "%s", why.text);
	else if (ret)
		vhu_reason_set(reason, "%s: %s", type, strerror(-ret));
	else if (options.common.read_only)
		(*store)->info.read_only = true;
	return ret;
}

int store_open(const json_t *description, struct store **store, struct vhu_reason *reason)
{
	/* Each takes a frame of an operation, and so does whoever submits. */
	if (stores_in(description) > STORE_MAX_DEPTH) {
		vhu_reason_set(reason, "more than %u stores one in the other", STORE_MAX_DEPTH);
		return -EINVAL;
	}
	return store_open_inner(description, store, reason);
}

/* A JSON object as text. */
static json_t *from_json(const char *text, struct vhu_reason *reason)
{
	json_error_t error;
	json_t *description = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!description)
		vhu_reason_set(reason, "not JSON at byte %d: %.120s", error.position, error.text);
	return description;
}

static json_t *from_short_form(const char *text, struct vhu_reason *reason)
{
	static const struct {
		const char *prefix, *type, *key;
		size_t skip;		/* of a URI nothing */
	} forms[] = {
		{ "ram:", "ram", "size", 4 },
		{ "null:", "null", "size", 5 },
		{ "file:", "file", "path", 5 },
		{ "nbd:", "nbd", "uri", 0 },
		{ "nbd+unix:", "nbd", "uri", 0 },
		{ "nbds:", "nbd", "uri", 0 },
		{ "nbds+unix:", "nbd", "uri", 0 },
		{ "iscsi:", "iscsi", "uri", 0 },
		{ "iser:", "iscsi", "uri", 0 },
	};
	json_t *description = NULL;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strncmp(text, forms[i].prefix, strlen(forms[i].prefix)))
			continue;
		description = json_pack("{s:s, s:s}", "type", forms[i].type, forms[i].key,
					text + forms[i].skip);
		if (!description)
			vhu_reason_set(reason, "\"%.60s\": not UTF-8, or no memory", text);
		return description;
	}
	vhu_reason_set(reason, "\"%.60s\" is no store: a JSON object, ram:SIZE, null:SIZE, "
		       "file:PATH, or a URI of nbd, iscsi or iser", text);
	return NULL;
}

json_t *store_text_description(const char *text, struct vhu_reason *reason)
{
	if (text[strspn(text, " \t\n")] == '{')
		return from_json(text, reason);
	return from_short_form(text, reason);
}

int store_open_text(const char *text, bool read_only, struct store **store,
		    struct vhu_reason *reason)
{
	json_t *description = store_text_description(text, reason);
	int ret;

	if (!description)
		return -EINVAL;
	if (read_only)
		json_object_set_new(description, "read_only", json_true());
	ret = store_open(description, store, reason);
	json_decref(description);
	return ret;
}
