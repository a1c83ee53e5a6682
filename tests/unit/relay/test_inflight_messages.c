/* SPDX-License-Identifier: BSD-3-Clause */
/* GET_INFLIGHT_FD and SET_INFLIGHT_FD, and what a ring does with the area when it starts. */
#include <endian.h>

#include "session_fixture.h"
#include "vhost-relay/vring/queue.h"

#define SIZE 16u			/* queue_size */
/* vhost-user: 16 + 16 * 16 bytes, in 64s. */
#define STRIDE 320u
#define SPARE 16448u		/* of one queue: 16 + 1024 * 16 in 64s */
#define BUFFERS 0x3000u			/* behind the rings' parts */

static void
with_inflight(struct vhr_config *config)
{
	config->inflight = true;
	config->max_ring_size = 1024;
}

static void
negotiate(void)
{
	session_run();
	assert_true(fake_connect());
	session_run();
	give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF_ALL | PF(INFLIGHT_SHMFD)));
	give(request_u64(VHU_SET_FEATURES, F_BASE | F_INDIRECT));
	give(request_table());
	expect_connected();
}

static int
setup(void **state)
{
	fake_reset();
	session_open(with_inflight);
	assert_int_equal(vhr_up(session), 0);
	negotiate();
	return 0;
}

static struct vhu_msg
inflight(uint32_t id, uint16_t num_queues, uint16_t queue_size, uint64_t size, uint64_t offset)
{
	struct vhu_msg msg = request(id, sizeof(msg.inflight));

	msg.inflight = (struct vhu_inflight){ .mmap_size = size, .mmap_offset = offset,
					      .num_queues = num_queues, .queue_size = queue_size };
	return msg;
}

static struct vhu_msg
get(uint16_t num_queues, uint16_t queue_size)
{
	return inflight(VHU_GET_INFLIGHT_FD, num_queues, queue_size, 0, 0);
}

static struct vhu_msg
set(void)
{
	return inflight(VHU_SET_INFLIGHT_FD, 2, SIZE, 2 * STRIDE, 0x1000);
}

static uint8_t *
area(unsigned int queue)
{
	return fake.inflight + 0x1000 + queue * STRIDE;
}

static void
put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static uint16_t
get16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

/* As a backend leaves it that had taken these heads in this order. */
static void
leave_record(unsigned int queue, uint16_t used_idx, const uint16_t *heads, unsigned int num)
{
	unsigned int i;

	memset(area(queue), 0, STRIDE);
	put16(area(queue) + 8, 1);
	put16(area(queue) + 10, SIZE);
	put16(area(queue) + 14, used_idx);
	for (i = 0; i < num; i++) {
		area(queue)[16 + 16 * heads[i]] = 1;
		area(queue)[16 + 16 * heads[i] + 8] = (uint8_t)(100 + i);
	}
}

/* The driver makes one readable buffer available. */
static void
make_request(unsigned int ring, uint16_t head)
{
	uint8_t *base = fake.window + RING_OFFSET(ring);
	struct vring_desc desc = {
		.addr = htole64(MEM_GPA + RING_OFFSET(ring) + BUFFERS + head * 16u),
		.len = htole32(16),
	};
	uint16_t idx = get16(base + AVAIL_OFFSET + 2);

	memcpy(base + head * sizeof(desc), &desc, sizeof(desc));
	put16(base + AVAIL_OFFSET + 4 + 2 * (idx % RING_NUM), head);
	put16(base + AVAIL_OFFSET + 2, (uint16_t)(idx + 1));
}

static int
pop(unsigned int i, struct vhr_taken *taken)
{
	struct iovec iov[4];
	struct vhr_chain chain = { .iov = iov, .iov_max = 4 };
	int ret = vhr_queue_pop(data_lock(i), taken, &chain);

	data_unlock(i);
	return ret;
}

static void
done(unsigned int i, const struct vhr_taken *taken)
{
	struct vhr_ring *ring = data_lock(i);

	vhr_queue_push(ring, taken, 0);
	vhr_queue_flush(ring);
	data_unlock(i);
}

