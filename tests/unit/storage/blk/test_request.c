/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests, as the bytes of virtio 1.3, 5.2.6, in all layouts of buffers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vhost-blk/blk_request.h"

#define SECTORS		2048u		/* of the disk: 1 MiB */
#define IOV_MAX_TEST	128u

static const char id[BLK_ID_BYTES] = "serial-0123456789abc";
static const struct blk_limits limits = {
	.size_bytes = SECTORS * 512,
	.block_bytes = 512,
	.max_discard_sectors = 1000,
	.max_zeroes_sectors = 500,
	.id = id,
};

static uint8_t readable[8192], writable[8192];
static struct iovec iov[IOV_MAX_TEST];
static struct vhr_chain chain;
static struct blk_command command;

/* Cut @bytes of @memory into pieces of @piece bytes. */
static unsigned int
cut(uint8_t *memory, size_t bytes, size_t piece, struct iovec *to)
{
	unsigned int n = 0;
	size_t at;

	for (at = 0; at < bytes; at += piece) {
		assert_true(to + n < iov + IOV_MAX_TEST);
		to[n].iov_base = memory + at;
		to[n++].iov_len = bytes - at < piece ? bytes - at : piece;
	}
	return n;
}

static void
make_chain(size_t readable_bytes, size_t readable_piece, size_t writable_bytes,
	   size_t writable_piece)
{
	memset(writable, 0xee, sizeof(writable));
	chain = (struct vhr_chain){
		.iov = iov,
		.iov_max = IOV_MAX_TEST,
		.readable_bytes = readable_bytes,
		.writable_bytes = writable_bytes,
	};
	chain.readable = cut(readable, readable_bytes, readable_piece, iov);
	chain.writable = cut(writable, writable_bytes, writable_piece, iov + chain.readable);
}

/* type, ioprio 0x55, sector; little-endian */
static void
header(uint8_t type, uint32_t sector)
{
	const uint8_t bytes[16] = {
		type, 0, 0, 0, 0x55, 0, 0, 0,
		(uint8_t)sector, (uint8_t)(sector >> 8), (uint8_t)(sector >> 16),
		(uint8_t)(sector >> 24), 0, 0, 0, 0,
	};

	memcpy(readable, bytes, sizeof(bytes));
}

static bool
parse(void)
{
	memset(&command, 0xcc, sizeof(command));
	return blk_parse(&chain, &limits, &command);
}

/* The answer is there at once, and it is this one. */
static void
assert_answered(enum blk_status status, uint32_t written, size_t status_at)
{
	assert_false(parse());
	assert_int_equal(command.result, status);
	assert_int_equal(blk_finish(&command, command.result), written);
	assert_int_equal(writable[status_at], status);
}

/* Is what the pieces of @command hold the @bytes at @memory, in order? */
static void
assert_data(const uint8_t *memory, size_t bytes)
{
	unsigned int i;

	for (i = 0; i < command.iov_num; i++) {
		assert_ptr_equal(command.iov[i].iov_base, memory);
		assert_true(command.iov[i].iov_len > 0);
		memory += command.iov[i].iov_len;
		assert_true(command.iov[i].iov_len <= bytes);
		bytes -= command.iov[i].iov_len;
	}
	assert_int_equal(bytes, 0);
}

static void
read_of_two_sectors(void **state)
{
	header(0, 7);
	make_chain(16, 16, 1025, 1024);
	assert_true(parse());
	assert_int_equal(command.op, STORE_READ);
	assert_int_equal(command.offset, 7 * 512);
	assert_int_equal(command.length, 1024);
	assert_int_equal(command.iov_num, 1);
	assert_data(writable, 1024);
	assert_ptr_equal(command.status, writable + 1024);
	assert_int_equal(blk_finish(&command, BLK_S_OK), 1025);
	assert_int_equal(writable[1024], 0);
	assert_int_equal(writable[1023], 0xee);
}

