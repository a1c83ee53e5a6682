/* SPDX-License-Identifier: BSD-3-Clause */
/* Every message that is not about memory or rings: right, wrong, twice, not negotiated. */
#include "session_fixture.h"

static uint64_t
ask_u64(uint32_t id)
{
	const struct vhu_msg *reply;

	give(request(id, 0));
	reply = answer();
	assert_int_equal(reply->hdr.request, id);
	assert_int_equal(reply->hdr.flags, VHU_VERSION | VHU_FLAG_REPLY);
	return reply->u64;
}

/* ---- features ---- */

static void
get_features_offers_what_the_device_has(void **state)
{
	assert_true(ask_u64(VHU_GET_FEATURES) == (F_OFFERED | F_BASE));
}

static void
set_features_reaches_device_and_rings(void **state)
{
	give(request_u64(VHU_SET_FEATURES, F_BASE | F_EVENT_IDX));
	expect_connected();
	assert_true(rec.features == (F_BASE | F_EVENT_IDX));
	assert_true(vhr_ring(session, 0)->event_idx);
	assert_false(vhr_ring(session, 0)->indirect);
	assert_true(vhr_ring(session, 3)->features == (F_BASE | F_EVENT_IDX));
	no_answer();
}

static void
set_features_not_offered(void **state)
{
	give_illegal(request_u64(VHU_SET_FEATURES, F_BASE | BIT(34)),
		     "SET_FEATURES: 0x540000000: bits 0x400000000 were not offered");
}

static void
set_features_of_a_legacy_frontend(void **state)
{
	give_illegal(request_u64(VHU_SET_FEATURES, BIT(VHU_F_PROTOCOL_FEATURES)),
		     "legacy frontend");
}

static void
set_features_twice_is_told_once(void **state)
{
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	expect_connected();
	assert_int_equal(rec.set_features_calls, 1);
}

static void
set_features_change_while_a_ring_runs(void **state)
{
	start_ring(1);
	give_acked(request_u64(VHU_SET_FEATURES, F_BASE | F_INDIRECT), 0);
	give_acked(request_u64(VHU_SET_FEATURES, F_BASE), 1);
	assert_non_null(strstr(vhr_last_error(session), "while 1 rings run"));
	assert_true(vhr_ring(session, 1)->ready);
	give_illegal(request_u64(VHU_SET_FEATURES, F_BASE), "while 1 rings run");
}

static void
set_features_refused_by_the_device(void **state)
{
	rec.refuse_features = -EINVAL;
	give_illegal(request_u64(VHU_SET_FEATURES, F_BASE), "refused by the device");
}

static void
set_features_refused_by_the_device_is_answered_where_asked(void **state)
{
	give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF(REPLY_ACK)));
	rec.refuse_features = -EINVAL;
	give_acked(request_u64(VHU_SET_FEATURES, F_BASE), 1);
}

static void
get_protocol_features_offers_what_has_a_callback(void **state)
{
	assert_true(ask_u64(VHU_GET_PROTOCOL_FEATURES) == (PF_ALL | PF(GPA_ADDRESSES)));
}

static void
set_protocol_features_not_offered(void **state)
{
	give_illegal(request_u64(VHU_SET_PROTOCOL_FEATURES, PF(LOG_SHMFD)),
		     "SET_PROTOCOL_FEATURES: 0x2: bits 0x2 were not offered");
}

static void
set_protocol_features_change_while_a_ring_runs(void **state)
{
	start_ring(0);
	give_acked(request_u64(VHU_SET_PROTOCOL_FEATURES, PF_ALL), 0);
	give_acked(request_u64(VHU_SET_PROTOCOL_FEATURES, PF(REPLY_ACK)), 1);
}

/* ---- ownership and reset ---- */

static void
owner_messages_change_nothing(void **state)
{
	start_ring(0);
	give(request(VHU_SET_OWNER, 0));
	give(request(VHU_SET_OWNER, 0));
	give(request(VHU_RESET_OWNER, 0));
	expect_connected();
	no_answer();
	assert_true(vhr_ring(session, 0)->ready);
	give_acked(request(VHU_SET_OWNER, 0), 0);
	give_acked(request(VHU_RESET_OWNER, 0), 0);
}

