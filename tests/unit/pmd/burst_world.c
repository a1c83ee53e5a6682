/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "vhost-relay/vring/packed.h"
#include "vhost-relay/vring/split.h"

#include "burst_world.h"
#include "vvu_zc_mbuf.h"

/* The header that DPDK puts before an mbuf of a pool, and keeps its alignment. */
#define OBJECT_HEADER	RTE_CACHE_LINE_SIZE

/* The library's, without a session. */
void
vhr_ring_call(struct vhr_ring *ring)
{
	ring->calls++;
}

void
vhr_ring_break(struct vhr_ring *ring, const char *fmt, ...)
{
	ring->broken = true;
	ring->ready = false;
}

bool
avx2_there(void)
{
	return __builtin_cpu_supports("avx2");
}

bool
avx512_there(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl");
}

static int
take(struct rte_mempool *pool, void **objects, unsigned int n)
{
	struct world *w = pool->pool_data;

	if (n > w->num_free)
		return -ENOBUFS;
	while (n-- > 0)
		*objects++ = w->free[--w->num_free];
	return 0;
}

static int
put(struct rte_mempool *pool, void *const *objects, unsigned int n)
{
	struct world *w = pool->pool_data;

	/* As a stack: what came last goes first. */
	while (n-- > 0)
		w->free[w->num_free++] = objects[n];
	return 0;
}

static int
no_memory_needed(struct rte_mempool *pool)
{
	return 0;
}

static void
no_memory(struct rte_mempool *pool)
{
}

static unsigned int
count(const struct rte_mempool *pool)
{
	return ((const struct world *)pool->pool_data)->num_free;
}

static const struct rte_mempool_ops pool_ops = {
	.name = "world",
	.alloc = no_memory_needed,
	.free = no_memory,
	.enqueue = put,
	.dequeue = take,
	.get_count = count,
};

