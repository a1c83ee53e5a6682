/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Request queues (virtio 1.3, 5.6.6.1): from the buffers of a chain to a SCSI task and back.
 * Header and answer may be split and joined with the data at any byte.
 */
#include "device.h"
#include "pieces.h"
#include "scsi/task.h"

#define ANSWER_MAX	(VSCSI_RESP_SENSE + SCSI_SENSE_SIZE_MAX)

struct scsi_request {
	struct target_request *request;
	struct queue_lun *lun;		/* NULL: no logical unit */
	struct worker_post post;	/* to resume the task */
	/*
	 * Where the answer goes: the first writable pieces, the last of which may have data-in
	 * behind it. That one was cut; its front is kept here.
	 */
	struct iovec *answer;
	unsigned int whole;		/* pieces before it */
	struct iovec cut;
	uint32_t sense_size;
	struct scsi_task task;
};

const size_t scsi_request_bytes = sizeof(struct scsi_request);

static void put_answer(const struct scsi_request *r, const uint8_t *data, size_t bytes)
{
	size_t whole = 0;

	for (unsigned int i = 0; i < r->whole; i++)
		whole += r->answer[i].iov_len;
	if (bytes <= whole) {
		pieces_put(r->answer, data, bytes);
		return;
	}
	pieces_put(r->answer, data, whole);
	memcpy(r->cut.iov_base, data + whole, bytes - whole);
}

/* The first @bytes of the writable pieces are the answer, the others are the task's. */
static void split_writable(struct scsi_request *r, struct iovec *iov, unsigned int num,
			   size_t bytes)
{
	r->answer = iov;
	r->whole = 0;
	r->cut.iov_len = 0;
	while (bytes && iov->iov_len <= bytes) {
		bytes -= iov->iov_len;
		iov++;
		num--;
		r->whole++;
	}
	if (bytes) {
		r->cut = (struct iovec){ iov->iov_base, bytes };
		iov->iov_base = (uint8_t *)iov->iov_base + bytes;
		iov->iov_len -= bytes;
	}
	r->task.in = iov;
	r->task.in_num = num;
}

