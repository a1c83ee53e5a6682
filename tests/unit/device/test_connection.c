/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#define NAMED(action, state) \
	{ \
		VVU_ACTION_##action, VVU_STATE_##state \
	}

/* What the device type draft and the device contract say, independent of the table. */
static const struct vvu_transition expected[VVU_STATE_COUNT][VVU_EVENT_COUNT] = {
	/* in order: DRIVER_OK, BACKEND_UP, BACKEND_DOWN, BAD_STATUS, CONNECTED, CLOSED,
	 * REFUSED, RESET */
	[VVU_STATE_RESET] = { NAMED(NONE, IDLE), NAMED(ARM, EARLY), NAMED(NONE, RESET),
			      NAMED(BREAK, BROKEN), NAMED(NONE, RESET), NAMED(NONE, RESET),
			      NAMED(NONE, RESET), NAMED(RESET, RESET) },
	[VVU_STATE_EARLY] = { NAMED(LISTEN, LISTENING), NAMED(NONE, EARLY), NAMED(DISARM, RESET),
			      NAMED(BREAK, BROKEN), NAMED(NONE, EARLY), NAMED(NONE, EARLY),
			      NAMED(NONE, EARLY), NAMED(RESET, RESET) },
	[VVU_STATE_IDLE] = { NAMED(NONE, IDLE), NAMED(ARM, LISTENING), NAMED(NONE, IDLE),
			     NAMED(BREAK, BROKEN), NAMED(NONE, IDLE), NAMED(NONE, IDLE),
			     NAMED(NONE, IDLE), NAMED(RESET, RESET) },
	[VVU_STATE_LISTENING] = { NAMED(NONE, LISTENING), NAMED(NONE, LISTENING),
				  NAMED(DISARM, IDLE), NAMED(BREAK, BROKEN),
				  NAMED(CONNECT, CONNECTED), NAMED(NONE, LISTENING),
				  NAMED(NONE, LISTENING), NAMED(RESET, RESET) },
	[VVU_STATE_CONNECTED] = { NAMED(NONE, CONNECTED), NAMED(NONE, CONNECTED), NAMED(DROP, IDLE),
				  NAMED(BREAK, BROKEN), NAMED(NONE, CONNECTED), NAMED(LOST, IDLE),
				  NAMED(REFUSE, IDLE), NAMED(RESET, RESET) },
	[VVU_STATE_BROKEN] = { NAMED(NONE, BROKEN), NAMED(NONE, BROKEN), NAMED(NONE, BROKEN),
			       NAMED(NONE, BROKEN), NAMED(NONE, BROKEN), NAMED(NONE, BROKEN),
			       NAMED(NONE, BROKEN), NAMED(RESET, RESET) },
};

static void every_cell_of_the_table_is_as_specified(void **state)
{
	unsigned int s, e;

	for (s = 0; s < VVU_STATE_COUNT; s++) {
		for (e = 0; e < VVU_EVENT_COUNT; e++) {
			const struct vvu_transition *t =
				vvu_connection_transition((enum vvu_state)s, (enum vvu_event)e);

			assert_int_not_equal(t->action, VVU_ACTION_UNDEFINED);
			assert_int_equal(t->action, expected[s][e].action);
			assert_int_equal(t->next, expected[s][e].next);
		}
	}
}

/* Bring a fresh device to @state by what driver and host do. */
static void bring_to(struct fixture *f, enum vvu_state state)
{
	switch (state) {
	case VVU_STATE_RESET:
		break;
	case VVU_STATE_EARLY:
		write_status(f, VVU_STATUS_BACKEND_UP);
		break;
	case VVU_STATE_IDLE:
		vvu_device_driver_ok(f->device);
		break;
	case VVU_STATE_LISTENING:
		vvu_device_driver_ok(f->device);
		write_status(f, VVU_STATUS_BACKEND_UP);
		break;
	case VVU_STATE_CONNECTED:
		connect_frontend(f);
		break;
	case VVU_STATE_BROKEN:
		write_status(f, 0x80);
		break;
	default:
		fail();
	}
	assert_int_equal(f->device->state, state);
}

static void do_event(struct fixture *f, enum vvu_event event)
{
	switch (event) {
	case VVU_EVENT_DRIVER_OK:
		vvu_device_driver_ok(f->device);
		break;
	case VVU_EVENT_BACKEND_UP:
		write_status(f, VVU_STATUS_BACKEND_UP);
		break;
	case VVU_EVENT_BACKEND_DOWN:
		write_status(f, 0);
		break;
	case VVU_EVENT_BAD_STATUS:
		write_status(f, 0x04);
		break;
	case VVU_EVENT_CONNECTED:
		vvu_device_frontend_connected(f->device);
		break;
	case VVU_EVENT_CLOSED:
		vvu_device_frontend_closed(f->device, "test");
		break;
	case VVU_EVENT_REFUSED:
		vvu_device_fault(f->device, "test");
		break;
	case VVU_EVENT_RESET:
		vvu_device_reset(f->device);
		break;
	default:
		fail();
	}
}

