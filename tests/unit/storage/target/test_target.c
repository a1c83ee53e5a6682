/* SPDX-License-Identifier: BSD-3-Clause */
/* One target, one frontend: what happens to requests when rings, memory and frontends go. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "vhost-proto/wire.h"

#include "frontend.h"
#include "slow_type.h"

#define EVENT_IDX	(1ull << 29)
#define INDIRECT	(1ull << 28)

struct bed {
	struct worker_pool *pool;
	struct slow_type type;
	struct frontend fe;
};

static struct bed bed;

static int
setup_mode(enum worker_mode mode)
{
	memset(&bed, 0, sizeof(bed));
	bed.pool = slow_pool(2, mode);
	slow_create(&bed.type, bed.pool, 3);
	frontend_open(&bed.fe, bed.type.path, 0);
	return 0;
}

static int
setup(void **state)
{
	return setup_mode(WORKER_ADAPTIVE);
}

static int
setup_interrupt(void **state)
{
	return setup_mode(WORKER_INTERRUPT);
}

static int
setup_poll(void **state)
{
	return setup_mode(WORKER_POLL);
}

static int
teardown(void **state)
{
	frontend_close(&bed.fe);
	slow_destroy(&bed.type);
	worker_pool_destroy(bed.pool);
	return 0;
}

static bool
all_started(void *arg)
{
	return atomic_load(&bed.type.queue[0].started) == *(unsigned int *)arg;
}

/* @n requests under way in ring 0, which complete when the type opens. */
static void
put_under_way(unsigned int n)
{
	unsigned int i, count = n + atomic_load(&bed.type.queue[0].started);

	for (i = 0; i < n; i++)
		frontend_put_simple(&bed.fe, 0);
	wait_until(all_started, &count);
}

static json_int_t
queue_number(unsigned int index, const char *key)
{
	json_t *object = target_describe(bed.type.target);
	json_int_t value = json_integer_value(
		json_object_get(json_array_get(json_object_get(object, "queues"), index), key));

	json_decref(object);
	return value;
}

static void
requests_come_back_with_what_they_wrote(void **state)
{
	uint32_t head, bytes;
	uint16_t i, heads[8];

	atomic_store(&bed.type.open, true);
	frontend_start_ring(&bed.fe, 0);
	for (i = 0; i < 8; i++)
		heads[i] = frontend_put_simple(&bed.fe, 0);
	frontend_wait_used(&bed.fe, 0, 8);
	for (i = 0; i < 8; i++) {
		frontend_used(&bed.fe, 0, i, &head, &bytes);
		assert_int_equal(head, heads[i]);
		assert_int_equal(bytes, 4);
		assert_int_equal(bed.fe.memory[FE_DATA + i * 64 + 32], 0x51);
	}
	assert_int_equal(queue_number(0, "requests"), 8);
	assert_int_equal(queue_number(0, "under-way"), 0);
}

static void
many_requests_with_event_index(void **state)
{
	unsigned int i;

	frontend_close(&bed.fe);
	frontend_open(&bed.fe, bed.type.path, EVENT_IDX | INDIRECT);
	atomic_store(&bed.type.open, true);
	frontend_start_ring(&bed.fe, 0);
	for (i = 0; i < 2000; i++) {
		frontend_put_simple(&bed.fe, 0);
		if (i % 16 == 15)
			frontend_wait_used(&bed.fe, 0, (uint16_t)(i + 1));
	}
	frontend_wait_used(&bed.fe, 0, 2000);
	assert_int_equal(queue_number(0, "requests"), 2000);
}

static void
stop_of_a_ring_waits_for_what_is_under_way(void **state)
{
	frontend_start_ring(&bed.fe, 0);
	put_under_way(5);
	frontend_ask_stop(&bed.fe, 0);
	assert_false(frontend_answered(&bed.fe, 100));
	slow_open(&bed.type, true);
	assert_int_equal(frontend_await_stop(&bed.fe, 0), 5);
	/* All that was taken is in the used ring before the answer. */
	assert_int_equal(frontend_used_idx(&bed.fe, 0), 5);
}

