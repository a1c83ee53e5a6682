/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Free packets that were sent, in a process whose ports lend frames. What rte_pktmbuf_free()
 * does for each mbuf that holds a lent frame is done here for all of a burst: one return to
 * the ring they are of, one return to their pool.
 */
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "vvu_datapath.h"
#include "vvu_zc_port.h"

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

/* The only segment, the only reference to the mbuf and to the frame. */
static __rte_always_inline bool
is_lent(const struct rte_mbuf *m)
{
	return (m->ol_flags & (RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT)) == RTE_MBUF_F_EXTERNAL &&
	       m->nb_segs == 1 && rte_mbuf_refcnt_read(m) == 1 &&
	       m->shinfo->free_cb == vvu_zc_mbuf_free && rte_mbuf_ext_refcnt_read(m->shinfo) == 1;
}

/* As rte_pktmbuf_detach() leaves it: with its own buffer, of what the pool's have. */
static __rte_always_inline void
detach(const struct batch *batch, struct rte_mbuf *m)
{
	const uint32_t mbuf_size = sizeof(*m) + batch->priv_size;

	m->priv_size = batch->priv_size;
	m->buf_addr = (char *)m + mbuf_size;
	rte_mbuf_iova_set(m, rte_mempool_virt2iova(m) + mbuf_size);
	m->buf_len = batch->buf_len;
	rte_pktmbuf_reset_headroom(m);
	m->data_len = 0;
	m->ol_flags = 0;
}

static __rte_always_inline void
free_other(struct batch *batch, struct rte_mbuf *m)
{
	if (unlikely(m->nb_segs != 1)) {
		rte_pktmbuf_free(m);
		return;
	}
	m = rte_pktmbuf_prefree_seg(m);
	if (likely(m != NULL))
		add_mbuf(batch, m);
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
		add_mbuf(&batch, pkts[i]);
		detach(&batch, pkts[i]);
	}
	vvu_zc_chain_give_back(&batch.frames);
	flush_mbufs(&batch);
}
