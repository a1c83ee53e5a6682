/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests that a program had taken when it crashed, as the record tells (vhost-user, "Inflight
 * I/O tracking"): the target does them again. The record is written by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vhost-proto/wire.h"

#include "frontend.h"
#include "slow_type.h"

#define AREA_BYTES 65536u

static struct worker_pool *pool;
static struct slow_type type;
static struct frontend fe;
static int area_fd;
static uint8_t *area;

static int
setup(void **state)
{
	pool = slow_pool(1, WORKER_ADAPTIVE);
	slow_create(&type, pool, 1);
	frontend_open(&fe, type.path, 0);
	area_fd = memfd_create("inflight", MFD_CLOEXEC);
	assert_true(area_fd >= 0);
	assert_int_equal(ftruncate(area_fd, AREA_BYTES), 0);
	area = mmap(NULL, AREA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, area_fd, 0);
	assert_ptr_not_equal(area, MAP_FAILED);
	return 0;
}

static int
teardown(void **state)
{
	frontend_close(&fe);
	slow_destroy(&type);
	worker_pool_destroy(pool);
	munmap(area, AREA_BYTES);
	close(area_fd);
	return 0;
}

/* Entry of descriptor @head: in flight, the @counter-th that was taken. */
static void
record(uint16_t head, uint8_t counter)
{
	uint8_t *entry = area + 16 + 16 * head;

	entry[0] = 1;
	entry[8] = counter;
}

/* Two requests were taken and none was done; a third one nobody has looked at. */
static void
crash(void)
{
	struct vhu_inflight inflight = {
		.mmap_size = AREA_BYTES,
		.num_queues = 1,
		.queue_size = FE_RING_SIZE,
	};
	uint16_t first, second;

	first = frontend_put_simple(&fe, 0);
	second = frontend_put_simple(&fe, 0);
	frontend_put_simple(&fe, 0);
	area[8] = 1;				/* version */
	area[10] = FE_RING_SIZE & 0xff;		/* desc_num */
	area[11] = FE_RING_SIZE >> 8;
	record(second, 7);
	record(first, 6);
	assert_int_equal(frontend_request(&fe, VHU_SET_INFLIGHT_FD, &inflight, sizeof(inflight),
					  area_fd), 0);
}

static bool
all_started(void *arg)
{
	return atomic_load(&type.queue[0].started) == 3;
}

static void
requests_of_an_earlier_life_come_first(void **state)
{
	uint32_t head, bytes;
	unsigned int i;

	atomic_store(&type.open, true);
	crash();
	/* What QEMU sends after it lost a back-end: where the used ring is. */
	frontend_continue_ring(&fe, 0, 2);
	frontend_wait_used(&fe, 0, 3);
	for (i = 0; i < 3; i++) {
		frontend_used(&fe, 0, (uint16_t)i, &head, &bytes);
		assert_int_equal(head, 2 * i);
		assert_int_equal(bytes, 4);
		assert_int_equal(area[16 + 16 * 2 * i], 0);
	}
}

static void
stop_finishes_what_is_left_of_an_earlier_life(void **state)
{
	/* Nothing is taken before the ring stops: the target is paused. */
	target_pause(type.target);
	crash();
	frontend_continue_ring(&fe, 0, 2);
	atomic_store(&type.open, true);
	frontend_ask_stop(&fe, 0);
	/* The third one, in the available ring, is for whoever starts the ring next. */
	assert_int_equal(frontend_await_stop(&fe, 0), 2);
	assert_int_equal(frontend_used_idx(&fe, 0), 2);
	assert_int_equal(atomic_load(&type.queue[0].done), 2);
	target_resume(type.target);
}

static void
record_is_kept_of_what_is_under_way(void **state)
{
	crash();
	frontend_continue_ring(&fe, 0, 2);
	wait_until(all_started, NULL);
	assert_int_equal(area[16 + 16 * 4], 1);
	slow_open(&type, true);
	frontend_wait_used(&fe, 0, 3);
	assert_int_equal(area[16 + 16 * 4], 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(requests_of_an_earlier_life_come_first),
		T(stop_finishes_what_is_left_of_an_earlier_life),
		T(record_is_kept_of_what_is_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
