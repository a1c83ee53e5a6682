/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring state machine: what starts, stops, enables and breaks a ring, in any order. */
#include <endian.h>

#include "session_fixture.h"
#include "vhost-relay/vring/split.h"

#define N RINGS	/* number of rings, and first index that does not exist */

static void
ring_is_ready_after_everything_in_the_usual_order(void **state)
{
	struct vhr_ring *ring = vhr_ring(session, 1);

	start_ring(1);
	assert_true(ring->started);
	assert_true(ring->enabled);
	assert_int_equal(ring->size, RING_NUM);
	assert_ptr_equal(ring->desc, fake.window + RING_OFFSET(1));
	assert_ptr_equal(ring->avail, fake.window + RING_OFFSET(1) + AVAIL_OFFSET);
	assert_ptr_equal(ring->used, fake.window + RING_OFFSET(1) + USED_OFFSET);
	assert_false(rec.ready[0]);
	assert_int_equal(rec.ready_calls, 1);
}

/* Every order of the five messages that a ring needs ends in a ready ring. */
static void
ring_is_ready_after_everything_in_any_order(void **state)
{
	struct vhu_msg messages[] = {
		request_table(),
		request_state(VHU_SET_VRING_NUM, 0, RING_NUM),
		request_addr(0),
		request_u64(VHU_SET_VRING_KICK, 0),
		request_state(VHU_SET_VRING_ENABLE, 0, 1),
	};
	unsigned int order[] = { 0, 1, 2, 3, 4 }, c[5] = { 0 }, i = 0, runs = 0, k, swap;
	struct vhu_msg reset = request(VHU_RESET_DEVICE, 0);
	struct vhu_msg no_table = request(VHU_SET_MEM_TABLE, 8);

	/* Heap's permutations. */
	while (i < 5) {
		if (runs != 0 && c[i] >= i) {
			c[i++] = 0;
			continue;
		}
		if (runs != 0) {
			k = i % 2 == 0 ? 0 : c[i];
			swap = order[k];
			order[k] = order[i];
			order[i] = swap;
			c[i]++;
			i = 0;
		}
		runs++;
		for (k = 0; k < 5; k++) {
			assert_false(vhr_ring(session, 0)->ready);
			give(messages[order[k]]);
		}
		assert_true(vhr_ring(session, 0)->ready);
		give(reset);
		give(no_table);
	}
	assert_int_equal(runs, 120);
	expect_connected();
}

static void
ring_needs_features(void **state)
{
	give(request_table());
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	assert_false(vhr_ring(session, 0)->ready);
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	expect_connected();
	assert_true(vhr_ring(session, 0)->ready);
}

static void
without_bit_30_all_rings_are_enabled_at_once(void **state)
{
	unsigned int i;

	give(request_u64(VHU_SET_FEATURES, BIT(VHU_VIRTIO_F_VERSION_1)));
	for (i = 0; i < RINGS; i++)
		assert_true(vhr_ring(session, i)->enabled);
	give(request_table());
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	assert_true(rec.ready[0]);
}

static void
with_bit_30_rings_stay_disabled(void **state)
{
	unsigned int i;

	for (i = 0; i < RINGS; i++)
		assert_false(vhr_ring(session, i)->enabled);
}

static void
enable_before_features_is_legal(void **state)
{
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	expect_connected();
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	assert_true(vhr_ring(session, 0)->enabled);
}

static void
enable_without_bit_30(void **state)
{
	give(request_u64(VHU_SET_FEATURES, BIT(VHU_VIRTIO_F_VERSION_1)));
	give_illegal(request_state(VHU_SET_VRING_ENABLE, 0, 1), "bit 30");
}

static void
enable_of_something_else(void **state)
{
	give_illegal(request_state(VHU_SET_VRING_ENABLE, 0, 2), "num 2");
}

static void
disable_and_enable_keep_the_indices(void **state)
{
	struct vhr_ring *ring;

	start_ring(0);
	ring = data_lock(0);
	ring->last_avail = 7;
	ring->used_idx = 7;
	data_unlock(0);
	give(request_state(VHU_SET_VRING_ENABLE, 0, 0));
	assert_false(rec.ready[0]);
	assert_true(vhr_ring(session, 0)->started);
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	assert_true(rec.ready[0]);
	assert_int_equal(vhr_ring(session, 0)->last_avail, 7);
	assert_int_equal(vhr_ring(session, 0)->used_idx, 7);
	assert_int_equal(rec.stops[0], 0);
}

