/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

struct fake_store *fake;
struct fake_queue fake_queue;
struct scsi_lu *lu;
struct scsi_path *paths[PATHS];
struct test_task *first, *second;
bool ordered;

static unsigned int list_luns(void *arg, uint64_t *luns, unsigned int max)
{
	luns[0] = 0;
	luns[1] = 0x0003000000000000;
	return 2;
}

static const struct scsi_lun_list list = { .list = list_luns };

int scsi_setup_with(store_setup *change)
{
	struct scsi_lu_config config = { .serial = "S123" };
	static const char *const names[PATHS] = { "one", "two", "three" };
	struct vhu_reason reason;

	ordered = false;
	fake = fake_store_new(BLOCK);
	if (change)
		change(&fake->store.info);
	fake_queue_init(&fake_queue, fake);
	config.store = &fake->store;
	assert_int_equal(scsi_lu_create(&config, &lu, &reason), 0);
	for (unsigned int i = 0; i < PATHS; i++) {
		assert_int_equal(scsi_path_add(lu, names[i], &paths[i]), 0);
		paths[i]->ua = 0;
	}
	first = calloc(1, sizeof(*first));
	second = calloc(1, sizeof(*second));
	return 0;
}

int scsi_setup(void **state)
{
	return scsi_setup_with(NULL);
}

int scsi_teardown(void **state)
{
	for (unsigned int i = 0; i < PATHS; i++)
		scsi_path_remove(paths[i]);
	scsi_lu_destroy(lu);
	fake_store_free(fake);
	free(first);
	free(second);
	return 0;
}

static void task_done(struct scsi_task *task)
{
	((struct test_task *)task)->done++;
}

static void task_wake(struct scsi_task *task)
{
	((struct test_task *)task)->woken++;
}

/* In pieces of 1, 2, 5 and 509 bytes, and the rest; the number of them. */
static unsigned int scatter(struct iovec *iov, uint8_t *data, size_t bytes)
{
	static const size_t pieces[] = { 1, 2, 5, 509 };
	unsigned int num = 0;

	for (unsigned int i = 0; i < 4 && bytes > pieces[i]; i++) {
		iov[num++] = (struct iovec){ data, pieces[i] };
		data += pieces[i];
		bytes -= pieces[i];
	}
	if (bytes)
		iov[num++] = (struct iovec){ data, bytes };
	return num;
}

void start(struct test_task *t, unsigned int path, const uint8_t *cdb, size_t cdb_bytes,
	   size_t out_bytes, size_t in_bytes)
{
	static uint64_t tag;
	struct scsi_task *task = &t->task;

	memset(task, 0, sizeof(*task));
	t->done = 0;
	t->woken = 0;
	task->path = path < PATHS ? paths[path] : NULL;
	task->luns = &list;
	task->queue = &fake_queue.queue;
	task->tag = ++tag;
	task->ordered = ordered;
	memcpy(task->cdb, cdb, cdb_bytes);
	memset(t->data_in, 0xaa, sizeof(t->data_in));
	task->out = t->out;
	task->in = t->in;
	task->out_num = scatter(t->out, t->data_out, out_bytes);
	task->in_num = scatter(t->in, t->data_in, in_bytes);
	task->out_bytes = out_bytes;
	task->in_bytes = in_bytes;
	task->done = task_done;
	task->wake = task_wake;
	scsi_task_start(task);
}

void command_on(unsigned int path, const uint8_t *cdb, size_t cdb_bytes, size_t out_bytes,
		size_t in_bytes)
{
	start(first, path, cdb, cdb_bytes, out_bytes, in_bytes);
}

void send(const void *data, size_t bytes)
{
	memcpy(first->data_out, data, bytes);
}

void expect_status(enum scsi_status status)
{
	assert_int_equal(first->done, 1);
	assert_int_equal(first->task.outcome, SCSI_COMPLETE);
	assert_int_equal(first->task.status, status);
}

void expect_good(uint64_t transferred)
{
	expect_status(SCSI_GOOD);
	assert_int_equal(first->task.transferred, transferred);
	assert_int_equal(first->task.sense_bytes, 0);
}

void expect_data(const uint8_t *data, size_t bytes)
{
	expect_good(bytes);
	assert_memory_equal(first->data_in, data, bytes);
	/* And nothing behind it. */
	assert_int_equal(first->data_in[bytes], 0xaa);
}

void expect_sense(enum scsi_key key, enum scsi_asc asc)
{
	expect_status(SCSI_CHECK_CONDITION);
	assert_int_equal(first->task.sense_bytes, 18);
	assert_int_equal(first->task.sense[0] & 0x7f, 0x70);
	assert_int_equal(first->task.sense[2], key);
	assert_int_equal(first->task.sense[12] << 8 | first->task.sense[13], asc);
}

static void expect_field(uint8_t flags, unsigned int byte, int bit)
{
	const uint8_t *sense = first->task.sense;

	assert_int_equal(sense[15], flags | (bit < 0 ? 0 : 0x08 | bit));
	assert_int_equal(sense[16] << 8 | sense[17], byte);
}

void expect_bad_cdb(unsigned int byte, int bit)
{
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2400);
	expect_field(0xc0, byte, bit);
}

void expect_bad_list(unsigned int byte, int bit)
{
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2600);
	expect_field(0x80, byte, bit);
}

void expect_op(unsigned int n, enum store_op op, unsigned int flags, uint64_t lba,
	       uint64_t blocks)
{
	assert_true(n < fake->ops);
	assert_int_equal(fake->log[n].op, op);
	assert_int_equal(fake->log[n].flags, flags);
	assert_int_equal(fake->log[n].offset, lba * BLOCK);
	assert_int_equal(fake->log[n].length, blocks * BLOCK);
}

void resume(struct test_task *t)
{
	assert_int_equal(t->woken, 1);
	t->woken = 0;
	scsi_task_resume(&t->task);
}

void fill(uint64_t lba, uint8_t value)
{
	memset(fake->data + lba * BLOCK, value, BLOCK);
}

uint8_t block_value(uint64_t lba)
{
	return fake->data[lba * BLOCK];
}
