/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include <ethdev_driver.h>
#include <linux/virtio_config.h>
#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_vect.h>

#include "vvu_burst.h"
#include "vvu_header.h"
#include "vvu_rx.h"
#include "vvu_zc_mbuf.h"

/* A variant, and what it is for; of the rows that are right for a queue the first is taken. */
struct vvu_variant {
	bool rx;
	bool packed;
	bool offload;		/* looks at headers, or flags, that say something */
	bool zc;		/* frames are lent; with and without offloads */
	unsigned int bits;	/* of vectors; 0: what DPDK needs anyway */
	uint64_t features;	/* that have to be negotiated */
	vvu_burst_fn burst;
	const char *info;	/* for rte_eth_rx_burst_mode_get() */
};

#define RX		.rx = true
#define TX		.rx = false
#define PACKED		.packed = true
#define OFFLOAD		.offload = true
#define ZERO_COPY	.zc = true
#define AVX2		.bits = 256
#define AVX512		.bits = 512
#define IN_ORDER	.features = 1ull << VIRTIO_F_IN_ORDER

/* Each direction and format has rows that need no feature. */
static const struct vvu_variant variants[] = {
#ifdef VVU_AVX512
	{ RX, AVX512, .burst = vvu_rx_burst_split_avx512, .info = "Vector AVX-512, split ring" },
	{ RX, AVX512, PACKED, .burst = vvu_rx_burst_packed_avx512,
	  .info = "Vector AVX-512, packed ring" },
	{ RX, AVX512, ZERO_COPY, .burst = vvu_rx_burst_split_zc_avx512,
	  .info = "Vector AVX-512, split ring, zero copy" },
	{ RX, AVX512, PACKED, ZERO_COPY, .burst = vvu_rx_burst_packed_zc_avx512,
	  .info = "Vector AVX-512, packed ring, zero copy" },
	{ TX, AVX512, .burst = vvu_tx_burst_split_avx512, .info = "Vector AVX-512, split ring" },
	{ TX, AVX512, PACKED, .burst = vvu_tx_burst_packed_avx512,
	  .info = "Vector AVX-512, packed ring" },
#endif
#ifdef VVU_AVX2
	{ RX, AVX2, PACKED, .burst = vvu_rx_burst_packed_avx2,
	  .info = "Vector AVX2, packed ring" },
	{ RX, AVX2, PACKED, ZERO_COPY, .burst = vvu_rx_burst_packed_zc_avx2,
	  .info = "Vector AVX2, packed ring, zero copy" },
#endif
	{ RX, .burst = vvu_rx_burst_split, .info = "Scalar, split ring" },
	{ RX, OFFLOAD, .burst = vvu_rx_burst_split_offload,
	  .info = "Scalar, split ring, offloads" },
	{ RX, ZERO_COPY, .burst = vvu_rx_burst_split_zc,
	  .info = "Scalar, split ring, zero copy" },
	{ RX, PACKED, IN_ORDER, .burst = vvu_rx_burst_packed_in_order,
	  .info = "Scalar, packed ring, in order" },
	{ RX, PACKED, .burst = vvu_rx_burst_packed, .info = "Scalar, packed ring" },
	{ RX, PACKED, OFFLOAD, .burst = vvu_rx_burst_packed_offload,
	  .info = "Scalar, packed ring, offloads" },
	{ RX, PACKED, ZERO_COPY, .burst = vvu_rx_burst_packed_zc,
	  .info = "Scalar, packed ring, zero copy" },
	{ TX, .burst = vvu_tx_burst_split, .info = "Scalar, split ring" },
	{ TX, OFFLOAD, .burst = vvu_tx_burst_split_offload,
	  .info = "Scalar, split ring, offloads" },
	{ TX, PACKED, .burst = vvu_tx_burst_packed, .info = "Scalar, packed ring" },
	{ TX, PACKED, OFFLOAD, .burst = vvu_tx_burst_packed_offload,
	  .info = "Scalar, packed ring, offloads" },
};

/*
 * How long a ring that was emptied is left alone for each frame that was found, and how long at
 * most. Of a packed ring used in order, no more than one used descriptor is written for a burst;
 * else one into each of the driver's lines, which then change sides twice as often, and it pays
 * to keep away from those that are being filled for longer. The numbers are what was best between
 * two cores that are far from each other; the longest pause is what a ring of 256 outlasts where
 * they are near, and shorter for a smaller one. Long frames fill a ring with a few of them, and
 * what they cost is their copies: no pause.
 */
#define PAUSE_SPLIT_NS			150u
#define PAUSE_PACKED_NS			300u
#define PAUSE_PACKED_IN_ORDER_NS	128u
#define PAUSE_MAX_NS			5000u
#define PAUSE_MAX_ENTRIES		256u
#define PAUSE_FRAME_MAX			2048u	/* bytes */