static void
stopped_ring_is_left_alone_and_can_start_again(void **state)
{
	atomic_store(&bed.type.open, true);
	frontend_start_ring(&bed.fe, 0);
	put_under_way(3);
	frontend_wait_used(&bed.fe, 0, 3);
	frontend_ask_stop(&bed.fe, 0);
	assert_int_equal(frontend_await_stop(&bed.fe, 0), 3);
	frontend_put_simple(&bed.fe, 0);
	usleep(20000);
	assert_int_equal(atomic_load(&bed.type.queue[0].started), 3);
	assert_int_equal(frontend_used_idx(&bed.fe, 0), 3);
	frontend_start_ring(&bed.fe, 0);
	put_under_way(2);
	frontend_wait_used(&bed.fe, 0, 2);
}

static void
new_memory_table_waits_for_all_rings(void **state)
{
	struct {
		uint32_t num, padding;
		struct vhu_mem_region region;
	} table = {
		.num = 1,
		.region = {
			.guest_addr = 0x1000000, .size = FE_MEMORY_BYTES, .user_addr = 1 << 30,
		},
	};

	frontend_start_ring(&bed.fe, 0);
	frontend_start_ring(&bed.fe, 1);
	put_under_way(4);
	/* The old memory is in none of the new regions. */
	frontend_send(&bed.fe, VHU_SET_MEM_TABLE, &table, sizeof(table), bed.fe.memory_fd);
	assert_false(frontend_answered(&bed.fe, 100));
	/* Nothing new is taken meanwhile, from no ring. */
	frontend_put_simple(&bed.fe, 1);
	usleep(20000);
	assert_int_equal(atomic_load(&bed.type.queue[1].started), 0);
	slow_open(&bed.type, true);
	assert_int_equal(frontend_ack(&bed.fe, VHU_SET_MEM_TABLE), 0);
	assert_int_equal(frontend_used_idx(&bed.fe, 0), 4);
	/* With the old table again the rings go on where they were. */
	frontend_set_memory(&bed.fe);
	frontend_wait_used(&bed.fe, 1, 1);
	frontend_put_simple(&bed.fe, 0);
	frontend_wait_used(&bed.fe, 0, 5);
}

static void
memory_tables_change_under_load(void **state)
{
	unsigned int i, k;

	atomic_store(&bed.type.open, true);
	for (i = 0; i < 3; i++)
		frontend_start_ring(&bed.fe, i);
	for (k = 0; k < 50; k++) {
		for (i = 0; i < 3; i++) {
			frontend_put_simple(&bed.fe, i);
			frontend_put_simple(&bed.fe, i);
		}
		frontend_set_memory(&bed.fe);
		for (i = 0; i < 3; i++)
			frontend_wait_used(&bed.fe, i, (uint16_t)(2 * k + 2));
	}
}

static bool
is_disconnected(void *arg)
{
	json_t *object = target_describe(bed.type.target);
	bool connected = json_is_true(json_object_get(object, "connected"));

	json_decref(object);
	return !connected;
}

static void
frontend_that_goes_is_waited_for(void **state)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		frontend_start_ring(&bed.fe, 0);
		put_under_way(6);
		close(bed.fe.sock);
		bed.fe.sock = -1;
		/* The requests are still there, and so is the memory that they are for. */
		assert_false(is_disconnected(NULL));
		slow_open(&bed.type, true);
		wait_until(is_disconnected, NULL);
		assert_int_equal(atomic_load(&bed.type.queue[0].done), 6 * (i + 1));
		assert_int_equal(bed.fe.memory[FE_DATA + 32], 0x51);
		slow_open(&bed.type, false);
		frontend_close(&bed.fe);
		frontend_open(&bed.fe, bed.type.path, 0);
	}
	assert_int_equal(queue_number(0, "under-way"), 0);
}

static void
disconnect_by_order_waits_and_serves_the_next(void **state)
{
	atomic_store(&bed.type.open, true);
	frontend_start_ring(&bed.fe, 0);
	put_under_way(2);
	target_disconnect(bed.type.target);
	frontend_wait_closed(&bed.fe);
	frontend_close(&bed.fe);
	frontend_open(&bed.fe, bed.type.path, 0);
	frontend_start_ring(&bed.fe, 0);
	put_under_way(2);
	frontend_wait_used(&bed.fe, 0, 2);
}

