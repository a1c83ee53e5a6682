/* SPDX-License-Identifier: BSD-3-Clause */
/* SET_MEM_TABLE: placement, order of ops, checks. */
#include "fixture.h"

#include <unistd.h>

#define NEED_REPLY VHU_FLAG_NEED_REPLY

static struct region region(unsigned int i, uint64_t size)
{
	struct region r = {
		.gpa = (uint64_t)i << 32,
		.size = size,
		.uva = 0x7f0000000000ull + ((uint64_t)i << 32),
		.offset = 0,
		.fd = make_memfd(size),
	};

	return r;
}

/* The same memory again: a frontend sends new descriptors of the same files. */
static struct region again(const struct region *r, int fd)
{
	struct region copy = *r;

	copy.fd = dup(fd);
	assert_true(copy.fd >= 0);
	return copy;
}

static void window_is_mapped_before_the_message_is_visible(void **state)
{
	struct fixture *f = *state;
	struct region r[2] = { region(0, 640 * KIB), region(1, 2 * MIB) };

	start(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, r, 2), 0);
	assert_ops(f, "begin", "map 1 0x0+0xa0000 from 0x0", "map 1 0xa0000+0x200000 from 0x0",
		   "commit", "rxq SET_MEM_TABLE", NULL);
	assert_int_equal(rxq_last(f)->hdr.flags, VHU_VERSION | NEED_REPLY);
}

static void mmap_offset_is_zeroed_and_addresses_are_kept(void **state)
{
	struct fixture *f = *state;
	struct region r = region(3, 4 * MIB);

	start(f);
	r.offset = 2 * MIB;
	r.size = 2 * MIB;
	assert_int_equal(frontend_table(f, 0, &r, 1), 0);
	assert_ops(f, "map 1 0x0+0x200000 from 0x200000", "rxq", NULL);
	assert_int_equal(rxq_last(f)->table.nregions, 1);
	assert_int_equal(rxq_last(f)->table.region[0].mmap_offset, 0);
	assert_int_equal(rxq_last(f)->table.region[0].guest_addr, r.gpa);
	assert_int_equal(rxq_last(f)->table.region[0].user_addr, r.uva);
	assert_int_equal(rxq_last(f)->table.region[0].size, r.size);
}

static void gaps_align_large_regions_when_asked(void **state)
{
	struct fixture *f = *state;
	struct region r[3] = { region(0, 640 * KIB), region(1, 4 * MIB), region(2, 64 * KIB) };
	const struct vvu_mapping expected[3] = { { .fd_offset = 0 } };

	f->config.align_window = true;
	fixture_recreate(f);
	start(f);
	assert_int_equal(frontend_table(f, 0, r, 3), 0);
	assert_ops(f, "map 1 0x0+0xa0000", "map 1 0x200000+0x400000", "map 1 0x600000+0x10000",
		   NULL);
	assert_int_equal(rxq_last(f)->table.region[1].mmap_offset, 2 * MIB - 640 * KIB);
	assert_formula(f, rxq_last(f), expected);
}

static void old_table_stays_until_the_driver_answers(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, 2 * MIB);

	start(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
	op_clear(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, &b, 1), 0);
	/* A ring runs: the new table is beside the old one, told by the gap in front. */
	assert_ops(f, "begin", "map 1 0x100000+0x200000", "commit", "rxq SET_MEM_TABLE", NULL);
	assert_no_op(f, "unmap");
	assert_int_equal(rxq_last(f)->table.region[0].mmap_offset, MIB);
	op_clear(f);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_ops(f, "begin", "unmap 1 0x0+0x100000", "commit", "send SET_MEM_TABLE", NULL);
	assert_int_equal(f->nmaps, 1);
}

static void device_asks_for_the_answer_itself_and_swallows_it(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, 2 * MIB);
	unsigned int sent;

	connect_frontend(f);
	negotiate(f, FEATURES_BASE, PROTOCOL(MQ));
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
	assert_int_equal(frontend_table(f, 0, &a, 1), 0);
	assert_int_equal(rxq_last(f)->hdr.flags, VHU_VERSION | NEED_REPLY);
	sent = f->nsent;
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(frontend_table(f, 0, &b, 1), 0);
	op_clear(f);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_ops(f, "unmap 1 0x0+0x100000", NULL);
	assert_int_equal(f->nsent, sent);
}

