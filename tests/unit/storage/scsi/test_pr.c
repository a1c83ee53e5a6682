/* SPDX-License-Identifier: BSD-3-Clause */
/* Persistent reservations between three initiators, and RESERVE and RELEASE */
#include "fixture.h"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, REGISTER_AND_IGNORE, MOVE };
enum { WE = 1, EA = 3, WE_RO = 5, EA_RO = 6, WE_AR = 7, EA_AR = 8 };

static void pr_out(unsigned int path, uint8_t action, uint8_t type, uint8_t key, uint8_t new_key)
{
	memset(first->data_out, 0, 24);
	first->data_out[7] = key;
	first->data_out[15] = new_key;
	command_on(path, CDB(0x5f, action, type, 0, 0, 0, 0, 0, 24, 0), 24, 0);
}

static void ok(unsigned int path, uint8_t action, uint8_t type, uint8_t key, uint8_t new_key)
{
	pr_out(path, action, type, key, new_key);
	expect_good(24);
}

static void conflict(unsigned int path, uint8_t action, uint8_t type, uint8_t key, uint8_t new_key)
{
	pr_out(path, action, type, key, new_key);
	expect_status(SCSI_RESERVATION_CONFLICT);
}

/* What a path may do: reads, writes */
static void may(unsigned int path, bool read, bool write)
{
	command_on(path, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), 0, 512);
	expect_status(read ? SCSI_GOOD : SCSI_RESERVATION_CONFLICT);
	command_on(path, CDB(0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0), 512, 0);
	expect_status(write ? SCSI_GOOD : SCSI_RESERVATION_CONFLICT);
}

static void told(unsigned int path, enum scsi_asc asc)
{
	command_by(path, 0, 0, 0, 0, 0, 0);
	expect_sense(SCSI_UNIT_ATTENTION, asc);
}

static void not_told(unsigned int path)
{
	command_by(path, 0, 0, 0, 0, 0, 0);
	expect_good(0);
}

/* Everybody is registered, path N with key N + 1. */
static void register_all(void)
{
	for (uint8_t i = 0; i < PATHS; i++)
		ok(i, REGISTER, 0, 0, i + 1);
}

static void keys_are_read(void **state)
{
	ok(0, REGISTER, 0, 0, 0x11);
	ok(1, REGISTER, 0, 0, 0x22);
	command_in(255, 0x5e, 0, 0, 0, 0, 0, 0, 0, 255, 0);
	expect_data(BYTES(0, 0, 0, 2, 0, 0, 0, 16,
			  0, 0, 0, 0, 0, 0, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 0x22));
	/* The length is that of the whole list. */
	command_in(255, 0x5e, 0, 0, 0, 0, 0, 0, 0, 12, 0);
	expect_data(BYTES(0, 0, 0, 2, 0, 0, 0, 16, 0, 0, 0, 0));
}

static void the_reservation_is_read(void **state)
{
	command_in(255, 0x5e, 1, 0, 0, 0, 0, 0, 0, 255, 0);
	expect_data(BYTES(0, 0, 0, 0, 0, 0, 0, 0));
	ok(1, REGISTER, 0, 0, 0x22);
	ok(1, RESERVE, EA_RO, 0x22, 0);
	command_in(255, 0x5e, 1, 0, 0, 0, 0, 0, 0, 255, 0);
	expect_data(BYTES(0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0x22, 0, 0, 0, 0,
			  0, 6, 0, 0));
}

static void capabilities(void **state)
{
	command_in(255, 0x5e, 2, 0, 0, 0, 0, 0, 0, 255, 0);
	expect_data(BYTES(0, 8, 0, 0x80, 0xea, 0x01, 0, 0));
}

static void full_status(void **state)
{
	ok(0, REGISTER, 0, 0, 0x11);
	ok(1, REGISTER, 0, 0, 0x22);
	ok(1, RESERVE, WE, 0x22, 0);
	command_in(255, 0x5e, 3, 0, 0, 0, 0, 0, 0, 255, 0);
	expect_data(BYTES(0, 0, 0, 2, 0, 0, 0, 0x70,
			  0, 0, 0, 0, 0, 0, 0, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
			  0, 0, 0, 32, 5, 0, 0, 28,
			  'i', 'q', 'n', '.', '2', '0', '2', '4', '-', '0', '1', '.',
			  'v', 'h', 'o', 's', 't', '-', 's', 'c', 's', 'i', ':',
			  'o', 'n', 'e', 0, 0,
			  0, 0, 0, 0, 0, 0, 0, 0x22, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 2,
			  0, 0, 0, 32, 5, 0, 0, 28,
			  'i', 'q', 'n', '.', '2', '0', '2', '4', '-', '0', '1', '.',
			  'v', 'h', 'o', 's', 't', '-', 's', 'c', 's', 'i', ':',
			  't', 'w', 'o', 0, 0));
}

