/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is a virtio-blk request in pieces of any sizes. What is made of it has to stay within
 * the pieces and the disk, and may touch every byte of the data and the status.
 */
#include <stdlib.h>
#include <string.h>

#include "vhost-blk/blk_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECES		40u
#define DISK_BYTES	(1u << 20)

static const char id[BLK_ID_BYTES] = "12345678901234567890";

/* Of the first byte */
#define F_READ_ONLY	0x01u
#define F_NO_DISCARD	0x02u
#define F_LARGE_BLOCKS	0x04u

static void
require(bool what)
{
	if (!what)
		abort();
}

/* Each piece is an allocation of its own, so that a byte beyond it is found. */
static unsigned int
make_pieces(struct iovec *iov, void **memory, const uint8_t *sizes, unsigned int num,
	    uint64_t *bytes)
{
	unsigned int i;

	*bytes = 0;
	for (i = 0; i < num; i++) {
		/* Small ones cut the header, large ones hold data. */
		size_t n = sizes[i] < 64 ? sizes[i] + 1u : (sizes[i] - 63u) * 64u;

		memory[i] = calloc(1, n);
		iov[i] = (struct iovec){ .iov_base = memory[i], .iov_len = n };
		*bytes += n;
	}
	return num;
}

static void
fill(const struct iovec *iov, unsigned int num, const uint8_t *data, size_t size)
{
	unsigned int i;

	for (i = 0; i < num && size != 0; i++) {
		size_t n = iov[i].iov_len < size ? iov[i].iov_len : size;

		memcpy(iov[i].iov_base, data, n);
		data += n;
		size -= n;
	}
}

static void
check_transfer(const struct blk_command *command, const struct blk_limits *limits)
{
	uint64_t sum = 0;
	unsigned int i;

	require(command->length != 0 && command->length <= DISK_BYTES);
	require(command->offset <= DISK_BYTES - command->length);
	require(((command->offset | command->length) & (limits->block_bytes - 1)) == 0);
	require(command->op == STORE_READ || !limits->read_only);
	for (i = 0; i < command->iov_num; i++) {
		sum += command->iov[i].iov_len;
		/* A store may write what it reads, and here also what it was given. */
		memset(command->iov[i].iov_base, 0x5a, command->iov[i].iov_len);
	}
	require(sum == command->length);
}

static void
check_ranges(const struct blk_command *command, const struct blk_limits *limits)
{
	unsigned int i;

	require(command->num_ranges != 0 && command->num_ranges <= BLK_MAX_RANGES);
	require(!limits->read_only);
	require(command->op == STORE_WRITE_ZEROES || limits->max_discard_sectors != 0);
	for (i = 0; i < command->num_ranges; i++) {
		const struct blk_range *range = &command->range[i];

		require(range->length <= DISK_BYTES);
		require(range->offset <= DISK_BYTES - range->length);
		require(((range->offset | range->length) & (limits->block_bytes - 1)) == 0);
		require(range->flags == 0 || command->op == STORE_WRITE_ZEROES);
	}
}

static void
check_request(struct vhr_chain *chain, const struct blk_limits *limits)
{
	uint64_t writable_bytes = chain->writable_bytes;
	struct blk_command command;
	enum blk_status status = BLK_S_OK;
	uint32_t written;

	if (!blk_parse(chain, limits, &command)) {
		status = command.result;
		require(status <= BLK_S_UNSUPP);
	} else if (command.op == STORE_READ || command.op == STORE_WRITE) {
		check_transfer(&command, limits);
	} else if (command.op != STORE_FLUSH) {
		check_ranges(&command, limits);
	}
	require((command.status != NULL) == (writable_bytes != 0));
	written = blk_finish(&command, status);
	require(written <= writable_bytes);
	require(command.status == NULL || *command.status == status);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blk_limits limits = {
		.size_bytes = DISK_BYTES,
		.block_bytes = 512,
		.max_discard_sectors = 1024,
		.max_zeroes_sectors = 512,
		.id = id,
	};
	struct iovec iov[2 * PIECES];
	void *memory[2 * PIECES];
	struct vhr_chain chain = { .iov = iov, .iov_max = 2 * PIECES };
	unsigned int readable, writable, i;

	if (size < 3)
		return 0;
	limits.read_only = (data[0] & F_READ_ONLY) != 0;
	if (data[0] & F_NO_DISCARD)
		limits.max_discard_sectors = 0;
	if (data[0] & F_LARGE_BLOCKS)
		limits.block_bytes = 4096;
	readable = data[1] % PIECES;
	writable = data[2] % PIECES;
	data += 3;
	size -= 3;
	if (size < readable + writable)
		return 0;
	chain.readable = make_pieces(iov, memory, data, readable, &chain.readable_bytes);
	chain.writable = make_pieces(iov + readable, memory + readable, data + readable, writable,
				     &chain.writable_bytes);
	data += readable + writable;
	size -= readable + writable;
	fill(iov, readable, data, size);
	check_request(&chain, &limits);
	for (i = 0; i < readable + writable; i++)
		free(memory[i]);
	return 0;
}
