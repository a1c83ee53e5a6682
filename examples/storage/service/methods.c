/* SPDX-License-Identifier: BSD-3-Clause */
#include "methods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "vvu-device/host_ops.h"

static int unpack_failed(const json_error_t *error, struct vhu_reason *reason)
{
	vhu_reason_set(reason, "params: %s", error->text);
	return -EINVAL;
}

static int only_name(const json_t *params, const char **name, struct vhu_reason *reason)
{
	json_error_t error;

	if (json_unpack_ex((json_t *)(uintptr_t)params, &error, JSON_STRICT, "{s:s}", "name",
			   name) < 0)
		return unpack_failed(&error, reason);
	return 0;
}

static int maybe_name(const json_t *params, const char **name, struct vhu_reason *reason)
{
	json_error_t error;

	*name = NULL;
	if (json_unpack_ex((json_t *)(uintptr_t)params, &error, JSON_STRICT, "{s?s}", "name",
			   name) < 0)
		return unpack_failed(&error, reason);
	return 0;
}

static int nothing(const json_t *params, struct vhu_reason *reason)
{
	if (json_object_size(params) == 0)
		return 0;
	vhu_reason_set(reason, "params: this method takes none");
	return -EINVAL;
}

static int help(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	struct program *program = arg;
	int err = nothing(params, reason);

	if (err < 0)
		return err;
	*result = json_object();
	for (const struct rpc_method *method = program->methods; method->name != NULL; method++)
		json_object_set_new(*result, method->name, json_string(method->help));
	return 0;
}

static int version(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	struct program *program = arg;
	int err = nothing(params, reason);

	if (err < 0)
		return err;
	*result = json_pack("{s:s, s:s}", "program", program->type->name, "version",
			    PROJECT_VERSION);
	return 0;
}

static int device_list(void *arg, const json_t *params, json_t **result,
		       struct vhu_reason *reason)
{
	struct program *program = arg;
	const char *name;
	int err = maybe_name(params, &name, reason);
	json_t *one;

	if (err < 0)
		return err;
	if (name == NULL) {
		*result = devices_describe_all(program->devices);
		return 0;
	}
	one = devices_describe(program->devices, name, reason);
	if (one == NULL)
		return -ENOENT;
	*result = json_pack("[o]", one);
	return 0;
}

/* Of a whole description the part that changes all the time. */
static json_t *stats_of(const json_t *device)
{
	const json_t *queues = json_object_get(json_object_get(device, "target"), "queues");
	const json_t *stats = json_object_get(json_object_get(device, "device"), "stats");

	return json_pack("{s:O, s:O*, s:O*}", "name", json_object_get(device, "name"), "stats",
			 stats, "queues", queues);
}

static int device_stats(void *arg, const json_t *params, json_t **result,
			struct vhu_reason *reason)
{
	json_t *list = NULL, *device;
	int err = device_list(arg, params, &list, reason);
	size_t index;

	if (err < 0)
		return err;
	*result = json_array();
	json_array_foreach(list, index, device)
		json_array_append_new(*result, stats_of(device));
	json_decref(list);
	return 0;
}

struct added {
	struct program *program;
	struct rpc_call *call;
};

static void add_done(void *arg, int err, const char *name, const struct vhu_reason *reason)
{
	struct vhu_reason unused;
	struct added *added = arg;
	json_t *device = NULL;

	if (err == 0)
		device = devices_describe(added->program->devices, name, &unused);
	rpc_finish(added->call, err, device, reason);
	free(added);
}

static int device_add(void *arg, const json_t *params, json_t **result,
		      struct vhu_reason *reason)
{
	struct program *program = arg;
	struct added *added;
	int err;

	if (program->ending) {
		vhu_reason_set(reason, "the program is ending");
		return -ESHUTDOWN;
	}
	/* A number that a client makes up could be any descriptor of this process. */
	if (json_object_get(params, "fd") != NULL) {
		vhu_reason_set(reason, "fd: is for the command line and the configuration file");
		return -EINVAL;
	}
	/* A server that does not answer is waited for: this request alone. */
	added = calloc(1, sizeof(*added));
	if (added == NULL)
		return -ENOMEM;
	added->program = program;
	added->call = rpc_keep(program->rpc);
	err = devices_add(program->devices, params, add_done, added, reason);
	if (err < 0)
		add_done(added, err, "", reason);
	return RPC_LATER;
}

/* ---- what has to wait ---- */

static void job_done(void *arg, int err, const char *name, const struct vhu_reason *reason)
{
	rpc_finish(arg, err, NULL, reason);
}

