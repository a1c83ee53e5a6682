/* SPDX-License-Identifier: BSD-3-Clause */
/* Logical units come and go while the device is in use. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "unit.h"

/* "[T:L=]STORE": true with the address; *@store is behind it in any case. */
static bool split_text(const char *text, unsigned long *target, unsigned long *lun,
		       const char **store)
{
	char *end;

	*store = text;
	if (!isdigit((unsigned char)text[0]))
		return false;
	*target = strtoul(text, &end, 10);
	if (*end != ':' || !isdigit((unsigned char)end[1]))
		return false;
	*lun = strtoul(end + 1, &end, 10);
	if (*end != '=')
		return false;
	*store = end + 1;
	return true;
}

/* As an object, whatever it was given as. NULL with @reason. */
static json_t *as_object(const json_t *description, struct vhu_reason *reason)
{
	const char *text = json_string_value(description), *store;
	unsigned long target, lun;
	json_error_t error;
	json_t *object;

	if (text == NULL && !json_is_object(description)) {
		vhu_reason_set(reason, "a logical unit has to be a string or an object");
		return NULL;
	}
	if (text == NULL)
		return json_deep_copy(description);
	if (text[0] == '{') {
		object = json_loads(text, 0, &error);
		if (object == NULL)
			vhu_reason_set(reason, "logical unit: %s", error.text);
		return object;
	}
	if (split_text(text, &target, &lun, &store))
		return json_pack("{s:I, s:I, s:s}", "target", (json_int_t)target, "lun",
				 (json_int_t)lun, "store", store);
	return json_pack("{s:s}", "store", store);
}

static int check_keys(const json_t *object, struct vhu_reason *reason)
{
	static const char *const known[] = { "target", "lun", "store", "read-only", "serial",
		"vendor", "product", "revision", "share", NULL };
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		unsigned int i = 0;

		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i] == NULL) {
			vhu_reason_set(reason, "logical unit: unknown key \"%.40s\"", key);
			return -EINVAL;
		}
	}
	return 0;
}

static struct scsi_lun *find(const struct scsi_device *device, struct scsi_address at)
{
	for (struct scsi_lun *lun = device->luns; lun; lun = lun->next) {
		if (lun->at.target == at.target && lun->at.lun == at.lun)
			return lun;
	}
	return NULL;
}

static struct scsi_lun *find_or_say(const struct scsi_device *device, struct scsi_address at,
				    struct vhu_reason *reason)
{
	struct scsi_lun *lun = find(device, at);

	if (lun == NULL)
		vhu_reason_set(reason, "%s has no logical unit %u:%u", device->name, at.target,
			       at.lun);
	return lun;
}

static int read_number(const json_t *object, const char *key, uint8_t *value,
		       struct vhu_reason *reason)
{
	const json_t *json = json_object_get(object, key);

	if (json == NULL)
		return 0;
	if (!json_is_integer(json) || json_integer_value(json) < 0 ||
	    json_integer_value(json) > 255) {
		vhu_reason_set(reason, "%s: has to be a number from 0 to 255", key);
		return -EINVAL;
	}
	*value = (uint8_t)json_integer_value(json);
	return 0;
}

static int read_address(const struct scsi_device *device, const json_t *object,
			struct scsi_address *at, struct vhu_reason *reason)
{
	int ret;

	*at = (struct scsi_address){ 0, 0 };
	ret = read_number(object, "target", &at->target, reason);
	if (!ret)
		ret = read_number(object, "lun", &at->lun, reason);
	if (ret)
		return ret;
	if (device->num_luns == SCSI_DEVICE_LUNS) {
		vhu_reason_set(reason, "%s has %u logical units", device->name, SCSI_DEVICE_LUNS);
		return -ENOSPC;
	}
	while (!json_object_get(object, "lun") && find(device, *at) && at->lun < 255)
		at->lun++;
	if (find(device, *at)) {
		vhu_reason_set(reason, "%s has a logical unit %u:%u already", device->name,
			       at->target, at->lun);
		return -EEXIST;
	}
	return 0;
}

struct table_call {
	struct scsi_queue *q;
	struct scsi_address at;
	struct scsi_path *path;
	struct store *store;
	struct queue_lun *lun;
	int ret;
};

static void insert_in_worker(void *arg)
{
	struct table_call *call = arg;

	call->ret = queue_lun_insert(call->q, call->at, call->path, call->store);
}

static void hide_in_worker(void *arg)
{
	struct table_call *call = arg;

	call->lun = queue_lun_hide(call->q, call->at);
}

static void close_in_worker(void *arg)
{
	struct table_call *call = arg;

	if (call->lun)
		queue_lun_close(call->q, call->lun);
}

static void in_worker(const struct scsi_queue *q, void (*fn)(void *arg), struct table_call *call)
{
	worker_call(target_queue_worker(q->queue), fn, call);
}

/* Out of all tables, and then, when its commands have ended, away. */
static void withdraw(struct scsi_device *device, struct scsi_address at, struct scsi_path *path)
{
	struct table_call call[SCSI_QUEUES_MAX];

	for (unsigned int i = 0; i < device->queues; i++) {
		call[i] = (struct table_call){ .q = device->queue[i], .at = at };
		if (i != VSCSI_EVENTQ)
			in_worker(call[i].q, hide_in_worker, &call[i]);
	}
	scsi_path_remove(path);
	for (unsigned int i = 0; i < device->queues; i++) {
		if (i != VSCSI_EVENTQ)
			in_worker(call[i].q, close_in_worker, &call[i]);
	}
}

