/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring full of random descriptors, the memory they point to, a pool and packets: all that
 * a burst function works on. Two worlds of one seed are equal but for where they are.
 */
#ifndef BURST_WORLD_H
#define BURST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "vvu_burst.h"
#include "vvu_zc.h"

#define WORLD_REGIONS	2
#define WORLD_REGION	0x8000u
#define WORLD_ROOM	1600u
#define WORLD_MBUFS	80u
#define WORLD_BURST	70u

struct world {
	uint64_t random;
	unsigned int wrong;	/* one of so many fields is; 0: none */
	struct vvu_queue *q;
	struct vhr_ring ring;
	struct vhr_memory memory;
	uint8_t *region[WORLD_REGIONS];
	/* the ring's parts, each of exactly its size */
	uint8_t *part[3];
	size_t part_size[3];
	struct rte_mempool pool;
	struct rte_pktmbuf_pool_private pool_private;	/* where DPDK looks for it */
	struct vvu_zc_window *window;
	uint8_t *object[WORLD_MBUFS];
	struct rte_mbuf *free[WORLD_MBUFS];
	unsigned int num_free;
	struct rte_mbuf *pkts[WORLD_BURST];
};

/* Whether this processor runs the variants of a level. */
bool avx2_there(void);
bool avx512_there(void);

struct world *world_new(uint64_t seed, bool rx, bool packed);
void world_free(struct world *w);
uint32_t world_random(struct world *w, uint32_t below);
/*
 * Frames of @min bytes and more are lent from now on, half the ring at most. @strict: used in
 * order, however many wait behind one that is out.
 */
void world_lend(struct world *w, uint32_t min, bool strict);
/* Another burst: of so many packets, which are there for transmit. Returns the number. */
uint16_t world_prepare(struct world *w);
/* After the burst, which returned @n: mbufs go back to the pool. */
void world_finish(struct world *w, uint16_t n);
/* After a burst in each: the bytes of the packets, in whatever mbufs they are. */
void world_assert_same_bytes(const struct world *a, const struct world *b, uint16_t n);
/* ... the rings, and how far they are. */
void world_assert_equal_rings(const struct world *a, const struct world *b);
/* ... and all else: what is in the buffers, the counters, the packets. */
void world_assert_equal(const struct world *a, const struct world *b, uint16_t n);

#endif