static void
reset_device_stops_and_disables_and_keeps_the_rest(void **state)
{
	struct vhr_status status;

	start_ring(0);
	start_ring(1);
	give_acked(request(VHU_RESET_DEVICE, 0), 0);
	assert_int_equal(rec.resets, 1);
	assert_int_equal(rec.stops[0], 1);
	assert_false(rec.ready[0]);
	assert_false(rec.ready[1]);
	vhr_status(session, &status);
	assert_int_equal(status.rings_started, 0);
	assert_int_equal(status.regions, 1);
	assert_true(status.features == (F_BASE | F_INDIRECT));
	/* Disabled too: a start alone does not make it ready. */
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	assert_false(vhr_ring(session, 0)->ready);
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	assert_true(vhr_ring(session, 0)->ready);
}

static void
reset_device_keeps_the_listener(void **state)
{
	start_ring(0);
	assert_false(vhr_ring(session, 0)->call_none);
	give(request(VHU_RESET_DEVICE, 0));
	assert_false(vhr_ring(session, 0)->call_none);
}

static void
reset_device_not_negotiated(void **state)
{
	give_illegal(request(VHU_RESET_DEVICE, 0), "RESET_DEVICE (bit 13) was not negotiated");
}

/* ---- status ---- */

static void
status_is_kept_and_told(void **state)
{
	give_acked(request_u64(VHU_SET_STATUS, 0x0f), 0);
	assert_int_equal(rec.status, 0x0f);
	assert_int_equal(ask_u64(VHU_GET_STATUS), 0x0f);
}

static void
status_features_ok_is_cleared_without_features(void **state)
{
	give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF(STATUS)));
	give(request_u64(VHU_SET_STATUS, 0x0b));
	expect_connected();
	assert_int_equal(ask_u64(VHU_GET_STATUS), 0x03);
}

static void
status_zero_resets(void **state)
{
	start_ring(0);
	give(request_u64(VHU_SET_STATUS, 0x0f));
	give(request_u64(VHU_SET_STATUS, 0));
	assert_int_equal(rec.resets, 1);
	assert_false(rec.ready[0]);
	assert_int_equal(ask_u64(VHU_GET_STATUS), 0);
}

static void
status_of_more_than_a_byte(void **state)
{
	give_illegal(request_u64(VHU_SET_STATUS, 0x100), "SET_STATUS: 0x100");
}

static void
status_not_negotiated(void **state)
{
	give_illegal(request_u64(VHU_SET_STATUS, 1), "STATUS (bit 16) was not negotiated");
}

static void
get_status_not_negotiated(void **state)
{
	give_illegal(request(VHU_GET_STATUS, 0), "STATUS (bit 16) was not negotiated");
}

/* ---- configuration space ---- */

static struct vhu_msg
config_request(uint32_t id, uint32_t offset, uint32_t size, uint32_t flags)
{
	struct vhu_msg msg = request(id, VHU_CONFIG_HEADER_SIZE + size);

	msg.config.offset = offset;
	msg.config.size = size;
	msg.config.flags = flags;
	memset(msg.config.data, 0x5a, size);
	return msg;
}

static void
get_config_answers_with_the_same_shape(void **state)
{
	const struct vhu_msg *reply;
	unsigned int i;

	for (i = 0; i < sizeof(rec.config); i++)
		rec.config[i] = (uint8_t)i;
	give(config_request(VHU_GET_CONFIG, 4, 6, 0));
	reply = answer();
	assert_int_equal(reply->hdr.size, VHU_CONFIG_HEADER_SIZE + 6);
	assert_int_equal(reply->config.offset, 4);
	assert_int_equal(reply->config.size, 6);
	assert_memory_equal(reply->config.data, "\4\5\6\7\10\11", 6);
}

static void
get_config_answers_once_also_with_need_reply(void **state)
{
	give(need_reply(config_request(VHU_GET_CONFIG, 0, 1, 0)));
	assert_int_equal(answer()->hdr.size, VHU_CONFIG_HEADER_SIZE + 1);
}

static void
get_config_error_is_an_empty_payload(void **state)
{
	give(config_request(VHU_GET_CONFIG, 60, 5, 0));
	assert_int_equal(answer()->hdr.size, 0);
	expect_connected();
	assert_non_null(strstr(vhr_last_error(session), "offset 60, size 5"));
}

static void
get_config_of_the_largest_size(void **state)
{
	give(config_request(VHU_GET_CONFIG, 0, VHU_MAX_CONFIG, 0));
	assert_int_equal(answer()->hdr.size, 0);
	expect_connected();
}

static void
get_config_undefined_flags(void **state)
{
	give_illegal(config_request(VHU_GET_CONFIG, 0, 4, 2), "GET_CONFIG: flags 0x2");
}

