/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames that are lent are external buffers. What rte_pktmbuf_free() does for each mbuf is done
 * here for all of a burst: one return to the ring that frames are of, one return to the pool of
 * the mbufs.
 */
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "vvu_datapath.h"
#include "vvu_zc.h"
#include "vvu_zc_mbuf.h"

/* The last reference to a frame has gone, in DPDK's own code. */
static void
give_back(void *addr, void *slot)
{
	RTE_SET_USED(addr);
	vvu_zc_give_back(slot);
}

void
vvu_zc_describe(struct vvu_zc *zc)
{
	struct rte_mbuf_ext_shared_info *shinfo;
	uint32_t i;

	RTE_BUILD_BUG_ON(sizeof(*shinfo) > VVU_ZC_PRIV_BYTES);
	for (i = 0; i < zc->size; i++) {
		shinfo = (struct rte_mbuf_ext_shared_info *)zc->slot[i].priv;
		shinfo->free_cb = give_back;
		shinfo->fcb_opaque = &zc->slot[i];
	}
}

/* What is freed together. */
struct batch {
	struct vvu_zc_chain frames;
	struct rte_mempool *pool;
	uint16_t num;
	/* of the pool */
	uint16_t priv_size;
	uint16_t buf_len;
	struct rte_mbuf *mbufs[VVU_BATCH];
};

static __rte_always_inline void
flush_mbufs(struct batch *batch)
{
	if (batch->num > 0)
		rte_mempool_put_bulk(batch->pool, (void **)batch->mbufs, batch->num);
	batch->num = 0;
}

static __rte_always_inline void
add_mbuf(struct batch *batch, struct rte_mbuf *m)
{
	if (unlikely(batch->pool != m->pool || batch->num == VVU_BATCH)) {
		flush_mbufs(batch);
		batch->pool = m->pool;
		batch->priv_size = rte_pktmbuf_priv_size(m->pool);
		batch->buf_len = rte_pktmbuf_data_room_size(m->pool);
	}
	batch->mbufs[batch->num++] = m;
}

/* A segment to which nobody else has a reference, with an external buffer. */
static __rte_always_inline bool
is_external(const struct rte_mbuf *m)
{
	return (m->ol_flags & (RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT)) == RTE_MBUF_F_EXTERNAL &&
	       rte_mbuf_refcnt_read(m) == 1;
}

/* The other segments are of the same frame; so many in all have a reference to it. */
static bool
is_rest_lent(const struct rte_mbuf *m)
{
	const struct rte_mbuf *segment;
	unsigned int segments = 1;

	for (segment = m->next; segment != NULL; segment = segment->next) {
		if (!is_external(segment) || segment->shinfo != m->shinfo)
			return false;
		segments++;
	}
	return segments == m->nb_segs;
}

/* All of a frame and nothing else, and nobody else has a reference to any of it. */
static __rte_always_inline bool
is_lent(const struct rte_mbuf *m)
{
	return is_external(m) && m->shinfo->free_cb == give_back &&
	       rte_mbuf_ext_refcnt_read(m->shinfo) == m->nb_segs &&
	       (likely(m->nb_segs == 1) || is_rest_lent(m));
}

/* As rte_pktmbuf_detach() leaves it: with its own buffer, of what the pool's have. */
static __rte_always_inline void
free_segment(struct batch *batch, struct rte_mbuf *m)
{
	uint32_t mbuf_size;

	add_mbuf(batch, m);
	mbuf_size = sizeof(*m) + batch->priv_size;
	m->priv_size = batch->priv_size;
	m->buf_addr = (char *)m + mbuf_size;
	rte_mbuf_iova_set(m, rte_mempool_virt2iova(m) + mbuf_size);
	m->buf_len = batch->buf_len;
	rte_pktmbuf_reset_headroom(m);
	m->data_len = 0;
	m->ol_flags = 0;
}

/* The mbufs of a frame that was given back. */
static __rte_always_inline void
free_segments(struct batch *batch, struct rte_mbuf *m)
{
	struct rte_mbuf *next;
	uint16_t left;

	for (left = m->nb_segs; unlikely(left > 1); left--) {
		next = m->next;
		m->next = NULL;
		m->nb_segs = 1;
		free_segment(batch, m);
		m = next;
	}
	free_segment(batch, m);
}

static __rte_always_inline void
free_other(struct batch *batch, struct rte_mbuf *m)
{
	struct rte_mbuf *next;

	for (; m != NULL; m = next) {
		next = m->next;
		m = rte_pktmbuf_prefree_seg(m);
		if (likely(m != NULL))
			add_mbuf(batch, m);
	}
}

void
vvu_zc_free_packets(struct rte_mbuf **pkts, uint16_t n)
{
	struct batch batch = { .frames = { .count = 0 }, .pool = NULL, .num = 0 };
	struct vvu_zc_slot *slot;
	struct vvu_zc *zc;
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (!is_lent(pkts[i])) {
			free_other(&batch, pkts[i]);
			continue;
		}
		slot = pkts[i]->shinfo->fcb_opaque;
		zc = vvu_zc_of(slot);
		if (unlikely(zc != batch.frames.zc))
			vvu_zc_chain_give_back(&batch.frames);
		vvu_zc_chain_add(&batch.frames, zc, slot);
		free_segments(&batch, pkts[i]);
	}
	vvu_zc_chain_give_back(&batch.frames);
	flush_mbufs(&batch);
}