static void
expect_broken(unsigned int i, const char *why)
{
	const struct vhr_ring *ring = vhr_ring(session, i);

	assert_true(ring->broken);
	assert_false(ring->ready);
	if (strstr(ring->broken_reason.text, why) == NULL)
		fail_msg("\"%s\" says nothing of \"%s\"", ring->broken_reason.text, why);
	expect_connected();
}

static void
feature_is_offered_where_it_is_asked_for(void **state)
{
	give(request(VHU_GET_PROTOCOL_FEATURES, 0));
	assert_true(answer()->u64 & PF(INFLIGHT_SHMFD));
}

static void
feature_is_not_offered_without_shared_memory_for_it(void **state)
{
	fake_reset();
	fake.no_inflight = true;
	session_open(with_inflight);
	assert_int_equal(vhr_up(session), 0);
	session_run();
	assert_true(fake_connect());
	session_run();
	give(request(VHU_GET_PROTOCOL_FEATURES, 0));
	assert_false(answer()->u64 & PF(INFLIGHT_SHMFD));
	give_illegal(request_u64(VHU_SET_PROTOCOL_FEATURES, PF(INFLIGHT_SHMFD)),
		     "were not offered");
}

static void
get_answers_the_size_of_all_parts(void **state)
{
	const struct vhu_msg *reply;

	give(get(3, SIZE));
	reply = answer();
	assert_int_equal(reply->hdr.size, 24);
	assert_int_equal(reply->inflight.mmap_size, 3 * (STRIDE + SPARE));
	assert_int_equal(reply->inflight.mmap_offset, 0);
	assert_int_equal(reply->inflight.num_queues, 3);
	assert_int_equal(reply->inflight.queue_size, SIZE);
}

static void
get_of_more_than_fits_is_answered_without_an_area(void **state)
{
	give(get(4, 1024));
	assert_int_equal(answer()->inflight.mmap_size, 0);
	assert_non_null(strstr(rec.last_log, "GET_INFLIGHT_FD: 65792 bytes"));
	expect_connected();
}

static void
get_with_numbers_that_the_device_does_not_have(void **state)
{
	static const struct {
		uint16_t queues, size;
		const char *why;
	} wrong[] = {
		{ 0, SIZE, "num_queues 0" },
		{ RINGS + 1, SIZE, "num_queues 5, the device has 4" },
		{ 1, 0, "queue_size 0" },
		{ 1, 2048, "queue_size 2048" },
		{ 1, 24, "queue_size 24, expected a power of two" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		give_illegal(get(wrong[i].queues, wrong[i].size), wrong[i].why);
		negotiate();
		give_illegal(inflight(VHU_SET_INFLIGHT_FD, wrong[i].queues, wrong[i].size,
				      FAKE_INFLIGHT, 0), wrong[i].why);
		negotiate();
	}
}

static void
set_with_an_area_that_is_too_small_or_elsewhere(void **state)
{
	static const struct {
		uint64_t size, offset;
		const char *why;
	} wrong[] = {
		{ 2 * STRIDE - 1, 0, "mmap_size 639, expected 640" },
		{ 0, 0, "mmap_size 0" },
		{ 2 * STRIDE, FAKE_INFLIGHT - 2 * STRIDE + 8, "leaves shared memory 3" },
		{ UINT64_MAX, 8, "leaves shared memory 3" },
		{ 2 * STRIDE, UINT64_MAX - 7, "leaves shared memory 3" },
		{ 2 * STRIDE, 4, "not aligned" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		give_illegal(inflight(VHU_SET_INFLIGHT_FD, 2, SIZE, wrong[i].size,
				      wrong[i].offset), wrong[i].why);
		negotiate();
	}
}

static void
not_negotiated(void **state)
{
	give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF_ALL));
	give_illegal(get(1, SIZE), "INFLIGHT_SHMFD (bit 12)");
	negotiate();
	give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF_ALL));
	give_illegal(set(), "INFLIGHT_SHMFD (bit 12)");
}