/* xorshift64 */
static uint64_t
next_random(struct world *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

uint32_t
world_random(struct world *w, uint32_t below)
{
	return (next_random(w) >> 16) % below;
}

static bool
wrong(struct world *w)
{
	return w->wrong != 0 && world_random(w, w->wrong) == 0;
}

static void
fill(struct world *w, uint8_t *at, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		at[i] = next_random(w) >> 24;
}

static uint8_t *
new_part(struct world *w, unsigned int i, size_t size)
{
	/* 16 bytes is what a descriptor ring is aligned to, not a cache line. */
	w->part[i] = malloc(size);
	assert_non_null(w->part[i]);
	w->part_size[i] = size;
	memset(w->part[i], 0, size);
	return w->part[i];
}

static uint64_t
some_gpa(unsigned int region)
{
	return 0x100000ull * (region + 1);
}

/* A buffer somewhere, mostly with a header that says nothing. */
static uint64_t
some_buffer(struct world *w, uint32_t *len)
{
	static const uint32_t odd[] = { 0, 1, 11, 12, 25, 26, 0x7fffffff, 0x80000000, 0xffffffff };
	unsigned int region = world_random(w, 10) != 0;
	uint32_t offset;

	*len = world_random(w, 4) == 0 ? 12 + 14 + world_random(w, 1700) :
					 12 + 14 + world_random(w, 200);
	offset = world_random(w, WORLD_REGION - *len + 1);
	if (world_random(w, 30) != 0)
		memset(w->region[region] + offset, 0, 12);
	if (wrong(w))
		*len = odd[world_random(w, sizeof(odd) / sizeof(odd[0]))];
	if (wrong(w))
		offset = WORLD_REGION - world_random(w, 40);
	return wrong(w) ? next_random(w) : some_gpa(region) + offset;
}

/* A descriptor's number; a wrong one is often just outside. */
static uint16_t
some_number(struct world *w)
{
	if (!wrong(w))
		return world_random(w, w->ring.size);
	return world_random(w, 2) ? w->ring.size : next_random(w) >> 20;
}

static uint16_t
some_flags(struct world *w, uint16_t right)
{
	if (wrong(w))
		return next_random(w) >> 20;
	return world_random(w, 40) == 0 ? right | VRING_DESC_F_NEXT : right;
}

static void
fill_split(struct world *w)
{
	struct vring_desc *desc = w->ring.desc;
	uint16_t write = w->q->rx ? 0 : VRING_DESC_F_WRITE, i;

	for (i = 0; i < w->ring.size; i++) {
		uint32_t len;
		uint64_t addr = some_buffer(w, &len);

		desc[i] = (struct vring_desc){
			.addr = addr,
			.len = len,
			.flags = some_flags(w, write),
			.next = some_number(w),
		};
		w->ring.avail->ring[i] = some_number(w);
	}
	w->ring.avail->idx = w->ring.last_avail + world_random(w, w->ring.size + 1);
}

/* A table of descriptors for a frame in up to four parts. Returns its address. */
static uint64_t
some_table(struct world *w, uint32_t *len)
{
	uint16_t num = 1 + world_random(w, 4), i;
	uint32_t offset = 16 * world_random(w, WORLD_REGION / 16 - num);
	struct vring_packed_desc *table = (void *)(w->region[1] + offset);

	for (i = 0; i < num; i++) {
		uint32_t part;
		uint64_t addr = some_buffer(w, &part);

		table[i] = (struct vring_packed_desc){
			.addr = addr,
			.len = part,
			.flags = wrong(w) ? VRING_DESC_F_WRITE : 0,
		};
	}
	*len = sizeof(*table) * num - wrong(w);
	return some_gpa(1) + offset;
}

static void
fill_packed(struct world *w)
{
	struct vhr_packed_position at = { w->ring.last_avail, w->ring.avail_wrap };
	uint16_t write = w->q->rx ? 0 : VRING_DESC_F_WRITE, n;

	for (n = world_random(w, w->ring.size + 1); n > 0; n--) {
		uint16_t flags = write | vhr_packed_avail_flags(at.wrap);
		uint32_t len;
		uint64_t addr;

		if (w->q->rx && (w->ring.indirect || wrong(w)) && world_random(w, 3) == 0) {
			addr = some_table(w, &len);
			flags |= VRING_DESC_F_INDIRECT;
		} else {
			addr = some_buffer(w, &len);
			flags = some_flags(w, flags);
		}
		w->ring.packed_desc[at.idx] = (struct vring_packed_desc){
			.addr = addr,
			.len = len,
			.id = some_number(w),
			.flags = flags,
		};
		at = vhr_packed_advance(at.idx, at.wrap, 1, w->ring.size);
	}
}

static void
new_ring(struct world *w, bool packed)
{
	struct vhr_ring *ring = &w->ring;

	ring->ready = true;
	ring->packed = packed;
	ring->size = packed ? 5 + world_random(w, 90) : 8u << world_random(w, 4);
	ring->event_idx = world_random(w, 2);
	ring->indirect = world_random(w, 2);
	ring->memory = &w->memory;
	ring->features = world_random(w, 2) ? 1ull << VIRTIO_NET_F_MRG_RXBUF : 0;
	ring->features |= world_random(w, 2) ? 1ull << VIRTIO_F_IN_ORDER : 0;
	ring->last_avail = packed ? world_random(w, ring->size) : world_random(w, 65536);
	ring->used_idx = ring->last_avail;
	ring->avail_wrap = ring->used_wrap = world_random(w, 2);
	ring->desc = (void *)new_part(w, 0, 16 * ring->size);
	if (packed) {
		ring->driver_event = (void *)new_part(w, 1, 4);
		ring->device_event = (void *)new_part(w, 2, 4);
		fill(w, w->part[1], 4);
		/* Nothing is available in either lap. */
		memset(w->part[0], 0, w->part_size[0]);
		for (unsigned int i = 0; i < ring->size; i++)
			ring->packed_desc[i].flags = vhr_packed_used_flags(!ring->avail_wrap);
	} else {
		ring->avail = (void *)new_part(w, 1, 6 + 2 * ring->size);
		ring->used = (void *)new_part(w, 2, 6 + 8 * ring->size);
		fill(w, w->part[2], w->part_size[2]);
	}
}

struct world *
world_new(uint64_t seed, bool rx, bool packed)
{
	static const unsigned int how_wrong[] = { 0, 200, 20, 4 };
	struct world *w = calloc(1, sizeof(*w));
	unsigned int i;

	assert_non_null(w);
	if (rte_mempool_ops_table.num_ops == 0)
		assert_true(rte_mempool_register_ops(&pool_ops) >= 0);
	w->random = seed * 0x9e3779b97f4a7c15ull + 1;
	next_random(w);
	w->wrong = how_wrong[world_random(w, 4)];
	w->q = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*w->q));
	assert_non_null(w->q);
	memset(w->q, 0, sizeof(*w->q));
	for (i = 0; i < WORLD_REGIONS; i++) {
		w->region[i] = malloc(WORLD_REGION);
		assert_non_null(w->region[i]);
		fill(w, w->region[i], WORLD_REGION);
		w->memory.region[w->memory.num++] = (struct vhr_region){
			.gpa = some_gpa(i), .size = WORLD_REGION, .va = w->region[i],
		};
	}
	w->q->rx = rx;
	w->q->running = true;
	w->q->ring = &w->ring;
	w->q->pool = &w->pool;
	w->q->room = WORLD_ROOM;
	w->q->scatter = world_random(w, 2);
	/* data_off, refcnt, nb_segs, port */
	w->q->rearm = RTE_PKTMBUF_HEADROOM | 1ull << 16 | 1ull << 32;
	w->pool.pool_data = w;
	w->pool.ops_index = 0;
	RTE_BUILD_BUG_ON(offsetof(struct world, pool_private) !=
			 offsetof(struct world, pool) + sizeof(w->pool));
	RTE_BUILD_BUG_ON(OBJECT_HEADER < sizeof(struct rte_mempool_objhdr));
	w->pool_private.mbuf_data_room_size = RTE_PKTMBUF_HEADROOM + WORLD_ROOM;
	for (i = 0; i < WORLD_MBUFS; i++) {
		uint32_t size = RTE_PKTMBUF_HEADROOM + WORLD_ROOM;
		size_t whole = OBJECT_HEADER + RTE_ALIGN(sizeof(struct rte_mbuf) + size, 64);
		struct rte_mbuf *m;

		w->object[i] = aligned_alloc(RTE_CACHE_LINE_SIZE, whole);
		assert_non_null(w->object[i]);
		memset(w->object[i], 0, whole);
		m = (void *)(w->object[i] + OBJECT_HEADER);
		m->buf_addr = m + 1;
		m->buf_len = size;
		m->pool = &w->pool;
		rte_mbuf_refcnt_set(m, 1);
		m->nb_segs = 1;
		w->free[w->num_free++] = m;
	}
	/* Sometimes there are too few. */
	if (rx && world_random(w, 4) == 0)
		w->num_free = world_random(w, 20);
	new_ring(w, packed);
	w->q->merge = (w->ring.features & (1ull << VIRTIO_NET_F_MRG_RXBUF)) != 0;
	return w;
}

