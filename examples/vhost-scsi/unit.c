/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* Of the list and what is in it; held for no longer than a look at it takes. */
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;	/* ... or it failed */
static struct unit *shared;

static int get_string(const json_t *description, const char *key, const char **value,
		      struct vhu_reason *reason)
{
	const json_t *json = json_object_get(description, key);

	if (json == NULL)
		return 0;
	*value = json_string_value(json);
	if (*value == NULL || !(*value)[0]) {
		vhu_reason_set(reason, "%s: has to be a string that is not empty", key);
		return -EINVAL;
	}
	return 0;
}

static int open_store(const json_t *description, struct store **store, struct vhu_reason *reason)
{
	const json_t *read_only = json_object_get(description, "read-only");
	json_t *json = json_object_get(description, "store"), *copy;
	int ret;

	if (read_only && !json_is_boolean(read_only)) {
		vhu_reason_set(reason, "read-only: has to be true or false");
		return -EINVAL;
	}
	if (json_is_string(json))
		return store_open_text(json_string_value(json), json_is_true(read_only), store,
				       reason);
	if (!json_is_object(json)) {
		vhu_reason_set(reason, "store: has to be there, a string or an object");
		return -EINVAL;
	}
	copy = json_copy(json);
	if (copy == NULL)
		return -ENOMEM;
	if (json_is_true(read_only))
		json_object_set_new(copy, "read_only", json_true());
	ret = store_open(copy, store, reason);
	json_decref(copy);
	return ret;
}

static int make(const json_t *description, const char *default_serial, struct unit *unit,
		struct vhu_reason *reason)
{
	struct scsi_lu_config config = { .serial = default_serial };
	int ret;

	ret = get_string(description, "serial", &config.serial, reason);
	if (!ret)
		ret = get_string(description, "vendor", &config.vendor, reason);
	if (!ret)
		ret = get_string(description, "product", &config.product, reason);
	if (!ret)
		ret = get_string(description, "revision", &config.revision, reason);
	if (!ret)
		ret = open_store(description, &unit->store, reason);
	if (ret)
		return ret;
	config.store = unit->store;
	ret = scsi_lu_create(&config, &unit->lu, reason);
	if (ret)
		store_close(unit->store);
	return ret;
}

static struct unit *find_shared(const char *share)
{
	for (struct unit *unit = shared; unit; unit = unit->next) {
		if (strcmp(unit->share, share) == 0)
			return unit;
	}
	return NULL;
}

static struct unit *new_unit(const char *share)
{
	struct unit *unit = calloc(1, sizeof(*unit));

	if (unit == NULL)
		return NULL;
	if (share) {
		unit->share = strdup(share);
		if (unit->share == NULL) {
			free(unit);
			return NULL;
		}
	}
	unit->users = 1;
	pthread_mutex_init(&unit->lock, NULL);
	return unit;
}

static void free_unit(struct unit *unit)
{
	pthread_mutex_destroy(&unit->lock);
	free(unit->share);
	free(unit);
}

/* Lock held. */
static void take_out(struct unit *unit)
{
	struct unit **link = &shared;

	while (*link != unit)
		link = &(*link)->next;
	*link = unit->next;
}

/*
 * The one of that name, with one user more. NULL, and it is @added's from now on: there is none, or
 * whoever was about to open it could not.
 */
static struct unit *join(struct unit *added)
{
	struct unit *unit;

	pthread_mutex_lock(&shared_lock);
	while ((unit = find_shared(added->share)) && unit->opening)
		pthread_cond_wait(&opened, &shared_lock);
	if (unit) {
		unit->users++;
	} else {
		added->opening = true;
		added->next = shared;
		shared = added;
	}
	pthread_mutex_unlock(&shared_lock);
	return unit;
}

static void tell_opened(struct unit *unit, bool there)
{
	pthread_mutex_lock(&shared_lock);
	unit->opening = false;
	if (!there)
		take_out(unit);
	pthread_cond_broadcast(&opened);
	pthread_mutex_unlock(&shared_lock);
}

int unit_get(const json_t *description, const char *default_serial, struct unit **out,
	     struct vhu_reason *reason)
{
	struct unit *unit, *other;
	const char *share = NULL;
	int ret = get_string(description, "share", &share, reason);

	if (ret)
		return ret;
	unit = new_unit(share);
	if (unit == NULL)
		return -ENOMEM;
	other = share ? join(unit) : NULL;
	if (other) {
		free_unit(unit);
		*out = other;
		return 0;
	}
	/* Whoever shares it has the same identity, whatever device it is of. */
	ret = make(description, share ? share : default_serial, unit, reason);
	if (share)
		tell_opened(unit, ret == 0);
	if (ret)
		free_unit(unit);
	else
		*out = unit;
	return ret;
}

int unit_resize(struct unit *unit, uint64_t size_bytes, bool *changed)
{
	uint64_t before;
	int ret = -EINVAL;

	*changed = false;
	pthread_mutex_lock(&unit->lock);
	before = store_size(unit->store);
	/* A disk has a block at least. */
	if (size_bytes == 0 || size_bytes >= unit->store->info.block_bytes)
		ret = store_resize(unit->store, size_bytes);
	if (ret == 0 && store_size(unit->store) != before) {
		scsi_lu_resized(unit->lu);
		*changed = true;
	}
	pthread_mutex_unlock(&unit->lock);
	return ret;
}

json_t *unit_describe(struct unit *unit)
{
	json_t *object;

	if (pthread_mutex_trylock(&unit->lock) != 0)
		return json_pack("{s:s}", "state", "resizing");
	object = store_describe(unit->store);
	pthread_mutex_unlock(&unit->lock);
	return object;
}

void unit_put(struct unit *unit)
{
	bool last;

	pthread_mutex_lock(&shared_lock);
	last = --unit->users == 0;
	if (last && unit->share)
		take_out(unit);
	pthread_mutex_unlock(&shared_lock);
	if (!last)
		return;
	scsi_lu_destroy(unit->lu);
	store_close(unit->store);
	free_unit(unit);
}
