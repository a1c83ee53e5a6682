/* SPDX-License-Identifier: BSD-3-Clause */
/* The backend request channel. */
#include "fixture.h"

#include <endian.h>
#include <sys/socket.h>
#include <unistd.h>

#define NEED_REPLY VHU_FLAG_NEED_REPLY

/* Gives one end of a socket pair to the device and closes the other. */
static int open_channel(struct fixture *f)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_BACKEND_REQ_FD, VHU_VERSION, 0 } };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[1]);
	return frontend_send(f, &msg, pair, 1);
}

static int channel_answer_raw(struct fixture *f, uint32_t id, uint32_t flags, uint32_t size,
			      uint64_t value)
{
	struct {
		uint32_t header[3];
		uint8_t payload[8];
	} reply = { { id, flags, size }, { 0 } };
	const uint8_t *bytes = (const uint8_t *)&reply;
	size_t len = VHU_HEADER_SIZE + size, want;
	int ret = 0;

	memcpy(reply.payload, &value, sizeof(value));
	while (len > 0 && ret == 0) {
		want = vvu_device_channel_want(f->device);
		assert_true(want > 0);
		if (want > len)
			want = len;
		ret = vvu_device_channel_input(f->device, bytes, want);
		bytes += want;
		len -= want;
	}
	return ret;
}

static int channel_answer(struct fixture *f, uint32_t id, uint64_t value)
{
	return channel_answer_raw(f, id, VHU_VERSION | VHU_FLAG_REPLY, 8, value);
}

static void channel_is_watched_before_the_message_is_visible(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(open_channel(f), 0);
	assert_ops(f, "channel on", "rxq SET_BACKEND_REQ_FD", NULL);
	assert_int_equal(vvu_device_channel_want(f->device), 12);
}

static void second_channel_on_one_connection_replaces_the_first(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(open_channel(f), 0);
	assert_int_equal(open_channel(f), 0);
	assert_ops(f, "channel on", "channel off", "channel on", "rxq SET_BACKEND_REQ_FD", NULL);
}

static void closed_channel_may_be_opened_again_on_one_connection(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(open_channel(f), 0);
	vvu_device_channel_closed(f->device);
	assert_int_equal(open_channel(f), 0);
	assert_int_equal(vvu_device_channel_want(f->device), 12);
}

static void next_connection_may_open_its_own(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(open_channel(f), 0);
	vvu_device_frontend_closed(f->device, "end of file");
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(vvu_device_frontend_connected(f->device), 0);
	negotiate(f, FEATURES_BASE, ALL_PROTOCOL);
	assert_int_equal(open_channel(f), 0);
}

static void what_is_no_socket_disconnects(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_BACKEND_REQ_FD, VHU_VERSION, 0 } };
	struct fixture *f = *state;
	int fd = make_eventfd();

	start(f);
	assert_int_equal(frontend_send(f, &msg, &fd, 1), -ENOTSOCK);
	assert_disconnected(f, "SET_BACKEND_REQ_FD: descriptor is not a socket");
}

static void request_goes_to_the_frontend_and_its_answer_to_the_driver(void **state)
{
	struct fixture *f = *state;
	unsigned int rxq;

	start(f);
	assert_int_equal(open_channel(f), 0);
	rxq = f->nrxq;
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, NEED_REPLY), 0);
	assert_ops(f, "channel send BACKEND_CONFIG_CHANGE_MSG", NULL);
	assert_int_equal(f->channel[0].hdr.flags, VHU_VERSION | NEED_REPLY);
	assert_int_equal(f->nrxq, rxq);
	assert_int_equal(channel_answer(f, VHU_BACKEND_CONFIG_CHANGE_MSG, 7), 0);
	assert_int_equal(f->nrxq, rxq + 1);
	assert_int_equal(rxq_last(f)->hdr.request, VHU_BACKEND_CONFIG_CHANGE_MSG);
	assert_int_equal(rxq_last(f)->hdr.flags, VHU_VERSION | VHU_FLAG_REPLY);
	assert_int_equal(rxq_last(f)->u64, 7);
}

static void request_without_need_reply_expects_nothing(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(open_channel(f), 0);
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, 0), 0);
	assert_int_equal(f->channel[0].hdr.flags, VHU_VERSION);
	assert_int_equal(channel_answer(f, VHU_BACKEND_CONFIG_CHANGE_MSG, 0), -EPROTO);
	assert_disconnected(f, "reply, but nothing is asked");
}

static void requests_before_the_channel_is_open_are_dropped(void **state)
{
	struct vvu_device_status status;
	struct fixture *f = *state;

	start(f);
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, 0), -EOPNOTSUPP);
	assert_true(is_connected(f));
	assert_no_op(f, "channel send");
	assert_no_op(f, "rxq");
	vvu_device_query(f->device, &status);
	assert_int_equal(status.driver_messages_dropped, 1);
}

