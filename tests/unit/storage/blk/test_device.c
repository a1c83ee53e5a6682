/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk as its frontend has it: requests in a ring, messages, and what the store gets. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../target/frontend.h"
#include "vhost-blk/blk_internal.h"
#include "vhost-proto/wire.h"

#include "record_store.h"

#define FLUSH		(1ull << 9)
#define CONFIG_WCE	(1ull << 11)

#define HEADER	FE_DATA
#define STATUS	(FE_DATA + 64)
#define DATA	(FE_DATA + 4096)

static struct worker_pool *pool;
static struct blk_device *device;
static struct record_store *record;
static struct frontend fe;
static char path[108];
static uint16_t requests;

static void
quiet(int level, const char *text)
{
}

static int
setup_with(bool later, unsigned int reluctant, uint64_t features)
{
	struct worker_pool_config workers = { .threads = 1, .mode = WORKER_INTERRUPT };
	struct blk_settings settings = {
		.id = "disk-0", .writeback = true, .block_bytes = 512,
	};
	struct target_config config = {
		.name = "disk", .socket_path = path, .socket_fd = -1, .queues = 1, .log = quiet,
	};
	static unsigned int serial;
	struct vhu_reason reason = { "" };

	snprintf(path, sizeof(path), "/tmp/blk-%d-%u.sock", getpid(), serial++);
	assert_int_equal(worker_pool_create(&workers, &pool, &reason), 0);
	record = record_store_new();
	record->later = later;
	record->reluctant = reluctant;
	if (blk_device_new(pool, &config, &record->store, &settings, &device, &reason) < 0)
		fail_msg("disk: %s", reason.text);
	requests = 0;
	frontend_open(&fe, path, features);
	frontend_start_ring(&fe, 0);
	return 0;
}

static int
setup(void **state)
{
	return setup_with(false, 0, FLUSH | CONFIG_WCE);
}

static int
setup_later(void **state)
{
	return setup_with(true, 0, FLUSH | CONFIG_WCE);
}

static int
setup_reluctant(void **state)
{
	return setup_with(true, 1000, FLUSH | CONFIG_WCE);
}

static int
setup_without_flush(void **state)
{
	return setup_with(false, 0, 0);
}

static int
teardown(void **state)
{
	frontend_close(&fe);
	blk_device_destroy(device);
	worker_pool_destroy(pool);
	return 0;
}

/* A request; @pieces are between header and status. Returns the length that came back. */
static uint32_t
request(uint8_t type, uint8_t sector, const struct fe_piece *pieces, unsigned int num)
{
	struct fe_piece all[FE_RING_SIZE] = { { .offset = HEADER, .bytes = 16 } };
	const uint8_t header[16] = { type, [8] = sector };
	uint32_t head, bytes;
	uint16_t put;

	memcpy(fe.memory + HEADER, header, sizeof(header));
	fe.memory[STATUS] = 0xee;
	if (num != 0)
		memcpy(all + 1, pieces, num * sizeof(*pieces));
	all[num + 1] = (struct fe_piece){ .offset = STATUS, .bytes = 1, .writable = true };
	put = frontend_put(&fe, 0, all, num + 2);
	frontend_kick(&fe, 0);
	frontend_wait_used(&fe, 0, ++requests);
	frontend_used(&fe, 0, (uint16_t)(requests - 1), &head, &bytes);
	assert_int_equal(head, put);
	return bytes;
}

static void
assert_op(unsigned int n, enum store_op op, uint64_t offset, uint64_t length, unsigned int flags)
{
	assert_true(n < atomic_load(&record->num));
	assert_int_equal(record->op[n].op, op);
	assert_int_equal(record->op[n].offset, offset);
	assert_int_equal(record->op[n].length, length);
	assert_int_equal(record->op[n].flags & ~STORE_F_PAGE_BACKED, flags);
}

static void
pattern(uint8_t *at, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		at[i] = (uint8_t)(i * 7 + i / 251);
}

/* 40 KiB in pieces that fit neither sectors nor what the store takes at once. */
static const uint32_t sizes[] = { 5000, 20000, 1, 15959 };

static unsigned int
odd_pieces(struct fe_piece *pieces, bool writable)
{
	uint32_t at = DATA;
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pieces[i] = (struct fe_piece){ .offset = at, .bytes = sizes[i],
					       .writable = writable };
		at += sizes[i];
	}
	return i;
}

static void
assert_five_parts(enum store_op op)
{
	unsigned int i;

	assert_int_equal(atomic_load(&record->num), 5);
	for (i = 0; i < 5; i++)
		assert_op(i, op, 3 * 512 + i * 8192u, 8192, 0);
}

