/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk comes and goes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blk_internal.h"

/* A new object: what "store" says. */
static json_t *
store_description(const json_t *description, struct vhu_reason *reason)
{
	json_t *what = json_object_get(description, "store");

	if (json_is_string(what))
		return store_text_description(json_string_value(what), reason);
	if (json_is_object(what))
		return json_copy(what);
	vhu_reason_set(reason, "store: has to be there, a string or an object");
	return NULL;
}

/* With counters above it. */
static int
open_store(const json_t *description, bool read_only, struct store **store,
	   struct vhu_reason *reason)
{
	json_t *inner = store_description(description, reason), *outer;
	int ret;

	if (inner == NULL)
		return -EINVAL;
	if (read_only)
		json_object_set_new(inner, "read_only", json_true());
	outer = json_pack("{s:s, s:o}", "type", "stats", "inner", inner);
	if (outer == NULL) {
		vhu_reason_set(reason, "no memory for the description of a store");
		return -ENOMEM;
	}
	ret = store_open(outer, store, reason);
	json_decref(outer);
	return ret;
}

static int
read_bool(const json_t *description, const char *key, bool *value, struct vhu_reason *reason)
{
	const json_t *json = json_object_get(description, key);

	if (json == NULL)
		return 0;
	if (!json_is_boolean(json)) {
		vhu_reason_set(reason, "%s: has to be true or false", key);
		return -EINVAL;
	}
	*value = json_is_true(json);
	return 0;
}

/* From an option it comes as a word. */
static int
read_wce(const json_t *description, bool *writeback, struct vhu_reason *reason)
{
	const char *word = json_string_value(json_object_get(description, "wce"));

	if (word == NULL)
		return read_bool(description, "wce", writeback, reason);
	if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0) {
		vhu_reason_set(reason, "wce: \"%.20s\", expected on or off", word);
		return -EINVAL;
	}
	*writeback = strcmp(word, "on") == 0;
	return 0;
}

static int
read_serial(const json_t *description, char id[BLK_ID_BYTES + 1], struct vhu_reason *reason)
{
	const json_t *json = json_object_get(description, "serial");
	const char *text = json_string_value(json);

	if (json == NULL)
		return 0;
	if (text == NULL || strlen(text) > BLK_ID_BYTES) {
		vhu_reason_set(reason, "serial: has to be a string of up to %u bytes",
			       BLK_ID_BYTES);
		return -EINVAL;
	}
	memcpy(id, text, strlen(text));
	return 0;
}

static int
read_block_size(const json_t *description, uint32_t *block_bytes, struct vhu_reason *reason)
{
	const json_t *json = json_object_get(description, "block-size");
	json_int_t bytes = json_integer_value(json);

	if (json == NULL)
		return 0;
	if (!json_is_integer(json) || bytes < *block_bytes || bytes > 65536 ||
	    (bytes & (bytes - 1)) != 0) {
		vhu_reason_set(reason, "block-size: has to be a power of two from the store's %u "
			       "to 65536", *block_bytes);
		return -EINVAL;
	}
	*block_bytes = (uint32_t)bytes;
	return 0;
}

static int
check_keys(const json_t *description, struct vhu_reason *reason)
{
	static const char *const known[] = { "store", "read-only", "serial", "wce", "block-size" };
	const char *key;
	json_t *value;
	unsigned int i;

	json_object_foreach((json_t *)(uintptr_t)description, key, value) {
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (strcmp(key, known[i]) == 0)
				break;
		if (i < sizeof(known) / sizeof(known[0]))
			continue;
		vhu_reason_set(reason, "%s: unknown key", key);
		return -EINVAL;
	}
	return 0;
}

static void
set_limits(struct blk_device *device, unsigned int queues)
{
	struct blk_disk *disk = &device->disk;

	disk->info = device->store->info;
	disk->queues = queues;
	device->limits = (struct blk_limits){
		.block_bytes = disk->block_bytes,
		.read_only = disk->info.read_only,
		.max_discard_sectors = blk_max_discard_sectors(disk),
		.max_zeroes_sectors = blk_max_zeroes_sectors(disk),
		.id = device->id,
	};
}

static void
device_free(struct blk_device *device)
{
	store_close(device->store);
	pthread_mutex_destroy(&device->store_lock);
	pthread_mutex_destroy(&device->lock);
	free(device);
}

int
blk_device_new(struct worker_pool *pool, struct target_config *config, struct store *store,
	       const struct blk_settings *settings, struct blk_device **device,
	       struct vhu_reason *reason)
{
	struct blk_device *d = calloc(1, sizeof(*d));
	int ret;