/* What a frame may say is negotiated; what a packet may ask for is the application's. */
static bool
has_offload(const struct vvu_queue *q)
{
	if (!q->rx)
		return (q->offloads & VVU_TX_OFFLOADS) != 0;
	return (q->offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0 ||
	       (q->ring != NULL && (q->ring->features & VVU_RX_OFFLOAD_FEATURES) != 0);
}

/* What the processor has and the user (--force-max-simd-bitwidth) allows. */
static unsigned int
vector_bits(void)
{
	unsigned int allowed = rte_vect_get_max_simd_bitwidth();

#ifdef RTE_ARCH_X86_64
	if (allowed >= RTE_VECT_SIMD_512 && rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512F) > 0 &&
	    rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0 &&
	    rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) > 0)
		return 512;
	if (allowed >= RTE_VECT_SIMD_256 && rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) > 0)
		return 256;
#endif
	RTE_SET_USED(allowed);
	return 0;
}

static bool
is_right(const struct vvu_variant *v, const struct vvu_queue *q, unsigned int bits)
{
	const bool packed = q->ring != NULL && q->ring->packed;
	const uint64_t features = q->ring != NULL ? q->ring->features : 0;

	if (v->bits > bits)
		return false;
	if (v->rx != q->rx || v->packed != packed || v->zc != (q->zc != NULL))
		return false;
	return (v->zc || v->offload == q->offload) && (v->features & ~features) == 0;
}

static uint64_t
cycles(uint64_t ns)
{
	return rte_get_tsc_hz() * ns / 1000000000;
}

static void
choose_pause(struct vvu_queue *q)
{
	unsigned int ns = PAUSE_SPLIT_NS;

	if (!q->rx || q->ring == NULL)
		return;
	if (q->ring->packed)
		ns = (q->ring->features & (1ull << VIRTIO_F_IN_ORDER)) != 0 ?
			     PAUSE_PACKED_IN_ORDER_NS :
			     PAUSE_PACKED_NS;
	q->pause = cycles(ns);
	q->pause_max = cycles(PAUSE_MAX_NS) * RTE_MIN(q->ring->size, PAUSE_MAX_ENTRIES) /
		       PAUSE_MAX_ENTRIES;
}

void
vvu_burst_choose(struct vvu_queue *q)
{
	const struct vvu_variant *v = variants;
	const unsigned int bits = vector_bits();

	q->offload = has_offload(q);
	while (!is_right(v, q, bits))
		v++;
	q->variant = v;
	q->burst = v->burst;
	choose_pause(q);
}

/* Whether a burst of @nb_pkts that found @n frames left none, as far as is known. */
static __rte_always_inline bool
is_emptied(const struct vhr_ring *ring, uint16_t n, uint16_t nb_pkts)
{
	if (ring->packed)
		return n < nb_pkts;
	return ring->avail_seen == ring->last_avail;
}

uint16_t
vvu_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct vvu_queue *q = queue;
	uint16_t n = 0;

	if (q->look_again != 0) {
		if (rte_rdtsc() < q->look_again)
			return 0;
		q->look_again = 0;
	}
	if (!vvu_queue_enter(q))
		return 0;
	if (unlikely(q->rarp_due) && nb_pkts > 0)
		n = vvu_rx_rarp(q, pkts);
	n += q->burst(q, &pkts[n], nb_pkts - n);
	/*
	 * A frontend that is slower than we are writes to the very line that we would look at over
	 * and over, the index of a split ring or the next descriptor of a packed one, which each
	 * time it then has to get back; and what we give back, it has to fetch for each of its
	 * bursts. So the ring is left to it for as long as it needs for a few more; the bursts get
	 * longer. A single frame now and then is hardly later for it.
	 */
	if (n > 0 && is_emptied(q->ring, n, nb_pkts) && pkts[n - 1]->pkt_len <= PAUSE_FRAME_MAX)
		q->look_again = rte_rdtsc() + RTE_MIN(n * q->pause, q->pause_max);
	vvu_queue_leave(q);
	return n;
}

/*
 * Frames that are lent have no buffer of their own, which not every program that asks for
 * RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE knows: that is for the others.
 */
static __rte_always_inline void
free_packets(const struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	if (unlikely(q->slow_burst || q->external))
		vvu_zc_free_packets(pkts, n);
	/* One pool, no other reference. */
	else if (q->fast_free)
		rte_mempool_put_bulk(pkts[0]->pool, (void **)pkts, n);
	else
		rte_pktmbuf_free_bulk(pkts, n);
}

uint16_t
vvu_tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct vvu_queue *q = queue;
	uint16_t done;

	if (!vvu_queue_enter(q))
		return 0;
	q->slow_burst = q->external = false;
	done = q->burst(q, pkts, nb_pkts);
	vvu_queue_leave(q);
	if (likely(done > 0))
		free_packets(q, pkts, done);
	return done;
}

int
vvu_burst_mode_get(struct rte_eth_dev *dev, uint16_t queue_id, bool rx,
		   struct rte_eth_burst_mode *mode)
{
	struct vvu_queue *q = rx ? dev->data->rx_queues[queue_id] : dev->data->tx_queues[queue_id];

	vvu_queue_lock(q);
	snprintf(mode->info, sizeof(mode->info), "%s", q->variant->info);
	vvu_queue_unlock(q);
	return 0;
}