static void a_registration_wants_the_registered_key(void **state)
{
	conflict(0, REGISTER, 0, 5, 6);		/* is not registered: the key is 0 */
	ok(0, REGISTER, 0, 0, 5);
	conflict(0, REGISTER, 0, 0, 6);
	ok(0, REGISTER, 0, 5, 6);
	ok(0, REGISTER_AND_IGNORE, 0, 0x99, 7);
	ok(0, REGISTER, 0, 7, 0);		/* not any more */
	command_in(255, 0x5e, 0, 0, 0, 0, 0, 0, 0, 255, 0);
	expect_data(BYTES(0, 0, 0, 4, 0, 0, 0, 0));
}

static void to_unregister_who_is_not_changes_nothing(void **state)
{
	ok(0, REGISTER, 0, 0, 0);
	ok(0, REGISTER_AND_IGNORE, 0, 3, 0);
	command_in(255, 0x5e, 0, 0, 0, 0, 0, 0, 0, 255, 0);
	expect_data(BYTES(0, 0, 0, 0, 0, 0, 0, 0));
}

static void who_is_not_registered_can_do_nothing_else(void **state)
{
	conflict(0, RESERVE, WE, 0, 0);
	conflict(0, RELEASE, WE, 0, 0);
	conflict(0, CLEAR, 0, 0, 0);
	conflict(0, PREEMPT, WE, 0, 1);
	ok(0, REGISTER, 0, 0, 1);
	conflict(0, RESERVE, WE, 2, 0);
}

static void reserve_once_more_and_differently(void **state)
{
	register_all();
	ok(0, RESERVE, WE, 1, 0);
	ok(0, RESERVE, WE, 1, 0);
	conflict(0, RESERVE, EA, 1, 0);
	conflict(1, RESERVE, WE, 2, 0);
}

