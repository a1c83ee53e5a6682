/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages from txq: replies that fit, replies that do not, and what is dropped. */
#include "fixture.h"

#include <endian.h>

static void replies_reach_the_frontend_in_order(void **state)
{
	struct fixture *f = *state;
	unsigned int sent;

	start(f);
	sent = f->nsent;
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(frontend_none(f, VHU_GET_STATUS, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, FEATURES_BASE), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_STATUS, 0x0f), 0);
	assert_int_equal(f->nsent, sent + 2);
	assert_int_equal(f->sent[sent].hdr.request, VHU_GET_FEATURES);
	assert_int_equal(f->sent[sent + 1].u64, 0x0f);
}

static void unsolicited_reply_disconnects(void **state)
{
	struct fixture *f = *state;
	unsigned int sent;

	start(f);
	sent = f->nsent;
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, 0), -EPROTO);
	assert_disconnected(f, "GET_FEATURES reply (id 1): unsolicited");
	assert_int_equal(f->nsent, sent);
}

static void reply_to_another_request_disconnects(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(frontend_none(f, VHU_GET_STATUS, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_STATUS, 0), -EPROTO);
	assert_disconnected(f, "expected the reply to GET_FEATURES");
}

static void second_reply_to_one_request_disconnects(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(frontend_none(f, VHU_GET_STATUS, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_STATUS, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_STATUS, 0), -EPROTO);
	assert_disconnected(f, "unsolicited");
}

static void reply_to_a_request_that_is_not_delivered_yet_disconnects(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->rxq_buffers = 0;
	assert_int_equal(frontend_none(f, VHU_GET_STATUS, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_STATUS, 0), -EPROTO);
	assert_disconnected(f, "the driver has not got the request yet");
}

static void earlier_request_can_be_answered_while_a_later_one_waits(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->rxq_buffers = 1;
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(frontend_none(f, VHU_GET_STATUS, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, 0), 0);
	f->rxq_buffers = 1;
	vvu_device_rxq_ready(f->device);
	assert_int_equal(driver_reply_u64(f, VHU_GET_STATUS, 0), 0);
	assert_true(is_connected(f));
}

static void malformed_messages_disconnect(void **state)
{
	static const struct {
		uint32_t header[3];
		size_t len;
		const char *reason;
	} bad[] = {
		{ { 0, 0, 0 }, 0, "message of 0 bytes" },
		{ { VHU_GET_STATUS, 5, 8 }, 11, "message of 11 bytes" },
		{ { VHU_GET_STATUS, 5, 8 }, 12, "GET_STATUS" },
		{ { VHU_GET_STATUS, 5, 0 }, 12, "size 0" },
		{ { VHU_GET_STATUS, 5, 0xffffffff }, 20, "size 4294967295" },
		{ { VHU_GET_STATUS, 4, 8 }, 20, "flags 0x4" },
		{ { VHU_GET_STATUS, 0x15, 8 }, 20, "flags 0x15" },
		{ { VHU_GET_STATUS, 0xd, 8 }, 20, "need_reply" },
		{ { 99, 5, 8 }, 20, "99" },
		{ { VHU_GET_STATUS, 5, 8 }, VHU_MAX_MESSAGE + 1, "message of 4097 bytes" },
	};
	struct fixture *f = *state;
	uint8_t buf[VHU_MAX_MESSAGE + 1];
	unsigned int i, j, sent;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		f->closes = 0;
		sent = f->nsent;
		assert_int_equal(frontend_none(f, VHU_GET_STATUS, 0), 0);
		memset(buf, 0, sizeof(buf));
		for (j = 0; j < 3; j++) {
			uint32_t field = htole32(bad[i].header[j]);

			memcpy(buf + 4 * j, &field, sizeof(field));
		}
		assert_true(vvu_device_driver_message(f->device, buf, bad[i].len) < 0);
		assert_disconnected(f, bad[i].reason);
		assert_int_equal(f->nsent, sent);
	}
}

static void messages_without_a_frontend_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct vvu_device_status status;

	assert_int_equal(driver_reply_u64(f, VHU_GET_STATUS, 0), -ENOTCONN);
	vvu_device_driver_ok(f->device);
	assert_int_equal(driver_reply_u64(f, VHU_GET_STATUS, 0), -ENOTCONN);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(driver_reply_u64(f, VHU_GET_STATUS, 0), -ENOTCONN);
	assert_int_equal(vvu_device_driver_message(f->device, "junk", 4), -ENOTCONN);
	assert_true(vvu_device_accepts(f->device));
	assert_int_equal(f->nops, 0);
	vvu_device_query(f->device, &status);
	assert_int_equal(status.driver_messages_dropped, 4);
}

static void replies_of_an_earlier_epoch_are_dropped(void **state)
{
	struct fixture *f = *state;
	unsigned int sent;

	start(f);
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	vvu_device_frontend_closed(f->device, "end of file");
	sent = f->nsent;
	/* What the host finds on txq before it passes on the write of BACKEND_UP. */
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, 0), -ENOTCONN);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(vvu_device_frontend_connected(f->device), 0);
	assert_int_equal(f->nsent, sent);
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, FEATURES_BASE), 0);
	assert_int_equal(f->sent[sent].u64, FEATURES_BASE);
}

static void message_that_waited_for_a_buffer_dies_with_its_connection(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->rxq_buffers = 0;
	assert_int_equal(frontend_none(f, VHU_GET_STATUS, 0), 0);
	vvu_device_frontend_closed(f->device, "end of file");
	f->rxq_buffers = 10;
	op_clear(f);
	vvu_device_rxq_ready(f->device);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(vvu_device_frontend_connected(f->device), 0);
	vvu_device_rxq_ready(f->device);
	assert_no_op(f, "rxq");
	assert_int_equal(vvu_device_frontend_want(f->device), 12);
}

