/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Defects of earlier virtio-vhost-user devices that this one does not have. Each test is
 * named defect_<what it was>, so that they can be listed.
 */
#include "fixture.h"

#include <unistd.h>

/* A mask made of bit numbers instead of bits offered LOG_SHMFD and hid REPLY_ACK. */
static void defect_feature_mask_of_bit_numbers(void **state)
{
	struct fixture *f = *state;
	uint64_t offered;

	f->config.protocol_features = PROTOCOL(MQ) | PROTOCOL(REPLY_ACK);
	fixture_recreate(f);
	connect_frontend(f);
	negotiate(f, FEATURES_BASE, 0);
	assert_int_equal(f->sent[1].hdr.request, VHU_GET_PROTOCOL_FEATURES);
	offered = f->sent[1].u64;
	assert_int_equal(offered, 0x9);
}

/* A message from the driver while no frontend was connected killed the emulator. */
static void defect_txq_message_while_not_connected_aborts(void **state)
{
	static const enum vvu_event ways[] = { VVU_EVENT_RESET, VVU_EVENT_BACKEND_DOWN,
					       VVU_EVENT_CLOSED, VVU_EVENT_BAD_STATUS };
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		assert_int_equal(vvu_device_driver_message(f->device, "bad", 3), -ENOTCONN);
		connect_frontend(f);
		vvu_connection_event(f->device, ways[i], "test");
		assert_int_equal(vvu_device_driver_message(f->device, "bad", 3), -ENOTCONN);
		assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, 0), -ENOTCONN);
		vvu_device_reset(f->device);
	}
	write_status(f, VVU_STATUS_BACKEND_UP);
	vvu_device_driver_ok(f->device);
	assert_int_equal(vvu_device_driver_message(f->device, "bad", 3), -ENOTCONN);
	assert_true(vvu_device_accepts(f->device));
}

/* SET_VRING_KICK with neither a descriptor nor the no-fd bit killed the emulator. */
static void defect_kick_without_descriptor_aborts(void **state)
{
	static const uint32_t ids[] = { VHU_SET_VRING_KICK, VHU_SET_VRING_CALL,
					VHU_SET_VRING_ERR };
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		f->closes = 0;
		assert_int_equal(frontend_u64(f, ids[i], 0, 0), -EBADMSG);
		assert_disconnected(f, "0 file descriptors");
	}
}

/* A table whose second region could not be mapped killed the emulator at clean-up. */
static void defect_second_region_that_cannot_be_mapped_aborts(void **state)
{
	struct fixture *f = *state;
	struct region r[2] = { { 0, MIB, 0, 0, make_memfd(MIB) },
			       { MIB, MIB, MIB, 0, make_memfd(MIB) } };

	start(f);
	f->map_error_at = 2;
	assert_true(frontend_table(f, 0, r, 2) < 0);
	assert_disconnected(f, "SET_MEM_TABLE: cannot map");
	assert_int_equal(f->nmaps, 0);
	write_status(f, VVU_STATUS_BACKEND_UP);
	vvu_device_reset(f->device);
}

/* GET_VRING_BASE indexed an array with 32 unchecked bits of the frontend's. */
static void defect_get_vring_base_index_out_of_bounds(void **state)
{
	static const uint32_t indices[] = { FIXTURE_QUEUES, 1024, 0x40000000, 0xffffffff };
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		f->closes = 0;
		assert_int_equal(frontend_state(f, VHU_GET_VRING_BASE, indices[i], 0), -EINVAL);
		assert_disconnected(f, "GET_VRING_BASE: ring index");
	}
}