static void
large_read_is_several_operations(void **state)
{
	struct fe_piece pieces[8];
	unsigned int num = odd_pieces(pieces, true);

	pattern(record->data + 3 * 512, 40960);
	atomic_store(&record->fail_at, -1);
	assert_int_equal(request(0, 3, pieces, num), 40961);
	assert_int_equal(fe.memory[STATUS], 0);
	assert_five_parts(STORE_READ);
	assert_memory_equal(fe.memory + DATA, record->data + 3 * 512, 40960);
}

static void
large_write_is_several_operations(void **state)
{
	struct fe_piece pieces[8];
	unsigned int num = odd_pieces(pieces, false);

	pattern(fe.memory + DATA, 40960);
	assert_int_equal(request(1, 3, pieces, num), 1);
	assert_int_equal(fe.memory[STATUS], 0);
	assert_five_parts(STORE_WRITE);
	assert_memory_equal(fe.memory + DATA, record->data + 3 * 512, 40960);
}

static void
part_that_fails_is_the_last(void **state)
{
	struct fe_piece pieces[8];
	unsigned int num = odd_pieces(pieces, true);

	atomic_store(&record->fail_at, 2);
	assert_int_equal(request(0, 3, pieces, num), 1);
	assert_int_equal(fe.memory[STATUS], 1);
	assert_int_equal(atomic_load(&record->num), 3);
}

static void
ranges_are_one_operation_each(void **state)
{
	const struct fe_piece piece = { .offset = DATA, .bytes = 48 };
	const uint8_t ranges[48] = {
		[0] = 1, [8] = 2,
		[16] = 8, [24] = 16, [28] = 1,
		[32] = 100, [40] = 1,
	};

	memcpy(fe.memory + DATA, ranges, sizeof(ranges));
	assert_int_equal(request(13, 0, &piece, 1), 1);
	assert_int_equal(fe.memory[STATUS], 0);
	assert_int_equal(atomic_load(&record->num), 3);
	assert_op(0, STORE_WRITE_ZEROES, 512, 1024, 0);
	assert_op(1, STORE_WRITE_ZEROES, 4096, 8192, STORE_F_UNMAP);
	assert_op(2, STORE_WRITE_ZEROES, 51200, 512, 0);
}

static void
flush_reaches_the_store(void **state)
{
	assert_int_equal(request(4, 0, NULL, 0), 1);
	assert_int_equal(fe.memory[STATUS], 0);
	assert_op(0, STORE_FLUSH, 0, 0, 0);
}

static void
id_is_the_serial(void **state)
{
	const struct fe_piece piece = { .offset = DATA, .bytes = 20, .writable = true };
	static const uint8_t expected[20] = "disk-0";

	assert_int_equal(request(8, 0, &piece, 1), 21);
	assert_memory_equal(fe.memory + DATA, expected, 20);
}

static const struct fe_piece one_sector = { .offset = DATA, .bytes = 512 };

static uint64_t
set_writeback(uint8_t value, uint32_t flags)
{
	const struct {
		uint32_t offset, size, flags;
		uint8_t data[1];
	} __attribute__((packed)) config = {
		.offset = 32, .size = 1, .flags = flags, .data = { value },
	};

	return frontend_request(&fe, VHU_SET_CONFIG, &config, sizeof(config), -1);
}

static void
without_flush_every_write_is_durable(void **state)
{
	request(1, 0, &one_sector, 1);
	assert_op(0, STORE_WRITE, 0, 512, STORE_F_FUA);
}

static void
cache_mode_follows_the_configuration(void **state)
{
	request(1, 0, &one_sector, 1);
	assert_op(0, STORE_WRITE, 0, 512, 0);
	/* What is in the cache is made durable, since nobody will flush it any more. */
	assert_int_equal(set_writeback(0, 0), 0);
	assert_op(1, STORE_FLUSH, 0, 0, STORE_F_ASIDE);
	request(1, 1, &one_sector, 1);
	assert_op(2, STORE_WRITE, 512, 512, STORE_F_FUA);
	assert_int_equal(set_writeback(1, 0), 0);
	request(1, 2, &one_sector, 1);
	assert_op(3, STORE_WRITE, 1024, 512, 0);
	assert_int_equal(atomic_load(&record->num), 4);
}

static void
cache_that_cannot_be_flushed_stays_on(void **state)
{
	atomic_store(&record->fail_at, 0);
	assert_int_equal(set_writeback(0, 0), 1);
	assert_op(0, STORE_FLUSH, 0, 0, STORE_F_ASIDE);
	request(1, 0, &one_sector, 1);
	assert_op(1, STORE_WRITE, 0, 512, 0);
}

static void
cache_mode_cannot_be_set_without_its_feature(void **state)
{
	assert_int_equal(set_writeback(0, 0), 1);
	/* A migration does not ask the driver. */
	assert_int_equal(set_writeback(0, 1), 0);
}

