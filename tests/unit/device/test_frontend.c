/* SPDX-License-Identifier: BSD-3-Clause */
/* Framing, the allow-list, gates, descriptor counts and ring indices. */
#include "fixture.h"

#include <unistd.h>

static void want_is_the_rest_of_the_header_then_of_the_payload(void **state)
{
	struct fixture *f = *state;
	const uint32_t header[3] = { VHU_SET_VRING_NUM, VHU_VERSION, 8 };
	const uint32_t payload[2] = { 1, 256 };

	start(f);
	assert_int_equal(vvu_device_frontend_want(f->device), 12);
	assert_int_equal(vvu_device_frontend_input(f->device, header, 5, NULL, 0), 0);
	assert_int_equal(vvu_device_frontend_want(f->device), 7);
	assert_int_equal(vvu_device_frontend_input(f->device, (const uint8_t *)header + 5, 7, NULL,
						   0),
			 0);
	assert_int_equal(vvu_device_frontend_want(f->device), 8);
	assert_int_equal(vvu_device_frontend_input(f->device, payload, 8, NULL, 0), 0);
	assert_int_equal(vvu_device_frontend_want(f->device), 12);
	assert_int_equal(rxq_last(f)->state.index, 1);
	assert_int_equal(rxq_last(f)->state.num, 256);
}

static void a_message_byte_by_byte_arrives_whole(void **state)
{
	struct fixture *f = *state;
	const uint32_t msg[5] = { VHU_SET_VRING_BASE, VHU_VERSION, 8, 2, 77 };
	unsigned int i, before;

	start(f);
	before = f->nrxq;
	for (i = 0; i < sizeof(msg); i++)
		assert_int_equal(vvu_device_frontend_input(f->device, (const uint8_t *)msg + i, 1,
							   NULL, 0),
				 0);
	assert_int_equal(f->nrxq, before + 1);
	assert_int_equal(rxq_last(f)->state.num, 77);
}

static void nothing_is_wanted_without_a_frontend(void **state)
{
	struct fixture *f = *state;
	int fd;

	assert_int_equal(vvu_device_frontend_want(f->device), 0);
	fd = make_eventfd();
	assert_int_equal(vvu_device_frontend_input(f->device, "x", 1, &fd, 1), -ENOTCONN);
	assert_int_equal(vvu_device_channel_want(f->device), 0);
	assert_int_equal(vvu_device_channel_input(f->device, "x", 1), -ENOTCONN);
}

static void more_bytes_than_wanted_disconnect(void **state)
{
	struct fixture *f = *state;
	uint8_t junk[64] = { 0 };

	start(f);
	assert_int_equal(vvu_device_frontend_input(f->device, junk, 13, NULL, 0), -EINVAL);
	assert_disconnected(f, "13 bytes were read, 12 are wanted");
}

static void descriptors_in_the_middle_of_a_message_disconnect(void **state)
{
	struct fixture *f = *state;
	const uint32_t header[3] = { VHU_SET_VRING_CALL, VHU_VERSION, 8 };
	const uint64_t index = 0;
	int fd = make_eventfd();

	start(f);
	assert_int_equal(vvu_device_frontend_input(f->device, header, 12, NULL, 0), 0);
	assert_int_equal(vvu_device_frontend_input(f->device, &index, 8, &fd, 1), -EBADMSG);
	assert_disconnected(f, "1 file descriptors came with byte 12");
}

static void too_many_descriptors_disconnect_and_are_all_closed(void **state)
{
	struct fixture *f = *state;
	const uint32_t header[3] = { VHU_SET_MEM_TABLE, VHU_VERSION, 8 };
	int fds[9], i;

	start(f);
	for (i = 0; i < 9; i++)
		fds[i] = make_eventfd();
	assert_int_equal(vvu_device_frontend_input(f->device, header, 12, fds, 9), -EBADMSG);
	assert_disconnected(f, "9 file descriptors");
}