void
world_lend(struct world *w, uint32_t min, bool strict)
{
	w->window = vvu_zc_window_new();
	assert_non_null(w->window);
	w->q->zc_min = min;
	/* Order is given up when half the size waits: never, where that is more than the ring. */
	w->q->zc = vvu_zc_new(w->ring.size * (strict ? 2 : 1), w->ring.size / 2, w->window);
	assert_non_null(w->q->zc);
	vvu_zc_describe(w->q->zc);
}

void
world_free(struct world *w)
{
	unsigned int i;

	if (w->window != NULL) {
		vvu_zc_abandon(w->q->zc);
		assert_false(vvu_zc_window_in_use(w->window));
		vvu_zc_window_put(w->window);
	}
	for (i = 0; i < WORLD_MBUFS; i++)
		free(w->object[i]);
	for (i = 0; i < WORLD_REGIONS; i++)
		free(w->region[i]);
	for (i = 0; i < 3; i++)
		free(w->part[i]);
	free(w->q);
	free(w);
}

static struct rte_mbuf *
some_packet(struct world *w)
{
	unsigned int segments = world_random(w, 30) == 0 && w->num_free >= 2 ? 2 : 1, i;
	struct rte_mbuf *head = NULL, *m = NULL;

	for (i = 0; i < segments; i++) {
		struct rte_mbuf *more = w->free[--w->num_free];

		more->data_off = RTE_PKTMBUF_HEADROOM;
		more->next = NULL;
		more->data_len = world_random(w, 5) == 0 ? 14 + world_random(w, WORLD_ROOM - 13) :
							   14 + world_random(w, 120);
		fill(w, rte_pktmbuf_mtod(more, uint8_t *), more->data_len);
		if (head == NULL) {
			head = more;
			head->pkt_len = 0;
		} else {
			m->next = more;
		}
		m = more;
		head->pkt_len += more->data_len;
	}
	head->nb_segs = segments;
	return head;
}

