/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening and closing of fake stores: "good" is one, and "4k" one of blocks of 4096. */
#include <errno.h>
#include <string.h>

#include "fake_open.h"

unsigned int stores_open;
struct fake_store *last_opened;

int store_open_text(const char *text, bool read_only, struct store **store,
		    struct vhu_reason *reason)
{
	if (strcmp(text, "good") != 0 && strcmp(text, "4k") != 0) {
		vhu_reason_set(reason, "no store \"%s\"", text);
		return -ENOENT;
	}
	last_opened = fake_store_new(strcmp(text, "4k") == 0 ? 4096 : 512);
	last_opened->store.info.read_only = read_only;
	*store = &last_opened->store;
	stores_open++;
	return 0;
}

int store_open(const json_t *description, struct store **store, struct vhu_reason *reason)
{
	const char *type = json_string_value(json_object_get(description, "type"));

	return store_open_text(type ? type : "", json_is_true(json_object_get(description,
									      "read_only")),
			       store, reason);
}

void store_close(struct store *store)
{
	stores_open--;
	fake_store_free((struct fake_store *)store);
}

int store_resize(struct store *store, uint64_t size_bytes)
{
	if (size_bytes > (uint64_t)FAKE_BLOCKS * store->info.block_bytes)
		return -EINVAL;
	if (size_bytes)
		store->info.size_bytes = size_bytes;
	return 0;
}

json_t *store_describe(struct store *store)
{
	return json_pack("{s:s}", "type", "fake");
}