static void
new_area_is_initialized_when_the_ring_starts(void **state)
{
	memset(area(0), 0xee, 2 * STRIDE);
	put16(area(1) + 8, 0);
	set_used_idx(1, 0x1234);
	give_acked(set(), 0);
	give(request_state(VHU_SET_VRING_BASE, 1, 0x1234));
	assert_int_equal(area(1)[0], 0xee);
	give(request_state(VHU_SET_VRING_NUM, 1, RING_NUM));
	give(request_addr(1));
	give(request_u64(VHU_SET_VRING_KICK, 1));
	give(request_state(VHU_SET_VRING_ENABLE, 1, 1));
	assert_true(rec.ready[1]);
	/* features, version 1, desc_num 16, last_batch_head, used_idx; all entries free */
	assert_memory_equal(area(1), "\0\0\0\0\0\0\0\0\1\0\x10\0\0\0\x34\x12", 16);
	assert_int_equal(area(1)[16 + 15 * 16], 0);
	assert_int_equal(vhr_ring(session, 1)->last_avail, 0x1234);
	/* The other ring's part is its own. */
	assert_int_equal(area(0)[8], 0xee);
}

static void
ring_beyond_num_queues_has_no_record(void **state)
{
	give_acked(set(), 0);
	start_ring(2);
	assert_null(vhr_ring(session, 2)->inflight);
	start_ring(1);
	assert_non_null(vhr_ring(session, 1)->inflight);
}

static void
record_of_a_request_appears_and_goes(void **state)
{
	struct vhr_taken taken;

	give_acked(set(), 0);
	start_ring(0);
	make_request(0, 3);
	assert_int_equal(pop(0, &taken), 1);
	assert_int_equal(area(0)[16 + 3 * 16], 1);
	done(0, &taken);
	assert_int_equal(area(0)[16 + 3 * 16], 0);
	assert_int_equal(get16(area(0) + 12), 3);
	assert_int_equal(get16(area(0) + 14), 1);
}

/* SET_INFLIGHT_FD counts at the ring's start, whatever comes before it. */
static void
area_may_come_at_any_place_before_the_ring_runs(void **state)
{
	struct vhu_msg messages[] = {
		request_state(VHU_SET_VRING_NUM, 0, RING_NUM),
		request_addr(0),
		request_u64(VHU_SET_VRING_KICK, 0),
		request_state(VHU_SET_VRING_ENABLE, 0, 1),
	};
	static const uint16_t heads[] = { 7, 2 };
	struct vhr_taken taken;
	unsigned int place, i;

	for (place = 0; place < 4; place++) {
		memset(fake.window + RING_OFFSET(0), 0, 0x4000);
		make_request(0, 7);
		make_request(0, 2);
		leave_record(0, 0, heads, 2);
		for (i = 0; i < 4; i++) {
			if (i == place)
				give_acked(set(), 0);
			give(messages[i]);
		}
		assert_true(vhr_ring(session, 0)->ready);
		assert_int_equal(vhr_queue_left(vhr_ring(session, 0)), 2);
		assert_int_equal(pop(0, &taken), 1);
		assert_int_equal(taken.id, 7);
		give(request(VHU_RESET_DEVICE, 0));
	}
}

static void
base_of_a_resumed_ring_is_what_the_record_says(void **state)
{
	static const uint16_t heads[] = { 5, 9, 1 };

	leave_record(0, 40, heads, 3);
	set_used_idx(0, 40);
	give_acked(set(), 0);
	give(request_state(VHU_SET_VRING_BASE, 0, 40));
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	assert_int_equal(vhr_ring(session, 0)->last_avail, 43);
	give(request_state(VHU_GET_VRING_BASE, 0, 0));
	assert_int_equal(answer()->state.num, 43);
}

