/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands of several threads on one logical unit, while another one aborts, resets, preempts and
 * resizes. Meant to be run by a thread checker too.
 *
 * Each worker has a queue of operations that complete in its own poll, and a box for the tasks
 * that others woke.
 */
#include <sched.h>

#include "fixture.h"

#define WORKERS	3u
#define TASKS	8u
#define ROUNDS	2000u

struct slot {
	struct scsi_task task;
	struct iovec out, in;
	uint8_t data[4 * BLOCK];
	struct worker *worker;
	bool busy;
	struct slot *woken_next;
};

struct worker {
	pthread_t thread;
	unsigned int index;
	struct fake_queue queue;
	struct fake_store *fake;	/* of its own: operations end in its thread */
	struct slot slot[TASKS];
	unsigned int running;
	atomic_ulong done, aborted;
	pthread_mutex_t lock;
	struct slot *woken;
};

static struct worker workers[WORKERS];
static atomic_bool finished;
static atomic_ulong tmfs_done;

static void task_done(struct scsi_task *task)
{
	struct slot *slot = (struct slot *)task;

	slot->busy = false;
	slot->worker->running--;
	slot->worker->done++;
	if (task->outcome != SCSI_COMPLETE)
		slot->worker->aborted++;
}

static void task_wake(struct scsi_task *task)
{
	struct slot *slot = (struct slot *)task;
	struct worker *worker = slot->worker;

	pthread_mutex_lock(&worker->lock);
	slot->woken_next = worker->woken;
	worker->woken = slot;
	pthread_mutex_unlock(&worker->lock);
}

static void start_slot(struct worker *worker, struct slot *slot, unsigned int n)
{
	static const uint8_t cdbs[][16] = {
		{ 0x28, 0, 0, 0, 0, 4, 0, 0, 2 },
		{ 0x2a, 0, 0, 0, 0, 4, 0, 0, 2 },
		{ 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1 },
		{ 0x2f, 0, 0, 0, 0, 0, 0, 0, 8 },
		{ 0x35 },
		{ 0x00 },
		{ 0x28, 0, 0, 0, 0, 9, 0, 0, 2 },
	};
	struct scsi_task *task = &slot->task;
	const uint8_t *cdb = cdbs[n % 7];

	memset(task, 0, sizeof(*task));
	slot->worker = worker;
	slot->busy = true;
	worker->running++;
	memset(slot->data, (int)n, sizeof(slot->data));
	slot->out = slot->in = (struct iovec){ slot->data, 2 * BLOCK };
	task->path = paths[worker->index];
	task->queue = &worker->queue.queue;
	task->tag = n;
	task->ordered = n % 31 == 0;
	memcpy(task->cdb, cdb, 16);
	task->out = &slot->out;
	task->in = &slot->in;
	task->out_num = task->in_num = 1;
	task->out_bytes = cdb[0] == 0x28 ? 0 : 2 * BLOCK;
	task->in_bytes = cdb[0] == 0x28 ? 2 * BLOCK : 0;
	task->done = task_done;
	task->wake = task_wake;
	scsi_task_start(task);
}

static void resume_woken(struct worker *worker)
{
	struct slot *slot;

	pthread_mutex_lock(&worker->lock);
	slot = worker->woken;
	worker->woken = NULL;
	pthread_mutex_unlock(&worker->lock);
	while (slot) {
		struct slot *next = slot->woken_next;

		scsi_task_resume(&slot->task);
		slot = next;
	}
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	unsigned int n = worker->index * 1000;

	while (!atomic_load(&finished) || worker->running) {
		for (unsigned int i = 0; i < TASKS; i++) {
			if (!worker->slot[i].busy && !atomic_load(&finished))
				start_slot(worker, &worker->slot[i], n++);
		}
		fake_complete_one(worker->fake);
		resume_woken(worker);
		sched_yield();
	}
	return NULL;
}

static void tmf_done(struct scsi_tmf *tmf)
{
	atomic_fetch_add(&tmfs_done, 1);
}

/* Until there are so many. */
static void wait_for(atomic_ulong *count, unsigned long number)
{
	for (unsigned long spins = 0; atomic_load(count) < number; spins++) {
		assert_true(spins < 100000000);
		sched_yield();
	}
}

static void functions_and_commands_of_other_threads(void **state)
{
	struct scsi_tmf tmf;

	for (unsigned int i = 0; i < WORKERS; i++) {
		struct worker *worker = &workers[i];

		worker->index = i;
		worker->fake = fake_store_new(BLOCK);
		worker->fake->hold = true;
		fake_queue_init(&worker->queue, worker->fake);
		pthread_mutex_init(&worker->lock, NULL);
		assert_int_equal(pthread_create(&worker->thread, NULL, work, worker), 0);
	}
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct scsi_path *path = paths[i % WORKERS];

		wait_for(&workers[i % WORKERS].done, i / WORKERS);
		tmf.done = tmf_done;
		switch (i % 6) {
		case 0:
			scsi_abort_task(path, i, &tmf);
			break;
		case 1:
			scsi_abort_task_set(path, &tmf);
			break;
		case 2:
			scsi_clear_task_set(path, &tmf);
			break;
		case 3:
			scsi_lu_reset_function(path, &tmf);
			break;
		case 4:
			scsi_nexus_reset(path, &tmf);
			break;
		default:
			scsi_query_task_set(path);
			scsi_lu_resized(lu);
			scsi_abort_paths(lu, UINT64_MAX, NULL, &tmf);
		}
		/* Bounded, whatever else is started meanwhile */
		wait_for(&tmfs_done, i + 1);
	}
	atomic_store(&finished, true);
	for (unsigned int i = 0; i < WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].running, 0);
		assert_true(workers[i].done > TASKS);
		fake_store_free(workers[i].fake);
		pthread_mutex_destroy(&workers[i].lock);
	}
	assert_true(workers[0].aborted + workers[1].aborted + workers[2].aborted > 0);
	assert_true(TAILQ_EMPTY(&lu->tasks));
	assert_true(TAILQ_EMPTY(&lu->claims));
	assert_int_equal(lu->exclusive, 0);
	assert_int_equal(lu->waiting, 0);
	assert_null(lu->tmfs);
}

/* A path that is removed waits for the commands of its worker. */
static void *remove_path(void *arg)
{
	scsi_path_remove(arg);
	return NULL;
}

static void a_path_goes_after_its_commands(void **state)
{
	pthread_t thread;

	fake->hold = true;
	command_in(512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	assert_int_equal(pthread_create(&thread, NULL, remove_path, paths[0]), 0);
	sched_yield();
	assert_true(fake_complete_one(fake));
	pthread_join(thread, NULL);
	assert_int_equal(first->done, 1);
	assert_null(lu->path[0]);
	fake->hold = false;
	assert_int_equal(scsi_path_add(lu, "again", &paths[0]), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, scsi_setup, scsi_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(functions_and_commands_of_other_threads),
		T(a_path_goes_after_its_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
