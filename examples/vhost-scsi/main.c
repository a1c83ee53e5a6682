/* SPDX-License-Identifier: BSD-3-Clause */
/* vhost-scsi: a program that serves virtio-scsi devices with disks. */
#include <errno.h>
#include <stddef.h>

#include "storage/service/program.h"
#include "storage/store/store.h"

#include "device.h"

static void log_line(int level, const char *text)
{
	program_log(level, "%s", text);
}

static int create(struct worker_pool *pool, struct target_config *config,
		  const json_t *description, void **device, struct vhu_reason *reason)
{
	struct scsi_device *scsi;
	int ret;

	config->log = log_line;
	ret = scsi_device_create(pool, config, description, &scsi, reason);
	if (ret == 0)
		*device = scsi;
	return ret;
}

static void destroy(void *device)
{
	scsi_device_destroy(device);
}

static struct target *target_of(void *device)
{
	return ((struct scsi_device *)device)->target;
}

static json_t *describe(void *device)
{
	return scsi_device_describe(device);
}

static int read_address(const json_t *params, struct scsi_address *at, struct vhu_reason *reason)
{
	json_int_t target = json_integer_value(json_object_get(params, "target"));
	const json_t *lun = json_object_get(params, "lun");

	if (!json_is_integer(lun) || json_integer_value(lun) < 0 ||
	    json_integer_value(lun) > 255 || target < 0 || target > 255) {
		vhu_reason_set(reason, "lun has to be there, and target and lun numbers to 255");
		return -EINVAL;
	}
	at->target = (uint8_t)target;
	at->lun = (uint8_t)json_integer_value(lun);
	return 0;
}

/* Opening a store waits for its server. */
static int add_work(void *device, const json_t *params, struct vhu_reason *reason)
{
	json_t *description = json_copy((json_t *)(uintptr_t)params);
	int ret;

	if (description == NULL)
		return -ENOMEM;
	json_object_del(description, "name");
	ret = scsi_lun_add(device, description, reason);
	json_decref(description);
	return ret;
}

static int lun_add(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	return program_start_work(arg, params, add_work, reason);
}

/* Removing a logical unit waits for its commands. */
static int remove_work(void *device, const json_t *params, struct vhu_reason *reason)
{
	struct scsi_address at;

	if (read_address(params, &at, reason))
		return -EINVAL;
	return scsi_lun_remove(device, at, reason);
}

static int lun_remove(void *arg, const json_t *params, json_t **result,
		      struct vhu_reason *reason)
{
	return program_start_work(arg, params, remove_work, reason);
}

static int lun_list(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	struct scsi_device *device = program_device(arg, params, reason);

	if (device == NULL)
		return -EINVAL;
	*result = scsi_lun_list(device);
	return 0;
}

static int resize_work(void *device, const json_t *params, struct vhu_reason *reason)
{
	const json_t *size = json_object_get(params, "size");
	struct scsi_address at;

	if (read_address(params, &at, reason))
		return -EINVAL;
	if (!json_is_integer(size) || json_integer_value(size) < 0) {
		vhu_reason_set(reason, "size: has to be a number of bytes, or 0 to look again");
		return -EINVAL;
	}
	return scsi_lun_resize(device, at, (uint64_t)json_integer_value(size), reason);
}

static int lun_resize(void *arg, const json_t *params, json_t **result,
		      struct vhu_reason *reason)
{
	return program_start_work(arg, params, resize_work, reason);
}

static const char *const capabilities[] = { NULL };

static const struct program_option options[] = {
	{ "lun", PROGRAM_LIST, "luns",
	  "[TARGET:LUN=]STORE or a JSON object; once for each logical unit" },
	{ NULL, 0, NULL, NULL },
};

static const struct rpc_method methods[] = {
	{ "lun.add", lun_add,
	  "name, store; target, lun, read-only, serial, vendor, product, revision, share" },
	{ "lun.remove", lun_remove, "name, target, lun: when its commands have ended" },
	{ "lun.list", lun_list, "name" },
	{ "lun.resize", lun_resize,
	  "name, target, lun, size in bytes (0: look again how large the store is)" },
	{ NULL, NULL, NULL },
};

static const struct program_type type = {
	.name = "vhost-scsi",
	.summary = "serve virtio-scsi devices with disks to other virtual machines",
	.backend_type = "scsi",
	.capabilities = capabilities,
	.options = options,
	.create = create,
	.count_rdma = store_rdma_count,
	.allow_rdma = store_rdma_allow,
	.destroy = destroy,
	.target = target_of,
	.describe = describe,
	.methods = methods,
};

int main(int argc, char **argv)
{
	return program_main(&type, argc, argv);
}