static void without_reply_ack_any_later_answer_releases_the_old_table(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, 2 * MIB);

	f->config.protocol_features = PROTOCOL(MQ);
	fixture_recreate(f);
	connect_frontend(f);
	negotiate(f, FEATURES_BASE, PROTOCOL(MQ));
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
	assert_int_equal(frontend_table(f, 0, &a, 1), 0);
	assert_int_equal(rxq_last(f)->hdr.flags, VHU_VERSION);
	/* Asked before the second table, so the answer says nothing of it. */
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(frontend_table(f, 0, &b, 1), 0);
	op_clear(f);
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, FEATURES_BASE), 0);
	assert_no_op(f, "unmap");
	assert_int_equal(frontend_none(f, VHU_GET_FEATURES, 0), 0);
	assert_int_equal(driver_reply_u64(f, VHU_GET_FEATURES, FEATURES_BASE), 0);
	assert_ops(f, "rxq GET_FEATURES", "unmap 1 0x0+0x100000", "send GET_FEATURES", NULL);
}

static void identical_table_is_not_touched_even_where_it_was_moved_to(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, 2 * MIB), c = region(2, MIB);
	int fd_b = dup(b.fd), fd_c = dup(c.fd);
	struct region moved[2] = { b, c };
	struct region same[2] = { again(&b, fd_b), again(&c, fd_c) };
	const struct vvu_mapping expected[2] = { { .fd_offset = 0 } };

	start(f);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
	assert_int_equal(frontend_table(f, NEED_REPLY, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(frontend_table(f, NEED_REPLY, moved, 2), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	op_clear(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, same, 2), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_no_op(f, "map");
	assert_no_op(f, "unmap");
	assert_int_equal(rxq_last(f)->table.region[0].mmap_offset, MIB);
	assert_formula(f, rxq_last(f), expected);
	close(fd_b);
	close(fd_c);
}

static void hot_added_region_leaves_the_others_alone(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, 2 * MIB);
	int fd_a = dup(a.fd);
	struct region both[2] = { again(&a, fd_a), b };

	start(f);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
	assert_int_equal(frontend_table(f, NEED_REPLY, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	op_clear(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, both, 2), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_ops(f, "map 1 0x100000+0x200000", NULL);
	assert_no_op(f, "unmap");
	assert_no_op(f, "map 1 0x0");
	close(fd_a);
}

static void same_size_of_another_file_is_another_region(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(0, MIB);

	start(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	op_clear(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, &b, 1), 0);
	/* No ring runs, so the draft's place is replaced in one step. */
	assert_ops(f, "begin", "unmap 1 0x0+0x100000", "map 1 0x0+0x100000", "commit",
		   "rxq SET_MEM_TABLE", NULL);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(f->nmaps, 1);
}

static void ring_stopped_by_get_vring_base_no_longer_holds_the_place(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, 2 * MIB);
	struct vhu_msg base;

	start(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 2), 0);
	assert_int_equal(frontend_state(f, VHU_GET_VRING_BASE, 2, 0), 0);
	vhu_reply_init(&base, rxq_last(f), sizeof(base.state));
	base.state.index = 2;
	assert_int_equal(driver_send(f, VHU_SPACE_FRONTEND, &base), 0);
	assert_int_equal(frontend_table(f, NEED_REPLY, &b, 1), 0);
	assert_int_equal(rxq_last(f)->table.region[0].mmap_offset, 0);
}

static void ring_kicked_before_the_answer_of_get_vring_base_runs_on(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, 2 * MIB);
	struct vhu_msg base;

	start(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(frontend_state(f, VHU_GET_VRING_BASE, 2, 0), 0);
	vhu_reply_init(&base, rxq_last(f), sizeof(base.state));
	base.state.index = 2;
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 2), 0);
	op_clear(f);
	assert_int_equal(driver_send(f, VHU_SPACE_FRONTEND, &base), 0);
	assert_no_op(f, "kick 2 off");
	assert_int_equal(frontend_table(f, NEED_REPLY, &b, 1), 0);
	assert_int_equal(rxq_last(f)->table.region[0].mmap_offset, MIB);
}

