/* SPDX-License-Identifier: BSD-3-Clause */
/* The workload: lanes (one per queue of each device) that one thread keeps filled. */
#ifndef BLKLOAD_LOAD_H
#define BLKLOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_blk.h>

#include "common/histogram.h"

#include "blocks.h"
#include "device.h"
#include "options.h"
#include "vq.h"

enum io_kind { IO_READ, IO_WRITE, IO_FLUSH, IO_KINDS };

/* One request; its number is the slot of the virtqueue. */
struct io {
	struct virtio_blk_outhdr *header;
	uint8_t *status;
	uint8_t *data;
	enum io_kind kind;
	uint32_t generation;		/* what a write writes, and a read shall read; 0: any */
	uint64_t block;
	uint64_t shown_ns;
};

struct disk;

struct lane {
	struct vq vq;
	struct disk *disk;
	struct io *io;			/* options->depth */
	uint16_t *free, *done;		/* slots */
	unsigned int free_num;
	int kick_fd;
	uint64_t random;
	uint64_t first, end, cursor;	/* its part of the region, for sequential modes */
	uint64_t writes;		/* since the last flush */
	uint64_t progress_ns;		/* when something was done last */
};

/* Requests of one kind that were measured, on all devices. */
struct tally {
	struct histogram latency;
	uint64_t least_ns;
	uint64_t bytes;
};

struct disk {
	struct device device;
	struct lane *lane;		/* options->queues */
	struct blocks blocks;		/* with --verify */
	uint64_t cursor;		/* of the passes over the whole region */
	uint64_t measured;		/* requests */
};

struct load {
	const struct options *options;
	struct disk *disk;		/* options->devices */
	int epoll_fd;
	int call_fd;			/* of all rings */
	unsigned int in_flight;
	/* ---- the phase that runs ---- */
	const struct phase *phase;
	bool stopping;			/* nothing new */
	uint64_t begin_ns, end_ns;	/* what is done in between is measured */
	uint64_t issued;
	uint64_t last_ns;		/* when the last request was done */
	uint64_t checked_ns;		/* when peers were looked at last */
	/* ---- results ---- */
	struct tally tally[IO_KINDS];
	uint64_t measured_ns;
	uint64_t kicks, wakeups;	/* in the phase that is measured */
	/*
	 * How often all rings were looked at, and nothing was done in any. Hardly ever: then it
	 * is this program that limits the rate.
	 */
	uint64_t rounds, empty_rounds;
	uint64_t workload_ios;		/* of that phase, what was not measured included */
	uint64_t failed;		/* requests that the device failed, in any phase */
	uint64_t checked_blocks, wrong_blocks;
	char first_error[160];		/* of a request; empty: none */
	struct vhu_reason reason;	/* why load_run() failed */
};

/*
 * Open all devices and start their rings. -errno with load->reason. load_close() in any
 * case; options outlive it.
 */
int load_open(struct load *load, const struct options *options);
/*
 * Run all phases. 0, also when requests failed (load->failed, load->wrong_blocks); -errno: a
 * back-end went away, broke the protocol, or did not answer.
 */
int load_run(struct load *load);
/* Stop the rings of all devices, after load_run() succeeded. As load_run(). */
int load_stop(struct load *load);
void load_close(struct load *load);

/* ---- between load.c, setup.c and phases.c ---- */

/*
 * A part of a run. next() says what a free slot shall do: true with io->kind and io->block
 * set, or false when there is nothing more.
 */
struct phase {
	const char *name;
	bool (*next)(struct load *load, struct lane *lane, struct io *io);
	bool measured;
};

/* Run a phase until nothing is in flight. */
int load_phase(struct load *load, const struct phase *phase);
/* Write the region; the workload itself; read the region. */
extern const struct phase phase_write_all, phase_measure, phase_read_all;

__attribute__((format(printf, 3, 4)))
int load_fail(struct load *load, int error, const char *fmt, ...);

#endif
