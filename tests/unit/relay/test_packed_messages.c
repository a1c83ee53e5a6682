/* SPDX-License-Identifier: BSD-3-Clause */
/* What messages mean for packed rings, and for rings whose format is not known yet. */
#include <endian.h>

#include "session_fixture.h"
#include "vhost-relay/vring/queue.h"

#define F_PACKED BIT(34)
#define FIRST 0x80008000u

static void
with_packed(struct vhr_config *config)
{
	config->packed = true;
	config->inflight = true;
	config->max_ring_size = 1024;
}

/* Connected, protocol features and memory set; features not. */
static int
setup_unknown(void **state)
{
	fake_reset();
	session_open(with_packed);
	assert_int_equal(vhr_up(session), 0);
	session_run();
	assert_true(fake_connect());
	session_run();
	give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF_ALL | PF(INFLIGHT_SHMFD)));
	give(request_table());
	expect_connected();
	return 0;
}

static void
packed_features(void)
{
	give(request_u64(VHU_SET_FEATURES, F_BASE | F_PACKED));
}

static int
setup(void **state)
{
	setup_unknown(state);
	packed_features();
	expect_connected();
	return 0;
}

static struct vhu_msg
addr(uint64_t avail, uint64_t used)
{
	struct vhu_msg msg = request_addr(0);

	msg.addr.avail = msg.addr.desc + avail;
	msg.addr.used = msg.addr.desc + used;
	return msg;
}

static void
start_from(uint32_t num, uint32_t base)
{
	give(request_state(VHU_SET_VRING_NUM, 0, num));
	give(request_state(VHU_SET_VRING_BASE, 0, base));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_u64(VHU_SET_VRING_CALL, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	expect_connected();
}

static void
expect_position(uint16_t avail, bool avail_wrap, uint16_t used, bool used_wrap)
{
	const struct vhr_ring *ring = vhr_ring(session, 0);

	if (!ring->ready)
		fail_msg("not ready: %s", ring->broken_reason.text);
	assert_int_equal(ring->last_avail, avail);
	assert_int_equal(ring->avail_wrap, avail_wrap);
	assert_int_equal(ring->used_idx, used);
	assert_int_equal(ring->used_wrap, used_wrap);
}

static uint32_t
stop(void)
{
	give(request_state(VHU_GET_VRING_BASE, 0, 0));
	return answer()->state.num;
}

static void
bit_is_offered_only_where_it_is_asked_for(void **state)
{
	give(request(VHU_GET_FEATURES, 0));
	assert_true(answer()->u64 & F_PACKED);
	vhr_close(session);
	fake_free();
	session_setup(state);
	give(request(VHU_GET_FEATURES, 0));
	assert_false(answer()->u64 & F_PACKED);
	give_illegal(request_u64(VHU_SET_FEATURES, F_BASE | F_PACKED), "were not offered");
}

static void
bit_among_the_features_of_a_device_is_refused(void **state)
{
	struct vhr_config config = {
		.max_rings = 1, .queue_num = 1, .features = F_PACKED
	};
	struct vhr_session *other;
	struct vhu_reason reason;

	assert_int_equal(vhr_open(fake_bus(), &config, &other, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "bit 34"));
}

static void
size_need_not_be_a_power_of_two(void **state)
{
	start_from(100, FIRST);
	expect_position(0, true, 0, true);
	assert_int_equal(vhr_ring(session, 0)->size, 100);
	give_illegal(request_state(VHU_SET_VRING_NUM, 1, 1025), "expected a number up to 1024");
}

static void
split_rings_of_the_same_session_need_a_power_of_two(void **state)
{
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	give_illegal(request_state(VHU_SET_VRING_NUM, 0, 100),
		     "expected a power of two up to 1024");
}

static void
size_from_before_the_features_is_checked_by_them(void **state)
{
	give(request_state(VHU_SET_VRING_NUM, 2, 100));
	expect_connected();
	give_illegal(request_u64(VHU_SET_FEATURES, F_BASE),
		     "SET_FEATURES: ring 2: size 100, expected a power of two");
}

static void
event_areas_are_aligned_to_four(void **state)
{
	give_illegal(addr(0x1002, 0x2000), "avail 0x7f1200011002 is not aligned to 4");
}

static void
alignment_from_before_the_features_is_checked_by_them(void **state)
{
	give(addr(0x1002, 0x2000));
	expect_connected();
	give_illegal(request_u64(VHU_SET_FEATURES, F_BASE | F_PACKED), "is not aligned to 4");
}

static void
split_ring_may_have_an_address_that_a_packed_one_may_not(void **state)
{
	give(addr(0x1002, 0x2000));
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	assert_true(rec.ready[0]);
}

/* A split ring of this size would reach over the end of memory. */
static void
event_areas_are_four_bytes_long(void **state)
{
	struct vhu_msg msg = request_addr(0);

	msg.addr.avail = MEM_UVA + MEM_SIZE - 4;
	msg.addr.used = MEM_UVA + MEM_SIZE - 8;
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give_acked(msg, 0);
	assert_ptr_equal(vhr_ring(session, 0)->driver_event, fake.window + MEM_SIZE - 4);
	msg.addr.avail += 4;
	give_acked(msg, 1);
	assert_non_null(strstr(vhr_last_error(session), "driver event area"));
}

static void
features_may_come_last(void **state)
{
	start_from(100, FIRST);
	assert_false(rec.ready[0]);
	packed_features();
	expect_position(0, true, 0, true);
	assert_ptr_equal(vhr_ring(session, 0)->device_event,
			 fake.window + RING_OFFSET(0) + USED_OFFSET);
}

static void
base_has_two_positions_with_their_laps(void **state)
{
	start_from(100, 99u | 1u << 15 | 97u << 16 | 1u << 31);
	expect_position(99, true, 97, true);
	assert_int_equal(vhr_ring(session, 0)->out, 2);
	assert_int_equal(stop(), 99u | 1u << 15 | 97u << 16 | 1u << 31);
}

static void
base_across_the_end_of_the_ring(void **state)
{
	start_from(100, 3u | 98u << 16 | 1u << 31);
	expect_position(3, false, 98, true);
	assert_int_equal(vhr_ring(session, 0)->out, 5);
}

static void
base_of_sixteen_bits_is_both_positions(void **state)
{
	start_from(100, 42u | 1u << 15);
	expect_position(42, true, 42, true);
	assert_int_equal(vhr_ring(session, 0)->out, 0);
}

static void
ring_without_a_base_begins_with_the_first_lap(void **state)
{
	give(request_state(VHU_SET_VRING_NUM, 0, 100));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	expect_position(0, true, 0, true);
}

static void
base_outside_the_ring_breaks_it(void **state)
{
	static const uint32_t wrong[] = {
		100u | 1u << 15 | 0u << 16 | 1u << 31,		/* avail */
		0u | 100u << 16 | 1u << 31,			/* used */
		3u | 1u << 15 | 4u << 16 | 1u << 31,		/* used ahead */
		5u | 4u << 16 | 1u << 31,			/* more than a lap ahead */
	};
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		start_from(100, wrong[i]);
		assert_true(vhr_ring(session, 0)->broken);
		assert_non_null(strstr(vhr_ring(session, 0)->broken_reason.text,
				       "packed ring of 100"));
		give(request(VHU_RESET_DEVICE, 0));
	}
}