uint16_t
world_prepare(struct world *w)
{
	uint16_t n = world_random(w, WORLD_BURST) + 1, i;

	if (w->ring.packed)
		fill_packed(w);
	else
		fill_split(w);
	if (w->q->rx)
		return n;
	for (i = 0; i < n && w->num_free >= 2; i++)
		w->pkts[i] = some_packet(w);
	return i;
}

void
world_finish(struct world *w, uint16_t n)
{
	struct rte_mbuf *m, *next;
	uint16_t i;

	for (i = 0; i < n; i++) {
		for (m = w->pkts[i]; m != NULL; m = next) {
			next = m->next;
			m->next = NULL;
			m->nb_segs = 1;
			w->free[w->num_free++] = m;
		}
	}
}

static void
assert_equal_packets(const struct rte_mbuf *a, const struct rte_mbuf *b)
{
	assert_int_equal(a->pkt_len, b->pkt_len);
	assert_int_equal(a->nb_segs, b->nb_segs);
	while (a != NULL && b != NULL) {
		assert_int_equal(a->data_len, b->data_len);
		assert_int_equal(a->data_off, b->data_off);
		assert_int_equal(a->ol_flags, b->ol_flags);
		assert_memory_equal(rte_pktmbuf_mtod(a, const uint8_t *),
				    rte_pktmbuf_mtod(b, const uint8_t *), a->data_len);
		a = a->next;
		b = b->next;
	}
	assert_true(a == NULL && b == NULL);
}

static uint32_t
flatten(const struct rte_mbuf *m, uint8_t *to)
{
	uint32_t len = 0;

	for (; m != NULL; m = m->next) {
		memcpy(to + len, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
		len += m->data_len;
	}
	return len;
}

void
world_assert_same_bytes(const struct world *a, const struct world *b, uint16_t n)
{
	static uint8_t flat[2][VVU_MAX_FRAME];
	uint16_t i;

	for (i = 0; i < n; i++) {
		assert_int_equal(flatten(a->pkts[i], flat[0]), a->pkts[i]->pkt_len);
		assert_int_equal(flatten(b->pkts[i], flat[1]), a->pkts[i]->pkt_len);
		assert_int_equal(b->pkts[i]->pkt_len, a->pkts[i]->pkt_len);
		assert_memory_equal(flat[0], flat[1], a->pkts[i]->pkt_len);
	}
}

void
world_assert_equal_rings(const struct world *a, const struct world *b)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		assert_memory_equal(a->part[i], b->part[i], a->part_size[i]);
	assert_int_equal(a->ring.last_avail, b->ring.last_avail);
	assert_int_equal(a->ring.used_idx, b->ring.used_idx);
	assert_int_equal(a->ring.avail_wrap, b->ring.avail_wrap);
	assert_int_equal(a->ring.used_wrap, b->ring.used_wrap);
	assert_int_equal(a->ring.out, b->ring.out);
	assert_int_equal(a->ring.broken, b->ring.broken);
	assert_int_equal(a->ring.calls, b->ring.calls);
	assert_int_equal(a->num_free, b->num_free);
}

void
world_assert_equal(const struct world *a, const struct world *b, uint16_t n)
{
	unsigned int i;

	for (i = 0; i < WORLD_REGIONS; i++)
		assert_memory_equal(a->region[i], b->region[i], WORLD_REGION);
	assert_memory_equal(&a->q->stats, &b->q->stats, sizeof(a->q->stats));
	world_assert_equal_rings(a, b);
	for (i = 0; i < n; i++)
		assert_equal_packets(a->pkts[i], b->pkts[i]);
}
