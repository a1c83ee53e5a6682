/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's life: open, frontends coming and going, a device that fails. */
#include <poll.h>
#include <stdio.h>

#include "session_fixture.h"

static const struct vhr_config good = {
	.ops = &session_ops,
	.priv = &rec,
	.features = F_OFFERED,
	.max_rings = RINGS,
	.queue_num = 1,
};

static int
fake_setup(void **state)
{
	fake_reset();
	memset(&rec, 0, sizeof(rec));
	rec.connected = -1;
	session = NULL;
	return 0;
}

static int
fake_teardown(void **state)
{
	fake_free();
	return 0;
}

static int
setup_down(void **state)
{
	fake_reset();
	session_open(NULL);
	return 0;
}

static void
no_vectors_layout_draft(struct vhr_config *config)
{
	config->layout = VHR_LAYOUT_DRAFT;
}

static int
setup_polling(void **state)
{
	fake_reset();
	fake.no_vectors = true;
	session_open(no_vectors_layout_draft);
	vhr_up(session);
	return 0;
}

static void
refuse_open(const struct vhr_config *config, const char *why)
{
	struct vhr_session *s = NULL;
	struct vhu_reason reason = { "" };
	unsigned int closes = fake.bus_closes;

	assert_int_equal(vhr_open(fake_bus(), config, &s, &reason), -EINVAL);
	assert_null(s);
	if (strstr(reason.text, why) == NULL)
		fail_msg("\"%s\" says nothing of \"%s\"", reason.text, why);
	assert_int_equal(fake.bus_closes, closes + 1);
	assert_false(fake.is_open);
}

static void
open_refuses_configurations_that_cannot_be(void **state)
{
	struct vhr_config c;

	c = good;
	c.max_rings = 0;
	refuse_open(&c, "max_rings 0");
	c.max_rings = VHU_MAX_VRINGS + 1;
	refuse_open(&c, "max_rings 257");
	c = good;
	c.queue_num = RINGS + 1;
	refuse_open(&c, "queue_num 5");
	c.queue_num = 0;
	refuse_open(&c, "queue_num 0");
	c = good;
	c.max_ring_size = VHR_RING_SIZE_MAX + 1;
	refuse_open(&c, "max_ring_size 32769");
	c = good;
	c.layout = (enum vhr_layout)3;
	refuse_open(&c, "layout 3");
}

static void
open_refuses_features_it_cannot_carry(void **state)
{
	static const unsigned int bits[] = { 26, 33, 34, 37, 38, 41, 43 };
	struct vhr_config c = good;
	unsigned int i;
	char why[32];

	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		c.features = BIT(bits[i]);
		snprintf(why, sizeof(why), "bit %u", bits[i]);
		refuse_open(&c, why);
	}
}

static void
open_refuses_protocol_features_it_does_not_have(void **state)
{
	struct vhr_ops ops = session_ops;
	struct vhr_config c = good;

	c.protocol_features = PF(LOG_SHMFD) | PF(MQ);
	refuse_open(&c, "bits 0x2 are not implemented");
	c.ops = &ops;
	ops.set_mtu = NULL;
	c.protocol_features = PF(MTU) | PF(MQ);
	refuse_open(&c, "bits 0x10 have no callback");
}

static void
open_refuses_more_rings_than_the_device_has(void **state)
{
	fake.max_vhost_queues = RINGS - 1;
	refuse_open(&good, "max_rings 4, the device has 3");
}

static void
open_passes_on_why_the_device_cannot_be_opened(void **state)
{
	struct vhr_session *s = NULL;
	struct vhu_reason reason;

	fake.open_failures = 1;
	assert_int_equal(vhr_open(fake_bus(), &good, &s, &reason), -ENODEV);
	assert_string_equal(reason.text, "open failed as planned");
	assert_int_equal(fake.bus_closes, 1);
}