static uint32_t
get_config(uint32_t offset, uint32_t size, uint8_t *data)
{
	struct {
		uint32_t offset, size, flags;
		uint8_t data[128];
	} config = { .offset = offset, .size = size };
	uint32_t got;

	frontend_send(&fe, VHU_GET_CONFIG, &config, 12 + size, -1);
	got = frontend_receive(&fe, VHU_GET_CONFIG, &config, sizeof(config));
	memcpy(data, config.data, size);
	return got;
}

static void
configuration_is_read_and_nothing_beyond(void **state)
{
	const uint8_t capacity[8] = { 0x00, 0x08 };	/* 2048 sectors */
	uint8_t data[128];

	assert_int_equal(get_config(0, 60, data), 72);
	assert_memory_equal(data, capacity, sizeof(capacity));
	assert_int_equal(get_config(0, 96, data), 108);
	assert_int_equal(get_config(0, 97, data), 0);
}

static void
resize_is_told_and_takes_effect(void **state)
{
	struct vhu_reason reason = { "" };
	struct vhu_header hdr;
	uint8_t data[8];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(frontend_request(&fe, VHU_SET_BACKEND_REQ_FD, NULL, 0, pair[1]), 0);
	assert_int_equal(blk_device_resize(device, 8 * 512, &reason), 0);
	assert_int_equal(recv(pair[0], &hdr, sizeof(hdr), MSG_WAITALL), sizeof(hdr));
	assert_int_equal(hdr.request, VHU_BACKEND_CONFIG_CHANGE_MSG);
	get_config(0, 8, data);
	assert_int_equal(data[0], 8);
	request(1, 7, &one_sector, 1);
	assert_int_equal(fe.memory[STATUS], 0);
	request(1, 8, &one_sector, 1);
	assert_int_equal(fe.memory[STATUS], 1);
	assert_int_equal(blk_device_resize(device, 1000, &reason), -EINVAL);
	assert_int_equal(blk_device_resize(device, 2 * RECORD_BYTES, &reason), -ENOSPC);
	close(pair[0]);
	close(pair[1]);
}

static bool
ring_is_broken(void *arg)
{
	json_t *object = target_describe(blk_device_target(device));
	json_t *queue = json_array_get(json_object_get(object, "queues"), 0);
	bool broken = json_object_get(queue, "broken") != NULL;

	json_decref(object);
	return broken;
}

static void
request_without_a_status_breaks_its_ring(void **state)
{
	const struct fe_piece header = { .offset = HEADER, .bytes = 16 };

	memset(fe.memory + HEADER, 0, 16);
	frontend_put(&fe, 0, &header, 1);
	frontend_kick(&fe, 0);
	wait_until(ring_is_broken, NULL);
	/* And serves again when it is set up anew. */
	frontend_ask_stop(&fe, 0);
	frontend_await_stop(&fe, 0);
	frontend_start_ring(&fe, 0);
	requests = 0;
	request(1, 0, &one_sector, 1);
	assert_int_equal(fe.memory[STATUS], 0);
}

static void
request_with_more_pieces_than_offered_breaks_its_ring(void **state)
{
	struct fe_piece pieces[FE_RING_SIZE] = { { .offset = HEADER, .bytes = 16 } };
	unsigned int i;

	for (i = 1; i < 200; i++)
		pieces[i] = (struct fe_piece){ .offset = DATA, .bytes = 512, .writable = true };
	frontend_put(&fe, 0, pieces, 200);
	frontend_kick(&fe, 0);
	wait_until(ring_is_broken, NULL);
	assert_int_equal(atomic_load(&record->num), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define LATER(name) cmocka_unit_test_setup_teardown(name, setup_later, teardown)
#define RELUCTANT(name) cmocka_unit_test_setup_teardown(name, setup_reluctant, teardown)
#define WITHOUT_FLUSH(name) cmocka_unit_test_setup_teardown(name, setup_without_flush, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(large_read_is_several_operations),
		LATER(large_read_is_several_operations),
		T(large_write_is_several_operations),
		LATER(large_write_is_several_operations),
		T(part_that_fails_is_the_last),
		LATER(part_that_fails_is_the_last),
		T(ranges_are_one_operation_each),
		LATER(ranges_are_one_operation_each),
		T(flush_reaches_the_store),
		T(id_is_the_serial),
		WITHOUT_FLUSH(without_flush_every_write_is_durable),
		T(cache_mode_follows_the_configuration),
		LATER(cache_mode_follows_the_configuration),
		RELUCTANT(cache_mode_follows_the_configuration),
		T(cache_that_cannot_be_flushed_stays_on),
		WITHOUT_FLUSH(cache_mode_cannot_be_set_without_its_feature),
		T(configuration_is_read_and_nothing_beyond),
		T(resize_is_told_and_takes_effect),
		T(request_without_a_status_breaks_its_ring),
		T(request_with_more_pieces_than_offered_breaks_its_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