static void
base_of_a_running_ring_may_only_be_what_it_is(void **state)
{
	start_from(100, FIRST);
	give_acked(request_state(VHU_SET_VRING_BASE, 0, FIRST), 0);
	give_acked(request_state(VHU_SET_VRING_BASE, 0, FIRST | 1), 1);
}

static void
base_of_more_than_sixteen_bits_breaks_a_split_ring(void **state)
{
	start_from(RING_NUM, FIRST);
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	assert_true(vhr_ring(session, 0)->broken);
	assert_non_null(strstr(vhr_ring(session, 0)->broken_reason.text, "expected 16 bits"));
}

static void
request_is_served_and_the_base_moves(void **state)
{
	uint8_t *ring_at = fake.window + RING_OFFSET(0);
	struct vring_packed_desc desc = {
		.addr = htole64(MEM_GPA + 0x80000),
		.len = htole32(64),
		.id = htole16(7),
		.flags = htole16(0x82),
	};
	struct iovec iov[4];
	struct vhr_chain chain = { .iov = iov, .iov_max = 4 };
	struct vhr_taken taken;
	struct vhr_ring *ring;

	start_from(100, FIRST);
	memcpy(ring_at, &desc, sizeof(desc));
	fake.doorbells[0] = 0;
	ring = data_lock(0);
	assert_int_equal(vhr_queue_pop(ring, &taken, &chain), 1);
	vhr_queue_push(ring, &taken, 12);
	vhr_queue_flush(ring);
	data_unlock(0);
	assert_int_equal(fake.doorbells[0], 1);
	assert_memory_equal(ring_at + 8, "\x0c\0\0\0\7\0\x82\x80", 8);
	assert_int_equal(stop(), FIRST | 1u | 1u << 16);
	/* And on from there. */
	give(request_u64(VHU_SET_VRING_KICK, 0));
	expect_position(1, true, 1, true);
}