static inline void count(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static void answer(struct scsi_request *r, uint8_t response)
{
	struct scsi_queue *q = target_queue_context(r->request->queue);
	const struct scsi_task *task = &r->task;
	uint8_t data[ANSWER_MAX];
	uint32_t sense = task->sense_bytes < r->sense_size ? task->sense_bytes : r->sense_size;
	uint32_t bytes = VSCSI_RESP_SENSE + sense;
	bool has_data = task->in_bytes && task->transferred;

	/* What is told as written is written: data-in comes behind all of the sense area. */
	if (has_data)
		bytes = VSCSI_RESP_SENSE + r->sense_size;
	memset(data, 0, bytes);
	vscsi_put32(data + VSCSI_RESP_SENSE_LEN, sense);
	vscsi_put32(data + VSCSI_RESP_RESIDUAL,
		    (uint32_t)(task->in_bytes + task->out_bytes - task->transferred));
	data[VSCSI_RESP_STATUS] = (uint8_t)task->status;
	data[VSCSI_RESP_RESPONSE] = response;
	memcpy(data + VSCSI_RESP_SENSE, task->sense, sense);
	put_answer(r, data, bytes);

	count(&q->commands);
	if (response != VSCSI_S_OK)
		count(&q->failures);
	else if (task->status == SCSI_CHECK_CONDITION)
		count(&q->check_conditions);
	target_done(r->request, bytes + (has_data ? (uint32_t)task->transferred : 0));
}

static void task_done(struct scsi_task *task)
{
	static const uint8_t responses[] = {
		[SCSI_COMPLETE] = VSCSI_S_OK,
		[SCSI_OVERRUN] = VSCSI_S_OVERRUN,
		[SCSI_ABORTED] = VSCSI_S_ABORTED,
		[SCSI_RESET] = VSCSI_S_RESET,
	};
	struct scsi_request *r = (struct scsi_request *)((char *)task -
							 offsetof(struct scsi_request, task));

	if (r->lun) {
		r->lun->under_way--;
		r->lun->kick_due = true;
	}
	answer(r, responses[task->outcome]);
}

static void resume(void *arg)
{
	scsi_task_resume(arg);
}

static void task_wake(struct scsi_task *task)
{
	struct scsi_request *r = (struct scsi_request *)((char *)task -
							 offsetof(struct scsi_request, task));

	r->post.fn = resume;
	r->post.arg = task;
	worker_post(target_queue_worker(r->request->queue), &r->post);
}

/* An answer to what never became a task */
static void refuse(struct scsi_request *r, enum vscsi_response response)
{
	r->task.status = SCSI_GOOD;
	r->task.sense_bytes = 0;
	r->task.transferred = 0;
	answer(r, (uint8_t)response);
}

struct lun_query {
	const struct scsi_queue *q;
	struct scsi_address at;
	bool all_targets;
};

static unsigned int add_target(const struct scsi_queue *q, unsigned int target, bool with_target,
			       uint64_t *luns, unsigned int num, unsigned int max)
{
	for (unsigned int i = 0; q->target[target] && i < SCSI_LUNS && num < max; i++) {
		if (q->target[target][i] == NULL)
			continue;
		/* As this device is addressed; within a target by number (SAM-5, 4.7.7.2) */
		luns[num++] = with_target ?
			(uint64_t)(0x01000000u | target << 16 | 0x4000u | i) << 32 :
			(uint64_t)i << 48;
	}
	return num;
}

static unsigned int list_luns(void *arg, uint64_t *luns, unsigned int max)
{
	const struct lun_query *query = arg;
	unsigned int num = 0;

	if (!query->all_targets)
		return add_target(query->q, query->at.target, false, luns, 0, max);
	for (unsigned int i = 0; i < SCSI_TARGETS; i++)
		num = add_target(query->q, i, true, luns, num, max);
	return num;
}

static void start_task(struct scsi_request *r, enum scsi_addressed what, struct scsi_address at)
{
	struct scsi_queue *q = target_queue_context(r->request->queue);
	struct lun_query query = { .q = q, .at = at, .all_targets = what == SCSI_AT_DEVICE };
	const struct scsi_lun_list list = { .list = list_luns, .arg = &query };
	struct scsi_task *task = &r->task;

	r->lun = what == SCSI_AT_LUN ? queue_lun_find(q, at) : NULL;
	task->path = NULL;
	if (r->lun) {
		task->path = r->lun->path;
		task->queue = r->lun->store;
		r->lun->under_way++;
	}
	task->well_known = what == SCSI_AT_REPORT_LUNS || what == SCSI_AT_DEVICE;
	task->luns = &list;	/* used from within the start alone */
	task->store_flags = target_memory_flags(r->request->queue) & VHR_MAP_PAGE_BACKED ?
				    STORE_F_PAGE_BACKED :
				    0;
	task->done = task_done;
	task->wake = task_wake;
	scsi_task_start(task);
}

/* A chain of more pieces than there is room for counts bytes that it has no pieces of. */
static uint64_t writable_bytes(const struct target_request *request)
{
	const struct vhr_chain *chain = &request->chain;
	uint64_t bytes = 0;

	if (!request->too_many)
		return chain->writable_bytes;
	for (unsigned int i = 0; i < chain->writable; i++)
		bytes += chain->iov[chain->readable + i].iov_len;
	return bytes;
}

void scsi_request_start(struct target_request *request)
{
	struct scsi_queue *q = target_queue_context(request->queue);
	struct scsi_request *r = target_request_private(request);
	const struct vhr_chain *chain = &request->chain;
	const uint32_t cdb_size = atomic_load_explicit(&q->device->cdb_size, memory_order_relaxed);
	const size_t header_bytes = VSCSI_REQ_CDB + cdb_size;
	uint8_t header[VSCSI_REQ_CDB + SCSI_CDB_SIZE_MAX];
	struct iovec *readable = chain->iov;
	unsigned int num = chain->readable;
	struct scsi_task *task = &r->task;
	enum scsi_addressed what;
	struct scsi_address at;
	const uint64_t writable = writable_bytes(request);
	size_t answer_bytes;

	r->request = request;
	r->lun = NULL;
	r->sense_size = atomic_load_explicit(&q->device->sense_size, memory_order_relaxed);
	answer_bytes = VSCSI_RESP_SENSE + r->sense_size;
	if (writable < answer_bytes) {
		target_break(request, "request %u has %ju bytes for an answer of %zu",
			     request->taken.id, (uintmax_t)writable, answer_bytes);
		return;
	}
	split_writable(r, chain->iov + chain->readable, chain->writable, answer_bytes);
	task->in_bytes = writable - answer_bytes;
	task->out_bytes = 0;
	if (request->too_many || chain->readable_bytes < header_bytes) {
		refuse(r, VSCSI_S_FAILURE);
		return;
	}
	task->out_bytes = chain->readable_bytes - header_bytes;
	if (task->in_bytes && task->out_bytes) {
		/* Bidirectional commands are for those who were offered VIRTIO_SCSI_F_INOUT. */
		refuse(r, VSCSI_S_FAILURE);
		return;
	}
	pieces_take(&readable, &num, header, header_bytes);
	task->out = readable;
	task->out_num = num;
	what = scsi_address_parse(header + VSCSI_REQ_LUN, &at);
	if (what == SCSI_AT_NOTHING ||
	    (what != SCSI_AT_DEVICE && !queue_has_target(q, at.target))) {
		refuse(r, VSCSI_S_BAD_TARGET);
		return;
	}
	task->tag = vscsi_get64(header + VSCSI_REQ_ID);
	/* A device may take them all for SIMPLE; ORDERED is what it seems. */
	task->ordered = header[VSCSI_REQ_TASK_ATTR] == VSCSI_ORDERED;
	memset(task->cdb, 0, SCSI_CDB_MAX);
	memcpy(task->cdb, header + VSCSI_REQ_CDB,
	       cdb_size < SCSI_CDB_MAX ? cdb_size : SCSI_CDB_MAX);
	start_task(r, what, at);
}

/* Of the rounds of a queue that has commands under way, those that look at idle stores, too. */
#define IDLE_ROUNDS 16u

void scsi_request_hurry(struct target_queue *queue)
{
	struct scsi_queue *q = target_queue_context(queue);

	for (struct queue_lun *lun = q->first; lun; lun = lun->next)
		store_hurry(lun->store);
}

unsigned int scsi_request_poll(struct target_queue *queue)
{
	struct scsi_queue *q = target_queue_context(queue);
	bool busy = false;
	unsigned int done = 0;

	for (struct queue_lun *lun = q->first; lun; lun = lun->next) {
		/* Also of commands that came and went within this round: store_kick() */
		if (lun->under_way == 0 && !lun->kick_due)
			continue;
		busy |= lun->under_way != 0;
		lun->kick_due = false;
		store_kick(lun->store);
		done += store_poll(lun->store);
	}
	/* A store that lost its peer has things to do without operations. */
	if (busy && ++q->busy_rounds % IDLE_ROUNDS != 0)
		return done;
	for (struct queue_lun *lun = q->first; lun; lun = lun->next) {
		if (lun->under_way == 0 && lun->fd >= 0)
			done += store_poll(lun->store);
	}
	return done;
}