static void
resumed_ring_calls_once(void **state)
{
	leave_record(0, 0, NULL, 0);
	give_acked(set(), 0);
	give(request_u64(VHU_SET_VRING_CALL, 0));
	fake.doorbells[0] = 0;
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	assert_int_equal(fake.doorbells[0], 1);
}

static void
drained_ring_starts_again_with_the_same_area(void **state)
{
	struct vhr_taken taken;

	give_acked(set(), 0);
	start_ring(0);
	make_request(0, 3);
	assert_int_equal(pop(0, &taken), 1);
	done(0, &taken);
	give(request_state(VHU_GET_VRING_BASE, 0, 0));
	assert_int_equal(answer()->state.num, 1);
	assert_null(vhr_ring(session, 0)->inflight);
	give_acked(set(), 0);
	give(request_state(VHU_SET_VRING_BASE, 0, 1));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	assert_true(rec.ready[0]);
	assert_int_equal(vhr_queue_left(vhr_ring(session, 0)), 0);
	make_request(0, 4);
	assert_int_equal(pop(0, &taken), 1);
	assert_int_equal(taken.id, 4);
}

static void
request_that_nobody_finished_comes_again_after_a_reconnect(void **state)
{
	struct vhr_taken taken;

	give_acked(set(), 0);
	start_ring(0);
	make_request(0, 3);
	make_request(0, 4);
	make_request(0, 5);
	assert_int_equal(pop(0, &taken), 1);
	assert_int_equal(pop(0, &taken), 1);
	done(0, &taken);
	fake_hang_up();
	negotiate();
	give_acked(set(), 0);
	set_used_idx(0, 1);
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_state(VHU_SET_VRING_BASE, 0, 1));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	assert_int_equal(pop(0, &taken), 1);
	assert_int_equal(taken.id, 3);
	assert_int_equal(pop(0, &taken), 1);
	assert_int_equal(taken.id, 5);
	assert_int_equal(pop(0, &taken), 0);
}

static void
area_is_forgotten_by_a_reset_and_by_a_disconnect(void **state)
{
	give_acked(set(), 0);
	give(request(VHU_RESET_DEVICE, 0));
	start_ring(0);
	assert_null(vhr_ring(session, 0)->inflight);
	give(request(VHU_RESET_DEVICE, 0));
	give_acked(set(), 0);
	fake_hang_up();
	negotiate();
	start_ring(0);
	assert_null(vhr_ring(session, 0)->inflight);
}

static void
area_of_a_running_ring_may_come_again_and_no_other(void **state)
{
	struct vhu_msg other = set();

	give_acked(set(), 0);
	start_ring(0);
	give_acked(set(), 0);
	other.inflight.mmap_offset += 0x1000;
	give_illegal(need_reply(other), "SET_INFLIGHT_FD: ring 0 runs with another area");
}

static void
area_of_a_stopped_ring_may_be_another(void **state)
{
	struct vhu_msg other = set();

	give_acked(set(), 0);
	start_ring(0);
	give(request_state(VHU_GET_VRING_BASE, 0, 0));
	answer();
	other.inflight.mmap_offset += 0x1000;
	give_acked(other, 0);
	give(request_u64(VHU_SET_VRING_KICK, 0));
	assert_true(rec.ready[0]);
	assert_int_equal(get16(area(0) + 0x1000 + 8), 1);
}

static void
running_ring_without_an_area_gets_none(void **state)
{
	start_ring(0);
	give_acked(set(), 1);
	assert_null(vhr_ring(session, 0)->inflight);
	/* One that the area has no part for may run. */
	give(request_state(VHU_GET_VRING_BASE, 0, 0));
	answer();
	start_ring(3);
	give_acked(set(), 0);
}

static void
ring_smaller_than_queue_size_uses_a_part_of_its_part(void **state)
{
	struct vhu_msg msg = inflight(VHU_SET_INFLIGHT_FD, 1, 64, 2048, 0);

	give_acked(msg, 0);
	start_ring(0);
	assert_int_equal(get16(fake.inflight + 10), 64);
}