static void
failed_read_has_written_its_status(void **state)
{
	header(0, 7);
	make_chain(16, 16, 513, 512);
	assert_true(parse());
	assert_int_equal(blk_finish(&command, BLK_S_IOERR), 1);
	assert_int_equal(writable[512], 1);
}

static void
write_of_two_sectors(void **state)
{
	header(1, 0x102);
	make_chain(16 + 1024, 16, 1, 1);
	assert_true(parse());
	assert_int_equal(command.op, STORE_WRITE);
	assert_int_equal(command.offset, 0x102 * 512);
	assert_int_equal(command.length, 1024);
	assert_data(readable + 16, 1024);
	assert_int_equal(blk_finish(&command, BLK_S_OK), 1);
	assert_int_equal(writable[0], 0);
}

static void
every_layout_of_a_read_is_the_same_request(void **state)
{
	const size_t cuts[] = { 1, 3, 7, 16, 100, 513, 514 };
	size_t r, w;

	for (r = 1; r <= 16; r++) {
		for (w = 2; w < sizeof(cuts) / sizeof(cuts[0]); w++) {
			header(0, 5);
			make_chain(16, r, 513, cuts[w] < 14 ? 14 : cuts[w]);
			assert_true(parse());
			assert_int_equal(command.op, STORE_READ);
			assert_int_equal(command.offset, 5 * 512);
			assert_int_equal(command.length, 512);
			assert_data(writable, 512);
			assert_ptr_equal(command.status, writable + 512);
		}
	}
}

static void
every_layout_of_a_write_is_the_same_request(void **state)
{
	size_t r;

	/* From the header in pieces of its own, to header and data in one. */
	for (r = 9; r <= 528; r++) {
		header(1, 6);
		make_chain(528, r, 1, 1);
		assert_true(parse());
		assert_int_equal(command.op, STORE_WRITE);
		assert_int_equal(command.offset, 6 * 512);
		assert_int_equal(command.length, 512);
		assert_data(readable + 16, 512);
		assert_ptr_equal(command.status, writable);
	}
}

static void
header_in_single_bytes(void **state)
{
	unsigned int i;

	header(1, 6);
	make_chain(16, 1, 1, 1);
	/* The data follows in a piece of its own. */
	for (i = 0; i < chain.writable; i++)
		iov[17 + i] = iov[16 + i];
	iov[16] = (struct iovec){ .iov_base = readable + 16, .iov_len = 512 };
	chain.readable = 17;
	chain.readable_bytes = 528;
	assert_true(parse());
	assert_int_equal(command.length, 512);
	assert_data(readable + 16, 512);
	assert_ptr_equal(command.status, writable);
}

static void
status_shares_a_piece_with_data(void **state)
{
	header(0, 0);
	make_chain(16, 16, 513, 513);
	assert_true(parse());
	assert_int_equal(command.iov_num, 1);
	assert_int_equal(command.iov[0].iov_len, 512);
	assert_ptr_equal(command.status, writable + 512);
}

static void
last_sector_is_in_and_the_next_is_out(void **state)
{
	header(0, SECTORS - 1);
	make_chain(16, 16, 513, 512);
	assert_true(parse());
	header(0, SECTORS - 1);
	make_chain(16, 16, 1025, 1024);
	assert_answered(BLK_S_IOERR, 1, 1024);
	header(0, SECTORS);
	make_chain(16, 16, 513, 512);
	assert_answered(BLK_S_IOERR, 1, 512);
}

static void
sector_that_overflows_bytes_is_out(void **state)
{
	header(1, 0);
	/* Times 512 it is 0 in 64 bits. */
	readable[15] = 0x80;
	make_chain(16 + 512, 528, 1, 1);
	assert_answered(BLK_S_IOERR, 1, 0);
	memset(readable + 8, 0xff, 8);
	make_chain(16 + 512, 528, 1, 1);
	assert_answered(BLK_S_IOERR, 1, 0);
}