static void
paused_target_takes_nothing_until_it_is_resumed(void **state)
{
	atomic_store(&bed.type.open, true);
	frontend_start_ring(&bed.fe, 0);
	put_under_way(1);
	target_pause(bed.type.target);
	assert_int_equal(atomic_load(&bed.type.queue[0].done), 1);
	frontend_put_simple(&bed.fe, 0);
	usleep(20000);
	assert_int_equal(atomic_load(&bed.type.queue[0].started), 1);
	target_resume(bed.type.target);
	frontend_wait_used(&bed.fe, 0, 2);
}

static void
paused_ring_can_be_stopped(void **state)
{
	atomic_store(&bed.type.open, true);
	frontend_start_ring(&bed.fe, 0);
	target_pause(bed.type.target);
	frontend_ask_stop(&bed.fe, 0);
	assert_int_equal(frontend_await_stop(&bed.fe, 0), 0);
	frontend_start_ring(&bed.fe, 0);
	frontend_put_simple(&bed.fe, 0);
	target_resume(bed.type.target);
	frontend_wait_used(&bed.fe, 0, 1);
}

/* vhost-user hands over a file, and its owner can shrink it at any time. */
static void
defect_frontend_that_shrinks_its_memory_ends_itself_only(void **state)
{
#ifdef __SANITIZE_THREAD__
	print_message("the thread sanitizer takes the page that replaces a lost one for a race\n");
	skip();
#endif
	/* cmocka has put its own handler above that of the device: make one anew. */
	frontend_close(&bed.fe);
	slow_destroy(&bed.type);
	signal(SIGBUS, SIG_DFL);
	slow_create(&bed.type, bed.pool, 1);
	frontend_open(&bed.fe, bed.type.path, 0);
	atomic_store(&bed.type.open, true);
	frontend_start_ring(&bed.fe, 0);
	frontend_put_simple(&bed.fe, 0);
	frontend_wait_used(&bed.fe, 0, 1);
	/* From now on the ring is not there when the worker looks at it. */
	assert_int_equal(ftruncate(bed.fe.memory_fd, 0), 0);
	frontend_kick(&bed.fe, 0);
	frontend_wait_closed(&bed.fe);
	frontend_close(&bed.fe);
	frontend_open(&bed.fe, bed.type.path, 0);
	frontend_start_ring(&bed.fe, 0);
	frontend_put_simple(&bed.fe, 0);
	frontend_wait_used(&bed.fe, 0, 1);
}

static bool
ring_0_is_broken(void *arg)
{
	json_t *object = target_describe(bed.type.target);
	json_t *queue = json_array_get(json_object_get(object, "queues"), 0);
	bool broken = json_object_get(queue, "broken") != NULL;

	json_decref(object);
	return broken;
}

/* An address that is not in the memory table. */
static const struct fe_piece nowhere = { .offset = FE_MEMORY_BYTES, .bytes = 16 };

static void
broken_ring_leaves_the_others(void **state)
{
	atomic_store(&bed.type.open, true);
	frontend_start_ring(&bed.fe, 0);
	frontend_start_ring(&bed.fe, 1);
	frontend_put(&bed.fe, 0, &nowhere, 1);
	frontend_kick(&bed.fe, 0);
	wait_until(ring_0_is_broken, NULL);
	frontend_put_simple(&bed.fe, 1);
	frontend_wait_used(&bed.fe, 1, 1);
	frontend_put_simple(&bed.fe, 0);
	usleep(20000);
	assert_int_equal(frontend_used_idx(&bed.fe, 0), 0);
}

static void
completion_after_the_ring_broke_is_counted_and_told_to_nobody(void **state)
{
	frontend_start_ring(&bed.fe, 0);
	put_under_way(3);
	frontend_put(&bed.fe, 0, &nowhere, 1);
	frontend_kick(&bed.fe, 0);
	wait_until(ring_0_is_broken, NULL);
	slow_open(&bed.type, true);
	frontend_ask_stop(&bed.fe, 0);
	frontend_await_stop(&bed.fe, 0);
	assert_int_equal(frontend_used_idx(&bed.fe, 0), 0);
	assert_int_equal(atomic_load(&bed.type.queue[0].done), 3);
	assert_int_equal(queue_number(0, "dropped"), 3);
	assert_int_equal(queue_number(0, "under-way"), 0);
}