static void answered_reset_device_stops_all_rings(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, 2 * MIB), c = region(2, 3 * MIB);

	start(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 3), 0);
	assert_int_equal(frontend_none(f, VHU_RESET_DEVICE, 0), 0);
	/* Not answered: it may not even be seen yet. */
	assert_int_equal(frontend_table(f, NEED_REPLY, &b, 1), 0);
	assert_int_equal(rxq_last(f)->table.region[0].mmap_offset, MIB);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(frontend_table(f, NEED_REPLY, &c, 1), 0);
	assert_int_equal(rxq_last(f)->table.region[0].mmap_offset, 0);
}

static void table_without_regions_unmaps_all_after_the_answer(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB);

	start(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	op_clear(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, NULL, 0), 0);
	assert_no_op(f, "unmap");
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_ops(f, "rxq SET_MEM_TABLE", "unmap 1 0x0+0x100000", NULL);
	assert_int_equal(f->nmaps, 0);
}

static void refused_table_is_told_to_a_frontend_that_asked(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB), b = region(1, 2 * MIB);

	start(f);
	assert_int_equal(frontend_table(f, NEED_REPLY, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 0), 0);
	assert_int_equal(frontend_table(f, NEED_REPLY, &b, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 1), 0);
	assert_int_equal(f->sent[f->nsent - 1].u64, 1);
	assert_true(is_connected(f));
	assert_int_equal(f->nmaps, 1);
	assert_int_equal(mapped_at(f, VVU_SHMID_MEMORY, 0)->length, 2 * MIB);
}

static void refused_table_disconnects_a_frontend_that_did_not_ask(void **state)
{
	struct fixture *f = *state;
	struct region a = region(0, MIB);

	start(f);
	assert_int_equal(frontend_table(f, 0, &a, 1), 0);
	assert_int_equal(driver_reply_u64(f, VHU_SET_MEM_TABLE, 22), -EPROTO);
	assert_disconnected(f, "SET_MEM_TABLE: the driver refused it with 0x16");
}

static void failed_map_rolls_back_and_disconnects(void **state)
{
	struct fixture *f = *state;
	struct region r[3] = { region(0, MIB), region(1, MIB), region(2, MIB) };

	start(f);
	f->map_error_at = 2;
	assert_int_equal(frontend_table(f, 0, r, 3), -ENOMEM);
	assert_ops(f, "begin", "map 1 0x0", "map failed", "unmap 1 0x0+0x100000", "commit",
		   "close", NULL);
	assert_no_op(f, "rxq");
	assert_disconnected(f, "SET_MEM_TABLE: cannot map 0x100000 bytes");
	assert_int_equal(f->nmaps, 0);
}

static void table_that_does_not_fit_disconnects_and_names_its_sizes(void **state)
{
	struct fixture *f = *state;
	struct region r[2] = { region(0, MIB), region(1, FIXTURE_BAR) };

	start(f);
	assert_int_equal(frontend_table(f, 0, r, 2), -ENOSPC);
	assert_disconnected(f, "SET_MEM_TABLE: sizes 0x100000 + 0x4000000 do not fit a window of "
			       "0x3e00000");
}

static void bad_regions_disconnect(void **state)
{
	static const struct {
		struct region r[2];
		uint64_t file;
		const char *reason;
	} bad[] = {
		{ { { 0, 0, 0, 0, 0 } }, 4096, "region 0: size is 0" },
		{ { { 0, 4096, 0, 4096, 0 } }, 4096, "mmap_offset 0x1000 + size 0x1000 is beyond" },
		{ { { 0, 8192, 0, 0, 0 } }, 4096, "is beyond the file's 0x1000 bytes" },
		{ { { 0, 4096, 0, ~4095ull, 0 } }, 4096, "mmap_offset 0xfffffffffffff000 + " },
		{ { { ~4094ull, 4096, 0, 0, 0 } }, 4096, "guest_addr 0xfffffffffffff001 + size" },
		{ { { 0, 4096, ~4094ull, 0, 0 } }, 4096, "user_addr 0xfffffffffffff001 + size" },
		{ { { 0, 4096, 0, 512, 0 } }, 8192, "mmap_offset 0x200 is not a multiple" },
		{ { { 0, 4097, 0, 0, 0 } }, 8192, "size 0x1001 is not a multiple" },
		{ { { 0, 8192, 0, 0, 0 }, { 4096, 4096, 1 << 20, 0, 0 } },
		  8192,
		  "region 1: guest_addr 0x1000 size 0x1000 overlaps" },
		{ { { 0, 8192, 0, 0, 0 }, { 1 << 20, 4096, 4096, 0, 0 } },
		  8192,
		  "region 1: user_addr 0x1000 size 0x1000 overlaps" },
	};
	struct fixture *f = *state;
	unsigned int i, n;
	struct region r[2];

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fixture_recreate(f);
		f->nrxq = 0;
		f->nsent = 0;
		start(f);
		f->closes = 0;
		memcpy(r, bad[i].r, sizeof(r));
		r[0].fd = make_memfd(bad[i].file);
		n = 1;
		if (r[1].size != 0) {
			r[1].fd = make_memfd(bad[i].file);
			n = 2;
		}
		assert_true(frontend_table(f, 0, r, n) < 0);
		assert_disconnected(f, bad[i].reason);
		assert_no_op(f, "map");
		assert_no_op(f, "rxq");
	}
}