static void half_a_message_with_descriptors_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	const uint32_t header[3] = { VHU_SET_VRING_CALL, VHU_VERSION, 8 };
	int fd = make_eventfd();

	start(f);
	assert_int_equal(vvu_device_frontend_input(f->device, header, 12, &fd, 1), 0);
	vvu_device_frontend_closed(f->device, "end of file");
	/* The teardown counts descriptors. */
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(vvu_device_frontend_connected(f->device), 0);
	assert_int_equal(vvu_device_frontend_want(f->device), 12);
}

static void bad_headers_disconnect(void **state)
{
	static const struct {
		uint32_t header[3];
		const char *reason;
	} bad[] = {
		{ { VHU_GET_FEATURES, 0, 0 }, "version" },
		{ { VHU_GET_FEATURES, 2, 0 }, "version" },
		{ { VHU_GET_FEATURES, VHU_VERSION | 0x10, 0 }, "0x10" },
		{ { VHU_GET_FEATURES, VHU_VERSION | VHU_FLAG_REPLY, 8 }, "reply" },
		{ { VHU_GET_FEATURES, VHU_VERSION, 8 }, "size 8" },
		{ { VHU_SET_FEATURES, VHU_VERSION, 4 }, "size 4" },
		{ { VHU_SET_FEATURES, VHU_VERSION, 0xffffffff }, "size 4294967295" },
		{ { VHU_SET_MEM_TABLE, VHU_VERSION, 8 + 9 * 32 }, "296" },
		{ { 0, VHU_VERSION, 0 }, "id 0" },
		{ { 45, VHU_VERSION, 0 }, "id 45" },
		{ { 0xffffffff, VHU_VERSION, 0 }, "id 4294967295" },
	};
	struct fixture *f = *state;
	unsigned int i, rxq;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		f->closes = 0;
		rxq = f->nrxq;
		assert_true(frontend_send_raw(f, bad[i].header, 12, NULL, 0) < 0);
		assert_disconnected(f, bad[i].reason);
		assert_int_equal(f->nrxq, rxq);
	}
}

/* The smallest legal request of a row; returns how many descriptors it needs. */
static unsigned int fill_request(const struct vhu_message_info *row, struct vhu_msg *msg)
{
	memset(msg, 0, sizeof(*msg));
	msg->hdr.request = row->id;
	msg->hdr.flags = VHU_VERSION;
	switch (row->request) {
	case VHU_SHAPE_U64:
	case VHU_SHAPE_MAC:
		msg->hdr.size = 8;
		if (row->fds == VHU_FDS_UNLESS_NOFD)
			msg->u64 = VHU_VRING_NOFD;
		if (row->id == VHU_SET_FEATURES)
			msg->u64 = FEATURES_BASE;
		break;
	case VHU_SHAPE_VRING_STATE:
		msg->hdr.size = sizeof(msg->state);
		break;
	case VHU_SHAPE_VRING_ADDR:
		msg->hdr.size = sizeof(msg->addr);
		break;
	case VHU_SHAPE_MEM_TABLE:
		msg->hdr.size = 8;
		break;
	case VHU_SHAPE_SINGLE_REGION:
		msg->hdr.size = sizeof(msg->single);
		break;
	case VHU_SHAPE_LOG:
		msg->hdr.size = sizeof(msg->log);
		break;
	case VHU_SHAPE_IOTLB:
		msg->hdr.size = sizeof(msg->iotlb);
		break;
	case VHU_SHAPE_CONFIG:
		msg->hdr.size = VHU_CONFIG_HEADER_SIZE + 4;
		msg->config.size = 4;
		break;
	case VHU_SHAPE_INFLIGHT:
		msg->hdr.size = sizeof(msg->inflight);
		break;
	case VHU_SHAPE_SHARED_OBJECT:
		msg->hdr.size = sizeof(msg->object);
		break;
	case VHU_SHAPE_TRANSFER_STATE:
		msg->hdr.size = sizeof(msg->transfer);
		break;
	case VHU_SHAPE_CRYPTO_SESSION:
		msg->hdr.size = VHU_CRYPTO_SESSION_SIZE;
		break;
	default:
		break;
	}
	return row->fds == VHU_FDS_ONE ? 1 : 0;
}