static void ring_base_of_another_ring_disconnects(void **state)
{
	struct fixture *f = *state;
	struct vhu_msg base;

	start(f);
	assert_int_equal(frontend_state(f, VHU_GET_VRING_BASE, 1, 0), 0);
	vhu_reply_init(&base, rxq_last(f), sizeof(base.state));
	base.state.index = 2;
	assert_int_equal(driver_send(f, VHU_SPACE_FRONTEND, &base), -EPROTO);
	assert_disconnected(f, "GET_VRING_BASE reply: index 2, the request's is 1");
}

static int get_config(struct fixture *f, uint32_t offset, uint32_t size)
{
	struct vhu_msg msg = {
		.hdr = { VHU_GET_CONFIG, VHU_VERSION, VHU_CONFIG_HEADER_SIZE + size },
	};

	msg.config.offset = offset;
	msg.config.size = size;
	return frontend_send(f, &msg, NULL, 0);
}

static int answer_config(struct fixture *f, uint32_t offset, uint32_t size)
{
	struct vhu_msg msg;

	vhu_reply_init(&msg, rxq_last(f), VHU_CONFIG_HEADER_SIZE + size);
	msg.config.offset = offset;
	msg.config.size = size;
	memset(msg.config.data, 0x5a, size);
	return driver_send(f, VHU_SPACE_FRONTEND, &msg);
}

static void config_reply_has_to_fit_its_request(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(get_config(f, 0, 60), 0);
	assert_int_equal(answer_config(f, 0, 60), 0);
	assert_int_equal(f->sent[f->nsent - 1].config.data[59], 0x5a);
	assert_int_equal(get_config(f, 0, 60), 0);
	assert_int_equal(answer_config(f, 0, 256), -EPROTO);
	assert_disconnected(f, "GET_CONFIG reply: payload size 268, the request's is 72");
	fixture_recreate(f);
	start(f);
	f->closes = 0;
	assert_int_equal(get_config(f, 4, 8), 0);
	assert_int_equal(answer_config(f, 0, 8), -EPROTO);
	assert_disconnected(f, "GET_CONFIG reply: offset 0, the request's is 4");
}

static void config_reply_without_payload_says_error_and_is_passed_on(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(get_config(f, 0, 60), 0);
	assert_int_equal(driver_reply_none(f, VHU_GET_CONFIG), 0);
	assert_int_equal(f->sent[f->nsent - 1].hdr.size, 0);
}

static void queue_count_is_clamped(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(frontend_none(f, VHU_GET_QUEUE_NUM, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_QUEUE_NUM, 128), 0);
	assert_int_equal(f->sent[f->nsent - 1].u64, FIXTURE_QUEUES);
	assert_int_equal(frontend_none(f, VHU_GET_QUEUE_NUM, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_QUEUE_NUM, 2), 0);
	assert_int_equal(f->sent[f->nsent - 1].u64, 2);
}

static void frontend_that_cannot_be_written_to_is_disconnected(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(frontend_none(f, VHU_GET_STATUS, 0), 0);
	f->send_error = -EPIPE;
	assert_int_equal(driver_reply_u64(f, VHU_GET_STATUS, 0), -EPIPE);
	assert_disconnected(f, "GET_STATUS reply: cannot send to the frontend");
}

static void iotlb_messages_pass_when_negotiated(void **state)
{
	struct fixture *f = *state;
	struct vhu_msg msg = { .hdr = { VHU_IOTLB_MSG, VHU_VERSION | VHU_FLAG_NEED_REPLY,
					sizeof(msg.iotlb) } };

	connect_frontend(f);
	negotiate(f, FEATURES_BASE | 1ull << VHU_VIRTIO_F_ACCESS_PLATFORM, ALL_PROTOCOL);
	msg.iotlb.iova = 0x123456789000;
	msg.iotlb.size = 4096;
	msg.iotlb.perm = 3;
	msg.iotlb.type = VHU_IOTLB_UPDATE;
	assert_int_equal(frontend_send(f, &msg, NULL, 0), 0);
	assert_int_equal(rxq_last(f)->iotlb.iova, 0x123456789000);
	assert_int_equal(rxq_last(f)->hdr.flags, VHU_VERSION | VHU_FLAG_NEED_REPLY);
	assert_int_equal(driver_reply_u64(f, VHU_IOTLB_MSG, 0), 0);
	assert_int_equal(f->sent[f->nsent - 1].hdr.request, VHU_IOTLB_MSG);
	assert_int_equal(driver_reply_u64(f, VHU_IOTLB_MSG, 0), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(replies_reach_the_frontend_in_order),
		device_test(unsolicited_reply_disconnects),
		device_test(reply_to_another_request_disconnects),
		device_test(second_reply_to_one_request_disconnects),
		device_test(reply_to_a_request_that_is_not_delivered_yet_disconnects),
		device_test(earlier_request_can_be_answered_while_a_later_one_waits),
		device_test(malformed_messages_disconnect),
		device_test(messages_without_a_frontend_are_dropped),
		device_test(replies_of_an_earlier_epoch_are_dropped),
		device_test(message_that_waited_for_a_buffer_dies_with_its_connection),
		device_test(ring_base_of_another_ring_disconnects),
		device_test(config_reply_has_to_fit_its_request),
		device_test(config_reply_without_payload_says_error_and_is_passed_on),
		device_test(queue_count_is_clamped),
		device_test(frontend_that_cannot_be_written_to_is_disconnected),
		device_test(iotlb_messages_pass_when_negotiated),
	};

	return cmocka_run_group_tests_name("driver", tests, NULL, NULL);
}