/* SPC-4, table 63, by who it is: holder, registered, neither */
static void what_the_types_exclude(void **state)
{
	static const struct {
		uint8_t type;
		bool registered_reads, registered_writes, others_read;
	} types[] = {
		{ WE, true, false, true },
		{ EA, false, false, false },
		{ WE_RO, true, true, true },
		{ EA_RO, true, true, false },
		{ WE_AR, true, true, true },
		{ EA_AR, true, true, false },
	};

	ok(0, REGISTER, 0, 0, 1);
	ok(1, REGISTER, 0, 0, 2);
	for (unsigned int i = 0; i < 6; i++) {
		ok(0, RESERVE, types[i].type, 1, 0);
		may(0, true, true);
		may(1, types[i].registered_reads, types[i].registered_writes);
		may(2, types[i].others_read, false);
		/* INQUIRY, TEST UNIT READY, READ CAPACITY never conflict. */
		command_on(2, CDB(0x12, 0, 0, 0, 5, 0), 0, 5);
		expect_good(5);
		command_by(2, 0, 0, 0, 0, 0, 0);
		expect_good(0);
		command_on(2, CDB(0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 8);
		expect_good(8);
		/* SYNCHRONIZE CACHE and MODE SELECT always do. */
		command_by(2, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
		expect_status(SCSI_RESERVATION_CONFLICT);
		command_by(2, 0x15, 0x10, 0, 0, 0, 0);
		expect_status(SCSI_RESERVATION_CONFLICT);
		ok(0, RELEASE, types[i].type, 1, 0);
		paths[1]->ua = 0;
		may(2, true, true);
	}
}

static void others_may_start_the_unit_but_not_stop_it(void **state)
{
	register_all();
	ok(0, RESERVE, WE, 1, 0);
	command_by(1, 0x1b, 0, 0, 0, 0, 0);
	expect_status(SCSI_RESERVATION_CONFLICT);
	command_by(1, 0x1b, 0, 0, 0, 1, 0);
	expect_good(0);
}

static void a_release_is_the_holders(void **state)
{
	register_all();
	ok(0, RESERVE, WE, 1, 0);
	ok(1, RELEASE, WE, 2, 0);		/* no error, and nothing happens */
	may(1, true, false);
	pr_out(0, RELEASE, EA, 1, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x2604);
	ok(0, RELEASE, WE, 1, 0);
	may(1, true, true);
	not_told(1);
	ok(0, RELEASE, WE, 1, 0);
}

static void a_release_by_registrants_is_told(void **state)
{
	register_all();
	ok(0, RESERVE, WE_RO, 1, 0);
	ok(0, RELEASE, WE_RO, 1, 0);
	not_told(0);
	told(1, 0x2a04);
	told(2, 0x2a04);
}

static void the_holder_that_unregisters_releases(void **state)
{
	register_all();
	ok(0, RESERVE, EA_RO, 1, 0);
	ok(0, REGISTER, 0, 1, 0);
	told(1, 0x2a04);
	told(2, 0x2a04);
	may(0, true, true);
}

static void the_last_of_all_registrants_releases(void **state)
{
	register_all();
	ok(0, RESERVE, WE_AR, 1, 0);
	ok(0, REGISTER, 0, 1, 0);
	may(0, true, false);
	ok(1, REGISTER, 0, 2, 0);
	may(0, true, false);
	ok(2, REGISTER, 0, 3, 0);
	may(0, true, true);
}

static void all_registrants_have_no_one_key(void **state)
{
	register_all();
	ok(0, RESERVE, WE_AR, 1, 0);
	command_in(255, 0x5e, 1, 0, 0, 0, 0, 0, 0, 255, 0);
	expect_data(BYTES(0, 0, 0, 3, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0));
	ok(1, RELEASE, WE_AR, 2, 0);		/* any of them holds it */
	told(0, 0x2a04);
}

static void clear_ends_all_and_is_told(void **state)
{
	register_all();
	ok(0, RESERVE, EA, 1, 0);
	ok(1, CLEAR, 0, 2, 0);
	told(0, 0x2a03);
	not_told(1);
	told(2, 0x2a03);
	command_in(255, 0x5e, 0, 0, 0, 0, 0, 0, 0, 255, 0);
	expect_data(BYTES(0, 0, 0, 4, 0, 0, 0, 0));
	may(2, true, true);
}

static void preempt_takes_the_reservation(void **state)
{
	register_all();
	ok(0, RESERVE, EA_RO, 1, 0);
	ok(1, PREEMPT, WE, 2, 1);
	told(0, 0x2a05);
	told(2, 0x2a04);			/* the type is another one */
	not_told(1);
	may(1, true, true);
	may(0, true, false);
	conflict(0, RESERVE, WE, 1, 0);		/* not registered any more */
}

static void preempt_of_the_same_type_is_told_to_whom_it_took_from(void **state)
{
	register_all();
	ok(0, RESERVE, WE_RO, 1, 0);
	ok(1, PREEMPT, WE_RO, 2, 1);
	told(0, 0x2a05);
	not_told(2);
}

static void preempt_of_one_that_holds_nothing_unregisters_it(void **state)
{
	register_all();
	ok(0, RESERVE, EA_RO, 1, 0);
	/* Type and scope do not count. */
	ok(0, PREEMPT, 0xf, 1, 3);
	told(2, 0x2a05);
	not_told(1);
	may(2, false, false);
	conflict(0, PREEMPT, EA_RO, 1, 3);	/* nobody has the key */
}

static void preempt_errors(void **state)
{
	register_all();
	ok(0, RESERVE, EA, 1, 0);
	pr_out(1, PREEMPT, EA, 2, 0);
	expect_bad_list(8, -1);
	pr_out(1, PREEMPT, 0x13, 2, 1);		/* scope */
	expect_bad_cdb(2, 7);
	pr_out(1, PREEMPT, 4, 2, 1);		/* no such type */
	expect_bad_cdb(2, 7);
}

static void key_0_preempts_all_registrants(void **state)
{
	register_all();
	ok(0, RESERVE, EA_AR, 1, 0);
	ok(1, PREEMPT, WE, 2, 0);
	told(0, 0x2a05);
	told(2, 0x2a05);
	may(0, true, false);
	may(1, true, true);
}

static void preempt_and_abort_waits_for_what_it_aborts(void **state)
{
	register_all();
	ok(0, RESERVE, WE_RO, 1, 0);
	fake->hold = true;
	start(second, 0, CDB(0x2a, 0, 0, 0, 0, 8, 0, 0, 1, 0), 512, 0);
	pr_out(1, PREEMPT_AND_ABORT, WE_RO, 2, 1);
	assert_int_equal(first->done, 0);
	fake_release(fake);
	assert_int_equal(second->done, 1);
	assert_int_equal(second->task.outcome, SCSI_ABORTED);
	resume(first);
	expect_good(24);
	told(0, 0x2a05);
}

static void preempt_and_abort_of_nothing_under_way(void **state)
{
	register_all();
	ok(0, RESERVE, WE_RO, 1, 0);
	pr_out(1, PREEMPT_AND_ABORT, WE_RO, 2, 1);
	resume(first);
	expect_good(24);
}

static void reserve_errors(void **state)
{
	ok(0, REGISTER, 0, 0, 1);
	pr_out(0, RESERVE, 0x11, 1, 0);
	expect_bad_cdb(2, 7);
	pr_out(0, RESERVE, 2, 1, 0);
	expect_bad_cdb(2, 7);
}

static void parameter_list_errors(void **state)
{
	command_out(24, 0x5f, 0, 0, 0, 0, 0, 0, 0, 23, 0);
	expect_sense(SCSI_ILLEGAL_REQUEST, 0x1a00);
	command_out(23, 0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0);
	assert_int_equal(first->task.outcome, SCSI_OVERRUN);
	for (unsigned int bit = 0; bit < 4; bit++) {
		memset(first->data_out, 0, 24);
		first->data_out[20] = (uint8_t)(1 << bit);
		command_out(24, 0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0);
		if (bit == 1)
			expect_good(24);
		else
			expect_bad_list(20, (int)bit);	/* APTPL, ALL_TG_PT, SPEC_I_PT */
	}
}

static void register_and_move_is_not_there(void **state)
{
	pr_out(0, MOVE, 0, 0, 1);
	expect_bad_cdb(1, 4);
}

static void persistent_reservations_outlive_a_reset(void **state)
{
	register_all();
	ok(0, RESERVE, WE, 1, 0);
	pthread_mutex_lock(&lu->lock);
	scsi_lu_reset(lu);
	pthread_mutex_unlock(&lu->lock);
	may(1, true, false);
}

static void a_path_that_goes_takes_its_reservation_along(void **state)
{
	register_all();
	ok(0, RESERVE, EA, 1, 0);
	scsi_path_remove(paths[0]);
	assert_int_equal(scsi_path_add(lu, "new", &paths[0]), 0);
	paths[0]->ua = 0;
	may(0, true, true);
}

static void reserve_excludes_others(void **state)
{
	command(0x16, 0, 0, 0, 0, 0);
	expect_good(0);
	command(0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_good(0);
	may(0, true, true);
	may(1, false, false);
	command_by(1, 0x16, 0, 0, 0, 0, 0);
	expect_status(SCSI_RESERVATION_CONFLICT);
	command_by(1, 0, 0, 0, 0, 0, 0);
	expect_status(SCSI_RESERVATION_CONFLICT);
	command_on(1, CDB(0x12, 0, 0, 0, 5, 0), 0, 5);
	expect_good(5);
	command_by(1, 0x17, 0, 0, 0, 0, 0);	/* of another: no error, no effect */
	expect_good(0);
	may(1, false, false);
	command(0x17, 0, 0, 0, 0, 0);
	expect_good(0);
	may(1, true, true);
}

static void reserve_and_registrations_exclude_each_other(void **state)
{
	command(0x16, 0, 0, 0, 0, 0);
	conflict(0, REGISTER, 0, 0, 1);
	conflict(1, REGISTER, 0, 0, 1);
	command(0x17, 0, 0, 0, 0, 0);
	ok(1, REGISTER, 0, 0, 1);
	command(0x16, 0, 0, 0, 0, 0);
	expect_status(SCSI_RESERVATION_CONFLICT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, scsi_setup, scsi_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(keys_are_read),
		T(the_reservation_is_read),
		T(capabilities),
		T(full_status),
		T(a_registration_wants_the_registered_key),
		T(to_unregister_who_is_not_changes_nothing),
		T(who_is_not_registered_can_do_nothing_else),
		T(reserve_once_more_and_differently),
		T(what_the_types_exclude),
		T(others_may_start_the_unit_but_not_stop_it),
		T(a_release_is_the_holders),
		T(a_release_by_registrants_is_told),
		T(the_holder_that_unregisters_releases),
		T(the_last_of_all_registrants_releases),
		T(all_registrants_have_no_one_key),
		T(clear_ends_all_and_is_told),
		T(preempt_takes_the_reservation),
		T(preempt_of_the_same_type_is_told_to_whom_it_took_from),
		T(preempt_of_one_that_holds_nothing_unregisters_it),
		T(preempt_errors),
		T(key_0_preempts_all_registrants),
		T(preempt_and_abort_waits_for_what_it_aborts),
		T(preempt_and_abort_of_nothing_under_way),
		T(reserve_errors),
		T(parameter_list_errors),
		T(register_and_move_is_not_there),
		T(persistent_reservations_outlive_a_reset),
		T(a_path_that_goes_takes_its_reservation_along),
		T(reserve_excludes_others),
		T(reserve_and_registrations_exclude_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
