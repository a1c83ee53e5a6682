/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue (virtio 1.3, 5.6.6.2).
 *
 * A driver that reads the answer to a task management function looks at its request queues and
 * expects all that was aborted to be there. Commands end in the workers of their queues, which
 * tell the driver in their own time: so before it is answered a function goes from queue to queue
 * and waits in each until the driver has been told.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "device.h"
#include "pieces.h"
#include "scsi/tmf.h"

struct control {
	struct target_request *request;
	struct worker_post post;
	unsigned int next_queue;	/* on the way */
	uint8_t response;
	/* Functions that are not done yet, and 1 for whoever starts them */
	_Atomic unsigned int pending;
	struct part {
		struct scsi_tmf tmf;
		struct control *control;
	} one, *parts;			/* of an I_T NEXUS RESET: one per logical unit */
};

const size_t scsi_control_bytes = sizeof(struct control);

static void answer(void *arg)
{
	struct control *c = arg;
	const struct vhr_chain *chain = &c->request->chain;

	free(c->parts);
	c->parts = NULL;
	pieces_put(chain->iov + chain->readable, &c->response, VSCSI_TMF_RESP_BYTES);
	target_done(c->request, VSCSI_TMF_RESP_BYTES);
}

static struct scsi_device *device_of(const struct control *c)
{
	return target_queue_priv(c->request->queue);
}

static void post(struct control *c, struct target_queue *to, void (*fn)(void *arg))
{
	c->post.fn = fn;
	c->post.arg = c;
	worker_post(target_queue_worker(to), &c->post);
}

/* In the worker of the queue that it is at. */
static void visit(void *arg)
{
	struct control *c = arg;
	struct scsi_device *device = device_of(c);
	struct target_queue *here = device->queue[c->next_queue]->queue;

	if (!target_queue_told(here)) {
		post(c, here, visit);
		return;
	}
	c->next_queue++;
	if (c->next_queue < device->queues)
		post(c, device->queue[c->next_queue]->queue, visit);
	else
		post(c, c->request->queue, answer);
}

static void one_less(struct control *c)
{
	if (atomic_fetch_sub(&c->pending, 1) != 1)
		return;
	c->next_queue = VSCSI_FIXED_QUEUES;
	post(c, device_of(c)->queue[VSCSI_FIXED_QUEUES]->queue, visit);
}

static void part_done(struct scsi_tmf *tmf)
{
	struct part *part = (struct part *)((char *)tmf - offsetof(struct part, tmf));

	one_less(part->control);
}

static struct scsi_tmf *add_part(struct control *c, struct part *part)
{
	part->control = c;
	part->tmf.done = part_done;
	atomic_fetch_add(&c->pending, 1);
	return &part->tmf;
}

/* All logical units of the target: the nexus is between the driver and it. */
static void reset_nexus(struct control *c, uint8_t target)
{
	struct scsi_queue *q = target_queue_context(c->request->queue);
	unsigned int num = 0;

	c->parts = calloc(SCSI_LUNS, sizeof(*c->parts));
	if (c->parts == NULL) {
		c->response = VSCSI_S_FAILURE;
		return;
	}
	for (unsigned int i = 0; i < SCSI_LUNS; i++) {
		struct queue_lun *lun = q->target[target][i];

		if (lun)
			scsi_nexus_reset(lun->path, add_part(c, &c->parts[num++]));
	}
}

static void carry_out(struct control *c, uint32_t subtype, struct scsi_path *path, uint64_t id)
{
	switch (subtype) {
	case VSCSI_ABORT_TASK:
		scsi_abort_task(path, id, add_part(c, &c->one));
		return;
	case VSCSI_ABORT_TASK_SET:
		scsi_abort_task_set(path, add_part(c, &c->one));
		return;
	case VSCSI_CLEAR_TASK_SET:
		scsi_clear_task_set(path, add_part(c, &c->one));
		return;
	case VSCSI_LOGICAL_UNIT_RESET:
		scsi_lu_reset_function(path, add_part(c, &c->one));
		return;
	case VSCSI_QUERY_TASK:
		if (scsi_query_task(path, id))
			c->response = VSCSI_S_FUNCTION_SUCCEEDED;
		return;
	case VSCSI_QUERY_TASK_SET:
		if (scsi_query_task_set(path))
			c->response = VSCSI_S_FUNCTION_SUCCEEDED;
		return;
	default:
		/* CLEAR ACA: there is no ACA without NACA. */
		c->response = VSCSI_S_FUNCTION_REJECTED;
	}
}

