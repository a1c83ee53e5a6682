/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BLKLOAD_OPTIONS_H
#define BLKLOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define DEVICES_MAX	64u
#define QUEUES_MAX	64u
#define DEPTH_MAX	1024u
#define SECTOR_BYTES	512u

enum load_mode { LOAD_RANDREAD, LOAD_RANDWRITE, LOAD_READ, LOAD_WRITE, LOAD_RANDRW };

struct options {
	const char *socket[DEVICES_MAX];
	unsigned int devices;
	enum load_mode mode;
	bool call;			/* --wait call */
	bool verify;
	bool huge;
	bool packed;
	bool event_idx;
	bool indirect;
	uint64_t block_bytes;		/* --bs */
	uint64_t segment_bytes;		/* 0: a request's data in one piece */
	uint64_t offset_bytes;
	uint64_t size_bytes;		/* 0: to the end of the disk */
	uint64_t depth;			/* requests in flight in each queue */
	uint64_t queues;		/* of each device */
	uint64_t ring_size;		/* 0: what the depth takes, at least 256 */
	uint64_t ios;			/* 0: no limit */
	uint64_t mix_percent;		/* share of reads in randrw */
	uint64_t flush_every;		/* 0: never */
	uint64_t seed;
	uint64_t runtime_ns;
	uint64_t ramp_ns;
	uint64_t timeout_ns;
	int cpu;			/* -1: anywhere */
};

/* The name of a mode as --rw takes it. */
const char *options_mode_name(enum load_mode mode);
static inline bool options_writes(const struct options *options)
{
	return options->verify || options->mode == LOAD_RANDWRITE ||
	       options->mode == LOAD_WRITE || options->mode == LOAD_RANDRW;
}

/* 0; 1 when help was asked for and given; -EINVAL after a message. */
int options_parse(struct options *options, int argc, char **argv);

#endif
