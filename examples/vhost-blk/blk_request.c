/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <endian.h>
#include <linux/virtio_blk.h>

#include "blk_request.h"

#define HEADER_BYTES	16u
#define RANGE_BYTES	16u

_Static_assert(sizeof(struct virtio_blk_outhdr) == HEADER_BYTES, "virtio 1.3, 5.2.6");
_Static_assert(sizeof(struct virtio_blk_discard_write_zeroes) == RANGE_BYTES,
	       "virtio 1.3, 5.2.6");

/* Copy @bytes from the front of the pieces, which there are, and take them off. */
static inline void
take_front(struct iovec **iov, unsigned int *num, void *to, size_t bytes)
{
	uint8_t *out = to;

	/* As drivers make it: a piece of its own. */
	if ((*iov)->iov_len == bytes) {
		memcpy(out, (*iov)->iov_base, bytes);
		++*iov;
		--*num;
		return;
	}
	while (bytes != 0) {
		struct iovec *piece = *iov;
		size_t n = piece->iov_len < bytes ? piece->iov_len : bytes;

		memcpy(out, piece->iov_base, n);
		out += n;
		bytes -= n;
		piece->iov_base = (uint8_t *)piece->iov_base + n;
		piece->iov_len -= n;
		if (piece->iov_len == 0) {
			++*iov;
			--*num;
		}
	}
}

/* Takes the last writable byte off the pieces, which all have a length. */
static uint8_t *
take_status(struct vhr_chain *chain)
{
	struct iovec *last;

	if (chain->writable == 0)
		return NULL;
	last = &chain->iov[chain->readable + chain->writable - 1];
	last->iov_len--;
	chain->writable_bytes--;
	if (last->iov_len == 0)
		chain->writable--;
	return (uint8_t *)last->iov_base + last->iov_len;
}

static bool
answer(struct blk_command *command, enum blk_status status)
{
	command->result = (uint8_t)status;
	return false;
}

static bool
range_ok(const struct blk_limits *limits, uint64_t sector, uint64_t bytes)
{
	uint64_t offset = sector * BLK_SECTOR_BYTES;

	if (sector > limits->size_bytes / BLK_SECTOR_BYTES || bytes > limits->size_bytes - offset)
		return false;
	return ((offset | bytes) & (limits->block_bytes - 1)) == 0;
}

static bool
parse_transfer(struct blk_command *command, const struct blk_limits *limits, uint64_t sector,
	       uint64_t bytes)
{
	if (bytes == 0 || !range_ok(limits, sector, bytes))
		return answer(command, BLK_S_IOERR);
	command->offset = sector * BLK_SECTOR_BYTES;
	command->length = bytes;
	return true;
}

static bool
parse_read(struct vhr_chain *chain, const struct blk_limits *limits, uint64_t sector,
	   uint64_t extra_bytes, struct blk_command *command)
{
	if (extra_bytes != 0)
		return answer(command, BLK_S_IOERR);
	command->op = STORE_READ;
	command->iov = chain->iov + chain->readable;
	command->iov_num = chain->writable;
	/* A chain has at most 4 GiB, the header's included. */
	command->data_bytes = (uint32_t)chain->writable_bytes;
	return parse_transfer(command, limits, sector, chain->writable_bytes);
}

static bool
parse_write(struct vhr_chain *chain, const struct blk_limits *limits, uint64_t sector,
	    uint64_t bytes, struct blk_command *command)
{
	if (limits->read_only || chain->writable_bytes != 0)
		return answer(command, BLK_S_IOERR);
	command->op = STORE_WRITE;
	return parse_transfer(command, limits, sector, bytes);
}

static bool
parse_id(struct vhr_chain *chain, const struct blk_limits *limits, struct blk_command *command)
{
	const struct iovec *iov = chain->iov + chain->readable;
	uint32_t done = 0;
	unsigned int i;

	for (i = 0; i < chain->writable && done < BLK_ID_BYTES; i++) {
		size_t n = BLK_ID_BYTES - done;

		if (n > iov[i].iov_len)
			n = iov[i].iov_len;
		memcpy(iov[i].iov_base, limits->id + done, n);
		done += (uint32_t)n;
	}
	command->data_bytes = done;
	return answer(command, BLK_S_OK);
}