/* A new table replaced the old one under a back-end that had not heard of it. */
static void defect_table_replaced_under_running_rings(void **state)
{
	struct fixture *f = *state;
	struct region a = { 0, MIB, 0, 0, make_memfd(MIB) };
	struct region b = { 0, MIB, 0, 0, make_memfd(MIB) };
	const struct vvu_mapping *old;
	int fd_a;

	start(f);
	assert_int_equal(frontend_table(f, 0, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
	old = mapped_at(f, VVU_SHMID_MEMORY, 0);
	assert_non_null(old);
	fd_a = old->fd;
	assert_int_equal(frontend_table(f, 0, &b, 1), 0);
	/* Same place, same file, until the driver has answered. */
	old = mapped_at(f, VVU_SHMID_MEMORY, 0);
	assert_non_null(old);
	assert_int_equal(old->fd, fd_a);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_null(mapped_at(f, VVU_SHMID_MEMORY, 0));
}

/* The memory of a frontend that was gone stayed visible for as long as nobody came. */
static void defect_memory_of_departed_frontend_stays_visible(void **state)
{
	struct fixture *f = *state;
	struct region a = { 0, MIB, 0, 0, make_memfd(MIB) };

	start(f);
	assert_int_equal(frontend_table(f, 0, &a, 1), 0);
	vvu_device_frontend_closed(f->device, "end of file");
	/* Readable, so that a polling driver does not fault, until it says it is done. */
	assert_int_equal(f->nmaps, 1);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(f->nmaps, 0);
	assert_true(vvu_device_accepts(f->device));
}

/* "Disconnected" frontends kept their socket, and the next one resumed in mid-protocol. */
static void defect_disconnect_leaves_the_socket_open(void **state)
{
	struct fixture *f = *state;
	const uint32_t half[2] = { VHU_SET_FEATURES, VHU_VERSION };

	start(f);
	assert_int_equal(vvu_device_frontend_input(f->device, half, 8, NULL, 0), 0);
	write_status(f, 0);
	assert_int_equal(f->closes, 1);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(vvu_device_frontend_connected(f->device), 0);
	assert_int_equal(vvu_device_frontend_want(f->device), VHU_HEADER_SIZE);

	assert_true(frontend_none(f, VHU_GPU_SET_SOCKET, 0) < 0);
	assert_int_equal(f->closes, 2);
}

/* A reply for the last frontend became the first message of the next. */
static void defect_stale_reply_goes_to_the_next_frontend(void **state)
{
	struct fixture *f = *state;
	unsigned int sent;

	start(f);
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	vvu_device_frontend_closed(f->device, "end of file");
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, 0), -ENOTCONN);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(vvu_device_frontend_connected(f->device), 0);
	sent = f->nsent;
	/* And one that comes all the same is not taken for an answer. */
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, 0), -EPROTO);
	assert_int_equal(f->nsent, sent);
}

/* GET_VRING_BASE took the call away, which vhost-user does not say. */
static void defect_get_vring_base_forgets_the_call(void **state)
{
	struct fixture *f = *state;
	struct vhu_msg base;

	start(f);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 1), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_CALL, 1), 0);
	assert_int_equal(frontend_state(f, VHU_GET_VRING_BASE, 1, 0), 0);
	vhu_reply_init(&base, rxq_last(f), sizeof(base.state));
	base.state.index = 1;
	assert_int_equal(driver_send(f, VHU_SPACE_FRONTEND, &base), 0);
	assert_true(f->doorbells[VVU_DOORBELL_CALL(FIXTURE_QUEUES, 1)] >= 0);
}

/* err and log doorbells did not exist; their messages disconnected the frontend. */
static void defect_no_err_and_log_doorbells(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_LOG_FD, VHU_VERSION, 0 } };
	struct fixture *f = *state;
	int fd = make_eventfd();

	start(f);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_ERR, 3), 0);
	assert_int_equal(frontend_send(f, &msg, &fd, 1), 0);
	assert_true(f->doorbells[FIXTURE_QUEUES + 3] >= 0);
	assert_true(f->doorbells[2 * FIXTURE_QUEUES] >= 0);
}

