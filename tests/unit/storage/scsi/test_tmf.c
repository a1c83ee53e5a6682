/* SPDX-License-Identifier: BSD-3-Clause */
/* Task management: who is aborted, when it is done, who is told */
#include "fixture.h"

static unsigned int functions_done;

static void function_done(struct scsi_tmf *tmf)
{
	functions_done++;
}

static struct scsi_tmf tmf = { .done = function_done };

static int setup(void **state)
{
	functions_done = 0;
	return scsi_setup(state);
}

/* Two reads under way, of paths 0 and @path */
static void start_two(unsigned int path)
{
	fake->hold = true;
	command_in(512, 0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0);
	start(second, path, CDB(0x28, 0, 0, 0, 0, 2, 0, 0, 1, 0), 0, 512);
}

static void expect_outcomes(enum scsi_outcome one, enum scsi_outcome other)
{
	fake_release(fake);
	assert_int_equal(first->done, 1);
	assert_int_equal(second->done, 1);
	assert_int_equal(first->task.outcome, one);
	assert_int_equal(second->task.outcome, other);
	assert_int_equal(functions_done, 1);
}

static void told(unsigned int path, enum scsi_asc asc)
{
	command_by(path, 0, 0, 0, 0, 0, 0);
	expect_sense(SCSI_UNIT_ATTENTION, asc);
}

static void abort_task(void **state)
{
	start_two(0);
	scsi_abort_task(paths[0], second->task.tag, &tmf);
	assert_int_equal(functions_done, 0);	/* the store has its buffers still */
	expect_outcomes(SCSI_COMPLETE, SCSI_ABORTED);
	assert_int_equal(second->task.transferred, 0);
}

static void abort_of_a_task_that_is_not_there_is_done_at_once(void **state)
{
	start_two(1);
	scsi_abort_task(paths[0], second->task.tag, &tmf);	/* another's */
	assert_int_equal(functions_done, 1);
	expect_outcomes(SCSI_COMPLETE, SCSI_COMPLETE);
}

static void abort_task_set_is_of_one_initiator(void **state)
{
	start_two(1);
	scsi_abort_task_set(paths[0], &tmf);
	expect_outcomes(SCSI_ABORTED, SCSI_COMPLETE);
}

static void clear_task_set_is_of_all_and_told_to_others(void **state)
{
	start_two(1);
	scsi_clear_task_set(paths[0], &tmf);
	expect_outcomes(SCSI_ABORTED, SCSI_ABORTED);
	told(1, 0x2f00);
	command(0, 0, 0, 0, 0, 0);
	expect_good(0);
	command_by(2, 0, 0, 0, 0, 0, 0);
	expect_good(0);
}

static void reset_of_the_unit(void **state)
{
	command(0x16, 0, 0, 0, 0, 0);
	lu->mode.wce = false;
	lu->mode.d_sense = true;
	start_two(0);
	scsi_lu_reset_function(paths[0], &tmf);
	expect_outcomes(SCSI_RESET, SCSI_RESET);
	for (unsigned int i = 0; i < PATHS; i++)
		told(i, 0x2903);
	assert_true(lu->mode.wce);
	assert_false(lu->mode.d_sense);
	command_on(1, CDB(0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0), 0, 512);
	expect_good(512);
}

static void reset_of_the_nexus(void **state)
{
	start_two(1);
	scsi_nexus_reset(paths[1], &tmf);
	expect_outcomes(SCSI_COMPLETE, SCSI_RESET);
	told(1, 0x2907);
	command(0, 0, 0, 0, 0, 0);
	expect_good(0);
}

static void a_function_is_done_when_the_last_has_ended(void **state)
{
	start_two(1);
	scsi_clear_task_set(paths[2], &tmf);
	assert_true(fake_complete_one(fake));
	assert_int_equal(functions_done, 0);
	assert_true(fake_complete_one(fake));
	assert_int_equal(functions_done, 1);
}

