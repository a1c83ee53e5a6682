/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Defects that earlier drivers of this device had, one test each that shows ours does not.
 */
#include <endian.h>
#include <unistd.h>

#include "session_fixture.h"

/* A driver called abort() on a payload whose size it did not expect. */
static void
defect_abort_on_bad_size(void **state)
{
	uint32_t bytes[16] = { htole32(VHU_SET_VRING_NUM), htole32(VHU_VERSION), htole32(4) };

	fake_push_bytes(bytes, 16);
	session_run();
	expect_dropped("SET_VRING_NUM: payload size 4");
	assert_true(fake_connect());
	session_run();
	expect_connected();
}

/* ... and on a size that is larger than what arrived. */
static void
defect_abort_on_truncated_message(void **state)
{
	uint32_t bytes[4] = { htole32(VHU_SET_VRING_NUM), htole32(VHU_VERSION), htole32(8) };

	fake_push_bytes(bytes, sizeof(bytes));
	session_run();
	expect_dropped("SET_VRING_NUM");
}

static void
defect_abort_on_message_without_header(void **state)
{
	fake_push_bytes("\1", 1);
	session_run();
	expect_dropped("1 bytes");
}

static void
defect_abort_on_unknown_message(void **state)
{
	uint32_t bytes[3] = { htole32(1000), htole32(VHU_VERSION), 0 };

	fake_push_bytes(bytes, sizeof(bytes));
	session_run();
	expect_dropped("id 1000");
}

/* A driver called abort() when the handler of a message reported an error. */
static void
defect_abort_on_handler_error(void **state)
{
	give_illegal(request_state(VHU_SET_VRING_NUM, 77, 1), "ring 77");
	assert_true(fake_connect());
	session_run();
	expect_connected();
	give(request(VHU_GET_FEATURES, 0));
	assert_true(answer()->u64 != 0);
}

/* A driver dropped messages that it saw before the configuration interrupt. */
static void
defect_rx_message_before_config_interrupt_dropped(void **state)
{
	struct vhu_msg msg = request(VHU_GET_FEATURES, 0);
	uint64_t count;

	fake_hang_up();
	session_run();
	assert_true(fake_connect());
	/* The interrupt has not come yet; the message and its interrupt have. */
	assert_int_equal(read(fake.config_fd, &count, sizeof(count)), sizeof(count));
	fake_push(VHU_SPACE_FRONTEND, &msg);
	session_run();
	expect_connected();
	assert_int_equal(answer()->hdr.request, VHU_GET_FEATURES);
	/* When it comes, it is the same connection. */
	fake_signal(fake.config_fd);
	session_run();
	assert_int_equal(rec.connects, 2);
}

/* A driver did not check that the regions fit the BAR. */
static void
defect_region_sum_not_bounded_by_the_window(void **state)
{
	struct vhu_msg msg = request_table();

	msg.table.nregions = 2;
	msg.hdr.size += sizeof(msg.table.region[0]);
	msg.table.region[1] = (struct vhu_mem_region){ 0, 0x1000, 0, 0 };
	give_acked(msg, 1);
	assert_non_null(strstr(vhr_last_error(session), "region 1"));
	assert_int_equal(vhr_ring(session, 0)->memory->num, 0);
}

/* A device placed the second table behind the first and never forgot the first. */
static void
defect_second_mem_table_lands_elsewhere(void **state)
{
	unsigned int i;

	start_ring(0);
	for (i = 0; i < 100; i++) {
		give_acked(request_table(), 0);
		assert_ptr_equal(vhr_ring(session, 0)->desc, fake.window + RING_OFFSET(0));
		assert_int_equal(vhr_ring(session, 0)->memory->num, 1);
	}
	assert_true(rec.ready[0]);
}

/* A backend ignored a call fd that was registered anew. */
static void
defect_second_call_fd_ignored(void **state)
{
	struct vhr_ring *ring;

	start_ring(0);
	give(request_u64(VHU_SET_VRING_CALL, 0 | VHU_VRING_NOFD));
	assert_true(vhr_ring(session, 0)->call_none);
	give_acked(request_u64(VHU_SET_VRING_CALL, 0), 0);
	fake.doorbells[0] = 0;
	ring = data_lock(0);
	vhr_ring_call(ring);
	data_unlock(0);
	assert_int_equal(fake.doorbells[0], 1);
}