static void
put_pieces(unsigned int num)
{
	struct fe_piece pieces[FE_RING_SIZE];
	unsigned int i;

	assert_true(num <= FE_RING_SIZE);
	for (i = 0; i < num; i++)
		pieces[i] = (struct fe_piece){ .offset = FE_DATA + i * 16, .bytes = 16,
					       .writable = i >= 2 };
	frontend_put(&bed.fe, 0, pieces, num);
	frontend_kick(&bed.fe, 0);
}

static void
chain_with_too_many_pieces_reaches_the_type_marked(void **state)
{
	atomic_store(&bed.type.open, true);
	frontend_start_ring(&bed.fe, 0);
	put_pieces(TARGET_SEG_MAX + 2);
	frontend_wait_used(&bed.fe, 0, 1);
	assert_int_equal(atomic_load(&bed.type.too_many), 0);
	put_pieces(TARGET_IOV_MAX + 1);
	frontend_wait_used(&bed.fe, 0, 2);
	assert_int_equal(atomic_load(&bed.type.too_many), 1);
	frontend_put_simple(&bed.fe, 0);
	frontend_wait_used(&bed.fe, 0, 3);
	assert_int_equal(atomic_load(&bed.type.too_many), 1);
}

static void
ring_without_kicks_is_polled(void **state)
{
	unsigned int i;

	atomic_store(&bed.type.open, true);
	frontend_start_ring_polled(&bed.fe, 0);
	for (i = 0; i < 10; i++) {
		const struct fe_piece piece = { .offset = FE_DATA, .bytes = 16, .writable = true };

		frontend_put(&bed.fe, 0, &piece, 1);
		frontend_wait_used(&bed.fe, 0, (uint16_t)(i + 1));
		usleep(2000);
	}
	assert_int_equal(queue_number(0, "kicks"), 0);
}

static uint64_t
rounds(void)
{
	struct worker_stats stats;
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < worker_pool_size(bed.pool); i++) {
		worker_stats(worker_pool_get(bed.pool, i), &stats);
		sum += stats.rounds;
	}
	return sum;
}

static bool
polled_on(void *arg)
{
	return rounds() - *(const uint64_t *)arg > 1000;
}

static void
idle_workers_sleep(void **state)
{
	uint64_t before;

	atomic_store(&bed.type.open, true);
	frontend_start_ring(&bed.fe, 0);
	frontend_put_simple(&bed.fe, 0);
	frontend_wait_used(&bed.fe, 0, 1);
	usleep(50000);
	before = rounds();
	usleep(200000);
	assert_true(rounds() - before < 20);
	frontend_put_simple(&bed.fe, 0);
	frontend_wait_used(&bed.fe, 0, 2);
}

static void
workers_sleep_while_requests_are_under_way(void **state)
{
	uint64_t before;

	frontend_start_ring(&bed.fe, 0);
	put_under_way(3);
	usleep(50000);
	before = rounds();
	usleep(200000);
	assert_true(rounds() - before < 20);
	slow_open(&bed.type, true);
	frontend_wait_used(&bed.fe, 0, 3);
}

static void
polling_workers_sleep_while_no_ring_is_ready(void **state)
{
	uint64_t before;

	usleep(50000);
	before = rounds();
	usleep(100000);
	assert_true(rounds() - before < 20);
	atomic_store(&bed.type.open, true);
	frontend_start_ring(&bed.fe, 0);
	before = rounds();
	wait_until(polled_on, &before);
	frontend_put_simple(&bed.fe, 0);
	frontend_wait_used(&bed.fe, 0, 1);
}