static void
data_that_is_not_whole_sectors_is_an_error(void **state)
{
	header(0, 0);
	make_chain(16, 16, 512, 512);
	assert_answered(BLK_S_IOERR, 1, 511);
	header(1, 0);
	make_chain(16 + 513, 529, 1, 1);
	assert_answered(BLK_S_IOERR, 1, 0);
}

static void
no_data_is_an_error(void **state)
{
	header(0, 0);
	make_chain(16, 16, 1, 1);
	assert_answered(BLK_S_IOERR, 1, 0);
	header(1, 0);
	make_chain(16, 16, 1, 1);
	assert_answered(BLK_S_IOERR, 1, 0);
}

static void
data_in_the_wrong_direction_is_an_error(void **state)
{
	header(0, 0);
	make_chain(16 + 512, 528, 513, 512);
	assert_answered(BLK_S_IOERR, 1, 512);
	header(1, 0);
	make_chain(16 + 512, 528, 513, 512);
	assert_answered(BLK_S_IOERR, 1, 512);
}

static void
larger_blocks_have_to_be_whole(void **state)
{
	struct blk_limits large = limits;

	large.block_bytes = 4096;
	header(0, 8);
	make_chain(16, 16, 4097, 4096);
	assert_true(blk_parse(&chain, &large, &command));
	header(0, 4);
	make_chain(16, 16, 4097, 4096);
	assert_false(blk_parse(&chain, &large, &command));
	assert_int_equal(command.result, BLK_S_IOERR);
	header(0, 8);
	make_chain(16, 16, 513, 512);
	assert_false(blk_parse(&chain, &large, &command));
	assert_int_equal(command.result, BLK_S_IOERR);
}

static void
read_only_disk_refuses_what_changes_it(void **state)
{
	static const uint8_t types[] = { 1, 11, 13 };
	struct blk_limits ro = limits;
	unsigned int i;

	ro.read_only = true;
	for (i = 0; i < sizeof(types); i++) {
		header(types[i], 0);
		make_chain(16 + 512, 528, 1, 1);
		assert_false(blk_parse(&chain, &ro, &command));
		assert_int_equal(command.result, BLK_S_IOERR);
	}
	header(0, 0);
	make_chain(16, 16, 513, 512);
	assert_true(blk_parse(&chain, &ro, &command));
}

static void
flush_has_no_data(void **state)
{
	header(4, 0);
	make_chain(16, 16, 1, 1);
	assert_true(parse());
	assert_int_equal(command.op, STORE_FLUSH);
	assert_int_equal(command.length, 0);
	assert_int_equal(blk_finish(&command, BLK_S_OK), 1);
}

static void
id_is_twenty_bytes(void **state)
{
	size_t piece;

	for (piece = 1; piece <= 21; piece++) {
		header(8, 0);
		make_chain(16, 16, 21, piece);
		assert_answered(BLK_S_OK, 21, 20);
		assert_memory_equal(writable, "serial-0123456789abc", 20);
	}
}

static void
id_in_more_or_less_room(void **state)
{
	header(8, 0);
	make_chain(16, 16, 11, 11);
	assert_answered(BLK_S_OK, 11, 10);
	assert_memory_equal(writable, "serial-012", 10);
	header(8, 0);
	make_chain(16, 16, 513, 513);
	assert_answered(BLK_S_OK, 21, 512);
	assert_int_equal(writable[20], 0xee);
}

/* Range @n of the request: sector, sectors, flags; little-endian. */
static void
range(unsigned int n, uint16_t sector, uint16_t sectors, uint8_t flags)
{
	const uint8_t bytes[16] = {
		(uint8_t)sector, (uint8_t)(sector >> 8), 0, 0, 0, 0, 0, 0,
		(uint8_t)sectors, (uint8_t)(sectors >> 8), 0, 0, flags, 0, 0, 0,
	};

	memcpy(readable + 16 + n * 16, bytes, sizeof(bytes));
}