static void each_message_without_its_gate_disconnects(void **state)
{
	struct fixture *f = *state;
	struct vhu_msg msg;
	unsigned int id, n, tried = 0;

	for (id = 1; id <= 44; id++) {
		const struct vhu_message_info *row = vhu_message_info(VHU_SPACE_FRONTEND, id);
		int fd = -1;

		if (row->gate == VHU_GATE_NONE || row->action == VHU_DO_REFUSE)
			continue;
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		f->closes = 0;
		connect_frontend(f);
		n = fill_request(row, &msg);
		if (n != 0)
			fd = make_eventfd();
		assert_int_equal(frontend_send(f, &msg, &fd, n), -EPROTO);
		assert_disconnected(f, row->name);
		assert_int_equal(f->nrxq, 0);
		tried++;
	}
	assert_true(tried > 15);
}

static void each_message_that_is_refused_disconnects_though_all_is_negotiated(void **state)
{
	struct fixture *f = *state;
	struct vhu_msg msg;
	unsigned int id, n, rxq, tried = 0;

	for (id = 1; id <= 44; id++) {
		const struct vhu_message_info *row = vhu_message_info(VHU_SPACE_FRONTEND, id);
		int fd = -1;

		if (row->action != VHU_DO_REFUSE)
			continue;
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		f->closes = 0;
		rxq = f->nrxq;
		n = fill_request(row, &msg);
		if (n != 0)
			fd = make_eventfd();
		assert_int_equal(frontend_send(f, &msg, &fd, n), -EOPNOTSUPP);
		assert_disconnected(f, row->name);
		assert_int_equal(f->nrxq, rxq);
		tried++;
	}
	assert_int_equal(tried, 12);
}

static void each_relayed_message_reaches_the_driver_unchanged(void **state)
{
	struct fixture *f = *state;
	struct vhu_msg msg;
	unsigned int id, tried = 0;

	for (id = 1; id <= 44; id++) {
		const struct vhu_message_info *row = vhu_message_info(VHU_SPACE_FRONTEND, id);

		if (row->action != VHU_DO_RELAY)
			continue;
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		connect_frontend(f);
		negotiate(f, FEATURES_BASE | 1ull << VHU_VIRTIO_F_ACCESS_PLATFORM, ALL_PROTOCOL);
		fill_request(row, &msg);
		if (id == VHU_SET_PROTOCOL_FEATURES)
			msg.u64 = ALL_PROTOCOL;
		assert_int_equal(frontend_send(f, &msg, NULL, 0), 0);
		assert_true(is_connected(f));
		assert_memory_equal(rxq_last(f), &msg, sizeof(msg.hdr) + msg.hdr.size);
		tried++;
	}
	assert_int_equal(tried, 21);
}

static void each_message_with_one_descriptor_too_many_disconnects(void **state)
{
	struct fixture *f = *state;
	struct vhu_msg msg;
	unsigned int id, n, i, rxq;
	int fds[2];

	for (id = 1; id <= 44; id++) {
		const struct vhu_message_info *row = vhu_message_info(VHU_SPACE_FRONTEND, id);

		if (row->action == VHU_DO_REFUSE)
			continue;
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		connect_frontend(f);
		negotiate(f, FEATURES_BASE | 1ull << VHU_VIRTIO_F_ACCESS_PLATFORM, ALL_PROTOCOL);
		f->closes = 0;
		rxq = f->nrxq;
		n = fill_request(row, &msg) + 1;
		if (row->fds == VHU_FDS_TOLERATED)
			n = 2;
		for (i = 0; i < n; i++)
			fds[i] = make_eventfd();
		assert_int_equal(frontend_send(f, &msg, fds, n), -EBADMSG);
		assert_disconnected(f, row->name);
		assert_int_equal(f->nrxq, rxq);
	}
}