static void
kick_without_fd_starts_and_polls(void **state)
{
	give(request_u64(VHU_SET_VRING_KICK, 2 | VHU_VRING_NOFD));
	expect_connected();
	assert_true(vhr_ring(session, 2)->started);
	assert_true(vhr_ring(session, 2)->kick_none);
}

static void
kick_again_keeps_the_ring_running(void **state)
{
	struct vhr_ring *ring;

	start_ring(0);
	ring = data_lock(0);
	ring->last_avail = 3;
	ring->used_idx = 3;
	data_unlock(0);
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_u64(VHU_SET_VRING_KICK, 0 | VHU_VRING_NOFD));
	assert_true(ring->kick_none);
	assert_true(ring->ready);
	assert_int_equal(ring->last_avail, 3);
	assert_int_equal(ring->used_idx, 3);
	assert_int_equal(rec.stops[0], 0);
}

static void
kick_fds_are_bound_from_the_beginning(void **state)
{
	unsigned int i;

	for (i = 0; i < RINGS; i++) {
		assert_int_equal(vhr_ring(session, i)->kick_fd, fake.kick_fds[i]);
		assert_true(fake.kick_bound[i]);
	}
}

static void
get_vring_base_stops_that_ring_only(void **state)
{
	const struct vhu_msg *reply;
	struct vhr_ring *ring;

	start_ring(0);
	start_ring(1);
	ring = data_lock(1);
	ring->last_avail = 0xfffe;
	data_unlock(1);
	give(request_state(VHU_GET_VRING_BASE, 1, 0));
	reply = answer();
	assert_int_equal(reply->state.index, 1);
	assert_int_equal(reply->state.num, 0xfffe);
	assert_int_equal(rec.stops[1], 1);
	assert_int_equal(rec.stops[0], 0);
	assert_false(rec.ready[1]);
	assert_true(rec.ready[0]);
	assert_false(ring->started);
	assert_true(ring->enabled);
}

static void
get_vring_base_of_a_stopped_ring_tells_its_base(void **state)
{
	give(request_state(VHU_SET_VRING_BASE, 2, 77));
	give(request_state(VHU_GET_VRING_BASE, 2, 0));
	assert_int_equal(answer()->state.num, 77);
	give(request_state(VHU_GET_VRING_BASE, 2, 0));
	assert_int_equal(answer()->state.num, 77);
	assert_int_equal(rec.stops[2], 0);
}

static void
ring_goes_on_after_stop_and_start(void **state)
{
	struct vhr_ring *ring;

	start_ring(0);
	ring = data_lock(0);
	ring->last_avail = 9;
	ring->used_idx = 9;
	data_unlock(0);
	set_used_idx(0, 9);
	give(request_state(VHU_GET_VRING_BASE, 0, 0));
	assert_int_equal(answer()->state.num, 9);
	give(request_u64(VHU_SET_VRING_KICK, 0));
	assert_true(rec.ready[0]);
	assert_int_equal(ring->last_avail, 9);
	assert_int_equal(ring->used_idx, 9);
}

static void
used_idx_comes_from_the_used_ring(void **state)
{
	set_used_idx(0, 0xfffd);
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_state(VHU_SET_VRING_BASE, 0, 2));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	assert_true(rec.ready[0]);
	assert_int_equal(vhr_ring(session, 0)->last_avail, 2);
	assert_int_equal(vhr_ring(session, 0)->used_idx, 0xfffd);
	assert_int_equal(vhr_ring(session, 0)->signalled_valid, false);
}

static void
base_that_cannot_be_breaks_the_ring(void **state)
{
	struct vhr_ring *ring = vhr_ring(session, 0);

	set_used_idx(0, 100);
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_state(VHU_SET_VRING_BASE, 0, 100 + RING_NUM + 1));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	expect_connected();
	assert_false(ring->ready);
	assert_true(ring->broken);
	assert_non_null(strstr(vhr_last_error(session), "ring 0 is broken: base 117 is 17 ahead"));
	assert_int_equal(fake.doorbells[FAKE_QUEUES + 0], 1);
	assert_false(rec.ready[0]);
}