static void
discard_of_two_ranges(void **state)
{
	size_t piece;

	for (piece = 1; piece <= 48; piece++) {
		header(11, 0);
		range(0, 8, 16, 0);
		range(1, 0x400, 1000, 0);
		make_chain(48, piece, 1, 1);
		assert_true(parse());
		assert_int_equal(command.op, STORE_DISCARD);
		assert_int_equal(command.num_ranges, 2);
		assert_int_equal(command.range[0].offset, 8 * 512);
		assert_int_equal(command.range[0].length, 16 * 512);
		assert_int_equal(command.range[0].flags, 0);
		assert_int_equal(command.range[1].offset, 0x400 * 512);
		assert_int_equal(command.range[1].length, 1000 * 512);
	}
}

static void
write_zeroes_with_and_without_unmap(void **state)
{
	header(13, 0);
	range(0, 1, 500, 1);
	range(1, 2, 3, 0);
	make_chain(48, 48, 1, 1);
	assert_true(parse());
	assert_int_equal(command.op, STORE_WRITE_ZEROES);
	assert_int_equal(command.num_ranges, 2);
	assert_int_equal(command.range[0].flags, STORE_F_UNMAP);
	assert_int_equal(command.range[0].length, 500 * 512);
	assert_int_equal(command.range[1].flags, 0);
	assert_int_equal(command.range[1].offset, 2 * 512);
}

static void
unknown_flags_of_a_range_are_unsupported(void **state)
{
	header(11, 0);
	range(0, 0, 8, 1);
	make_chain(32, 32, 1, 1);
	assert_answered(BLK_S_UNSUPP, 1, 0);
	header(13, 0);
	range(0, 0, 8, 2);
	make_chain(32, 32, 1, 1);
	assert_answered(BLK_S_UNSUPP, 1, 0);
	range(0, 0, 8, 0);
	readable[16 + 15] = 0x80;
	make_chain(32, 32, 1, 1);
	assert_answered(BLK_S_UNSUPP, 1, 0);
}

static void
ranges_beyond_what_was_offered_are_errors(void **state)
{
	unsigned int i;

	/* max_discard_sectors 1000, max_write_zeroes_sectors 500, 32 ranges */
	header(11, 0);
	range(0, 0, 1001, 0);
	make_chain(32, 32, 1, 1);
	assert_answered(BLK_S_IOERR, 1, 0);
	header(13, 0);
	range(0, 0, 501, 0);
	make_chain(32, 32, 1, 1);
	assert_answered(BLK_S_IOERR, 1, 0);
	header(11, 0);
	range(0, SECTORS - 8, 9, 0);
	make_chain(32, 32, 1, 1);
	assert_answered(BLK_S_IOERR, 1, 0);
	for (i = 0; i < 33; i++)
		range(i, 0, 8, 0);
	header(11, 0);
	make_chain(16 + 32 * 16, 1024, 1, 1);
	assert_true(parse());
	assert_int_equal(command.num_ranges, 32);
	header(11, 0);
	make_chain(16 + 33 * 16, 1024, 1, 1);
	assert_answered(BLK_S_IOERR, 1, 0);
}

static void
ranges_have_to_be_whole_and_there(void **state)
{
	header(13, 0);
	range(0, 0, 8, 0);
	make_chain(31, 31, 1, 1);
	assert_answered(BLK_S_IOERR, 1, 0);
	header(11, 0);
	make_chain(16, 16, 1, 1);
	assert_answered(BLK_S_IOERR, 1, 0);
}

static void
one_wrong_range_undoes_all(void **state)
{
	header(11, 0);
	range(0, 0, 8, 0);
	range(1, 0, 8, 1);
	make_chain(48, 48, 1, 1);
	assert_answered(BLK_S_UNSUPP, 1, 0);
}