/* As QEMU 10.0.13 does it. */
static void
ring_larger_than_queue_size_has_its_part_behind_the_others(void **state)
{
	struct vhr_taken taken;

	give(get(2, 8));
	give_acked(inflight(VHU_SET_INFLIGHT_FD, 2, 8, answer()->inflight.mmap_size, 0), 0);
	start_ring(1);
	/* Two of 16 + 8 * 16 in 64s come first, then the one of ring 0. */
	assert_int_equal(get16(fake.inflight + 2 * 192 + SPARE + 8), 1);
	assert_int_equal(get16(fake.inflight + 2 * 192 + SPARE + 10), 1024);
	make_request(1, 9);
	assert_int_equal(pop(1, &taken), 1);
	assert_int_equal(fake.inflight[2 * 192 + SPARE + 16 + 9 * 16], 1);
	done(1, &taken);
	assert_int_equal(fake.inflight[2 * 192 + SPARE + 16 + 9 * 16], 0);
	/* What others would use is as it was. */
	assert_int_equal(get16(fake.inflight + 192 + 8), 0);
}

static void
ring_larger_than_queue_size_is_broken(void **state)
{
	give_acked(inflight(VHU_SET_INFLIGHT_FD, 1, 8, 192, 0), 0);
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	expect_broken(0, "inflight area: queue_size 8, ring of 16");
}

static void
area_that_makes_no_sense_breaks_its_ring_alone(void **state)
{
	leave_record(0, 0, NULL, 0);
	put16(area(0) + 8, 2);
	give_acked(set(), 0);
	start_ring(1);
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	expect_broken(0, "inflight area: version 2");
	assert_true(vhr_ring(session, 1)->ready);
	/* Set up anew with an area that does. */
	put16(area(0) + 8, 0);
	give(request_state(VHU_GET_VRING_BASE, 0, 0));
	answer();
	give(request_u64(VHU_SET_VRING_KICK, 0));
	assert_true(vhr_ring(session, 0)->ready);
}

static void
same_answer_when_asked_twice(void **state)
{
	give(get(2, SIZE));
	assert_int_equal(answer()->inflight.mmap_size, 2 * (STRIDE + SPARE));
	give(get(2, SIZE));
	assert_int_equal(answer()->inflight.mmap_size, 2 * (STRIDE + SPARE));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, session_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(feature_is_offered_where_it_is_asked_for),
		cmocka_unit_test_teardown(feature_is_not_offered_without_shared_memory_for_it,
					  session_teardown),
		TEST(get_answers_the_size_of_all_parts),
		TEST(same_answer_when_asked_twice),
		TEST(get_of_more_than_fits_is_answered_without_an_area),
		TEST(get_with_numbers_that_the_device_does_not_have),
		TEST(set_with_an_area_that_is_too_small_or_elsewhere),
		TEST(not_negotiated),
		TEST(new_area_is_initialized_when_the_ring_starts),
		TEST(ring_beyond_num_queues_has_no_record),
		TEST(record_of_a_request_appears_and_goes),
		TEST(area_may_come_at_any_place_before_the_ring_runs),
		TEST(base_of_a_resumed_ring_is_what_the_record_says),
		TEST(resumed_ring_calls_once),
		TEST(drained_ring_starts_again_with_the_same_area),
		TEST(request_that_nobody_finished_comes_again_after_a_reconnect),
		TEST(area_is_forgotten_by_a_reset_and_by_a_disconnect),
		TEST(area_of_a_running_ring_may_come_again_and_no_other),
		TEST(area_of_a_stopped_ring_may_be_another),
		TEST(running_ring_without_an_area_gets_none),
		TEST(ring_smaller_than_queue_size_uses_a_part_of_its_part),
		TEST(ring_larger_than_queue_size_has_its_part_behind_the_others),
		TEST(ring_larger_than_queue_size_is_broken),
		TEST(area_that_makes_no_sense_breaks_its_ring_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