static void
kicks_are_wanted_when_a_ring_becomes_ready(void **state)
{
	uint8_t *flags = fake.window + RING_OFFSET(0) + USED_OFFSET;

	/* As a polling backend left it. */
	flags[0] = VRING_USED_F_NO_NOTIFY;
	start_ring(0);
	assert_int_equal(flags[0], 0);
	assert_true(vhr_ring(session, 0)->kicks_wanted);
}

/* ---- sizes and bases ---- */

static void
num_that_is_no_power_of_two(void **state)
{
	give_illegal(request_state(VHU_SET_VRING_NUM, 0, 24), "num 24");
}

static void
num_zero(void **state)
{
	give_illegal(request_state(VHU_SET_VRING_NUM, 0, 0), "num 0");
}

static void
num_beyond_16_bits(void **state)
{
	give_illegal(request_state(VHU_SET_VRING_NUM, 0, 0x10000), "num 65536");
}

static void
num_largest(void **state)
{
	give(request_state(VHU_SET_VRING_NUM, 0, VHR_RING_SIZE_MAX));
	expect_connected();
	assert_int_equal(vhr_ring(session, 0)->size, VHR_RING_SIZE_MAX);
}

static void
num_may_change_until_the_ring_runs(void **state)
{
	give(request_state(VHU_SET_VRING_NUM, 0, 64));
	start_ring(0);
	assert_int_equal(vhr_ring(session, 0)->size, RING_NUM);
	give_acked(request_state(VHU_SET_VRING_NUM, 0, RING_NUM), 0);
	give_acked(request_state(VHU_SET_VRING_NUM, 0, 64), 1);
	assert_int_equal(vhr_ring(session, 0)->size, RING_NUM);
	give(request_state(VHU_GET_VRING_BASE, 0, 0));
	answer();
	give_acked(request_state(VHU_SET_VRING_NUM, 0, 64), 0);
	assert_int_equal(vhr_ring(session, 0)->size, 64);
}

static void
num_change_of_a_running_ring_without_an_answer(void **state)
{
	start_ring(0);
	give_illegal(request_state(VHU_SET_VRING_NUM, 0, 64), "it runs with 16");
}

static void
base_of_more_than_16_bits(void **state)
{
	give_illegal(request_state(VHU_SET_VRING_BASE, 0, 0x10000), "num 0x10000");
}

static void
base_of_a_running_ring(void **state)
{
	start_ring(0);
	give_acked(request_state(VHU_SET_VRING_BASE, 0, 0), 0);
	give_acked(request_state(VHU_SET_VRING_BASE, 0, 1), 1);
	assert_int_equal(vhr_ring(session, 0)->last_avail, 0);
}

/* ---- addresses ---- */

static void
addresses_that_are_not_aligned(void **state)
{
	struct vhu_msg wrong[3] = { request_addr(0), request_addr(0), request_addr(0) };
	static const char *const why[3] = { "desc", "avail", "used" };
	unsigned int i;

	wrong[0].addr.desc += 8;
	wrong[1].addr.avail += 1;
	wrong[2].addr.used += 2;
	for (i = 0; i < 3; i++) {
		give_illegal(wrong[i], why[i]);
		assert_true(fake_connect());
		session_run();
	}
}

static void
address_flags_undefined(void **state)
{
	struct vhu_msg msg = request_addr(0);

	msg.addr.flags = 2;
	give_illegal(msg, "flags 0x2");
}

static void
addresses_of_a_running_ring_keep_its_indices(void **state)
{
	struct vhu_msg msg = request_addr(0);
	struct vhr_ring *ring;

	start_ring(0);
	ring = data_lock(0);
	ring->last_avail = 11;
	ring->used_idx = 10;
	data_unlock(0);
	msg.addr.flags = VHU_VRING_ADDR_F_LOG;
	give_acked(msg, 0);
	assert_true(ring->ready);
	assert_int_equal(ring->last_avail, 11);
	assert_int_equal(ring->used_idx, 10);
	assert_int_equal(rec.ready_calls, 1);
}

static void
addresses_outside_memory_are_answered_where_asked(void **state)
{
	struct vhu_msg msg = request_addr(0);

	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	msg.addr.used = MEM_UVA + MEM_SIZE - 8;
	give_acked(msg, 1);
	assert_non_null(strstr(vhr_last_error(session), "used ring"));
	/* And otherwise the ring is just not ready. */
	give(msg);
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	expect_connected();
	assert_false(vhr_ring(session, 0)->ready);
	give_acked(request_addr(0), 0);
	assert_true(vhr_ring(session, 0)->ready);
}

