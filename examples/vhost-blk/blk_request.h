/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * virtio-blk requests (virtio 1.3, 5.2.6): from the buffers of a chain to operations of a store,
 * and from their result back to status and length. Pure functions: no state, no I/O.
 *
 * The layout of buffers is the driver's choice: header, data and status may be split and joined
 * at any byte; all that counts is that the device reads the header's 16 bytes first and writes
 * the status byte last.
 */
#ifndef VHOST_BLK_REQUEST_H
#define VHOST_BLK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/store/store.h"
#include "vhost-relay/vring/split.h"

#define BLK_SECTOR_BYTES	512u
#define BLK_ID_BYTES		20u
/* Ranges in one discard or write-zeroes request. */
#define BLK_MAX_RANGES		32u

/* 5.2.6: the status byte */
enum blk_status { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };

/* What the disk is, for one request. */
struct blk_limits {
	uint64_t size_bytes;
	uint32_t block_bytes;
	bool read_only;
	uint32_t max_discard_sectors;	/* of one range; 0: no discard */
	uint32_t max_zeroes_sectors;	/* of one range */
	const char *id;			/* BLK_ID_BYTES, padded with zeroes */
};

struct blk_range {
	uint64_t offset;		/* bytes */
	uint64_t length;
	unsigned int flags;		/* STORE_F_UNMAP */
};

struct blk_command {
	uint8_t *status;		/* NULL: the chain has no room for one */
	uint8_t result;			/* enum blk_status, when blk_parse() returned false */
	enum store_op op;
	/* Read, write: the data of the request, in the chain's own iov array */
	uint64_t offset;		/* bytes */
	uint64_t length;
	struct iovec *iov;
	unsigned int iov_num;
	/* Bytes that the device writes before the status when all goes well */
	uint32_t data_bytes;
	/* Discard, write zeroes: one operation each */
	unsigned int num_ranges;
	struct blk_range range[BLK_MAX_RANGES];
};

/*
 * What @chain asks for. True: @command has operations for the store. False: @command->result
 * is the answer already, for blk_finish(). @chain->iov is changed, so that it holds pieces of
 * data only. All of the request is read once, here.
 */
bool blk_parse(struct vhr_chain *chain, const struct blk_limits *limits,
	       struct blk_command *command);

/* The status for a result of the store (0 or -errno). */
enum blk_status blk_status_of(int result);

/*
 * Write the status. Returns the number of bytes that the device wrote into the chain: the data of
 * a successful read and the status byte, else the status byte; 0 where there is no room for it.
 */
uint32_t blk_finish(const struct blk_command *command, enum blk_status status);

#endif