static void
without_callbacks_their_features_are_not_offered(void **state)
{
	struct vhr_config c = good;
	struct vhr_session *s;
	struct vhu_msg msg = request(VHU_GET_PROTOCOL_FEATURES, 0);

	c.ops = NULL;
	assert_int_equal(vhr_open(fake_bus(), &c, &s, NULL), 0);
	assert_int_equal(vhr_up(s), 0);
	vhr_run(s);
	assert_true(fake_connect());
	fake_push(VHU_SPACE_FRONTEND, &msg);
	vhr_run(s);
	assert_int_equal(fake.num_sent, 1);
	assert_true(fake.sent[0].msg.u64 ==
		    (PF(MQ) | PF(REPLY_ACK) | PF(BACKEND_REQ) | PF(CONFIGURE_MEM_SLOTS) |
		     PF(RESET_DEVICE) | PF(STATUS) | PF(GPA_ADDRESSES)));
	/* Nor does anything else miss them. */
	msg = request_u64(VHU_SET_FEATURES, F_BASE);
	fake_push(VHU_SPACE_FRONTEND, &msg);
	msg = request_table();
	fake_push(VHU_SPACE_FRONTEND, &msg);
	msg = request_u64(VHU_SET_VRING_KICK, 0);
	fake_push(VHU_SPACE_FRONTEND, &msg);
	msg = request_state(VHU_SET_VRING_NUM, 0, 3);
	fake_push(VHU_SPACE_FRONTEND, &msg);
	vhr_run(s);
	assert_int_equal(fake.downs, 1);
	vhr_close(s);
}

static void
close_of_nothing_is_fine(void **state)
{
	vhr_close(NULL);
}

static void
not_visible_before_up(void **state)
{
	session_run();
	assert_int_equal(fake.ups, 0);
	assert_false(fake_connect());
	assert_int_equal(vhr_up(session), 0);
	session_run();
	assert_true(fake_connect());
	session_run();
	expect_connected();
}

static void
up_twice_is_fine(void **state)
{
	vhr_up(session);
	vhr_up(session);
	session_run();
	assert_int_equal(fake.ups, 1);
}

static void
down_disconnects_and_serves_none(void **state)
{
	struct vhr_status status;

	start_ring(0);
	vhr_down(session);
	session_run();
	assert_int_equal(rec.connected, false);
	assert_int_equal(rec.stops[0], 1);
	assert_int_equal(fake.status, 0);
	assert_false(fake_connect());
	vhr_status(session, &status);
	assert_false(status.up);
	assert_false(status.connected);
	/* And up again. */
	assert_int_equal(vhr_up(session), 0);
	session_run();
	assert_true(fake_connect());
	session_run();
	expect_connected();
}

static void
up_right_after_down(void **state)
{
	vhr_down(session);
	assert_int_equal(vhr_up(session), 0);
	session_run();
	assert_int_equal(fake.status, VVU_STATUS_BACKEND_UP);
}

static void
other_features_are_for_the_next_frontend(void **state)
{
	assert_int_equal(vhr_offer_features(session, F_INDIRECT), 0);
	give(request(VHU_GET_FEATURES, 0));
	assert_int_equal(answer()->u64, F_OFFERED | F_BASE);
	give(request_u64(VHU_SET_FEATURES, F_OFFERED | F_BASE));
	expect_connected();
	fake_hang_up();
	session_run();
	assert_true(fake_connect());
	session_run();
	give(request(VHU_GET_FEATURES, 0));
	assert_int_equal(answer()->u64, F_INDIRECT | F_BASE);
	give_illegal(request_u64(VHU_SET_FEATURES, F_EVENT_IDX | F_BASE), "not offered");
}

static void
other_features_are_offered_at_once_to_who_is_not_there_yet(void **state)
{
	assert_int_equal(vhr_offer_features(session, F_EVENT_IDX), 0);
	vhr_up(session);
	session_run();
	assert_true(fake_connect());
	session_run();
	give(request(VHU_GET_FEATURES, 0));
	assert_int_equal(answer()->u64, F_EVENT_IDX | F_BASE);
	/* What cannot be offered changes nothing. */
	assert_int_equal(vhr_offer_features(session, BIT(VHU_F_LOG_ALL)), -EINVAL);
	assert_non_null(strstr(vhr_last_error(session), "dirty log"));
}

static void
frontend_comes_and_goes_and_the_next_is_served(void **state)
{
	struct vhr_status status;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		start_ring(0);
		fake_hang_up();
		session_run();
		expect_dropped("frontend closed the connection");
		assert_true(fake_connect());
		session_run();
		expect_connected();
		give(request_u64(VHU_SET_FEATURES, F_BASE));
		give(request_table());
	}
	vhr_status(session, &status);
	assert_int_equal(status.connections, 1001);
	assert_int_equal(rec.connects, 1001);
	assert_int_equal(rec.disconnects, 1000);
	assert_int_equal(status.epoch, fake.epoch);
	/* A frontend that leaves is not one that was refused. */
	assert_int_equal(status.refused, 0);
}