/* One range; BLK_S_OK or why not. */
static enum blk_status
parse_range(const struct blk_limits *limits, bool zeroes,
	    const struct virtio_blk_discard_write_zeroes *raw, struct blk_range *range)
{
	uint64_t sector = le64toh(raw->sector);
	uint32_t sectors = le32toh(raw->num_sectors), flags = le32toh(raw->flags);
	uint32_t known = zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;

	/* 5.2.6.2: unknown flags, and unmap for a discard */
	if (flags & ~known)
		return BLK_S_UNSUPP;
	if (sectors > (zeroes ? limits->max_zeroes_sectors : limits->max_discard_sectors) ||
	    !range_ok(limits, sector, (uint64_t)sectors * BLK_SECTOR_BYTES))
		return BLK_S_IOERR;
	range->offset = sector * BLK_SECTOR_BYTES;
	range->length = (uint64_t)sectors * BLK_SECTOR_BYTES;
	range->flags = flags != 0 ? STORE_F_UNMAP : 0;
	return BLK_S_OK;
}

/* Nothing is done of a request of which one range is wrong. */
static bool
parse_ranges(struct iovec *iov, unsigned int iov_num, uint64_t bytes,
	     const struct blk_limits *limits, bool zeroes, struct blk_command *command)
{
	uint64_t num = bytes / RANGE_BYTES;
	unsigned int i;

	if (!zeroes && limits->max_discard_sectors == 0)
		return answer(command, BLK_S_UNSUPP);
	if (limits->read_only || num == 0 || num > BLK_MAX_RANGES || bytes % RANGE_BYTES != 0)
		return answer(command, BLK_S_IOERR);
	command->op = zeroes ? STORE_WRITE_ZEROES : STORE_DISCARD;
	command->num_ranges = (unsigned int)num;
	for (i = 0; i < num; i++) {
		struct virtio_blk_discard_write_zeroes raw;
		enum blk_status status;

		take_front(&iov, &iov_num, &raw, sizeof(raw));
		status = parse_range(limits, zeroes, &raw, &command->range[i]);
		if (status != BLK_S_OK)
			return answer(command, status);
	}
	return true;
}

bool
blk_parse(struct vhr_chain *chain, const struct blk_limits *limits, struct blk_command *command)
{
	struct iovec *iov = chain->iov;
	unsigned int iov_num = chain->readable;
	uint64_t bytes = chain->readable_bytes, sector;
	struct virtio_blk_outhdr header;

	command->status = take_status(chain);
	command->data_bytes = 0;
	command->num_ranges = 0;
	command->length = 0;
	if (command->status == NULL || bytes < HEADER_BYTES)
		return answer(command, BLK_S_IOERR);
	take_front(&iov, &iov_num, &header, sizeof(header));
	bytes -= HEADER_BYTES;
	sector = le64toh(header.sector);
	/* Of a write; a read has its own. */
	command->iov = iov;
	command->iov_num = iov_num;

	switch (le32toh(header.type)) {
	case VIRTIO_BLK_T_IN:
		return parse_read(chain, limits, sector, bytes, command);
	case VIRTIO_BLK_T_OUT:
		return parse_write(chain, limits, sector, bytes, command);
	case VIRTIO_BLK_T_FLUSH:
		command->op = STORE_FLUSH;
		return true;
	case VIRTIO_BLK_T_GET_ID:
		return parse_id(chain, limits, command);
	case VIRTIO_BLK_T_DISCARD:
		return parse_ranges(iov, iov_num, bytes, limits, false, command);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return parse_ranges(iov, iov_num, bytes, limits, true, command);
	default:
		return answer(command, BLK_S_UNSUPP);
	}
}

enum blk_status
blk_status_of(int result)
{
	if (result == 0)
		return BLK_S_OK;
	return result == -EOPNOTSUPP ? BLK_S_UNSUPP : BLK_S_IOERR;
}

uint32_t
blk_finish(const struct blk_command *command, enum blk_status status)
{
	if (command->status == NULL)
		return 0;
	*command->status = (uint8_t)status;
	return status == BLK_S_OK ? command->data_bytes + 1 : 1;
}
