/* SPDX-License-Identifier: BSD-3-Clause */
/* Reset and disconnect with everything in use. */
#include "fixture.h"

#include <sys/socket.h>
#include <unistd.h>

/* Every kind of resource, a message that waits, a request unanswered, half a message read. */
static void use_everything(struct fixture *f)
{
	struct vhu_msg channel = { .hdr = { VHU_SET_BACKEND_REQ_FD, VHU_VERSION, 0 } };
	struct vhu_msg log = { .hdr = { VHU_SET_LOG_BASE, VHU_VERSION, sizeof(log.log) } };
	struct vhu_msg inflight = { .hdr = { VHU_SET_INFLIGHT_FD, VHU_VERSION,
					     sizeof(inflight.inflight) } };
	struct vhu_msg log_fd = { .hdr = { VHU_SET_LOG_FD, VHU_VERSION, 0 } };
	const uint32_t header[3] = { VHU_SET_VRING_CALL, VHU_VERSION, 8 };
	struct region a = { 0, MIB, 0, 0, make_memfd(MIB) };
	struct region b = { MIB, MIB, MIB, 0, make_memfd(MIB) };
	int pair[2], fd;

	start(f);
	assert_int_equal(frontend_table(f, 0, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_CALL, 0), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_ERR, 0), 0);
	fd = make_eventfd();
	assert_int_equal(frontend_send(f, &log_fd, &fd, 1), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[1]);
	assert_int_equal(frontend_send(f, &channel, pair, 1), 0);
	log.log.size = 4096;
	fd = make_memfd(4096);
	assert_int_equal(frontend_send(f, &log, &fd, 1), 0);
	inflight.inflight.mmap_size = 4096;
	fd = make_memfd(4096);
	assert_int_equal(frontend_send(f, &inflight, &fd, 1), 0);
	assert_int_equal(driver_request(f, VHU_BACKEND_CONFIG_CHANGE_MSG, VHU_FLAG_NEED_REPLY), 0);
	/* An old table that waits for its release, */
	assert_int_equal(frontend_table(f, 0, &b, 1), 0);
	assert_int_equal(f->nmaps, 4);
	/* half a message with its descriptor, */
	fd = make_eventfd();
	assert_int_equal(vvu_device_frontend_input(f->device, header, 12, &fd, 1), 0);
	op_clear(f);
}

static void use_everything_and_hold_up(struct fixture *f)
{
	struct region c = { 2 * MIB, MIB, 2 * MIB, 0, make_memfd(MIB) };

	use_everything(f);
	vvu_device_reset(f->device);
	start(f);
	/* and a message that rxq has no room for. */
	f->rxq_buffers = 0;
	assert_int_equal(frontend_table(f, 0, &c, 1), 0);
}

static void reset_with_everything_in_use_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	use_everything(f);
	f->config_changes = 0;
	vvu_device_reset(f->device);
	assert_ops(f, "close", "kick 0 off", "doorbell 0 off", "doorbell 4 off", "doorbell 8 off",
		   "channel off", "begin", "unmap", "commit", NULL);
	assert_int_equal(f->nmaps, 0);
	assert_int_equal(f->closes, 1);
	/* The driver did it, it is not told. */
	assert_int_equal(f->config_changes, 0);
	assert_int_equal(read_status(f), 0);
	start(f);
}

static void reset_while_a_message_waits_for_rxq(void **state)
{
	struct fixture *f = *state;

	use_everything_and_hold_up(f);
	vvu_device_reset(f->device);
	assert_int_equal(f->nmaps, 0);
	f->rxq_buffers = 10;
	op_clear(f);
	vvu_device_rxq_ready(f->device);
	assert_int_equal(f->nops, 0);
}

static void destroy_with_everything_in_use_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	/* The teardown destroys and looks. */
	use_everything(f);
}

static void destroy_of_none_is_fine(void **state)
{
	vvu_device_destroy(NULL);
}

static void window_stays_after_a_disconnect_until_backend_up(void **state)
{
	struct fixture *f = *state;

	use_everything(f);
	vvu_device_frontend_closed(f->device, "end of file");
	assert_no_op(f, "unmap");
	assert_int_equal(f->nmaps, 4);
	assert_ops(f, "kick 0 off", "doorbell 0 off", "channel off", "config changed", NULL);
	op_clear(f);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_ops(f, "begin", "unmap", "unmap", "unmap", "unmap", "commit", NULL);
	assert_int_equal(f->nmaps, 0);
}

static void window_stays_after_the_driver_closed_until_backend_up(void **state)
{
	struct fixture *f = *state;

	use_everything(f);
	write_status(f, 0);
	assert_int_equal(f->nmaps, 4);
	write_status(f, 0);
	assert_int_equal(f->nmaps, 4);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(f->nmaps, 0);
}

static void window_stays_after_a_bad_status_until_reset(void **state)
{
	struct fixture *f = *state;

	use_everything(f);
	write_status(f, 0x40);
	assert_int_equal(f->nmaps, 4);
	vvu_device_reset(f->device);
	assert_int_equal(f->nmaps, 0);
}

static void a_thousand_connections_leave_no_descriptor_and_no_mapping(void **state)
{
	struct fixture *f = *state;
	unsigned int i, before;

	vvu_device_driver_ok(f->device);
	before = count_descriptors();
	for (i = 0; i < 1000; i++) {
		f->nrxq = 0;
		f->nsent = 0;
		f->nchannel = 0;
		f->rxq_buffers = MAX_MESSAGES;
		use_everything(f);
		switch (i % 4) {
		case 0:
			vvu_device_frontend_closed(f->device, "end of file");
			break;
		case 1:
			vvu_device_fault(f->device, "test");
			break;
		case 2:
			write_status(f, 0);
			break;
		case 3:
			vvu_device_reset(f->device);
			break;
		}
		assert_int_equal(count_descriptors(), before);
		op_clear(f);
	}
	assert_int_equal(read_config32(f, VVU_CONFIG_EPOCH), 1000);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_int_equal(f->nmaps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(reset_with_everything_in_use_leaves_nothing),
		device_test(reset_while_a_message_waits_for_rxq),
		device_test(destroy_with_everything_in_use_leaves_nothing),
		cmocka_unit_test(destroy_of_none_is_fine),
		device_test(window_stays_after_a_disconnect_until_backend_up),
		device_test(window_stays_after_the_driver_closed_until_backend_up),
		device_test(window_stays_after_a_bad_status_until_reset),
		device_test(a_thousand_connections_leave_no_descriptor_and_no_mapping),
	};

	return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