static void
set_config_reaches_the_device(void **state)
{
	give(config_request(VHU_SET_CONFIG, 8, 2, VHU_CONFIG_MIGRATION));
	expect_connected();
	assert_int_equal(rec.config_writes, 1);
	assert_int_equal(rec.config_flags, VHU_CONFIG_MIGRATION);
	assert_int_equal(rec.config[8], 0x5a);
	assert_int_equal(rec.config[10], 0);
	no_answer();
}

static void
set_config_refused_is_answered_where_asked(void **state)
{
	give_acked(config_request(VHU_SET_CONFIG, 64, 1, 0), 1);
	give_illegal(config_request(VHU_SET_CONFIG, 64, 1, 0), "SET_CONFIG: offset 64");
}

static void
set_config_undefined_flags(void **state)
{
	give_illegal(config_request(VHU_SET_CONFIG, 0, 4, 0x80000000u), "flags 0x80000000");
}

static void
config_not_negotiated(void **state)
{
	give_illegal(config_request(VHU_GET_CONFIG, 0, 4, 0), "CONFIG (bit 9) was not negotiated");
}

static void
config_change_is_sent_on_the_channel(void **state)
{
	assert_int_equal(vhr_config_changed(session), -EOPNOTSUPP);
	give(request(VHU_SET_BACKEND_REQ_FD, 0));
	expect_connected();
	assert_int_equal(vhr_config_changed(session), -EAGAIN);
	no_answer();
	start_ring(0);
	assert_int_equal(vhr_config_changed(session), 0);
	assert_int_equal(fake.sent[0].space, VHU_SPACE_BACKEND);
	assert_int_equal(answer()->hdr.request, VHU_BACKEND_CONFIG_CHANGE_MSG);
	fake.txq_full = true;
	assert_int_equal(vhr_config_changed(session), -EAGAIN);
	fake.txq_full = false;
	fake_hang_up();
	session_run();
	assert_int_equal(vhr_config_changed(session), -ENOTCONN);
}

static void
channel_not_negotiated(void **state)
{
	give_illegal(request(VHU_SET_BACKEND_REQ_FD, 0), "BACKEND_REQ (bit 5)");
}

static void
reply_that_nobody_waits_for(void **state)
{
	struct vhu_msg msg = request_u64(VHU_BACKEND_CONFIG_CHANGE_MSG, 0);

	msg.hdr.flags |= VHU_FLAG_REPLY;
	fake_push(VHU_SPACE_BACKEND, &msg);
	session_run();
	expect_dropped("reply that nobody waits for");
}

/* ---- network ---- */

static void
mtu_reaches_the_device(void **state)
{
	give_acked(request_u64(VHU_NET_SET_MTU, 9000), 0);
	assert_int_equal(rec.mtu, 9000);
	give_acked(request_u64(VHU_NET_SET_MTU, 68), 0);
	assert_int_equal(rec.mtu, 68);
}

static void
mtu_refused_by_the_device(void **state)
{
	give_acked(request_u64(VHU_NET_SET_MTU, 9001), 1);
	give_illegal(request_u64(VHU_NET_SET_MTU, 9001), "NET_SET_MTU: 9001: refused");
}

static void
mtu_below_any_network(void **state)
{
	give_illegal(request_u64(VHU_NET_SET_MTU, 67), "NET_SET_MTU: 67");
}

static void
mtu_beyond_16_bits(void **state)
{
	give_illegal(need_reply(request_u64(VHU_NET_SET_MTU, 0x10000 + 1500)),
		     "NET_SET_MTU: 67036");
}

static void
rarp_reaches_the_device(void **state)
{
	struct vhu_msg msg = request_u64(VHU_SEND_RARP, 0);

	memcpy(msg.mac, "\x52\x54\0\x12\x34\x56", 6);
	give_acked(msg, 0);
	assert_memory_equal(rec.rarp, "\x52\x54\0\x12\x34\x56", 6);
	rec.refuse_rarp = -EIO;
	give_acked(msg, 1);
	give_illegal(msg, "SEND_RARP: 52:54:00:12:34:56");
}

static void
mtu_not_negotiated(void **state)
{
	give_illegal(request_u64(VHU_NET_SET_MTU, 1500), "MTU (bit 4) was not negotiated");
}

static void
rarp_not_negotiated(void **state)
{
	give_illegal(request_u64(VHU_SEND_RARP, 0), "RARP (bit 2) was not negotiated");
}