/* A backend died of messages it had not implemented: log, err and inflight. */
static void
defect_unimplemented_messages_panic(void **state)
{
	struct vhu_msg messages[] = {
		request(VHU_SET_LOG_BASE, sizeof(struct vhu_log)),
		request(VHU_SET_LOG_FD, 0),
		request(VHU_GET_INFLIGHT_FD, sizeof(struct vhu_inflight)),
		request(VHU_SET_INFLIGHT_FD, sizeof(struct vhu_inflight)),
	};
	unsigned int i;

	give_acked(request_u64(VHU_SET_VRING_ERR, 0), 0);
	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		give_illegal(messages[i],
			     vhu_message_name(VHU_SPACE_FRONTEND, messages[i].hdr.request));
		assert_true(fake_connect());
		session_run();
		expect_connected();
	}
}

/* A worker died of a ring whose kick had no vector. */
static void
defect_kick_without_vector_kills(void **state)
{
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	give(request_table());
	start_ring(0);
	assert_int_equal(vhr_ring(session, 0)->kick_fd, -1);
	assert_true(vhr_ring(session, 0)->ready);
}

static int
setup_no_vectors(void **state)
{
	unsigned int i;

	fake_reset();
	fake.no_vectors = true;
	session_open(NULL);
	assert_int_equal(vhr_up(session), 0);
	vhr_run(session);
	assert_true(fake_connect());
	for (i = 0; i < 10; i++)
		vhr_run(session);
	expect_connected();
	return 0;
}

/* A device could be reset only while it did nothing. */
static void
defect_reset_while_running(void **state)
{
	start_ring(0);
	give_acked(request(VHU_RESET_DEVICE, 0), 0);
	start_ring(0);
	give_acked(request_u64(VHU_SET_STATUS, 0), 0);
	start_ring(0);
}

/* A reply from before a disconnect became the first message of the next connection. */
static void
defect_stale_reply_sent_to_the_next_frontend(void **state)
{
	struct vhu_msg msg = request(VHU_GET_FEATURES, 0);

	fake.txq_full = true;
	fake_push(VHU_SPACE_FRONTEND, &msg);
	vhr_run(session);
	fake_hang_up();
	vhr_run(session);
	assert_true(fake_connect());
	fake.txq_full = false;
	session_run();
	expect_connected();
	no_answer();
}

/* A back-end stopped the whole device at GET_VRING_BASE of one ring. */
static void
defect_get_vring_base_stops_all_rings(void **state)
{
	start_ring(0);
	start_ring(1);
	start_ring(2);
	give(request_state(VHU_GET_VRING_BASE, 1, 0));
	answer();
	assert_true(rec.ready[0]);
	assert_false(rec.ready[1]);
	assert_true(rec.ready[2]);
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, session_setup, session_teardown)
#define NEGOTIATED(name) \
	cmocka_unit_test_setup_teardown(name, session_setup_negotiated, session_teardown)
#define MEMORY(name) cmocka_unit_test_setup_teardown(name, session_setup_memory, session_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(defect_abort_on_bad_size),
		FRESH(defect_abort_on_truncated_message),
		FRESH(defect_abort_on_message_without_header),
		FRESH(defect_abort_on_unknown_message),
		NEGOTIATED(defect_abort_on_handler_error),
		FRESH(defect_rx_message_before_config_interrupt_dropped),
		MEMORY(defect_region_sum_not_bounded_by_the_window),
		MEMORY(defect_second_mem_table_lands_elsewhere),
		MEMORY(defect_second_call_fd_ignored),
		NEGOTIATED(defect_unimplemented_messages_panic),
		cmocka_unit_test_setup_teardown(defect_kick_without_vector_kills, setup_no_vectors,
						session_teardown),
		MEMORY(defect_reset_while_running),
		FRESH(defect_stale_reply_sent_to_the_next_frontend),
		MEMORY(defect_get_vring_base_stops_all_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