static void start_tmf(struct control *c, const uint8_t *in)
{
	struct scsi_queue *q = target_queue_context(c->request->queue);
	const uint32_t subtype = vscsi_get32(in + VSCSI_TMF_SUBTYPE);
	struct queue_lun *lun;
	struct scsi_address at;
	enum scsi_addressed what = scsi_address_parse(in + VSCSI_TMF_LUN, &at);

	c->response = VSCSI_S_FUNCTION_COMPLETE;
	c->parts = NULL;
	c->pending = 1;
	if (what == SCSI_AT_NOTHING || what == SCSI_AT_DEVICE || !queue_has_target(q, at.target)) {
		c->response = VSCSI_S_BAD_TARGET;
	} else if (subtype == VSCSI_I_T_NEXUS_RESET) {
		reset_nexus(c, at.target);
	} else {
		lun = what == SCSI_AT_LUN ? queue_lun_find(q, at) : NULL;
		if (lun)
			carry_out(c, subtype, lun->path, vscsi_get64(in + VSCSI_TMF_ID));
		else
			c->response = VSCSI_S_INCORRECT_LUN;
	}
	one_less(c);
}

/* Events that a driver can ask for are of removable media and the like: none of them happen. */
static void start_notification(struct control *c, const uint8_t *in)
{
	const struct scsi_queue *q = target_queue_context(c->request->queue);
	const struct vhr_chain *chain = &c->request->chain;
	uint8_t out[VSCSI_AN_RESP_BYTES] = { 0 };
	struct scsi_address at;
	enum scsi_addressed what = scsi_address_parse(in + VSCSI_AN_LUN, &at);

	if (what == SCSI_AT_NOTHING ||
	    (what != SCSI_AT_DEVICE && !queue_has_target(q, at.target)))
		out[VSCSI_AN_RESP_RESPONSE] = VSCSI_S_BAD_TARGET;
	else if (what == SCSI_AT_LUN && !queue_lun_find(q, at))
		out[VSCSI_AN_RESP_RESPONSE] = VSCSI_S_INCORRECT_LUN;
	pieces_put(chain->iov + chain->readable, out, sizeof(out));
	target_done(c->request, sizeof(out));
}

void scsi_control_start(struct target_request *request)
{
	const struct vhr_chain *chain = &request->chain;
	struct control *c = target_request_private(request);
	struct iovec *readable = chain->iov;
	unsigned int num = chain->readable;
	uint8_t in[VSCSI_TMF_BYTES] = { 0 };
	size_t in_bytes, out_bytes;
	uint32_t type;

	c->request = request;
	if (request->too_many) {
		target_break(request, "control request %u has more than %u pieces",
			     request->taken.id, TARGET_IOV_MAX);
		return;
	}
	in_bytes = chain->readable_bytes < sizeof(in) ? chain->readable_bytes : sizeof(in);
	pieces_take(&readable, &num, in, in_bytes);
	type = vscsi_get32(in);
	if (in_bytes < 4 || type > VSCSI_T_AN_SUBSCRIBE) {
		target_break(request, "control request %u of type %u, %zu bytes",
			     request->taken.id, type, in_bytes);
		return;
	}
	out_bytes = type == VSCSI_T_TMF ? VSCSI_TMF_RESP_BYTES : VSCSI_AN_RESP_BYTES;
	if (in_bytes < (type == VSCSI_T_TMF ? VSCSI_TMF_BYTES : VSCSI_AN_BYTES) ||
	    chain->writable_bytes < out_bytes) {
		target_break(request,
			     "control request %u of type %u has %ju bytes and room for %ju",
			     request->taken.id, type, (uintmax_t)chain->readable_bytes,
			     (uintmax_t)chain->writable_bytes);
		return;
	}
	if (type == VSCSI_T_TMF)
		start_tmf(c, in);
	else
		start_notification(c, in);
}