static void
queue_num_is_the_device_s(void **state)
{
	assert_int_equal(ask_u64(VHU_GET_QUEUE_NUM), RINGS / 2);
}

static void
queue_num_not_negotiated(void **state)
{
	give_illegal(request(VHU_GET_QUEUE_NUM, 0), "MQ (bit 0) was not negotiated");
}

/* ---- every row of the table that is not offered ---- */

static void
messages_of_features_never_offered_are_refused(void **state)
{
	uint32_t id;

	for (id = 1; id <= 44; id++) {
		const struct vhu_message_info *info = vhu_message_info(VHU_SPACE_FRONTEND, id);
		struct vhu_msg msg;

		assert_non_null(info);
		if (info->gate == VHU_GATE_NONE || info->gate == VHU_GATE_PROTOCOL_FEATURES ||
		    (info->gate < 64 && ((PF_ALL | PF(GPA_ADDRESSES)) & BIT(info->gate))))
			continue;
		/* A payload of a size that the row allows. */
		msg = request(id, 0);
		if (info->request == VHU_SHAPE_CRYPTO_SESSION)
			msg.hdr.size = VHU_CRYPTO_SESSION_SIZE;
		else if (info->request == VHU_SHAPE_LOG || info->request == VHU_SHAPE_SHARED_OBJECT)
			msg.hdr.size = 16;
		else if (info->request == VHU_SHAPE_IOTLB)
			msg.hdr.size = sizeof(msg.iotlb);
		else if (info->request == VHU_SHAPE_INFLIGHT)
			msg.hdr.size = sizeof(msg.inflight);
		else if (info->request != VHU_SHAPE_NONE)
			msg.hdr.size = 8;
		give_illegal(msg, info->name);
		assert_true(fake_connect());
		session_run();
		give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF_ALL));
		expect_connected();
	}
}

static void
log_fd_and_gpu_socket_are_refused(void **state)
{
	give_illegal(request(VHU_SET_LOG_FD, 0), "SET_LOG_FD: not offered");
	assert_true(fake_connect());
	session_run();
	give_illegal(request(VHU_GPU_SET_SOCKET, 0), "GPU_SET_SOCKET");
}

/* ---- replies ---- */

static void
need_reply_without_reply_ack_is_answered_all_the_same(void **state)
{
	/* A device asks on its own behalf. */
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	give_acked(request(VHU_SET_OWNER, 0), 0);
}

static void
failure_without_reply_ack_ends_the_connection(void **state)
{
	give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF(MTU)));
	give_illegal(need_reply(request_u64(VHU_NET_SET_MTU, 9001)), "refused by the device");
}

static void
rule_broken_with_need_reply_ends_the_connection(void **state)
{
	give_illegal(need_reply(request_state(VHU_SET_VRING_NUM, RINGS, 16)), "ring 4");
}

static void
reply_waits_for_room_in_txq_and_holds_up_requests(void **state)
{
	struct vhu_msg msg = request(VHU_GET_FEATURES, 0);
	struct vhr_status status;

	fake.txq_full = true;
	fake_push(VHU_SPACE_FRONTEND, &msg);
	msg = request_u64(VHU_SET_FEATURES, F_BASE);
	fake_push(VHU_SPACE_FRONTEND, &msg);
	vhr_run(session);
	vhr_run(session);
	no_answer();
	vhr_status(session, &status);
	assert_int_equal(status.messages, 1);
	assert_int_equal(rec.set_features_calls, 0);
	fake.txq_full = false;
	session_run();
	assert_int_equal(answer()->hdr.request, VHU_GET_FEATURES);
	assert_int_equal(rec.set_features_calls, 1);
}

static void
reply_that_waits_is_forgotten_with_its_frontend(void **state)
{
	struct vhu_msg msg = request(VHU_GET_FEATURES, 0);

	fake.txq_full = true;
	fake_push(VHU_SPACE_FRONTEND, &msg);
	vhr_run(session);
	fake_hang_up();
	vhr_run(session);
	fake.txq_full = false;
	assert_true(fake_connect());
	session_run();
	expect_connected();
	no_answer();
}

static void
counters_count(void **state)
{
	struct vhr_status before, after;

	vhr_status(session, &before);
	ask_u64(VHU_GET_FEATURES);
	give_illegal(request_u64(VHU_SET_FEATURES, 0), "legacy");
	vhr_status(session, &after);
	assert_int_equal(after.messages, before.messages + 2);
	assert_int_equal(after.refused, before.refused + 1);
	assert_true(after.last_message_ns > 0);
	assert_true(after.max_message_ns >= after.last_message_ns);
}