static void
ring_that_stops_knows_whether_its_frontend_is_there(void **state)
{
	start_ring(0);
	start_ring(1);
	give(request_state(VHU_GET_VRING_BASE, 0, 0));
	assert_int_equal(rec.stops[0], 1);
	assert_true(rec.connected_at_stop[0]);
	fake_hang_up();
	session_run();
	assert_int_equal(rec.stops[1], 1);
	assert_false(rec.connected_at_stop[1]);
}

/* Until fake.ups is @ups; no frontend is let in before. */
static void
run_until_up(unsigned int ups)
{
	struct pollfd pfd = { .fd = vhr_poll_fd(session), .events = POLLIN };
	unsigned int i;

	for (i = 0; i < 1000 && fake.ups < ups; i++) {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		vhr_run(session);
	}
	assert_int_equal(fake.ups, ups);
}

static void
next_frontend_waits_for_memory_that_is_in_use(void **state)
{
	struct pollfd pfd = { .fd = vhr_poll_fd(session), .events = POLLIN };
	unsigned int ups = fake.ups, asked;

	start_ring(0);
	rec.memory_in_use = true;
	fake_hang_up();
	vhr_run(session);
	assert_int_equal(rec.connected, false);
	assert_int_not_equal(rec.memory_in_use_calls, 0);
	asked = rec.memory_in_use_calls;
	while (rec.memory_in_use_calls < asked + 3) {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		vhr_run(session);
	}
	assert_int_equal(fake.ups, ups);
	assert_false(fake_connect());
	rec.memory_in_use = false;
	run_until_up(ups + 1);
	assert_true(fake_connect());
	session_run();
	expect_connected();
}

static void
down_does_not_wait_for_memory_that_is_in_use(void **state)
{
	start_ring(0);
	rec.memory_in_use = true;
	vhr_down(session);
	session_run();
	assert_int_equal(fake.status, 0);
	assert_int_equal(rec.memory_in_use_calls, 0);
}

static void
reconnection_starts_from_nothing(void **state)
{
	struct vhr_status status;

	start_ring(0);
	fake_hang_up();
	session_run();
	assert_true(fake_connect());
	session_run();
	vhr_status(session, &status);
	assert_int_equal(status.features, 0);
	assert_int_equal(status.protocol_features, 0);
	assert_int_equal(status.regions, 0);
	assert_int_equal(status.rings_started, 0);
	/* Not negotiated by this one. */
	give_illegal(request(VHU_GET_QUEUE_NUM, 0), "was not negotiated");
}

static void
frontend_that_came_and_went_unseen(void **state)
{
	struct vhu_msg msg = request(VHU_GET_FEATURES, 0);

	fake_hang_up();
	session_run();
	assert_int_equal(rec.connects, 1);
	/* Both while we were not looking, and it left a message behind. */
	assert_true(fake_connect());
	fake_push(VHU_SPACE_FRONTEND, &msg);
	fake_hang_up();
	session_run();
	assert_int_equal(rec.connects, 1);
	no_answer();
	assert_int_equal(fake.status, VVU_STATUS_BACKEND_UP);
}

static void
epoch_that_changed_is_a_new_frontend(void **state)
{
	struct vhr_status status;

	start_ring(0);
	fake.epoch++;
	fake_signal(fake.config_fd);
	session_run();
	expect_connected();
	assert_int_equal(rec.connects, 2);
	assert_int_equal(rec.disconnects, 1);
	assert_int_equal(rec.stops[0], 1);
	vhr_status(session, &status);
	assert_int_equal(status.rings_started, 0);
	assert_int_equal(status.features, 0);
	assert_int_equal(status.epoch, fake.epoch);
}

static void
device_without_epoch_is_served_too(void **state)
{
	fake.no_epoch = true;
	assert_int_equal(vhr_up(session), 0);
	session_run();
	assert_true(fake_connect());
	session_run();
	expect_connected();
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	fake_hang_up();
	session_run();
	assert_true(fake_connect());
	session_run();
	expect_connected();
	assert_int_equal(rec.connects, 2);
}

static void
messages_of_a_gone_frontend_are_thrown_away(void **state)
{
	struct vhu_msg msg = request(VHU_GET_FEATURES, 0);
	unsigned int i, ups = fake.ups;

	/* It is seen to be gone first; what it left must not reach the next one. */
	fake_hang_up();
	for (i = 0; i < 300; i++)
		fake_push(VHU_SPACE_FRONTEND, &msg);
	session_run();
	no_answer();
	assert_int_equal(fake.ups, ups + 1);
	assert_int_equal(fake.rx_head, fake.rx_tail);
}