/* The sum of the regions was never compared with the BAR. */
static void defect_table_larger_than_the_bar(void **state)
{
	struct fixture *f = *state;
	struct region r[8];
	unsigned int i;

	start(f);
	for (i = 0; i < 8; i++) {
		r[i].gpa = r[i].uva = i * 16 * MIB;
		r[i].size = 8 * MIB;
		r[i].offset = 0;
		r[i].fd = make_memfd(8 * MIB);
	}
	assert_int_equal(frontend_table(f, 0, r, 8), -ENOSPC);
	assert_disconnected(f, "do not fit a window");
}

/* A size that is no multiple of the page reached the emulator's memory core. */
static void defect_region_size_that_is_no_page_multiple(void **state)
{
	struct fixture *f = *state;
	struct region r = { 0, 4096 + 512, 0, 0, make_memfd(8192) };

	start(f);
	assert_int_equal(frontend_table(f, 0, &r, 1), -EINVAL);
	assert_disconnected(f, "size 0x1200 is not a multiple");
}

/* The whole file from 0 was shown, also what no region of the table covers. */
static void defect_bytes_outside_the_region_are_shown(void **state)
{
	struct fixture *f = *state;
	struct region r = { 0, 8192, 0, 4096, make_memfd(MIB) };
	const struct vvu_mapping *m;

	start(f);
	assert_int_equal(frontend_table(f, 0, &r, 1), 0);
	m = mapped_at(f, VVU_SHMID_MEMORY, 0);
	assert_int_equal(m->fd_offset, 4096);
	assert_int_equal(m->length, 8192);
	assert_int_equal(f->nmaps, 1);
}

/* Any object was taken as a call and had 8 bytes written to it at every doorbell. */
static void defect_call_descriptor_of_any_kind_is_written_to(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_SET_VRING_CALL, VHU_VERSION, 8 } };
	struct fixture *f = *state;
	int ends[2];

	start(f);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(frontend_send(f, &msg, &ends[1], 1), -EINVAL);
	assert_no_op(f, "doorbell");
	assert_disconnected(f, "SET_VRING_CALL: descriptor is not an eventfd but pipe");
}

/* Replies were passed on although nobody had asked, or for another message. */
static void defect_replies_are_not_matched_with_requests(void **state)
{
	struct fixture *f = *state;
	unsigned int sent;

	start(f);
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	sent = f->nsent;
	assert_int_equal(driver_reply_u64(f, VHU_GET_QUEUE_NUM, 1), -EPROTO);
	assert_int_equal(f->nsent, sent);
	assert_disconnected(f, "GET_QUEUE_NUM reply");
}

/* A full rxq made the device handle the message again, with descriptors already used. */
static void defect_message_handled_twice_when_rxq_is_full(void **state)
{
	struct fixture *f = *state;
	struct region a = { 0, MIB, 0, 0, make_memfd(MIB) };

	start(f);
	f->rxq_buffers = 0;
	assert_int_equal(frontend_table(f, 0, &a, 1), 0);
	vvu_device_rxq_ready(f->device);
	vvu_device_rxq_ready(f->device);
	f->rxq_buffers = 1;
	vvu_device_rxq_ready(f->device);
	assert_ops(f, "map 1 0x0+0x100000", "rxq SET_MEM_TABLE", NULL);
	assert_int_equal(op_find(f, "map", (unsigned int)op_find(f, "map", 0) + 1), -1);
	assert_int_equal(rxq_last(f)->table.region[0].mmap_offset, 0);
}