static int publish(struct scsi_device *device, struct scsi_lun *lun)
{
	for (unsigned int i = 0; i < device->queues; i++) {
		struct table_call call = {
			.q = device->queue[i],
			.at = lun->at,
			.path = lun->path,
			.store = lun->unit->store,
		};

		if (i == VSCSI_EVENTQ)
			continue;
		in_worker(call.q, insert_in_worker, &call);
		if (call.ret) {
			withdraw(device, lun->at, lun->path);
			return call.ret;
		}
	}
	return 0;
}

/* The other logical units of the target tell that there are more or fewer (SPC-4, 6.33). */
static void tell_luns_changed(struct scsi_device *device, struct scsi_address at)
{
	for (struct scsi_lun *lun = device->luns; lun; lun = lun->next) {
		if (lun->at.target == at.target && lun->at.lun != at.lun)
			scsi_ua_set(lun->path, SCSI_UA_LUNS_CHANGED);
	}
}

static void tell_transport(struct scsi_device *device, struct scsi_address at, uint32_t reason)
{
	const struct scsi_event event = {
		.event = VSCSI_T_TRANSPORT_RESET, .reason = reason, .at = at
	};

	tell_luns_changed(device, at);
	scsi_event_tell(device, &event);
}

static int make_lun(struct scsi_device *device, const json_t *object, struct scsi_address at,
		    struct scsi_lun **out, struct vhu_reason *reason)
{
	struct scsi_lun *lun = calloc(1, sizeof(*lun));
	char serial[SCSI_SERIAL_MAX + 1];
	int ret;

	if (lun == NULL)
		return -ENOMEM;
	lun->at = at;
	/* The same at the next start, and another one for each. */
	snprintf(serial, sizeof(serial), "%.28s-%u-%u", device->name, at.target, at.lun);
	ret = unit_get(object, serial, &lun->unit, reason);
	if (ret) {
		free(lun);
		return ret;
	}
	ret = scsi_path_add(lun->unit->lu, device->name, &lun->path);
	if (ret) {
		vhu_reason_set(reason, "%u paths to the logical unit", SCSI_PATHS_MAX);
	} else {
		ret = publish(device, lun);
		if (ret)
			vhu_reason_set(reason, "queues of the store: %s", strerror(-ret));
	}
	if (ret) {
		unit_put(lun->unit);
		free(lun);
		return ret;
	}
	*out = lun;
	return 0;
}

int scsi_lun_add(struct scsi_device *device, const json_t *description, struct vhu_reason *reason)
{
	json_t *object = as_object(description, reason);
	struct scsi_lun *lun, **link;
	struct scsi_address at;
	int ret;

	if (object == NULL)
		return -EINVAL;
	ret = check_keys(object, reason);
	if (!ret)
		ret = read_address(device, object, &at, reason);
	if (!ret)
		ret = make_lun(device, object, at, &lun, reason);
	json_decref(object);
	if (ret)
		return ret;
	pthread_mutex_lock(&device->lock);
	for (link = &device->luns; *link; link = &(*link)->next)
		;
	*link = lun;
	device->num_luns++;
	pthread_mutex_unlock(&device->lock);
	tell_transport(device, at, VSCSI_RESET_RESCAN);
	return 0;
}

static void remove_lun(struct scsi_device *device, struct scsi_lun *lun)
{
	struct scsi_lun **link = &device->luns;

	pthread_mutex_lock(&device->lock);
	while (*link != lun)
		link = &(*link)->next;
	*link = lun->next;
	device->num_luns--;
	pthread_mutex_unlock(&device->lock);
	withdraw(device, lun->at, lun->path);
	unit_put(lun->unit);
	free(lun);
}

int scsi_lun_remove(struct scsi_device *device, struct scsi_address at, struct vhu_reason *reason)
{
	struct scsi_lun *lun = find_or_say(device, at, reason);

	if (lun == NULL)
		return -ENOENT;
	remove_lun(device, lun);
	tell_transport(device, at, VSCSI_RESET_REMOVED);
	return 0;
}

void scsi_luns_remove_all(struct scsi_device *device)
{
	while (device->luns)
		remove_lun(device, device->luns);
}

int scsi_lun_resize(struct scsi_device *device, struct scsi_address at, uint64_t size_bytes,
		    struct vhu_reason *reason)
{
	const struct scsi_event event = {
		.event = VSCSI_T_PARAM_CHANGE, .reason = VSCSI_PARAM_CAPACITY, .at = at
	};
	struct scsi_lun *lun = find_or_say(device, at, reason);
	bool changed;
	int ret;

	if (lun == NULL)
		return -ENOENT;
	ret = unit_resize(lun->unit, size_bytes, &changed);
	if (ret)
		vhu_reason_set(reason, "%u:%u: size %ju: %s", at.target, at.lun,
			       (uintmax_t)size_bytes, strerror(-ret));
	else if (changed)
		scsi_event_tell(device, &event);
	return ret;
}

json_t *scsi_lun_list(struct scsi_device *device)
{
	json_t *array = json_array();

	/* They come and go in another thread. */
	pthread_mutex_lock(&device->lock);
	for (struct scsi_lun *lun = device->luns; lun; lun = lun->next) {
		const struct scsi_lu *lu = lun->unit->lu;

		json_array_append_new(array,
				      json_pack("{s:i, s:i, s:s, s:s, s:s, s:s, s:I, s:i, s:b, "
						"s:s*, s:o}",
						"target", lun->at.target, "lun", lun->at.lun,
						"serial", lu->serial, "vendor", lu->vendor,
						"product", lu->product, "revision", lu->revision,
						"blocks", (json_int_t)lu->blocks, "block_bytes",
						(int)scsi_block_bytes(lu), "read_only",
						lu->info.read_only, "share", lun->unit->share,
						"store", unit_describe(lun->unit)));
	}
	pthread_mutex_unlock(&device->lock);
	return array;
}