static void each_message_with_a_missing_descriptor_disconnects(void **state)
{
	struct fixture *f = *state;
	struct vhu_msg msg;
	unsigned int id, tried = 0;

	for (id = 1; id <= 44; id++) {
		const struct vhu_message_info *row = vhu_message_info(VHU_SPACE_FRONTEND, id);

		if (row->action == VHU_DO_REFUSE ||
		    (row->fds != VHU_FDS_ONE && row->fds != VHU_FDS_UNLESS_NOFD))
			continue;
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		f->closes = 0;
		fill_request(row, &msg);
		if (row->fds == VHU_FDS_UNLESS_NOFD)
			msg.u64 = 0;
		assert_int_equal(frontend_send(f, &msg, NULL, 0), -EBADMSG);
		assert_disconnected(f, row->name);
		tried++;
	}
	assert_int_equal(tried, 8);
}

static void each_ring_index_is_checked_at_full_width(void **state)
{
	static const uint32_t ids[] = { VHU_SET_VRING_NUM, VHU_SET_VRING_BASE,
					VHU_GET_VRING_BASE, VHU_SET_VRING_ENABLE };
	static const uint32_t indices[] = { FIXTURE_QUEUES, 0x100, 0x10000, 0xffffffff };
	struct fixture *f = *state;
	struct vhu_msg msg;
	unsigned int i, j;

	for (i = 0; i < 4; i++) {
		for (j = 0; j < 4; j++) {
			fixture_recreate(f);
			f->nrxq = 0;
			f->nsent = 0;
			start(f);
			f->closes = 0;
			assert_int_equal(frontend_state(f, ids[i], FIXTURE_QUEUES - 1, 0), 0);
			assert_int_equal(frontend_state(f, ids[i], indices[j], 0), -EINVAL);
			assert_disconnected(f, "ring index");
		}
	}
	fixture_recreate(f);
	start(f);
	f->closes = 0;
	memset(&msg, 0, sizeof(msg));
	msg.hdr.request = VHU_SET_VRING_ADDR;
	msg.hdr.flags = VHU_VERSION;
	msg.hdr.size = sizeof(msg.addr);
	msg.addr.index = 0x10000;
	assert_int_equal(frontend_send(f, &msg, NULL, 0), -EINVAL);
	assert_disconnected(f, "SET_VRING_ADDR: ring index 65536, the device has 4");
}

static void kick_call_and_err_indices_are_checked(void **state)
{
	static const uint32_t ids[] = { VHU_SET_VRING_KICK, VHU_SET_VRING_CALL,
					VHU_SET_VRING_ERR };
	struct fixture *f = *state;
	struct {
		uint32_t header[3];
		uint8_t payload[8];
	} message = { { 0, VHU_VERSION, 8 }, { 0 } };
	const uint64_t undefined = 0x200 | VHU_VRING_NOFD;
	unsigned int i;

	memcpy(message.payload, &undefined, sizeof(undefined));
	for (i = 0; i < 3; i++) {
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		f->closes = 0;
		assert_int_equal(frontend_eventfd(f, ids[i], FIXTURE_QUEUES), -EINVAL);
		assert_disconnected(f, "ring index 4");

		fixture_recreate(f);
		start(f);
		f->closes = 0;
		message.header[0] = ids[i];
		assert_true(frontend_send_raw(f, &message, sizeof(message), NULL, 0) < 0);
		assert_disconnected(f, "u64 0x300");
	}
}

static void no_rxq_buffer_holds_the_frontend_up_and_loses_nothing(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->rxq_buffers = 0;
	op_clear(f);
	assert_int_equal(frontend_state(f, VHU_SET_VRING_NUM, 1, 512), 0);
	assert_no_op(f, "rxq");
	assert_int_equal(vvu_device_frontend_want(f->device), 0);
	vvu_device_rxq_ready(f->device);
	assert_int_equal(vvu_device_frontend_want(f->device), 0);
	f->rxq_buffers = 1;
	vvu_device_rxq_ready(f->device);
	assert_ops(f, "rxq SET_VRING_NUM", NULL);
	assert_int_equal(rxq_last(f)->state.num, 512);
	assert_int_equal(vvu_device_frontend_want(f->device), 12);
	/* Delivered once. */
	f->rxq_buffers = 1;
	op_clear(f);
	vvu_device_rxq_ready(f->device);
	assert_no_op(f, "rxq");
}