static uint32_t status_in(enum vvu_state state)
{
	switch (state) {
	case VVU_STATE_EARLY:
	case VVU_STATE_LISTENING:
		return VVU_STATUS_BACKEND_UP;
	case VVU_STATE_CONNECTED:
		return VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP;
	default:
		return 0;
	}
}

static void every_event_in_every_state_through_the_api(void **state)
{
	struct fixture *f = *state;
	unsigned int s, e;

	for (s = 0; s < VVU_STATE_COUNT; s++) {
		for (e = 0; e < VVU_EVENT_COUNT; e++) {
			enum vvu_state next = expected[s][e].next;
			bool was = s == VVU_STATE_CONNECTED, is = next == VVU_STATE_CONNECTED;

			fixture_recreate(f);
			bring_to(f, (enum vvu_state)s);
			f->closes = 0;
			f->needs_resets = 0;
			do_event(f, (enum vvu_event)e);
			assert_int_equal(f->device->state, next);
			assert_int_equal(read_status(f), status_in(next));
			assert_int_equal(vvu_device_accepts(f->device),
					 next == VVU_STATE_LISTENING);
			/* The socket is closed by us whenever it was not the frontend. */
			assert_int_equal(f->closes, was && !is && e != VVU_EVENT_CLOSED);
			assert_int_equal(f->needs_resets,
					 next == VVU_STATE_BROKEN && s != VVU_STATE_BROKEN);
		}
	}
}

static void no_frontend_before_backend_up(void **state)
{
	struct fixture *f = *state;

	vvu_device_driver_ok(f->device);
	assert_false(vvu_device_accepts(f->device));
	assert_int_equal(vvu_device_frontend_connected(f->device), -EBUSY);
}

static void frontend_connect_sets_the_bit_bumps_the_epoch_and_interrupts(void **state)
{
	struct fixture *f = *state;
	uint32_t epoch = read_config32(f, VVU_CONFIG_EPOCH);

	connect_frontend(f);
	assert_int_equal(read_status(f), VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	assert_int_equal(read_config32(f, VVU_CONFIG_EPOCH), epoch + 1);
	assert_int_equal(f->config_changes, 1);
}

static void second_frontend_waits(void **state)
{
	struct fixture *f = *state;

	connect_frontend(f);
	assert_false(vvu_device_accepts(f->device));
	assert_int_equal(vvu_device_frontend_connected(f->device), -EBUSY);
	assert_int_equal(f->config_changes, 1);
}

static void frontend_hang_up_clears_both_bits_and_interrupts(void **state)
{
	struct fixture *f = *state;

	connect_frontend(f);
	vvu_device_frontend_closed(f->device, "end of file");
	assert_int_equal(read_status(f), 0);
	assert_int_equal(f->config_changes, 2);
	assert_int_equal(f->closes, 0);
	assert_false(vvu_device_accepts(f->device));
	assert_string_equal(f->device->last_disconnect.text, "end of file");
}

static void next_frontend_needs_backend_up_again(void **state)
{
	struct fixture *f = *state;
	uint32_t epoch;

	connect_frontend(f);
	epoch = read_config32(f, VVU_CONFIG_EPOCH);
	vvu_device_frontend_closed(f->device, "end of file");
	assert_int_equal(vvu_device_frontend_connected(f->device), -EBUSY);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(vvu_device_frontend_connected(f->device), 0);
	assert_int_equal(read_config32(f, VVU_CONFIG_EPOCH), epoch + 1);
}

static void driver_that_clears_backend_up_closes_the_socket_without_interrupt(void **state)
{
	struct fixture *f = *state;

	connect_frontend(f);
	write_status(f, 0);
	assert_int_equal(f->closes, 1);
	assert_int_equal(f->config_changes, 1);
	assert_int_equal(read_status(f), 0);
}

static void epoch_survives_a_reset(void **state)
{
	struct fixture *f = *state;

	connect_frontend(f);
	vvu_device_reset(f->device);
	connect_frontend(f);
	assert_int_equal(read_config32(f, VVU_CONFIG_EPOCH), 2);
}

static void backend_up_before_driver_ok_takes_effect_at_driver_ok(void **state)
{
	struct fixture *f = *state;

	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(read_status(f), VVU_STATUS_BACKEND_UP);
	assert_false(vvu_device_accepts(f->device));
	vvu_device_driver_ok(f->device);
	assert_true(vvu_device_accepts(f->device));
}

static void fault_disconnects_with_its_reason(void **state)
{
	struct fixture *f = *state;

	connect_frontend(f);
	vvu_device_fault(f->device, "file of region 3 shrank");
	assert_disconnected(f, "file of region 3 shrank");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_of_the_table_is_as_specified),
		device_test(every_event_in_every_state_through_the_api),
		device_test(no_frontend_before_backend_up),
		device_test(frontend_connect_sets_the_bit_bumps_the_epoch_and_interrupts),
		device_test(second_frontend_waits),
		device_test(frontend_hang_up_clears_both_bits_and_interrupts),
		device_test(next_frontend_needs_backend_up_again),
		device_test(driver_that_clears_backend_up_closes_the_socket_without_interrupt),
		device_test(epoch_survives_a_reset),
		device_test(backend_up_before_driver_ok_takes_effect_at_driver_ok),
		device_test(fault_disconnects_with_its_reason),
	};

	return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
