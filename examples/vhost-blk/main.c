/* SPDX-License-Identifier: BSD-3-Clause */
/* vhost-blk: a program that serves virtio-blk disks. */
#include <errno.h>
#include <stddef.h>

#include "storage/service/program.h"
#include "storage/store/store.h"

#include "blk_device.h"

static int
create(struct worker_pool *pool, struct target_config *config, const json_t *description,
       void **device, struct vhu_reason *reason)
{
	struct blk_device *blk;
	int ret;

	ret = blk_device_create(pool, config, description, &blk, reason);
	if (ret == 0)
		*device = blk;
	return ret;
}

static void
destroy(void *device)
{
	blk_device_destroy(device);
}

static struct target *
target_of(void *device)
{
	return blk_device_target(device);
}

static json_t *
describe(void *device)
{
	return blk_device_describe(device);
}

/* Looking again waits for a server. */
static int
resize_work(void *device, const json_t *params, struct vhu_reason *reason)
{
	const json_t *size = json_object_get(params, "size");

	if (!json_is_integer(size) || json_integer_value(size) < 0) {
		vhu_reason_set(reason, "size: has to be a number of bytes, or 0 to look again");
		return -EINVAL;
	}
	return blk_device_resize(device, (uint64_t)json_integer_value(size), reason);
}

static int
resize(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	return program_start_work(arg, params, resize_work, reason);
}

static int
errors(void *arg, const json_t *params, json_t **result, struct vhu_reason *reason)
{
	struct blk_device *device = program_device(arg, params, reason);
	const json_t *filter = json_object_get(params, "filter");
	json_int_t index = json_integer_value(filter);

	if (device == NULL)
		return -EINVAL;
	if ((filter != NULL && !json_is_integer(filter)) || index < 0 || index > 16) {
		vhu_reason_set(reason, "filter: has to be a number, 0 is the error filter on top");
		return -EINVAL;
	}
	return blk_device_set_errors(device, (unsigned int)index, json_object_get(params, "rules"),
				     reason);
}

static const char *const capabilities[] = { "read-only", "blk-file", NULL };

static const struct program_option options[] = {
	PROGRAM_STORE_OPTIONS,
	{ "serial", PROGRAM_STRING, "serial", "up to 20 bytes that identify the disk" },
	{ "wce", PROGRAM_STRING, "wce",
	  "on or off: does the driver find a write-back cache; default: as the store has one" },
	{ "block-size", PROGRAM_NUMBER, "block-size",
	  "logical block in bytes, a multiple of the store's" },
	{ NULL, 0, NULL, NULL },
};

static const struct rpc_method methods[] = {
	{ "device.resize", resize, "name, size in bytes (0: look again how large the store is)" },
	{ "device.errors", errors,
	  "name, rules (none: no more errors), filter (0: the error filter on top of the store)" },
	{ NULL, NULL, NULL },
};

static const struct program_type type = {
	.name = "vhost-blk",
	.summary = "serve virtio-blk disks to other virtual machines",
	.backend_type = "block",
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

int
main(int argc, char **argv)
{
	return program_main(&type, argc, argv);
}