static void rxq_buffer_that_is_too_small_disconnects(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->rxq_error = -EMSGSIZE;
	assert_int_equal(frontend_state(f, VHU_SET_VRING_NUM, 1, 512), -EMSGSIZE);
	assert_disconnected(f, "SET_VRING_NUM: message of 20 bytes does not fit");
}

static void too_small_buffer_found_at_the_retry_disconnects(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->rxq_buffers = 0;
	assert_int_equal(frontend_state(f, VHU_SET_VRING_NUM, 1, 512), 0);
	f->rxq_error = -EMSGSIZE;
	vvu_device_rxq_ready(f->device);
	assert_disconnected(f, "20 bytes does not fit");
}

static void unanswered_requests_are_bounded(void **state)
{
	struct vvu_device_status status;
	struct fixture *f = *state;
	unsigned int i;

	start(f);
	for (i = 0; i < VVU_MAX_REQUESTS; i++)
		assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(vvu_device_frontend_want(f->device), 0);
	vvu_device_query(f->device, &status);
	assert_int_equal(status.outstanding, VVU_MAX_REQUESTS);
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, FEATURES_BASE), 0);
	assert_int_equal(vvu_device_frontend_want(f->device), 12);
}

static void need_reply_without_reply_ack_is_stripped(void **state)
{
	struct fixture *f = *state;

	connect_frontend(f);
	negotiate(f, FEATURES_BASE, PROTOCOL(MQ));
	assert_int_equal(frontend_u64(f, VHU_SET_FEATURES, VHU_FLAG_NEED_REPLY, FEATURES_BASE),
			 0);
	assert_int_equal(rxq_last(f)->hdr.flags, VHU_VERSION);
	assert_int_equal(driver_reply_u64(f, VHU_SET_FEATURES, 0), -EPROTO);
	assert_disconnected(f, "unsolicited");
}

static void need_reply_is_passed_on_and_the_ack_comes_back(void **state)
{
	struct fixture *f = *state;
	unsigned int sent;

	start(f);
	sent = f->nsent;
	assert_int_equal(frontend_u64(f, VHU_NET_SET_MTU, VHU_FLAG_NEED_REPLY, 9000), 0);
	assert_int_equal(rxq_last(f)->hdr.flags, VHU_VERSION | VHU_FLAG_NEED_REPLY);
	assert_int_equal(driver_reply_u64(f, VHU_NET_SET_MTU, 1), 0);
	assert_int_equal(f->nsent, sent + 1);
	assert_int_equal(f->sent[sent].u64, 1);
	assert_true(is_connected(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(want_is_the_rest_of_the_header_then_of_the_payload),
		device_test(a_message_byte_by_byte_arrives_whole),
		device_test(nothing_is_wanted_without_a_frontend),
		device_test(more_bytes_than_wanted_disconnect),
		device_test(descriptors_in_the_middle_of_a_message_disconnect),
		device_test(too_many_descriptors_disconnect_and_are_all_closed),
		device_test(half_a_message_with_descriptors_leaves_nothing_behind),
		device_test(bad_headers_disconnect),
		device_test(each_message_without_its_gate_disconnects),
		device_test(each_message_that_is_refused_disconnects_though_all_is_negotiated),
		device_test(each_relayed_message_reaches_the_driver_unchanged),
		device_test(each_message_with_one_descriptor_too_many_disconnects),
		device_test(each_message_with_a_missing_descriptor_disconnects),
		device_test(each_ring_index_is_checked_at_full_width),
		device_test(kick_call_and_err_indices_are_checked),
		device_test(no_rxq_buffer_holds_the_frontend_up_and_loses_nothing),
		device_test(rxq_buffer_that_is_too_small_disconnects),
		device_test(too_small_buffer_found_at_the_retry_disconnects),
		device_test(unanswered_requests_are_bounded),
		device_test(need_reply_without_reply_ack_is_stripped),
		device_test(need_reply_is_passed_on_and_the_ack_comes_back),
	};

	return cmocka_run_group_tests_name("frontend", tests, NULL, NULL);
}
