/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kinds of store, and the keys of their descriptions. A kind says in a table which keys it
 * takes; one parser checks a description against it and fills in the kind's own structure.
 */
#ifndef STORAGE_STORE_KINDS_H
#define STORAGE_STORE_KINDS_H

#include "store.h"

enum store_key_type {
	STORE_KEY_STRING,	/* const char *; lives as long as the description */
	STORE_KEY_BOOL,		/* bool */
	STORE_KEY_NUMBER,	/* uint64_t in [min, max] */
	STORE_KEY_SIZE,		/* uint64_t bytes; a number, or a string such as "10G" */
	STORE_KEY_CHOICE,	/* unsigned int: index into choices */
	STORE_KEY_STORE,	/* const json_t *: the description of the store below */
	STORE_KEY_ARRAY,	/* const json_t * */
	STORE_KEY_REAL,		/* double from 0 to 1 */
};

struct store_key {
	const char *name;
	enum store_key_type type;
	bool required;
	size_t offset;			/* in the kind's options */
	uint64_t min, max;		/* number, size; max 0: no limit */
	const char *const *choices;	/* NULL at the end */
};

/* The first member of every kind's options. */
struct store_options {
	bool read_only;
};

struct store_kind {
	const char *type;
	const struct store_key *keys;	/* beside "type" and "read_only"; NULL name at the end */
	void (*defaults)(void *options);	/* all zero before; NULL: they are zero */
	int (*open)(const void *options, struct store **store, struct vhu_reason *reason);
	const char *missing;		/* not built in: which library was not there */
};

/* Room for the options of any kind. */
#define STORE_OPTIONS_MAX 256u
#define STORE_OPTIONS_FIT(type) \
	_Static_assert(sizeof(struct type) <= STORE_OPTIONS_MAX, "room for options")

extern const struct store_kind store_kind_ram, store_kind_null, store_kind_file;
extern const struct store_kind store_kind_delay, store_kind_error, store_kind_throttle,
	store_kind_stats;
extern const struct store_kind store_kind_nbd, store_kind_iscsi;

/*
 * Check @object against @keys and fill in @options. @what names it in a reason ("file").
 * The keys "type" and "read_only" are known to every object if @with_common.
 */
int store_keys_parse(const char *what, const json_t *object, const struct store_key *keys,
		     bool with_common, void *options, struct vhu_reason *reason);
/* "4096", "16K", "10G": bytes. -EINVAL. */
int store_size_parse(const char *text, uint64_t *bytes);

/* store_open() of what a filter wraps; store_open() has looked how deep that goes. */
int store_open_inner(const json_t *description, struct store **store, struct vhu_reason *reason);

/* Checks a logical block size: a power of two from 512 to 65536. */
bool store_block_size_ok(uint64_t bytes);

#endif
