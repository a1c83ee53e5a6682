/* SPDX-License-Identifier: BSD-3-Clause */
/* A target and its queues as JSON. */
#include <inttypes.h>
#include <stdio.h>

#include "target_internal.h"

static json_t *
hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

static json_t *
describe_queue(struct target_queue *q)
{
	struct vhu_reason broken = { "" };
	bool ready = false, started = false, polled = false;
	uint64_t calls = 0, kicks, requests, dropped;
	unsigned int size = 0, under_way;
	json_t *object;

	target_queue_lock(q);
	if (q->ring != NULL) {
		ready = q->ring->ready;
		started = q->ring->started;
		polled = ready && (q->ring->kick_none || q->kick_fd < 0);
		size = q->ring->size;
		calls = q->ring->calls;
		if (q->ring->broken)
			broken = q->ring->broken_reason;
	}
	kicks = q->kicks;
	requests = q->requests;
	dropped = q->dropped;
	under_way = q->under_way;
	target_queue_unlock(q);

	object = json_pack("{s:i, s:i, s:b, s:b, s:b, s:i, s:I, s:I, s:I, s:I, s:I}",
			   "index", (int)q->index, "worker", (int)worker_index(q->worker),
			   "started", started, "ready", ready, "without-kicks", polled,
			   "size", (int)size, "kicks", (json_int_t)kicks, "calls",
			   (json_int_t)calls, "requests", (json_int_t)requests, "under-way",
			   (json_int_t)under_way, "dropped", (json_int_t)dropped);
	if (broken.text[0] != '\0')
		json_object_set_new(object, "broken", json_string(broken.text));
	return object;
}

json_t *
target_describe(struct target *t)
{
	struct vhr_status status;
	struct vhu_reason error;
	json_t *object, *queues = json_array();
	unsigned int i;

	pthread_mutex_lock(&t->lock);
	status = t->status;
	error = t->last_error;
	pthread_mutex_unlock(&t->lock);
	for (i = 0; i < t->num_queues; i++)
		json_array_append_new(queues, describe_queue(&t->queue[i]));
	object = json_pack("{s:s, s:s, s:s, s:s, s:b, s:i, s:I, s:I, s:I, s:i}",
			   "name", t->name, "type", t->ops.name, "transport", t->transport,
			   "where", t->where, "connected", status.connected, "epoch",
			   (int)status.epoch, "connections", (json_int_t)status.connections,
			   "messages", (json_int_t)status.messages, "refused",
			   (json_int_t)status.refused, "memory-regions", (int)status.regions);
	json_object_set_new(object, "features", hex(status.features));
	json_object_set_new(object, "protocol-features", hex(status.protocol_features));
	json_object_set_new(object, "device-status", json_integer(status.device_status));
	json_object_set_new(object, "max-message-us",
			    json_integer((json_int_t)(status.max_message_ns / 1000)));
	json_object_set_new(object, "last-error", json_string(error.text));
	json_object_set_new(object, "queues", queues);
	return object;
}