static void
kicks_are_asked_for_at_the_start(void **state)
{
	memset(fake.window + RING_OFFSET(0) + USED_OFFSET, 0xff, 4);
	start_from(100, FIRST);
	assert_int_equal(fake.window[RING_OFFSET(0) + USED_OFFSET + 2], 0);
	assert_int_equal(fake.window[RING_OFFSET(0) + USED_OFFSET + 3], 0);
}

static struct vhu_msg
inflight(uint32_t id, uint16_t queue_size, uint64_t size)
{
	struct vhu_msg msg = request(id, sizeof(msg.inflight));

	msg.inflight.mmap_size = size;
	msg.inflight.num_queues = 1;
	msg.inflight.queue_size = queue_size;
	return msg;
}

static void
inflight_area_is_larger_than_that_of_a_split_ring(void **state)
{
	/* 32 + 100 * 32 in 64s, and for longer rings 32 + 1024 * 32; before the features too. */
	give(inflight(VHU_GET_INFLIGHT_FD, 100, 0));
	assert_int_equal(answer()->inflight.mmap_size, 3264 + 32832);
	packed_features();
	give(inflight(VHU_GET_INFLIGHT_FD, 100, 0));
	assert_int_equal(answer()->inflight.mmap_size, 3264 + 32832);
	give_illegal(inflight(VHU_SET_INFLIGHT_FD, 100, 3263), "mmap_size 3263, expected 3264");
}

static void
inflight_area_from_before_the_features_is_checked_when_the_ring_starts(void **state)
{
	/* Enough for a split ring of 100. */
	give_acked(inflight(VHU_SET_INFLIGHT_FD, 100, 1664), 0);
	packed_features();
	start_from(100, FIRST);
	assert_true(vhr_ring(session, 0)->broken);
	assert_non_null(strstr(vhr_ring(session, 0)->broken_reason.text,
			       "inflight area: 1664 bytes, expected 3264"));
	assert_int_equal(stop(), FIRST);
}

static void
position_of_a_resumed_ring_is_what_the_record_says(void **state)
{
	uint8_t *area = fake.inflight;
	unsigned int i;

	memset(area, 0, 3264);
	area[8] = 1;
	area[10] = 100;
	area[12] = area[14] = 3;	/* free: 3.. */
	area[16] = area[18] = 98;	/* used: 98, in the second lap */
	for (i = 0; i < 100; i++)
		area[32 + 32 * i + 2] = (uint8_t)(i + 1);
	area[32] = 1;			/* one request of three descriptors, id 9 */
	area[32 + 4] = 2;
	area[32 + 6] = 3;
	area[32 + 2 * 32 + 16] = 9;
	give_acked(inflight(VHU_SET_INFLIGHT_FD, 100, 3264), 0);
	start_from(100, FIRST);
	expect_position(1, true, 98, false);
	assert_int_equal(vhr_queue_left(vhr_ring(session, 0)), 1);
}

#define PACKED(name) cmocka_unit_test_setup_teardown(name, setup, session_teardown)
#define UNKNOWN(name) cmocka_unit_test_setup_teardown(name, setup_unknown, session_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNKNOWN(bit_is_offered_only_where_it_is_asked_for),
		cmocka_unit_test(bit_among_the_features_of_a_device_is_refused),
		PACKED(size_need_not_be_a_power_of_two),
		UNKNOWN(split_rings_of_the_same_session_need_a_power_of_two),
		UNKNOWN(size_from_before_the_features_is_checked_by_them),
		PACKED(event_areas_are_aligned_to_four),
		UNKNOWN(alignment_from_before_the_features_is_checked_by_them),
		UNKNOWN(split_ring_may_have_an_address_that_a_packed_one_may_not),
		PACKED(event_areas_are_four_bytes_long),
		UNKNOWN(features_may_come_last),
		PACKED(base_has_two_positions_with_their_laps),
		PACKED(base_across_the_end_of_the_ring),
		PACKED(base_of_sixteen_bits_is_both_positions),
		PACKED(ring_without_a_base_begins_with_the_first_lap),
		PACKED(base_outside_the_ring_breaks_it),
		PACKED(base_of_a_running_ring_may_only_be_what_it_is),
		UNKNOWN(base_of_more_than_sixteen_bits_breaks_a_split_ring),
		PACKED(request_is_served_and_the_base_moves),
		PACKED(kicks_are_asked_for_at_the_start),
		UNKNOWN(inflight_area_is_larger_than_that_of_a_split_ring),
		UNKNOWN(inflight_area_from_before_the_features_is_checked_when_the_ring_starts),
		PACKED(position_of_a_resumed_ring_is_what_the_record_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