static void dropped_request_that_asked_is_answered_with_an_error(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, NEED_REPLY),
			 -EOPNOTSUPP);
	assert_int_equal(rxq_last(f)->hdr.request, VHU_BACKEND_CONFIG_CHANGE_MSG);
	assert_int_not_equal(rxq_last(f)->u64, 0);
}

static void ungated_and_refused_requests_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct vhu_msg msg;
	uint32_t id;

	connect_frontend(f);
	negotiate(f, FEATURES_BASE, ALL_PROTOCOL & ~PROTOCOL(CONFIG));
	assert_int_equal(open_channel(f), 0);
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, 0), -EOPNOTSUPP);
	assert_int_equal(driver_request(f, VHU_BACKEND_IOTLB_MSG, 0), -EOPNOTSUPP);
	for (id = 3; id <= 10; id++) {
		memset(&msg, 0, sizeof(msg));
		msg.hdr.request = id;
		msg.hdr.flags = VHU_VERSION;
		msg.hdr.size = id == 3 ? sizeof(msg.area) : id <= 5 ? sizeof(msg.state) :
						    id <= 8	    ? sizeof(msg.object) :
								      sizeof(msg.mmap);
		assert_int_equal(driver_send(f, VHU_SPACE_BACKEND, &msg), -EOPNOTSUPP);
	}
	assert_true(is_connected(f));
	assert_int_equal(f->nchannel, 0);
}

static void unknown_or_wrong_sized_request_is_dropped(void **state)
{
	static const uint32_t unknown[3] = { 11, VHU_VERSION | NEED_REPLY, 0 };
	static const uint32_t sized[4] = { VHU_BACKEND_CONFIG_CHANGE_MSG, VHU_VERSION, 4, 0 };
	struct fixture *f = *state;
	uint32_t le[4];
	unsigned int i;

	start(f);
	assert_int_equal(open_channel(f), 0);
	for (i = 0; i < 3; i++)
		le[i] = htole32(unknown[i]);
	assert_int_equal(vvu_device_driver_message(f->device, le, 12), -EOPNOTSUPP);
	for (i = 0; i < 4; i++)
		le[i] = htole32(sized[i]);
	assert_int_equal(vvu_device_driver_message(f->device, le, 16), -EOPNOTSUPP);
	assert_true(is_connected(f));
	assert_int_equal(f->nchannel, 0);
}

static void device_answers_for_a_frontend_without_reply_ack(void **state)
{
	struct fixture *f = *state;

	connect_frontend(f);
	negotiate(f, FEATURES_BASE, PROTOCOL(BACKEND_REQ) | PROTOCOL(CONFIG));
	assert_int_equal(open_channel(f), 0);
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, NEED_REPLY), 0);
	assert_int_equal(f->channel[0].hdr.flags, VHU_VERSION);
	assert_int_equal(rxq_last(f)->hdr.request, VHU_BACKEND_CONFIG_CHANGE_MSG);
	assert_int_equal(rxq_last(f)->hdr.flags, VHU_VERSION | VHU_FLAG_REPLY);
	assert_int_equal(rxq_last(f)->u64, 0);
}

static void closed_channel_fails_what_is_asked_and_only_that(void **state)
{
	struct fixture *f = *state;
	unsigned int rxq;

	start(f);
	assert_int_equal(open_channel(f), 0);
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, NEED_REPLY), 0);
	rxq = f->nrxq;
	vvu_device_channel_closed(f->device);
	assert_ops(f, "channel off", "rxq BACKEND_CONFIG_CHANGE_MSG", NULL);
	assert_int_equal(f->nrxq, rxq + 1);
	assert_int_not_equal(rxq_last(f)->u64, 0);
	assert_true(is_connected(f));
	assert_int_equal(vvu_device_channel_want(f->device), 0);
	vvu_device_channel_closed(f->device);
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, 0), -EOPNOTSUPP);
}

static void answers_keep_the_order_of_the_requests(void **state)
{
	struct fixture *f = *state;
	unsigned int rxq;

	start(f);
	assert_int_equal(open_channel(f), 0);
	rxq = f->nrxq;
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, NEED_REPLY), 0);
	/* Not negotiated: failed at once, but it was asked second. */
	assert_int_equal(driver_request(f, VHU_BACKEND_IOTLB_MSG, NEED_REPLY), -EOPNOTSUPP);
	assert_int_equal(f->nrxq, rxq);
	assert_int_equal(channel_answer(f, VHU_BACKEND_CONFIG_CHANGE_MSG, 0), 0);
	assert_int_equal(f->nrxq, rxq + 2);
	assert_int_equal(f->rxq[rxq].hdr.request, VHU_BACKEND_CONFIG_CHANGE_MSG);
	assert_int_equal(f->rxq[rxq + 1].hdr.request, VHU_BACKEND_IOTLB_MSG);
	assert_int_not_equal(f->rxq[rxq + 1].u64, 0);
}

