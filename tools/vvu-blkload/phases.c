/* SPDX-License-Identifier: BSD-3-Clause */
/* What the next request is, in each of the phases. */
#include "load.h"

/* xorshift64*: the state is never 0. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/* Uniform in [0, @limit), but for less than 2^-32 of bias where @limit has up to 32 bits. */
static uint64_t random_below(uint64_t *state, uint64_t limit)
{
	return (uint64_t)((unsigned __int128)random_next(state) * limit >> 64);
}

static bool is_sequential(enum load_mode mode)
{
	return mode == LOAD_READ || mode == LOAD_WRITE;
}

static enum io_kind choose_kind(const struct options *options, struct lane *lane)
{
	switch (options->mode) {
	case LOAD_RANDREAD:
	case LOAD_READ:
		return IO_READ;
	case LOAD_RANDWRITE:
	case LOAD_WRITE:
		return IO_WRITE;
	case LOAD_RANDRW:
		break;
	}
	return random_below(&lane->random, 100) < options->mix_percent ? IO_READ : IO_WRITE;
}

static uint64_t choose_block(const struct options *options, struct lane *lane)
{
	struct disk *disk = lane->disk;
	uint64_t block;

	if (is_sequential(options->mode)) {
		block = lane->cursor++;
		if (lane->cursor == lane->end)
			lane->cursor = lane->first;
	} else {
		block = random_below(&lane->random, disk->device.blocks);
	}
	/* Of two requests for one block at a time, nobody could say which came first. */
	return options->verify ? blocks_idle(&disk->blocks, block) : block;
}

static bool measure_next(struct load *load, struct lane *lane, struct io *io)
{
	const struct options *options = load->options;

	if (load->stopping || (options->ios && load->issued == options->ios))
		return false;
	load->issued++;
	if (options->flush_every && lane->writes >= options->flush_every) {
		lane->writes = 0;
		io->kind = IO_FLUSH;
		return true;
	}
	io->kind = choose_kind(options, lane);
	io->block = choose_block(options, lane);
	lane->writes += io->kind == IO_WRITE;
	return true;
}

static bool pass_next(struct lane *lane, struct io *io, enum io_kind kind)
{
	struct disk *disk = lane->disk;

	if (disk->cursor == disk->device.blocks)
		return false;
	io->kind = kind;
	io->block = disk->cursor++;
	return true;
}

static bool write_all_next(struct load *load, struct lane *lane, struct io *io)
{
	return pass_next(lane, io, IO_WRITE);
}

static bool read_all_next(struct load *load, struct lane *lane, struct io *io)
{
	return pass_next(lane, io, IO_READ);
}

const struct phase phase_write_all = { "writing the region", write_all_next, false };
const struct phase phase_measure = { "the workload", measure_next, true };
const struct phase phase_read_all = { "reading the region", read_all_next, false };