/* What a message took is counted once, under its power of two. */
static void
times_of_messages_are_counted_by_powers_of_two(void **state)
{
	const uint64_t *times = vhr_message_times(session);
	uint64_t before[VHR_MESSAGE_TIMES], sum = 0, longest = 0;
	struct vhr_status status;
	unsigned int i, n;

	for (n = 0; n < 100; n++) {
		memcpy(before, times, sizeof(before));
		give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF_ALL));
		vhr_status(session, &status);
		longest = status.last_message_ns > longest ? status.last_message_ns : longest;
		assert_true(status.max_message_ns == longest);
		for (i = 0; i < VHR_MESSAGE_TIMES; i++) {
			if (times[i] == before[i])
				continue;
			assert_true(times[i] == before[i] + 1);
			if (i < VHR_MESSAGE_TIMES - 1)
				assert_true(status.last_message_ns < 1ull << i);
			assert_true(i == 0 || status.last_message_ns >= 1ull << (i - 1));
			sum++;
		}
		assert_true(sum == n + 1);
	}
	assert_true(status.messages == sum);
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, session_setup, session_teardown)
#define NEGOTIATED(name) \
	cmocka_unit_test_setup_teardown(name, session_setup_negotiated, session_teardown)
#define MEMORY(name) cmocka_unit_test_setup_teardown(name, session_setup_memory, session_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(get_features_offers_what_the_device_has),
		FRESH(set_features_reaches_device_and_rings),
		FRESH(set_features_not_offered),
		FRESH(set_features_of_a_legacy_frontend),
		FRESH(set_features_twice_is_told_once),
		MEMORY(set_features_change_while_a_ring_runs),
		FRESH(set_features_refused_by_the_device),
		FRESH(set_features_refused_by_the_device_is_answered_where_asked),
		FRESH(get_protocol_features_offers_what_has_a_callback),
		FRESH(set_protocol_features_not_offered),
		MEMORY(set_protocol_features_change_while_a_ring_runs),
		MEMORY(owner_messages_change_nothing),
		MEMORY(reset_device_stops_and_disables_and_keeps_the_rest),
		MEMORY(reset_device_keeps_the_listener),
		FRESH(reset_device_not_negotiated),
		NEGOTIATED(status_is_kept_and_told),
		FRESH(status_features_ok_is_cleared_without_features),
		MEMORY(status_zero_resets),
		NEGOTIATED(status_of_more_than_a_byte),
		FRESH(status_not_negotiated),
		FRESH(get_status_not_negotiated),
		NEGOTIATED(get_config_answers_with_the_same_shape),
		NEGOTIATED(get_config_answers_once_also_with_need_reply),
		NEGOTIATED(get_config_error_is_an_empty_payload),
		NEGOTIATED(get_config_of_the_largest_size),
		NEGOTIATED(get_config_undefined_flags),
		NEGOTIATED(set_config_reaches_the_device),
		NEGOTIATED(set_config_refused_is_answered_where_asked),
		NEGOTIATED(set_config_undefined_flags),
		FRESH(config_not_negotiated),
		MEMORY(config_change_is_sent_on_the_channel),
		FRESH(channel_not_negotiated),
		NEGOTIATED(reply_that_nobody_waits_for),
		NEGOTIATED(mtu_reaches_the_device),
		NEGOTIATED(mtu_refused_by_the_device),
		NEGOTIATED(mtu_below_any_network),
		NEGOTIATED(mtu_beyond_16_bits),
		NEGOTIATED(rarp_reaches_the_device),
		FRESH(mtu_not_negotiated),
		FRESH(rarp_not_negotiated),
		NEGOTIATED(queue_num_is_the_device_s),
		FRESH(queue_num_not_negotiated),
		NEGOTIATED(messages_of_features_never_offered_are_refused),
		NEGOTIATED(log_fd_and_gpu_socket_are_refused),
		FRESH(need_reply_without_reply_ack_is_answered_all_the_same),
		FRESH(failure_without_reply_ack_ends_the_connection),
		NEGOTIATED(rule_broken_with_need_reply_ends_the_connection),
		FRESH(reply_waits_for_room_in_txq_and_holds_up_requests),
		FRESH(reply_that_waits_is_forgotten_with_its_frontend),
		FRESH(counters_count),
		FRESH(times_of_messages_are_counted_by_powers_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
