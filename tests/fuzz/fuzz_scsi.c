/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is a list of commands of two initiators for one logical unit: CDB, buffers and what
 * is sent. Some wait in the store while others come, and some are aborted. Every command has to
 * end once, within its buffers; the store aborts on what its contract does not allow.
 */
#include <stdlib.h>
#include <string.h>

#include "unit/storage/scsi/fake_store.h"
#include "vhost-scsi/scsi/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TASKS		16u
#define BUFFER		(40u << 10)	/* of each direction */
#define HEADER		8u

/* Of the first byte of a command */
#define F_SECOND	0x01u	/* the other initiator */
#define F_HOLD		0x02u	/* the store keeps it */
#define F_ORDERED	0x04u
#define F_ABORT		0x08u	/* then abort the task set of this one */
#define F_RESET		0x10u
#define F_NO_LU		0x20u

struct fuzz_task {
	struct scsi_task task;
	struct iovec out[2], in[2];
	uint8_t *out_data, *in_data;
	unsigned int done;
	bool woken;
};

static struct fuzz_task tasks[TASKS];
static unsigned int tmfs;

static unsigned int no_luns(void *arg, uint64_t *luns, unsigned int max)
{
	return 0;
}

static void task_done(struct scsi_task *task)
{
	struct fuzz_task *t = (struct fuzz_task *)task;

	if (t->done++ || task->sense_bytes > SCSI_SENSE_MAX ||
	    task->transferred > task->in_bytes + task->out_bytes ||
	    (task->status == SCSI_CHECK_CONDITION) != (task->sense_bytes != 0))
		abort();
}

static void task_wake(struct scsi_task *task)
{
	((struct fuzz_task *)task)->woken = true;
}

static void tmf_done(struct scsi_tmf *tmf)
{
	tmfs--;
}

/* A buffer of its own size, so that a byte beyond it is found; in two pieces. */
static uint8_t *buffer(struct iovec iov[2], unsigned int *num, size_t bytes, size_t cut)
{
	uint8_t *at = calloc(1, bytes ? bytes : 1);

	if (cut > bytes)
		cut = bytes;
	iov[0] = (struct iovec){ at, cut };
	iov[1] = (struct iovec){ at + cut, bytes - cut };
	*num = bytes ? 2 : 0;
	return at;
}

static const struct scsi_lun_list no_list = { .list = no_luns };

/* Bytes of the input that it took. */
static size_t start(struct fuzz_task *t, struct scsi_path *const paths[2],
		    struct store_queue *queue, const uint8_t *data, size_t size)
{
	struct scsi_task *task = &t->task;
	size_t out = (size_t)(data[1] << 8 | data[2]) % BUFFER;
	size_t in = (size_t)(data[3] << 8 | data[4]) % BUFFER;
	size_t cdb = data[5] % SCSI_CDB_MAX + 1, taken = HEADER, sent;

	memset(t, 0, sizeof(*t));
	task->path = data[0] & F_NO_LU ? NULL : paths[data[0] & F_SECOND];
	task->well_known = data[6] & 1;
	task->ordered = data[0] & F_ORDERED;
	task->luns = &no_list;
	task->queue = queue;
	task->tag = data[7];
	t->out_data = buffer(t->out, &task->out_num, out, data[6]);
	t->in_data = buffer(t->in, &task->in_num, in, data[6]);
	task->out = t->out;
	task->in = t->in;
	task->out_bytes = out;
	task->in_bytes = in;
	if (cdb > size - taken)
		cdb = size - taken;
	memcpy(task->cdb, data + taken, cdb);
	taken += cdb;
	sent = size - taken < out ? size - taken : out;
	if (sent > 256)
		sent = 256;
	memcpy(t->out_data, data + taken, sent);
	task->done = task_done;
	task->wake = task_wake;
	scsi_task_start(task);
	return taken + sent;
}

static void settle(struct fake_store *fake)
{
	bool again = true;

	fake_release(fake);
	while (again) {
		again = false;
		for (unsigned int i = 0; i < TASKS; i++) {
			if (!tasks[i].woken)
				continue;
			tasks[i].woken = false;
			again = true;
			scsi_task_resume(&tasks[i].task);
		}
		fake_release(fake);
	}
}

static void finish(struct fake_store *fake, unsigned int num)
{
	settle(fake);
	for (unsigned int i = 0; i < num; i++) {
		if (tasks[i].done != 1)
			abort();
		free(tasks[i].out_data);
		free(tasks[i].in_data);
	}
	if (tmfs)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_store *fake = fake_store_new(512);
	struct scsi_lu_config config = { .store = &fake->store, .serial = "fuzz" };
	struct scsi_tmf tmf[TASKS];
	struct scsi_path *paths[2];
	struct fake_queue queue;
	struct scsi_lu *lu;
	unsigned int num = 0;

	fake_queue_init(&queue, fake);
	if (scsi_lu_create(&config, &lu, NULL) || scsi_path_add(lu, "one", &paths[0]) ||
	    scsi_path_add(lu, "two", &paths[1]))
		abort();
	while (size > HEADER && num < TASKS) {
		const uint8_t flags = data[0];
		size_t taken;

		fake->hold |= (flags & F_HOLD) != 0;
		taken = start(&tasks[num], paths, &queue.queue, data, size);
		data += taken;
		size -= taken;
		tmf[num].done = tmf_done;
		if (flags & (F_ABORT | F_RESET))
			tmfs++;
		if (flags & F_RESET)
			scsi_lu_reset_function(paths[flags & F_SECOND], &tmf[num]);
		else if (flags & F_ABORT)
			scsi_abort_task_set(paths[flags & F_SECOND], &tmf[num]);
		num++;
	}
	finish(fake, num);
	scsi_path_remove(paths[0]);
	scsi_path_remove(paths[1]);
	scsi_lu_destroy(lu);
	fake_store_free(fake);
	return 0;
}