static void
addresses_before_num_are_checked_when_num_comes(void **state)
{
	struct vhu_msg msg = request_addr(0);

	msg.addr.used = MEM_UVA + MEM_SIZE - (6 + 8 * RING_NUM) / 4 * 4;
	give_acked(msg, 0);
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	give(request_state(VHU_SET_VRING_NUM, 0, 64));
	assert_false(vhr_ring(session, 0)->ready);
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM / 2));
	assert_true(vhr_ring(session, 0)->ready);
}

/* The last byte that counts is that of the event index (virtio 1.3, 2.7). */
static void
ring_parts_include_their_event_index(void **state)
{
	struct vhu_msg msg = request_addr(0);

	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	msg.addr.avail = MEM_UVA + MEM_SIZE - (6 + 2 * RING_NUM);
	give_acked(msg, 0);
	msg.addr.avail += 2;
	give_acked(msg, 1);
	assert_non_null(strstr(vhr_last_error(session), "available ring"));
	msg = request_addr(0);
	msg.addr.desc = MEM_UVA + MEM_SIZE - 16 * RING_NUM;
	give_acked(msg, 0);
	msg.addr.desc += 16;
	give_acked(msg, 1);
	assert_non_null(strstr(vhr_last_error(session), "descriptor table"));
}

static void
gpa_addresses_mode_translates_by_guest_address(void **state)
{
	struct vhu_msg msg = request_addr(0);

	give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF(GPA_ADDRESSES) | PF(REPLY_ACK)));
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	give(request_table());
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give_acked(msg, 1);
	msg.addr.desc += MEM_GPA - MEM_UVA;
	msg.addr.avail += MEM_GPA - MEM_UVA;
	msg.addr.used += MEM_GPA - MEM_UVA;
	give_acked(msg, 0);
	assert_ptr_equal(vhr_ring(session, 0)->desc, fake.window + RING_OFFSET(0));
}

static void
protocol_features_after_addresses_translate_anew(void **state)
{
	struct vhu_msg msg = request_addr(0);

	give(request_table());
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	msg.addr.desc += MEM_GPA - MEM_UVA;
	msg.addr.avail += MEM_GPA - MEM_UVA;
	msg.addr.used += MEM_GPA - MEM_UVA;
	give(msg);
	assert_null(vhr_ring(session, 0)->desc);
	give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF(GPA_ADDRESSES)));
	assert_non_null(vhr_ring(session, 0)->desc);
}

/* ---- calls and errors ---- */

static void
calls_go_to_the_doorbell_unless_nobody_listens(void **state)
{
	struct vhr_ring *ring;

	start_ring(1);
	fake.doorbells[1] = 0;
	ring = data_lock(1);
	vhr_ring_call(ring);
	data_unlock(1);
	assert_int_equal(fake.doorbells[1], 1);
	give(request_u64(VHU_SET_VRING_CALL, 1 | VHU_VRING_NOFD));
	ring = data_lock(1);
	vhr_ring_call(ring);
	data_unlock(1);
	assert_int_equal(fake.doorbells[1], 1);
}