/* A second table was refused because it overlapped the first: itself. */
static void defect_second_table_overlaps_itself(void **state)
{
	struct fixture *f = *state;
	struct region a = { 0, MIB, 0, 0, make_memfd(MIB) };
	struct region b = a;
	unsigned int i;

	start(f);
	b.fd = dup(a.fd);
	assert_int_equal(frontend_table(f, 0, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	for (i = 0; i < 3; i++) {
		a.fd = dup(b.fd);
		assert_int_equal(frontend_table(f, 0, &a, 1), 0);
		assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	}
	a.fd = -1;
	assert_int_equal(frontend_region(f, VHU_REM_MEM_REG, 0, &a), 0);
	assert_int_equal(driver_reply_u64(f, VHU_REM_MEM_REG, 0), 0);
	assert_true(is_connected(f));
	assert_int_equal(f->nmaps, 0);
	close(b.fd);
}

/* The user address was overwritten, so ring addresses could not be translated any more. */
static void defect_user_address_is_overwritten(void **state)
{
	struct fixture *f = *state;
	struct region a = { 0x1000, MIB, 0x7fff00001000, 0, make_memfd(MIB) };

	start(f);
	assert_int_equal(frontend_region(f, VHU_ADD_MEM_REG, 0, &a), 0);
	assert_int_equal(rxq_last(f)->single.region.user_addr, 0x7fff00001000);
	assert_int_equal(rxq_last(f)->single.region.guest_addr, 0x1000);
}

/* A second SET_LOG_BASE, as at a resize during migration, was refused. */
static void defect_second_log_is_refused(void **state)
{
	struct vhu_msg log = { .hdr = { VHU_SET_LOG_BASE, VHU_VERSION, sizeof(log.log) } };
	struct fixture *f = *state;
	unsigned int i;
	int fd;

	start(f);
	for (i = 1; i < 5; i++) {
		log.log.size = i * 4096;
		fd = make_memfd(i * 4096);
		assert_int_equal(frontend_send(f, &log, &fd, 1), 0);
		assert_int_equal(driver_reply_u64(f, VHU_SET_LOG_BASE, 0), 0);
	}
	assert_int_equal(f->nmaps, 1);
}

/* A second activation after a reset was a panic. */
static void defect_no_life_after_reset(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
		vvu_device_reset(f->device);
	}
	assert_int_equal(read_config32(f, VVU_CONFIG_EPOCH), 3);
}

/* Messages left the device in the host's byte order. */
static void defect_no_endianness_conversion(void **state)
{
	static const uint8_t expected[20] = {
		VHU_SET_VRING_NUM, 0, 0, 0, VHU_VERSION, 0, 0, 0, 8, 0, 0, 0,
		1, 0, 0, 0, 0x00, 0x02, 0, 0
	};
	struct fixture *f = *state;

	start(f);
	f->rxq_buffers = 0;
	assert_int_equal(frontend_state(f, VHU_SET_VRING_NUM, 1, 512), 0);
	assert_int_equal(f->device->pending_len, sizeof(expected));
	assert_memory_equal(f->device->pending, expected, sizeof(expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(defect_feature_mask_of_bit_numbers),
		device_test(defect_txq_message_while_not_connected_aborts),
		device_test(defect_kick_without_descriptor_aborts),
		device_test(defect_second_region_that_cannot_be_mapped_aborts),
		device_test(defect_get_vring_base_index_out_of_bounds),
		device_test(defect_table_replaced_under_running_rings),
		device_test(defect_memory_of_departed_frontend_stays_visible),
		device_test(defect_disconnect_leaves_the_socket_open),
		device_test(defect_stale_reply_goes_to_the_next_frontend),
		device_test(defect_get_vring_base_forgets_the_call),
		device_test(defect_no_err_and_log_doorbells),
		device_test(defect_table_larger_than_the_bar),
		device_test(defect_region_size_that_is_no_page_multiple),
		device_test(defect_bytes_outside_the_region_are_shown),
		device_test(defect_call_descriptor_of_any_kind_is_written_to),
		device_test(defect_replies_are_not_matched_with_requests),
		device_test(defect_message_handled_twice_when_rxq_is_full),
		device_test(defect_second_table_overlaps_itself),
		device_test(defect_user_address_is_overwritten),
		device_test(defect_second_log_is_refused),
		device_test(defect_no_life_after_reset),
		device_test(defect_no_endianness_conversion),
	};

	return cmocka_run_group_tests_name("defects", tests, NULL, NULL);
}
