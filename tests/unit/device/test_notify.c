/* SPDX-License-Identifier: BSD-3-Clause */
/* Kick vectors and doorbells. */
#include "fixture.h"

#include <fcntl.h>
#include <unistd.h>

static void kick_is_armed_before_the_message_is_visible(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 2), 0);
	assert_ops(f, "kick 2 on", "rxq SET_VRING_KICK", NULL);
	assert_int_equal(rxq_last(f)->u64, 2);
	assert_true(fcntl(f->kicks[2], F_GETFL) & O_NONBLOCK);
}

static void call_err_and_log_have_their_doorbells(void **state)
{
	struct fixture *f = *state;
	int fd = make_eventfd();
	struct vhu_msg msg = { .hdr = { VHU_SET_LOG_FD, VHU_VERSION, 0 } };

	start(f);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_CALL, 1), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_ERR, 1), 0);
	assert_int_equal(frontend_send(f, &msg, &fd, 1), 0);
	assert_ops(f, "doorbell 1 on", "rxq SET_VRING_CALL", "doorbell 5 on",
		   "rxq SET_VRING_ERR", "doorbell 8 on", "rxq SET_LOG_FD", NULL);
}

static void nofd_disarms_and_is_passed_on(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_CALL, 0), 0);
	op_clear(f);
	assert_int_equal(frontend_u64(f, VHU_SET_VRING_KICK, 0, VHU_VRING_NOFD), 0);
	assert_int_equal(rxq_last(f)->u64, VHU_VRING_NOFD);
	assert_int_equal(frontend_u64(f, VHU_SET_VRING_CALL, 0, VHU_VRING_NOFD), 0);
	assert_ops(f, "kick 0 off", "rxq SET_VRING_KICK", "doorbell 0 off", "rxq SET_VRING_CALL",
		   NULL);
}

static void nofd_where_nothing_was_armed_changes_nothing(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(frontend_u64(f, VHU_SET_VRING_CALL, 0, 3 | VHU_VRING_NOFD), 0);
	assert_no_op(f, "doorbell");
	assert_ops(f, "rxq SET_VRING_CALL", NULL);
}

static void replaced_descriptor_is_closed_after_the_new_one_is_armed(void **state)
{
	struct fixture *f = *state;
	unsigned int i, before;

	start(f);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_CALL, 0), 0);
	before = count_descriptors();
	for (i = 0; i < 20; i++) {
		op_clear(f);
		assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_CALL, 0), 0);
		/* Straight over: no moment in which a doorbell goes nowhere. */
		assert_no_op(f, "doorbell 0 off");
	}
	assert_int_equal(count_descriptors(), before);
}

static void what_is_no_eventfd_disconnects_and_is_never_armed(void **state)
{
	static const uint32_t ids[] = { VHU_SET_VRING_KICK, VHU_SET_VRING_CALL,
					VHU_SET_VRING_ERR, VHU_SET_LOG_FD };
	struct fixture *f = *state;
	struct vhu_msg msg;
	unsigned int i;
	int fd;

	for (i = 0; i < 4; i++) {
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		f->closes = 0;
		memset(&msg, 0, sizeof(msg));
		msg.hdr.request = ids[i];
		msg.hdr.flags = VHU_VERSION;
		msg.hdr.size = ids[i] == VHU_SET_LOG_FD ? 0 : 8;
		fd = make_memfd(4096);
		assert_int_equal(frontend_send(f, &msg, &fd, 1), -EINVAL);
		assert_no_op(f, "kick");
		assert_no_op(f, "doorbell");
		assert_disconnected(f, "not an eventfd");
	}
}

static void get_vring_base_ends_the_kick_after_its_reply_and_leaves_the_call(void **state)
{
	struct fixture *f = *state;
	struct vhu_msg base;

	start(f);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 1), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_CALL, 1), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_ERR, 1), 0);
	op_clear(f);
	assert_int_equal(frontend_state(f, VHU_GET_VRING_BASE, 1, 0), 0);
	assert_no_op(f, "kick");
	vhu_reply_init(&base, rxq_last(f), sizeof(base.state));
	base.state.index = 1;
	base.state.num = 42;
	assert_int_equal(driver_send(f, VHU_SPACE_FRONTEND, &base), 0);
	assert_ops(f, "send GET_VRING_BASE", "kick 1 off", NULL);
	assert_no_op(f, "doorbell");
	assert_int_equal(f->sent[f->nsent - 1].state.num, 42);
}

static void host_that_cannot_arm_disconnects(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->kick_error = -ENOSPC;
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 1), -ENOSPC);
	assert_disconnected(f, "SET_VRING_KICK: cannot use the descriptor for index 1");
	f->kick_error = 0;
}

static void everything_is_disarmed_when_the_frontend_goes(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	start(f);
	for (i = 0; i < FIXTURE_QUEUES; i++) {
		assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, i), 0);
		assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_CALL, i), 0);
		assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_ERR, i), 0);
	}
	op_clear(f);
	vvu_device_frontend_closed(f->device, "end of file");
	assert_ops(f, "kick 0 off", "doorbell 0 off", "doorbell 4 off", "kick 3 off",
		   "config changed", NULL);
	for (i = 0; i < FIXTURE_QUEUES; i++)
		assert_int_equal(f->kicks[i], -1);
	for (i = 0; i < VVU_NUM_DOORBELLS(FIXTURE_QUEUES); i++)
		assert_int_equal(f->doorbells[i], -1);
}

static void last_queue_of_256_has_all_three(void **state)
{
	struct fixture *f = *state;
	struct vhu_reason reason;

	f->config.max_vhost_queues = VHU_MAX_VRINGS;
	assert_int_equal(vvu_layout_init(&f->config.layout, FIXTURE_BAR, VHU_MAX_VRINGS, false,
					 &reason),
			 0);
	fixture_recreate(f);
	start(f);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 255), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_CALL, 255), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_ERR, 255), 0);
	assert_ops(f, "kick 255 on", "doorbell 255 on", "doorbell 511 on", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(kick_is_armed_before_the_message_is_visible),
		device_test(call_err_and_log_have_their_doorbells),
		device_test(nofd_disarms_and_is_passed_on),
		device_test(nofd_where_nothing_was_armed_changes_nothing),
		device_test(replaced_descriptor_is_closed_after_the_new_one_is_armed),
		device_test(what_is_no_eventfd_disconnects_and_is_never_armed),
		device_test(get_vring_base_ends_the_kick_after_its_reply_and_leaves_the_call),
		device_test(host_that_cannot_arm_disconnects),
		device_test(everything_is_disarmed_when_the_frontend_goes),
		device_test(last_queue_of_256_has_all_three),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