	if (d == NULL) {
		vhu_reason_set(reason, "no memory for a disk");
		store_close(store);
		return -ENOMEM;
	}
	pthread_mutex_init(&d->lock, NULL);
	pthread_mutex_init(&d->store_lock, NULL);
	d->store = store;
	memcpy(d->id, settings->id, sizeof(d->id));
	d->default_writeback = settings->writeback;
	d->disk.block_bytes = settings->block_bytes;
	set_limits(d, config->queues);
	blk_reset(d);
	config->ops = &blk_target_ops;
	config->priv = d;
	config->features = blk_features(&d->disk);
	ret = target_create(pool, config, &d->target, reason);
	if (ret < 0) {
		device_free(d);
		return ret;
	}
	*device = d;
	return 0;
}

int
blk_device_create(struct worker_pool *pool, struct target_config *config,
		  const json_t *description, struct blk_device **device,
		  struct vhu_reason *reason)
{
	struct blk_settings settings = { .id = "" };
	bool read_only = false;
	struct store *store;
	int ret;

	ret = check_keys(description, reason);
	if (ret == 0)
		ret = read_bool(description, "read-only", &read_only, reason);
	if (ret == 0)
		ret = read_serial(description, settings.id, reason);
	if (ret == 0)
		ret = open_store(description, read_only, &store, reason);
	if (ret < 0)
		return ret;
	settings.writeback = store->info.volatile_cache;
	settings.block_bytes = store->info.block_bytes;
	ret = read_wce(description, &settings.writeback, reason);
	if (ret == 0)
		ret = read_block_size(description, &settings.block_bytes, reason);
	if (ret < 0) {
		store_close(store);
		return ret;
	}
	return blk_device_new(pool, config, store, &settings, device, reason);
}

void
blk_device_destroy(struct blk_device *device)
{
	if (device == NULL)
		return;
	target_destroy(device->target);
	device_free(device);
}

struct target *
blk_device_target(struct blk_device *device)
{
	return device->target;
}

static json_t *
describe_store(struct blk_device *device)
{
	json_t *object;

	if (pthread_mutex_trylock(&device->store_lock) != 0)
		return json_pack("{s:s}", "state", "resizing");
	object = store_describe(device->store);
	pthread_mutex_unlock(&device->store_lock);
	return object;
}

json_t *
blk_device_describe(struct blk_device *device)
{
	json_t *store = describe_store(device), *object;
	bool writeback;

	pthread_mutex_lock(&device->lock);
	writeback = device->writeback;
	pthread_mutex_unlock(&device->lock);
	object = json_pack("{s:s, s:I, s:i, s:b, s:b, s:b}", "serial", device->id, "size_bytes",
			   (json_int_t)store_size(device->store), "block_bytes",
			   (int)device->disk.block_bytes, "read_only",
			   device->disk.info.read_only, "writeback", writeback, "write_through",
			   atomic_load(&device->through));
	/* The counters that were put above the store. */
	if (json_object_get(store, "ops") != NULL) {
		json_object_set(object, "stats", json_object_get(store, "ops"));
		json_object_set(object, "store", json_object_get(store, "inner"));
	} else {
		json_object_set(object, "store", store);
	}
	json_decref(store);
	return object;
}

int
blk_device_resize(struct blk_device *device, uint64_t size_bytes, struct vhu_reason *reason)
{
	uint64_t before;
	bool changed;
	int ret;

	if (size_bytes % device->disk.block_bytes != 0) {
		vhu_reason_set(reason, "size %llu is not whole blocks of %u",
			       (unsigned long long)size_bytes, device->disk.block_bytes);
		return -EINVAL;
	}
	pthread_mutex_lock(&device->store_lock);
	before = store_size(device->store);
	ret = store_resize(device->store, size_bytes);
	changed = store_size(device->store) != before;
	pthread_mutex_unlock(&device->store_lock);
	if (ret < 0) {
		vhu_reason_set(reason, "size %llu: %s", (unsigned long long)size_bytes,
			       strerror(-ret));
		return ret;
	}
	/* A frontend that is not there reads the new size when it comes. */
	if (changed)
		target_config_changed(device->target);
	return 0;
}

int
blk_device_set_errors(struct blk_device *device, unsigned int filter, const json_t *rules,
		      struct vhu_reason *reason)
{
	return store_error_set(device->store, filter, rules, reason);
}