static void tasks_that_come_later_are_not_its_business(void **state)
{
	fake->hold = true;
	command_in(512, 0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0);
	scsi_abort_task_set(paths[0], &tmf);
	start(second, 0, CDB(0x28, 0, 0, 0, 0, 2, 0, 0, 1, 0), 0, 512);
	assert_true(fake_complete_one(fake));
	assert_int_equal(functions_done, 1);
	expect_outcomes(SCSI_ABORTED, SCSI_COMPLETE);
}

static void two_functions_wait_for_the_same_task(void **state)
{
	struct scsi_tmf other = { .done = function_done };

	fake->hold = true;
	command_in(512, 0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0);
	scsi_abort_task_set(paths[0], &tmf);
	scsi_lu_reset_function(paths[1], &other);
	assert_int_equal(functions_done, 0);
	fake_release(fake);
	assert_int_equal(functions_done, 2);
	/* The first one says what became of it. */
	assert_int_equal(first->task.outcome, SCSI_ABORTED);
}

static void a_task_that_waits_for_others_ends_without_the_store(void **state)
{
	fake->hold = true;
	memset(first->data_out, 0, 1024);
	command_on(0, CDB(0x89, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0), 1024, 0);
	start(second, 1, CDB(0x2a, 0, 0, 0, 0, 8, 0, 0, 1, 0), 512, 0);
	scsi_abort_task_set(paths[1], &tmf);
	resume(second);
	assert_int_equal(second->done, 1);
	assert_int_equal(second->task.outcome, SCSI_ABORTED);
	assert_int_equal(functions_done, 1);
	assert_int_equal(fake->ops, 1);
	fake_release(fake);
	expect_good(1024);
}

static void went_on(struct scsi_task *task)
{
	fail_msg("it went on");
}

/* A function may come between the start of a command and its claim, from another thread. */
static void a_task_that_is_aborted_before_it_claims_does_not_go_on(void **state)
{
	/* A flush, which is under way without a claim */
	fake->hold = true;
	command(0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(first->done, 0);
	scsi_abort_task_set(paths[0], &tmf);
	scsi_claim(&first->task, 8, 1, false, went_on);
	assert_int_equal(first->done, 1);
	assert_int_equal(first->task.outcome, SCSI_ABORTED);
	assert_int_equal(functions_done, 1);
}

static void a_task_of_several_steps_ends_after_the_one_under_way(void **state)
{
	fake->hold = true;
	memset(first->data_out, 0, 1024);
	command_on(0, CDB(0x89, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0), 1024, 0);
	scsi_abort_task(paths[0], first->task.tag, &tmf);
	fake_release(fake);
	assert_int_equal(first->task.outcome, SCSI_ABORTED);
	assert_int_equal(fake->ops, 1);		/* it read, and does not write */
}

static void queries(void **state)
{
	start_two(1);
	assert_true(scsi_query_task(paths[0], first->task.tag));
	assert_false(scsi_query_task(paths[0], second->task.tag));
	assert_true(scsi_query_task_set(paths[1]));
	assert_false(scsi_query_task_set(paths[2]));
	fake_release(fake);
	assert_false(scsi_query_task(paths[0], first->task.tag));
	assert_false(scsi_query_task_set(paths[1]));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, scsi_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(abort_task),
		T(abort_of_a_task_that_is_not_there_is_done_at_once),
		T(abort_task_set_is_of_one_initiator),
		T(clear_task_set_is_of_all_and_told_to_others),
		T(reset_of_the_unit),
		T(reset_of_the_nexus),
		T(a_function_is_done_when_the_last_has_ended),
		T(tasks_that_come_later_are_not_its_business),
		T(two_functions_wait_for_the_same_task),
		T(a_task_that_waits_for_others_ends_without_the_store),
		T(a_task_that_is_aborted_before_it_claims_does_not_go_on),
		T(a_task_of_several_steps_ends_after_the_one_under_way),
		T(queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