static void
device_reset_stops_rings_after_what_is_under_way(void **state)
{
	unsigned int before;

	frontend_start_ring(&bed.fe, 0);
	put_under_way(2);
	before = atomic_load(&bed.type.resets);
	frontend_send(&bed.fe, VHU_RESET_DEVICE, NULL, 0, -1);
	assert_false(frontend_answered(&bed.fe, 50));
	slow_open(&bed.type, true);
	assert_int_equal(frontend_ack(&bed.fe, VHU_RESET_DEVICE), 0);
	assert_int_equal(atomic_load(&bed.type.resets), before + 1);
	assert_int_equal(frontend_used_idx(&bed.fe, 0), 2);
}

static void *
open_later(void *arg)
{
	usleep(50000);
	slow_open(&bed.type, true);
	return NULL;
}

static void
destroy_waits_for_what_is_under_way(void **state)
{
	pthread_t thread;

	frontend_start_ring(&bed.fe, 0);
	put_under_way(3);
	assert_int_equal(pthread_create(&thread, NULL, open_later, NULL), 0);
	target_destroy(bed.type.target);
	bed.type.target = NULL;
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(atomic_load(&bed.type.queue[0].done), 3);
	assert_int_equal(frontend_used_idx(&bed.fe, 0), 3);
	/* For teardown. */
	slow_destroy(&bed.type);
	slow_create(&bed.type, bed.pool, 1);
}

static void
configuration_change_is_told_once_a_ring_is_started(void **state)
{
	int pair[2];
	struct vhu_header hdr;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(frontend_request(&bed.fe, VHU_SET_BACKEND_REQ_FD, NULL, 0, pair[1]), 0);
	assert_int_equal(target_config_changed(bed.type.target), 0);
	usleep(20000);
	assert_int_equal(recv(pair[0], &hdr, sizeof(hdr), MSG_DONTWAIT), -1);
	frontend_start_ring(&bed.fe, 0);
	assert_int_equal(recv(pair[0], &hdr, sizeof(hdr), MSG_WAITALL), sizeof(hdr));
	assert_int_equal(hdr.request, 2);	/* VHOST_USER_BACKEND_CONFIG_CHANGE_MSG */
	close(pair[0]);
	close(pair[1]);
}

static void
nobody_is_there_to_be_told_of_a_configuration_change(void **state)
{
	close(bed.fe.sock);
	bed.fe.sock = -1;
	wait_until(is_disconnected, NULL);
	assert_int_equal(target_config_changed(bed.type.target), -ENOTCONN);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define INTERRUPT(name) cmocka_unit_test_setup_teardown(name, setup_interrupt, teardown)
#define POLL(name) cmocka_unit_test_setup_teardown(name, setup_poll, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(requests_come_back_with_what_they_wrote),
		T(many_requests_with_event_index),
		T(stop_of_a_ring_waits_for_what_is_under_way),
		INTERRUPT(stop_of_a_ring_waits_for_what_is_under_way),
		POLL(stop_of_a_ring_waits_for_what_is_under_way),
		T(stopped_ring_is_left_alone_and_can_start_again),
		T(new_memory_table_waits_for_all_rings),
		INTERRUPT(memory_tables_change_under_load),
		POLL(memory_tables_change_under_load),
		T(frontend_that_goes_is_waited_for),
		T(disconnect_by_order_waits_and_serves_the_next),
		T(defect_frontend_that_shrinks_its_memory_ends_itself_only),
		INTERRUPT(defect_frontend_that_shrinks_its_memory_ends_itself_only),
		T(paused_target_takes_nothing_until_it_is_resumed),
		T(paused_ring_can_be_stopped),
		T(broken_ring_leaves_the_others),
		T(completion_after_the_ring_broke_is_counted_and_told_to_nobody),
		T(chain_with_too_many_pieces_reaches_the_type_marked),
		T(ring_without_kicks_is_polled),
		INTERRUPT(ring_without_kicks_is_polled),
		T(idle_workers_sleep),
		INTERRUPT(idle_workers_sleep),
		INTERRUPT(workers_sleep_while_requests_are_under_way),
		T(workers_sleep_while_requests_are_under_way),
		POLL(polling_workers_sleep_while_no_ring_is_ready),
		T(device_reset_stops_rings_after_what_is_under_way),
		T(destroy_waits_for_what_is_under_way),
		T(configuration_change_is_told_once_a_ring_is_started),
		T(nobody_is_there_to_be_told_of_a_configuration_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