static void
run_is_bounded_and_asks_to_be_called_again(void **state)
{
	struct vhu_msg msg = request(VHU_SET_OWNER, 0);
	struct pollfd pfd = { .fd = vhr_poll_fd(session), .events = POLLIN };
	struct vhr_status status;
	unsigned int i;

	for (i = 0; i < 1000; i++)
		fake_push(VHU_SPACE_FRONTEND, &msg);
	assert_true(vhr_run(session) < 500);
	vhr_status(session, &status);
	assert_true(status.messages < 500);
	assert_int_equal(poll(&pfd, 1, 0), 1);
	session_run();
	vhr_status(session, &status);
	assert_int_equal(status.messages, 1000);
}

static void
refused_frontends_do_not_flood_the_log(void **state)
{
	unsigned int i;

	for (i = 0; i < 500; i++) {
		give(request_u64(VHU_SET_FEATURES, 0));
		expect_dropped("legacy frontend");
		assert_true(fake_connect());
		session_run();
	}
	/* 20 a second, and nobody takes longer than some seconds for this. */
	assert_true(rec.warnings < 250);
	expect_connected();
}

static void
device_that_keeps_frontend_up_is_waited_for(void **state)
{
	struct vhu_msg msg = request_u64(VHU_SET_FEATURES, 0);
	unsigned int ups = fake.ups;

	fake.keeps_frontend_up = true;
	fake_push(VHU_SPACE_FRONTEND, &msg);
	vhr_run(session);
	vhr_run(session);
	assert_int_equal(rec.connected, false);
	assert_int_equal(fake.ups, ups);
	fake.status = 0;
	vhr_run(session);
	assert_int_equal(fake.ups, ups + 1);
}

/* Wait for the session's timer, which the condition depends on. */
static void
run_until_open(unsigned int opens)
{
	struct pollfd pfd = { .fd = vhr_poll_fd(session), .events = POLLIN };
	unsigned int i;

	for (i = 0; i < 1000 && fake.opens < opens; i++) {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		vhr_run(session);
	}
	assert_int_equal(fake.opens, opens);
}

static void
device_that_needs_reset_is_opened_again(void **state)
{
	unsigned int opens = fake.opens;

	start_ring(0);
	fake.needs_reset = true;
	fake_signal(fake.config_fd);
	vhr_run(session);
	assert_int_equal(rec.connected, false);
	assert_int_equal(rec.stops[0], 1);
	assert_false(fake.is_open);
	assert_int_equal(vhr_ring(session, 0)->kick_fd, -1);
	assert_non_null(strstr(vhr_last_error(session), "DEVICE_NEEDS_RESET"));
	run_until_open(opens + 1);
	assert_int_equal(fake.status, VVU_STATUS_BACKEND_UP);
	assert_int_equal(vhr_ring(session, 0)->kick_fd, fake.kick_fds[0]);
	session_run();
	assert_true(fake_connect());
	session_run();
	expect_connected();
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	expect_connected();
}

static void
failed_device_stays_closed_while_memory_is_in_use(void **state)
{
	struct pollfd pfd = { .fd = vhr_poll_fd(session), .events = POLLIN };
	unsigned int opens = fake.opens;

	start_ring(0);
	rec.memory_in_use = true;
	fake.needs_reset = true;
	fake_signal(fake.config_fd);
	vhr_run(session);
	assert_false(fake.is_open);
	while (rec.memory_in_use_calls < 3) {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		vhr_run(session);
	}
	assert_int_equal(fake.opens, opens);
	rec.memory_in_use = false;
	run_until_open(opens + 1);
}

static void
device_that_cannot_be_read_is_opened_again(void **state)
{
	unsigned int opens = fake.opens;

	fake.status_error = -EIO;
	fake_signal(fake.config_fd);
	vhr_run(session);
	assert_false(fake.is_open);
	fake.status_error = 0;
	run_until_open(opens + 1);
	assert_int_equal(fake.status, VVU_STATUS_BACKEND_UP);
}

static void
queue_that_is_unusable_resets_the_device(void **state)
{
	unsigned int opens = fake.opens;

	fake_push_error(-EIO);
	vhr_run(session);
	assert_int_equal(rec.connected, false);
	assert_string_equal(vhr_last_error(session), "receive failed as planned");
	run_until_open(opens + 1);
}