static void region_up_to_the_last_address_is_legal(void **state)
{
	struct fixture *f = *state;
	struct region r = region(0, 4096);

	start(f);
	r.gpa = UINT64_MAX - 4096;
	r.uva = UINT64_MAX - 4096;
	assert_int_equal(frontend_table(f, 0, &r, 1), 0);
	assert_true(is_connected(f));
}

static void region_that_is_no_file_disconnects(void **state)
{
	struct fixture *f = *state;
	struct region r = { .size = 4096, .fd = make_eventfd() };

	start(f);
	assert_int_equal(frontend_table(f, 0, &r, 1), -EINVAL);
	assert_disconnected(f, "SET_MEM_TABLE region 0: descriptor of mode");
}

static void tables_without_answers_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct region r;
	unsigned int i;

	/* No REPLY_ACK: nothing ever says that a table may go. */
	f->config.protocol_features = PROTOCOL(MQ);
	fixture_recreate(f);
	connect_frontend(f);
	negotiate(f, FEATURES_BASE, PROTOCOL(MQ));
	assert_int_equal(frontend_eventfd(f, VHU_SET_VRING_KICK, 0), 0);
	for (i = 0; i < 2 * VVU_MAX_MAPS && is_connected(f); i++) {
		r = region(1, 4096);
		frontend_table(f, 0, &r, 1);
		f->nrxq = 0;
		f->rxq_buffers = 8;
		f->nops = 0;
	}
	assert_int_equal(i, VVU_MAX_MAPS + 1);
	assert_disconnected(f, "SET_MEM_TABLE: 512 mappings");
}

static void files_are_closed_once_they_are_mapped(void **state)
{
	struct fixture *f = *state;
	unsigned int before;
	struct region r[2];

	start(f);
	before = count_descriptors();
	r[0] = region(0, MIB);
	r[1] = region(1, MIB);
	assert_int_equal(frontend_table(f, 0, r, 2), 0);
	assert_int_equal(count_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(window_is_mapped_before_the_message_is_visible),
		device_test(mmap_offset_is_zeroed_and_addresses_are_kept),
		device_test(gaps_align_large_regions_when_asked),
		device_test(old_table_stays_until_the_driver_answers),
		device_test(device_asks_for_the_answer_itself_and_swallows_it),
		device_test(without_reply_ack_any_later_answer_releases_the_old_table),
		device_test(identical_table_is_not_touched_even_where_it_was_moved_to),
		device_test(hot_added_region_leaves_the_others_alone),
		device_test(same_size_of_another_file_is_another_region),
		device_test(ring_stopped_by_get_vring_base_no_longer_holds_the_place),
		device_test(ring_kicked_before_the_answer_of_get_vring_base_runs_on),
		device_test(answered_reset_device_stops_all_rings),
		device_test(table_without_regions_unmaps_all_after_the_answer),
		device_test(refused_table_is_told_to_a_frontend_that_asked),
		device_test(refused_table_disconnects_a_frontend_that_did_not_ask),
		device_test(failed_map_rolls_back_and_disconnects),
		device_test(table_that_does_not_fit_disconnects_and_names_its_sizes),
		device_test(bad_regions_disconnect),
		device_test(region_up_to_the_last_address_is_legal),
		device_test(region_that_is_no_file_disconnects),
		device_test(tables_without_answers_are_bounded),
		device_test(files_are_closed_once_they_are_mapped),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
