/* SPDX-License-Identifier: BSD-3-Clause */
/* A device comes and goes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

static void start(struct target_request *request)
{
	/* The event queue's requests are taken when there is an event. */
	if (target_queue_index(request->queue) == VSCSI_CONTROLQ)
		scsi_control_start(request);
	else
		scsi_request_start(request);
}

static unsigned int poll(struct target_queue *queue)
{
	const unsigned int index = target_queue_index(queue);

	if (index == VSCSI_EVENTQ)
		return scsi_events_poll(queue);
	return index == VSCSI_CONTROLQ ? 0 : scsi_request_poll(queue);
}

static void hurry(struct target_queue *queue)
{
	if (target_queue_index(queue) > VSCSI_EVENTQ)
		scsi_request_hurry(queue);
}

static int queue_in(struct target_queue *queue)
{
	struct scsi_device *device = target_queue_priv(queue);
	struct scsi_queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return -ENOMEM;
	q->device = device;
	q->queue = queue;
	target_queue_set_context(queue, q);
	device->queue[target_queue_index(queue)] = q;
	return 0;
}

static void queue_out(struct target_queue *queue)
{
	free(target_queue_context(queue));
}

static int set_features(void *priv, uint64_t features)
{
	struct scsi_device *device = priv;

	device->features = features;
	return 0;
}

/* Whoever comes next is told that all began anew; what it did not reserve persistently is free. */
static void reset(void *priv)
{
	struct scsi_device *device = priv;

	scsi_config_reset(device);
	scsi_events_reset(device);
	pthread_mutex_lock(&device->lock);
	for (struct scsi_lun *lun = device->luns; lun; lun = lun->next)
		scsi_path_reset(lun->path);
	pthread_mutex_unlock(&device->lock);
}

static const struct target_ops ops = {
	.name = "vhost-scsi",
	.start = start,
	.poll = poll,
	.hurry = hurry,
	.queue_in = queue_in,
	.queue_out = queue_out,
	.get_config = scsi_get_config,
	.set_config = scsi_set_config,
	.set_features = set_features,
	.reset = reset,
};

static void free_device(struct scsi_device *device)
{
	pthread_mutex_destroy(&device->lock);
	free(device->queue);
	free(device);
}

static int check_description(const json_t *description, struct vhu_reason *reason)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)description, key, value) {
		if (strcmp(key, "luns") != 0) {
			vhu_reason_set(reason, "%.40s: unknown key", key);
			return -EINVAL;
		}
		if (!json_is_array(value)) {
			vhu_reason_set(reason, "luns: has to be an array");
			return -EINVAL;
		}
	}
	return 0;
}

static int add_luns(struct scsi_device *device, const json_t *luns, struct vhu_reason *reason)
{
	const json_t *lun;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)luns, i, lun) {
		int ret = scsi_lun_add(device, lun, reason);

		if (ret)
			return ret;
	}
	return 0;
}

/*
 * The request queues are mapped as asked for; the other two have little to do and go with the
 * first. @map has room for all.
 */
static int set_queues(struct worker_pool *pool, struct target_config *config, unsigned int *map,
		      struct vhu_reason *reason)
{
	const unsigned int requests = config->queues, workers = worker_pool_size(pool);

	if (requests == 0 || requests > SCSI_QUEUES_MAX - VSCSI_FIXED_QUEUES) {
		vhu_reason_set(reason, "queues: %u, expected 1 to %u", requests,
			       SCSI_QUEUES_MAX - VSCSI_FIXED_QUEUES);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < requests; i++)
		map[VSCSI_FIXED_QUEUES + i] = config->map ? config->map[i] : i % workers;
	map[VSCSI_CONTROLQ] = map[VSCSI_EVENTQ] = map[VSCSI_FIXED_QUEUES];
	config->map = map;
	config->queues = requests + VSCSI_FIXED_QUEUES;
	config->on_demand = 1u << VSCSI_EVENTQ;
	config->features = VSCSI_F_HOTPLUG | VSCSI_F_CHANGE;
	return 0;
}

int scsi_device_create(struct worker_pool *pool, struct target_config *config,
		       const json_t *description, struct scsi_device **out,
		       struct vhu_reason *reason)
{
	unsigned int map[SCSI_QUEUES_MAX];
	struct target_ops own = ops;
	struct scsi_device *device;
	int ret;

	ret = check_description(description, reason);
	if (!ret)
		ret = set_queues(pool, config, map, reason);
	if (ret)
		return ret;
	device = calloc(1, sizeof(*device));
	if (device == NULL)
		return -ENOMEM;
	device->queues = config->queues;
	device->queue = calloc(device->queues, sizeof(struct scsi_queue *));
	snprintf(device->name, sizeof(device->name), "%s", config->name);
	scsi_config_reset(device);
	pthread_mutex_init(&device->lock, NULL);
	own.request_bytes = scsi_request_bytes > scsi_control_bytes ? scsi_request_bytes :
			    scsi_control_bytes;
	config->ops = &own;
	config->priv = device;
	ret = device->queue ? target_create(pool, config, &device->target, reason) : -ENOMEM;
	config->ops = NULL;
	config->map = NULL;
	if (ret) {
		free_device(device);
		return ret;
	}
	/* No frontend finds less than there is. */
	target_pause(device->target);
	ret = add_luns(device, json_object_get(description, "luns"), reason);
	target_resume(device->target);
	if (ret) {
		scsi_device_destroy(device);
		return ret;
	}
	*out = device;
	return 0;
}

void scsi_device_destroy(struct scsi_device *device)
{
	if (device == NULL)
		return;
	/* A frontend that is there finds a device that does not answer, not one without disks. */
	target_pause(device->target);
	scsi_luns_remove_all(device);
	target_destroy(device->target);
	free_device(device);
}

static uint64_t sum(const struct scsi_device *device, size_t offset)
{
	uint64_t total = 0;

	for (unsigned int i = VSCSI_FIXED_QUEUES; i < device->queues; i++)
		total += *(_Atomic uint64_t *)((char *)device->queue[i] + offset);
	return total;
}

json_t *scsi_device_describe(struct scsi_device *device)
{
	return json_pack("{s:o, s:i, s:i, s:{s:I, s:I, s:I}}", "luns", scsi_lun_list(device),
			 "sense_size", (int)device->sense_size, "cdb_size", (int)device->cdb_size,
			 "stats", "commands",
			 (json_int_t)sum(device, offsetof(struct scsi_queue, commands)),
			 "check_conditions",
			 (json_int_t)sum(device, offsetof(struct scsi_queue, check_conditions)),
			 "failures",
			 (json_int_t)sum(device, offsetof(struct scsi_queue, failures)));
}
