/* SPDX-License-Identifier: BSD-3-Clause */
/* The dirty log and the inflight area. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int set_log(struct fixture *f, uint64_t size, uint64_t offset, int fd)
{
	struct vhu_msg msg = {
		.hdr = { VHU_SET_LOG_BASE, VHU_VERSION, sizeof(msg.log) },
	};

	msg.log.size = size;
	msg.log.offset = offset;
	return frontend_send(f, &msg, &fd, 1);
}

static int get_inflight(struct fixture *f, uint16_t queues)
{
	struct vhu_msg msg = {
		.hdr = { VHU_GET_INFLIGHT_FD, VHU_VERSION, sizeof(msg.inflight) },
	};

	msg.inflight.num_queues = queues;
	msg.inflight.queue_size = 128;
	return frontend_send(f, &msg, NULL, 0);
}

static int answer_inflight(struct fixture *f, uint64_t size, uint16_t queues)
{
	struct vhu_msg msg;

	vhu_reply_init(&msg, rxq_last(f), sizeof(msg.inflight));
	msg.inflight.mmap_size = size;
	msg.inflight.mmap_offset = 0x7777;
	msg.inflight.num_queues = queues;
	msg.inflight.queue_size = 128;
	return driver_send(f, VHU_SPACE_FRONTEND, &msg);
}

static int set_inflight(struct fixture *f, uint64_t size, uint64_t offset, uint16_t queues, int fd)
{
	struct vhu_msg msg = {
		.hdr = { VHU_SET_INFLIGHT_FD, VHU_VERSION, sizeof(msg.inflight) },
	};

	msg.inflight.mmap_size = size;
	msg.inflight.mmap_offset = offset;
	msg.inflight.num_queues = queues;
	msg.inflight.queue_size = 128;
	return frontend_send(f, &msg, &fd, 1);
}

static void log_is_mapped_first_and_its_offset_is_that_of_the_shared_memory(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(set_log(f, 8192, 4096, make_memfd(12288)), 0);
	assert_ops(f, "begin", "map 2 0x0+0x2000 from 0x1000", "commit", "rxq SET_LOG_BASE", NULL);
	assert_int_equal(rxq_last(f)->log.offset, 0);
	assert_int_equal(rxq_last(f)->log.size, 8192);
}

static void old_log_stays_until_the_reply_to_the_new_one(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(set_log(f, 4096, 0, make_memfd(4096)), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_LOG_BASE, 0), 0);
	op_clear(f);
	assert_int_equal(set_log(f, 8192, 0, make_memfd(8192)), 0);
	assert_ops(f, "map 2 0x1000+0x2000", "rxq SET_LOG_BASE", NULL);
	assert_no_op(f, "unmap");
	assert_int_equal(rxq_last(f)->log.offset, 4096);
	assert_int_equal(driver_reply_u64(f, VHU_SET_LOG_BASE, 0), 0);
	assert_ops(f, "unmap 2 0x0+0x1000", "send SET_LOG_BASE", NULL);
}

static void log_reply_without_payload_is_passed_on(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(set_log(f, 4096, 0, make_memfd(4096)), 0);
	assert_int_equal(driver_reply_none(f, VHU_SET_LOG_BASE), 0);
	assert_int_equal(f->sent[f->nsent - 1].hdr.size, 0);
	assert_true(is_connected(f));
}

static void log_of_odd_size_and_offset_is_shown_in_whole_pages(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(set_log(f, 5000, 4096 + 24, make_memfd(10000)), 0);
	assert_ops(f, "map 2 0x0+0x2000 from 0x1000", NULL);
	assert_int_equal(rxq_last(f)->log.offset, 24);
	assert_int_equal(rxq_last(f)->log.size, 5000);
}

static void bad_logs_disconnect(void **state)
{
	static const struct {
		uint64_t size, offset, file;
		const char *reason;
	} bad[] = {
		{ 0, 0, 4096, "SET_LOG_BASE: size is 0" },
		{ 4097, 0, 4096, "SET_LOG_BASE: offset 0x0 + size 0x1001 is beyond" },
		{ 4096, UINT64_MAX - 100, 4096, "is beyond the file's 0x1000 bytes" },
		{ FIXTURE_BAR, 0, FIXTURE_BAR, "does not fit shared memory 2" },
	};
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		f->closes = 0;
		assert_true(set_log(f, bad[i].size, bad[i].offset, make_memfd(bad[i].file)) < 0);
		assert_disconnected(f, bad[i].reason);
	}
}

static void second_log_that_does_not_fit_beside_the_first_disconnects(void **state)
{
	struct fixture *f = *state;
	uint64_t size = f->config.layout.log.length / 2 + 4096;

	start(f);
	assert_int_equal(set_log(f, size, 0, make_memfd(size)), 0);
	assert_int_equal(set_log(f, size, 0, make_memfd(size)), -ENOSPC);
	assert_disconnected(f, "SET_LOG_BASE: size");
}

static void inflight_area_is_created_sealed_and_sent_up(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	start(f);
	assert_int_equal(get_inflight(f, 2), 0);
	assert_ops(f, "rxq GET_INFLIGHT_FD", NULL);
	assert_int_equal(answer_inflight(f, 5000, 2), 0);
	assert_ops(f, "map 3 0x0+0x2000 from 0x0", "send GET_INFLIGHT_FD fds=1", NULL);
	assert_int_equal(f->sent[f->nsent - 1].inflight.mmap_size, 5000);
	assert_int_equal(f->sent[f->nsent - 1].inflight.mmap_offset, 0);
	assert_int_equal(f->sent[f->nsent - 1].inflight.num_queues, 2);
	assert_true(f->sent_fd >= 0);
	assert_int_equal(fstat(f->sent_fd, &st), 0);
	assert_int_equal(st.st_size, 8192);
	assert_int_equal(fcntl(f->sent_fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW |
								 F_SEAL_SEAL);
}

static void inflight_area_that_comes_back_is_not_mapped_again(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(get_inflight(f, 2), 0);
	assert_int_equal(answer_inflight(f, 5000, 2), 0);
	op_clear(f);
	assert_int_equal(set_inflight(f, 5000, 0, 2, dup(f->sent_fd)), 0);
	assert_no_op(f, "map");
	assert_int_equal(rxq_last(f)->hdr.flags, VHU_VERSION | VHU_FLAG_NEED_REPLY);
	assert_int_equal(rxq_last(f)->inflight.mmap_offset, 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_INFLIGHT_FD, 0), 0);
	assert_no_op(f, "unmap");
	assert_int_equal(f->nmaps, 1);
}

static void inflight_of_size_zero_has_no_descriptor(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(get_inflight(f, 2), 0);
	assert_int_equal(answer_inflight(f, 0, 2), 0);
	assert_ops(f, "send GET_INFLIGHT_FD fds=0", NULL);
	assert_no_op(f, "map");
}

static void area_never_set_goes_with_the_answer_after_the_next_one(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	start(f);
	for (i = 0; i < 50; i++) {
		assert_int_equal(get_inflight(f, 2), 0);
		assert_int_equal(answer_inflight(f, 4096, 2), 0);
		assert_true(f->nmaps <= 2);
	}
	assert_true(is_connected(f));
}

static void old_inflight_stays_until_the_answer(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(set_inflight(f, 4096, 0, 1, make_memfd(4096)), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_INFLIGHT_FD, 0), 0);
	op_clear(f);
	assert_int_equal(set_inflight(f, 4096, 8192, 1, make_memfd(16384)), 0);
	assert_ops(f, "map 3 0x1000+0x1000 from 0x2000", "rxq SET_INFLIGHT_FD", NULL);
	assert_no_op(f, "unmap");
	assert_int_equal(rxq_last(f)->inflight.mmap_offset, 4096);
	assert_int_equal(driver_reply_u64(f, VHU_SET_INFLIGHT_FD, 0), 0);
	assert_ops(f, "unmap 3 0x0+0x1000", NULL);
}

static void bad_inflight_areas_disconnect(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(set_inflight(f, 8192, 0, 1, make_memfd(4096)), -EINVAL);
	assert_disconnected(f, "SET_INFLIGHT_FD: offset 0x0 + size 0x2000 is beyond");
	fixture_recreate(f);
	start(f);
	f->closes = 0;
	assert_int_equal(set_inflight(f, 4096, 0, FIXTURE_QUEUES + 1, make_memfd(4096)), -EINVAL);
	assert_disconnected(f, "SET_INFLIGHT_FD: num_queues 5, at most 4");
	fixture_recreate(f);
	start(f);
	f->closes = 0;
	assert_int_equal(get_inflight(f, 0xffff), -EINVAL);
	assert_disconnected(f, "GET_INFLIGHT_FD: num_queues 65535, at most 4");
}

static void driver_that_asks_for_too_large_an_area_disconnects(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(get_inflight(f, 2), 0);
	assert_int_equal(answer_inflight(f, UINT64_MAX, 2), -ENOSPC);
	assert_disconnected(f, "GET_INFLIGHT_FD reply: mmap_size 0xffffffffffffffff");
	fixture_recreate(f);
	start(f);
	f->closes = 0;
	assert_int_equal(get_inflight(f, 2), 0);
	assert_int_equal(answer_inflight(f, 4096, FIXTURE_QUEUES + 1), -EPROTO);
	assert_disconnected(f, "num_queues 5");
}

static void areas_and_window_are_independent(void **state)
{
	struct fixture *f = *state;
	struct region r = { .gpa = 0, .size = MIB, .uva = 0, .offset = 0, .fd = make_memfd(MIB) };

	start(f);
	assert_int_equal(set_log(f, 4096, 0, make_memfd(4096)), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_LOG_BASE, 0), 0);
	assert_int_equal(set_inflight(f, 4096, 0, 1, make_memfd(4096)), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_INFLIGHT_FD, 0), 0);
	assert_int_equal(frontend_table(f, 0, &r, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(frontend_table(f, 0, NULL, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(f->nmaps, 2);
	assert_non_null(mapped_at(f, VVU_SHMID_LOG, 0));
	assert_non_null(mapped_at(f, VVU_SHMID_INFLIGHT, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(log_is_mapped_first_and_its_offset_is_that_of_the_shared_memory),
		device_test(old_log_stays_until_the_reply_to_the_new_one),
		device_test(log_reply_without_payload_is_passed_on),
		device_test(log_of_odd_size_and_offset_is_shown_in_whole_pages),
		device_test(bad_logs_disconnect),
		device_test(second_log_that_does_not_fit_beside_the_first_disconnects),
		device_test(inflight_area_is_created_sealed_and_sent_up),
		device_test(inflight_area_that_comes_back_is_not_mapped_again),
		device_test(inflight_of_size_zero_has_no_descriptor),
		device_test(area_never_set_goes_with_the_answer_after_the_next_one),
		device_test(old_inflight_stays_until_the_answer),
		device_test(bad_inflight_areas_disconnect),
		device_test(driver_that_asks_for_too_large_an_area_disconnects),
		device_test(areas_and_window_are_independent),
	};

	return cmocka_run_group_tests_name("area", tests, NULL, NULL);
}