static void
listener_that_comes_late_is_called_once(void **state)
{
	give(request_state(VHU_SET_VRING_NUM, 0, RING_NUM));
	give(request_addr(0));
	give(request_u64(VHU_SET_VRING_KICK, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	assert_true(rec.ready[0]);
	assert_int_equal(fake.doorbells[0], 0);
	give(request_u64(VHU_SET_VRING_CALL, 0));
	assert_int_equal(fake.doorbells[0], 1);
}

/* The one before may have been a descriptor that nobody reads. */
static void
listener_that_replaces_another_is_called_too(void **state)
{
	start_ring(0);
	fake.doorbells[0] = 0;
	give(request_u64(VHU_SET_VRING_CALL, 0));
	assert_int_equal(fake.doorbells[0], 1);
	give(request_u64(VHU_SET_VRING_CALL, 0 | VHU_VRING_NOFD));
	assert_int_equal(fake.doorbells[0], 1);
}

static void
listener_of_a_ring_that_does_not_run_is_not_called(void **state)
{
	give(request_u64(VHU_SET_VRING_CALL, 0));
	give(request_u64(VHU_SET_VRING_CALL, 0));
	assert_int_equal(fake.doorbells[0], 0);
}

static void
err_is_accepted_with_and_without_fd(void **state)
{
	give_acked(request_u64(VHU_SET_VRING_ERR, 0), 0);
	give_acked(request_u64(VHU_SET_VRING_ERR, 3 | VHU_VRING_NOFD), 0);
}

/* ---- indices ---- */

static void
ring_index_out_of_range_in_every_message(void **state)
{
	struct vhu_msg addr = request_addr(0);
	struct vhu_msg wrong[] = {
		request_state(VHU_SET_VRING_NUM, N, RING_NUM),
		request_state(VHU_SET_VRING_BASE, N, 0),
		request_state(VHU_GET_VRING_BASE, N, 0),
		request_state(VHU_SET_VRING_ENABLE, N, 1),
		request_u64(VHU_SET_VRING_KICK, N),
		request_u64(VHU_SET_VRING_CALL, N),
		request_u64(VHU_SET_VRING_ERR, N | VHU_VRING_NOFD),
		addr,
	};
	unsigned int i;

	wrong[7].addr.index = N;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		give_illegal(wrong[i], "ring 4, the device has 4");
		assert_true(fake_connect());
		session_run();
	}
}

static void
cve_2020_10723_index_is_checked_before_narrowing(void **state)
{
	struct vhu_msg wrong[] = {
		request_state(VHU_SET_VRING_NUM, 0x10000, RING_NUM),
		request_state(VHU_SET_VRING_BASE, 0x100, 0),
		request_state(VHU_GET_VRING_BASE, 0x80000001u, 0),
		request_state(VHU_SET_VRING_ENABLE, 0xffffffffu, 1),
		request_addr(0),
	};
	unsigned int i;

	wrong[4].addr.index = 0x10000;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		give_illegal(wrong[i],
			     vhu_message_name(VHU_SPACE_FRONTEND, wrong[i].hdr.request));
		assert_true(fake_connect());
		session_run();
	}
}

static void
cve_2020_10723_index_of_8_bits_has_nothing_above(void **state)
{
	static const uint32_t ids[] = { VHU_SET_VRING_KICK, VHU_SET_VRING_CALL, VHU_SET_VRING_ERR };
	static const uint64_t values[] = { 0x200, 0x10001, BIT(32), BIT(63) | VHU_VRING_NOFD };
	struct {
		uint32_t header[3];
		uint64_t value;
	} __attribute__((packed)) bytes;
	unsigned int i, v;

	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		for (v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			bytes.header[0] = htole32(ids[i]);
			bytes.header[1] = htole32(VHU_VERSION);
			bytes.header[2] = htole32(sizeof(bytes.value));
			bytes.value = htole64(values[v]);
			fake_push_bytes(&bytes, sizeof(bytes));
			session_run();
			expect_dropped(vhu_message_name(VHU_SPACE_FRONTEND, ids[i]));
			assert_true(fake_connect());
			session_run();
		}
}

/* ---- broken rings ---- */

static void
broken_ring_is_sticky_and_local(void **state)
{
	struct vhr_ring *ring;
	struct vhr_status status;

	start_ring(0);
	start_ring(1);
	ring = data_lock(0);
	vhr_ring_break(ring, "head %u", 99);
	data_unlock(0);
	session_run();
	expect_connected();
	assert_false(rec.ready[0]);
	assert_true(rec.ready[1]);
	assert_true(vhr_ring(session, 1)->ready);
	vhr_status(session, &status);
	assert_int_equal(status.rings_started, 2);
	assert_int_equal(status.rings_ready, 1);
	assert_string_equal(vhr_last_error(session), "ring 0 is broken: head 99");
	/* Nothing but a new start mends it. */
	give(request_state(VHU_SET_VRING_ENABLE, 0, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 0, 1));
	give(request_addr(0));
	give(request_table());
	give(request_u64(VHU_SET_VRING_KICK, 0));
	assert_false(ring->ready);
	assert_string_equal(ring->broken_reason.text, "head 99");
	give(request_state(VHU_GET_VRING_BASE, 0, 0));
	answer();
	assert_true(ring->broken);
	give(request_u64(VHU_SET_VRING_KICK, 0));
	assert_true(ring->ready);
	assert_false(ring->broken);
	assert_true(rec.ready[0]);
}