static void
discard_that_is_not_offered_is_unsupported(void **state)
{
	struct blk_limits without = limits;

	without.max_discard_sectors = 0;
	header(11, 0);
	range(0, 0, 8, 0);
	make_chain(32, 32, 1, 1);
	assert_false(blk_parse(&chain, &without, &command));
	assert_int_equal(command.result, BLK_S_UNSUPP);
}

static void
unknown_types_are_unsupported(void **state)
{
	/* SCSI command, its write, a barrier of old, secure erase, and one from nowhere */
	static const uint8_t types[] = { 2, 3, 5, 14, 0x99 };
	unsigned int i;

	for (i = 0; i < sizeof(types); i++) {
		header(types[i], 0);
		make_chain(16, 16, 1, 1);
		assert_answered(BLK_S_UNSUPP, 1, 0);
	}
	header(0, 0);
	readable[3] = 0x80;
	make_chain(16, 16, 513, 513);
	assert_answered(BLK_S_UNSUPP, 1, 512);
}

static void
short_header_is_an_error(void **state)
{
	size_t bytes;

	for (bytes = 0; bytes < 16; bytes++) {
		header(0, 0);
		make_chain(bytes, 4, 513, 513);
		assert_answered(BLK_S_IOERR, 1, 512);
	}
}

static void
without_room_for_a_status_nothing_is_written(void **state)
{
	header(1, 0);
	make_chain(16 + 512, 528, 0, 1);
	assert_false(parse());
	assert_null(command.status);
	assert_int_equal(blk_finish(&command, command.result), 0);
	assert_int_equal(writable[0], 0xee);
}

static void
results_of_stores_become_statuses(void **state)
{
	assert_int_equal(blk_status_of(0), 0);
	assert_int_equal(blk_status_of(-EIO), 1);
	assert_int_equal(blk_status_of(-ENOSPC), 1);
	assert_int_equal(blk_status_of(-ETIMEDOUT), 1);
	assert_int_equal(blk_status_of(-EROFS), 1);
	assert_int_equal(blk_status_of(-EOPNOTSUPP), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_of_two_sectors),
		cmocka_unit_test(failed_read_has_written_its_status),
		cmocka_unit_test(write_of_two_sectors),
		cmocka_unit_test(every_layout_of_a_read_is_the_same_request),
		cmocka_unit_test(every_layout_of_a_write_is_the_same_request),
		cmocka_unit_test(header_in_single_bytes),
		cmocka_unit_test(status_shares_a_piece_with_data),
		cmocka_unit_test(last_sector_is_in_and_the_next_is_out),
		cmocka_unit_test(sector_that_overflows_bytes_is_out),
		cmocka_unit_test(data_that_is_not_whole_sectors_is_an_error),
		cmocka_unit_test(no_data_is_an_error),
		cmocka_unit_test(data_in_the_wrong_direction_is_an_error),
		cmocka_unit_test(larger_blocks_have_to_be_whole),
		cmocka_unit_test(read_only_disk_refuses_what_changes_it),
		cmocka_unit_test(flush_has_no_data),
		cmocka_unit_test(id_is_twenty_bytes),
		cmocka_unit_test(id_in_more_or_less_room),
		cmocka_unit_test(discard_of_two_ranges),
		cmocka_unit_test(write_zeroes_with_and_without_unmap),
		cmocka_unit_test(unknown_flags_of_a_range_are_unsupported),
		cmocka_unit_test(ranges_beyond_what_was_offered_are_errors),
		cmocka_unit_test(ranges_have_to_be_whole_and_there),
		cmocka_unit_test(one_wrong_range_undoes_all),
		cmocka_unit_test(discard_that_is_not_offered_is_unsupported),
		cmocka_unit_test(unknown_types_are_unsupported),
		cmocka_unit_test(short_header_is_an_error),
		cmocka_unit_test(without_room_for_a_status_nothing_is_written),
		cmocka_unit_test(results_of_stores_become_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