static int start_job(struct program *program, const json_t *params, enum device_job job,
		     struct vhu_reason *reason)
{
	struct rpc_call *call;
	const char *name;
	int err = only_name(params, &name, reason);

	if (err < 0)
		return err;
	call = rpc_keep(program->rpc);
	err = devices_start(program->devices, name, job, job_done, call, reason);
	if (err == 0)
		return RPC_LATER;
	rpc_finish(call, err, NULL, reason);
	return RPC_LATER;
}

int program_start_work(struct program *program, const json_t *params, program_work *work,
		       struct vhu_reason *reason)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	struct rpc_call *call;
	int err;

	if (name == NULL) {
		vhu_reason_set(reason, "name: has to be there, a string");
		return -EINVAL;
	}
	call = rpc_keep(program->rpc);
	err = devices_work(program->devices, name, work, params, job_done, call, reason);
	if (err < 0)
		rpc_finish(call, err, NULL, reason);
	return RPC_LATER;
}

static int device_remove(void *arg, const json_t *params, json_t **result,
			 struct vhu_reason *reason)
{
	return start_job(arg, params, DEVICE_REMOVE, reason);
}

static int device_pause(void *arg, const json_t *params, json_t **result,
			struct vhu_reason *reason)
{
	return start_job(arg, params, DEVICE_PAUSE, reason);
}

static int device_resume(void *arg, const json_t *params, json_t **result,
			 struct vhu_reason *reason)
{
	return start_job(arg, params, DEVICE_RESUME, reason);
}

static int device_drain(void *arg, const json_t *params, json_t **result,
			struct vhu_reason *reason)
{
	return start_job(arg, params, DEVICE_DRAIN, reason);
}

static int device_disconnect(void *arg, const json_t *params, json_t **result,
			     struct vhu_reason *reason)
{
	return start_job(arg, params, DEVICE_DISCONNECT, reason);
}

/* ---- the process ---- */

static int log_level_method(void *arg, const json_t *params, json_t **result,
			    struct vhu_reason *reason)
{
	const char *name = NULL;
	json_error_t error;
	int level;

	if (json_unpack_ex((json_t *)(uintptr_t)params, &error, JSON_STRICT, "{s?s}", "level",
			   &name) < 0)
		return unpack_failed(&error, reason);
	if (name != NULL) {
		level = log_level_parse(name);
		if (level < 0) {
			vhu_reason_set(reason,
				       "level: \"%.32s\" is not error, warning, info or debug",
				       name);
			return -EINVAL;
		}
		log_set_level(level);
	}
	*result = json_pack("{s:s}", "level", log_level_name(log_level()));
	return 0;
}

static int worker_list(void *arg, const json_t *params, json_t **result,
		       struct vhu_reason *reason)
{
	struct program *program = arg;
	const struct settings *settings = &program->settings;
	int err = nothing(params, reason);

	if (err < 0)
		return err;
	*result = json_array();
	for (unsigned int i = 0; i < settings->threads; i++)
		json_array_append_new(*result, json_pack("{s:i, s:s, s:o}", "index", (int)i, "mode",
							 settings_mode_name(settings->mode), "cpu",
							 settings->cpus[i] < 0 ?
								 json_null() :
								 json_integer(settings->cpus[i])));
	return 0;
}

static const struct rpc_method methods[] = {
	{ "help", help, "every method, with a line about it" },
	{ "version", version, "program and version" },
	{ "device.list", device_list, "all devices, or the one \"name\"" },
	{ "device.stats", device_stats, "what is counted, of all devices or of \"name\"" },
	{ "device.add", device_add, "make a device; params are its description" },
	{ "device.remove", device_remove, "remove \"name\" after what is under way" },
	{ "device.pause", device_pause, "finish what is under way of \"name\", take nothing new" },
	{ "device.resume", device_resume, "go on after device.pause" },
	{ "device.drain", device_drain, "wait until nothing is under way of \"name\", then go on" },
	{ "device.disconnect", device_disconnect, "drop the frontend of \"name\"" },
	{ "log.level", log_level_method, "set \"level\" (error, warning, info, debug); or ask" },
	{ "worker.list", worker_list, "the worker threads" },
};
#define METHODS (sizeof(methods) / sizeof(methods[0]))

struct rpc_method *methods_table(const struct program_type *type)
{
	struct rpc_method *table;
	size_t own = 0;

	while (type->methods != NULL && type->methods[own].name != NULL)
		own++;
	table = calloc(METHODS + own + 1, sizeof(*table));
	if (table == NULL)
		return NULL;
	memcpy(table, methods, sizeof(methods));
	if (own > 0)
		memcpy(table + METHODS, type->methods, own * sizeof(*table));
	return table;
}