static void
attempts_to_open_are_bounded_and_up_tries_again(void **state)
{
	struct pollfd pfd = { .fd = vhr_poll_fd(session), .events = POLLIN };
	unsigned int opens = fake.opens;
	int ret = 0;

	fake.open_failures = 1000;
	fake.needs_reset = true;
	fake_signal(fake.config_fd);
	while (ret >= 0) {
		assert_int_equal(poll(&pfd, 1, 20000), 1);
		ret = vhr_run(session);
	}
	assert_int_equal(ret, -EIO);
	assert_int_equal(fake.opens, opens + 7);
	assert_int_equal(vhr_up(session), -EIO);
	fake.open_failures = 0;
	assert_int_equal(vhr_up(session), 0);
	session_run();
	assert_true(fake_connect());
	session_run();
	expect_connected();
}

static void
polling_session_finds_everything_by_its_timer(void **state)
{
	struct pollfd pfd = { .fd = vhr_poll_fd(session), .events = POLLIN };
	struct vhu_msg msg = request(VHU_GET_FEATURES, 0);
	unsigned int i;

	assert_int_equal(vhr_ring(session, 0)->kick_fd, -1);
	assert_true(fake_connect());
	fake_push(VHU_SPACE_FRONTEND, &msg);
	for (i = 0; i < 100 && fake.num_sent == 0; i++) {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		vhr_run(session);
	}
	expect_connected();
	answer();
	fake_hang_up();
	for (i = 0; i < 100 && rec.connected; i++) {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		vhr_run(session);
	}
	expect_dropped("frontend closed");
}

static void
ring_outside_the_session_is_nobody(void **state)
{
	assert_null(vhr_ring(session, RINGS));
	assert_int_equal(vhr_ring(session, RINGS - 1)->index, RINGS - 1);
	assert_ptr_equal(vhr_session_bus(session), fake_bus());
	assert_int_equal(vhr_window_flags(session), VHR_MAP_CACHED);
}

#define PLAIN(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
#define DOWN(name) cmocka_unit_test_setup_teardown(name, setup_down, session_teardown)
#define FRESH(name) cmocka_unit_test_setup_teardown(name, session_setup, session_teardown)
#define MEMORY(name) cmocka_unit_test_setup_teardown(name, session_setup_memory, session_teardown)
#define POLLING(name) cmocka_unit_test_setup_teardown(name, setup_polling, session_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(open_refuses_configurations_that_cannot_be),
		PLAIN(open_refuses_features_it_cannot_carry),
		PLAIN(open_refuses_protocol_features_it_does_not_have),
		PLAIN(open_refuses_more_rings_than_the_device_has),
		PLAIN(open_passes_on_why_the_device_cannot_be_opened),
		PLAIN(without_callbacks_their_features_are_not_offered),
		PLAIN(close_of_nothing_is_fine),
		DOWN(not_visible_before_up),
		DOWN(up_twice_is_fine),
		MEMORY(down_disconnects_and_serves_none),
		FRESH(up_right_after_down),
		FRESH(other_features_are_for_the_next_frontend),
		DOWN(other_features_are_offered_at_once_to_who_is_not_there_yet),
		MEMORY(frontend_comes_and_goes_and_the_next_is_served),
		MEMORY(ring_that_stops_knows_whether_its_frontend_is_there),
		MEMORY(next_frontend_waits_for_memory_that_is_in_use),
		MEMORY(down_does_not_wait_for_memory_that_is_in_use),
		MEMORY(reconnection_starts_from_nothing),
		FRESH(frontend_that_came_and_went_unseen),
		MEMORY(epoch_that_changed_is_a_new_frontend),
		DOWN(device_without_epoch_is_served_too),
		FRESH(messages_of_a_gone_frontend_are_thrown_away),
		FRESH(run_is_bounded_and_asks_to_be_called_again),
		FRESH(refused_frontends_do_not_flood_the_log),
		FRESH(device_that_keeps_frontend_up_is_waited_for),
		MEMORY(device_that_needs_reset_is_opened_again),
		MEMORY(failed_device_stays_closed_while_memory_is_in_use),
		FRESH(device_that_cannot_be_read_is_opened_again),
		FRESH(queue_that_is_unusable_resets_the_device),
		FRESH(attempts_to_open_are_bounded_and_up_tries_again),
		POLLING(polling_session_finds_everything_by_its_timer),
		FRESH(ring_outside_the_session_is_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