static void
broken_ring_rings_err_and_is_logged_once(void **state)
{
	struct vhr_ring *ring;
	unsigned int warnings;

	start_ring(2);
	warnings = rec.warnings;
	ring = data_lock(2);
	vhr_ring_break(ring, "first");
	vhr_ring_break(ring, "second");
	data_unlock(2);
	/* The data thread cannot call back; the session's fd tells that there is news. */
	assert_int_equal(rec.warnings, warnings);
	session_run();
	session_run();
	assert_int_equal(fake.doorbells[FAKE_QUEUES + 2], 1);
	assert_int_equal(rec.warnings, warnings + 1);
	assert_string_equal(rec.last_log, "ring 2 is broken: first");
}

static void
disconnect_clears_everything_of_a_ring(void **state)
{
	struct vhr_ring *ring = vhr_ring(session, 0);

	start_ring(0);
	fake_hang_up();
	session_run();
	assert_int_equal(rec.stops[0], 1);
	assert_false(ring->started);
	assert_false(ring->enabled);
	assert_false(ring->ready);
	assert_true(ring->call_none);
	assert_int_equal(ring->size, 0);
	assert_null(ring->desc);
	assert_null(ring->avail);
	assert_null(ring->used);
	assert_int_equal(ring->features, 0);
	assert_false(ring->indirect);
	assert_int_equal(ring->memory->num, 0);
	assert_int_equal(ring->kick_fd, fake.kick_fds[0]);
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, session_setup, session_teardown)
#define NEGOTIATED(name) \
	cmocka_unit_test_setup_teardown(name, session_setup_negotiated, session_teardown)
#define MEMORY(name) cmocka_unit_test_setup_teardown(name, session_setup_memory, session_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY(ring_is_ready_after_everything_in_the_usual_order),
		NEGOTIATED(ring_is_ready_after_everything_in_any_order),
		FRESH(ring_needs_features),
		FRESH(without_bit_30_all_rings_are_enabled_at_once),
		NEGOTIATED(with_bit_30_rings_stay_disabled),
		FRESH(enable_before_features_is_legal),
		FRESH(enable_without_bit_30),
		NEGOTIATED(enable_of_something_else),
		MEMORY(disable_and_enable_keep_the_indices),
		NEGOTIATED(kick_without_fd_starts_and_polls),
		MEMORY(kick_again_keeps_the_ring_running),
		FRESH(kick_fds_are_bound_from_the_beginning),
		MEMORY(get_vring_base_stops_that_ring_only),
		NEGOTIATED(get_vring_base_of_a_stopped_ring_tells_its_base),
		MEMORY(ring_goes_on_after_stop_and_start),
		MEMORY(used_idx_comes_from_the_used_ring),
		MEMORY(base_that_cannot_be_breaks_the_ring),
		MEMORY(kicks_are_wanted_when_a_ring_becomes_ready),
		NEGOTIATED(num_that_is_no_power_of_two),
		NEGOTIATED(num_zero),
		NEGOTIATED(num_beyond_16_bits),
		NEGOTIATED(num_largest),
		MEMORY(num_may_change_until_the_ring_runs),
		MEMORY(num_change_of_a_running_ring_without_an_answer),
		NEGOTIATED(base_of_more_than_16_bits),
		MEMORY(base_of_a_running_ring),
		NEGOTIATED(addresses_that_are_not_aligned),
		NEGOTIATED(address_flags_undefined),
		MEMORY(addresses_of_a_running_ring_keep_its_indices),
		MEMORY(addresses_outside_memory_are_answered_where_asked),
		MEMORY(addresses_before_num_are_checked_when_num_comes),
		MEMORY(ring_parts_include_their_event_index),
		FRESH(gpa_addresses_mode_translates_by_guest_address),
		FRESH(protocol_features_after_addresses_translate_anew),
		MEMORY(calls_go_to_the_doorbell_unless_nobody_listens),
		MEMORY(listener_that_comes_late_is_called_once),
		MEMORY(listener_that_replaces_another_is_called_too),
		MEMORY(listener_of_a_ring_that_does_not_run_is_not_called),
		NEGOTIATED(err_is_accepted_with_and_without_fd),
		NEGOTIATED(ring_index_out_of_range_in_every_message),
		NEGOTIATED(cve_2020_10723_index_is_checked_before_narrowing),
		NEGOTIATED(cve_2020_10723_index_of_8_bits_has_nothing_above),
		MEMORY(broken_ring_is_sticky_and_local),
		MEMORY(broken_ring_rings_err_and_is_logged_once),
		MEMORY(disconnect_clears_everything_of_a_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