static void channel_waits_for_an_rxq_buffer(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(open_channel(f), 0);
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, NEED_REPLY), 0);
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, NEED_REPLY), 0);
	f->rxq_buffers = 0;
	assert_int_equal(channel_answer(f, VHU_BACKEND_CONFIG_CHANGE_MSG, 1), 0);
	assert_int_equal(vvu_device_channel_want(f->device), 0);
	assert_int_equal(vvu_device_frontend_want(f->device), 0);
	f->rxq_buffers = 1;
	vvu_device_rxq_ready(f->device);
	assert_int_equal(rxq_last(f)->u64, 1);
	assert_int_equal(vvu_device_channel_want(f->device), 12);
	/* A reply kept back is no request of the frontend: its numbers do not mix. */
	f->rxq_buffers = 10;
	assert_int_equal(frontend_none(f, VHU_GET_STATUS, 0), 0);
	f->rxq_buffers = 0;
	assert_int_equal(channel_answer(f, VHU_BACKEND_CONFIG_CHANGE_MSG, 2), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_STATUS, 0), 0);
	assert_true(is_connected(f));
}

static void bad_answers_disconnect(void **state)
{
	static const struct {
		uint32_t id, flags, size;
		const char *reason;
	} bad[] = {
		{ VHU_BACKEND_IOTLB_MSG, 5, 8, "but BACKEND_CONFIG_CHANGE_MSG is asked" },
		{ VHU_BACKEND_CONFIG_CHANGE_MSG, 1, 8, "reply" },
		{ VHU_BACKEND_CONFIG_CHANGE_MSG, 5, 4, "size 4" },
		{ VHU_BACKEND_CONFIG_CHANGE_MSG, 7, 8, "version" },
		{ 11, 5, 8, "11" },
	};
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		f->closes = 0;
		assert_int_equal(open_channel(f), 0);
		assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, NEED_REPLY), 0);
		assert_true(channel_answer_raw(f, bad[i].id, bad[i].flags, bad[i].size, 0) < 0);
		assert_disconnected(f, bad[i].reason);
	}
}

static void full_socket_drops_the_request_and_says_so(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(open_channel(f), 0);
	f->channel_error = -EAGAIN;
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, NEED_REPLY),
			 -EOPNOTSUPP);
	assert_int_not_equal(rxq_last(f)->u64, 0);
	assert_no_op(f, "channel off");
	f->channel_error = 0;
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, 0), 0);
}

static void broken_socket_closes_the_channel(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(open_channel(f), 0);
	f->channel_error = -EPIPE;
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, 0), -EOPNOTSUPP);
	assert_ops(f, "channel off", NULL);
	assert_true(is_connected(f));
}

static void requests_in_flight_are_bounded(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	start(f);
	assert_int_equal(open_channel(f), 0);
	for (i = 0; i < VVU_CHANNEL_MAX_REQUESTS; i++)
		assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, NEED_REPLY), 0);
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, NEED_REPLY),
			 -EOPNOTSUPP);
	assert_int_equal(f->nchannel, VVU_CHANNEL_MAX_REQUESTS);
	for (i = 0; i < VVU_CHANNEL_MAX_REQUESTS; i++)
		assert_int_equal(channel_answer(f, VHU_BACKEND_CONFIG_CHANGE_MSG, i), 0);
	assert_int_equal(rxq_last(f)->u64, VVU_CHANNEL_MAX_REQUESTS - 1);
	assert_true(is_connected(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(channel_is_watched_before_the_message_is_visible),
		device_test(second_channel_on_one_connection_replaces_the_first),
		device_test(closed_channel_may_be_opened_again_on_one_connection),
		device_test(next_connection_may_open_its_own),
		device_test(what_is_no_socket_disconnects),
		device_test(request_goes_to_the_frontend_and_its_answer_to_the_driver),
		device_test(request_without_need_reply_expects_nothing),
		device_test(requests_before_the_channel_is_open_are_dropped),
		device_test(dropped_request_that_asked_is_answered_with_an_error),
		device_test(ungated_and_refused_requests_are_dropped),
		device_test(unknown_or_wrong_sized_request_is_dropped),
		device_test(device_answers_for_a_frontend_without_reply_ack),
		device_test(closed_channel_fails_what_is_asked_and_only_that),
		device_test(answers_keep_the_order_of_the_requests),
		device_test(channel_waits_for_an_rxq_buffer),
		device_test(bad_answers_disconnect),
		device_test(full_socket_drops_the_request_and_says_so),
		device_test(broken_socket_closes_the_channel),
		device_test(requests_in_flight_are_bounded),
	};

	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
