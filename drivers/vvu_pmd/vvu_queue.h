/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One ring of a port, as a data thread uses it: receive queue i is vhost ring 2i + 1 (the
 * frontend transmits on it), transmit queue i is ring 2i (virtio 1.3, 5.1.2).
 *
 * The objects live as long as the port: ethdev's queue set-up and release fill and empty
 * them, so that the frontend's side of the ring may come, change and go at any time.
 *
 * Lock. The data thread tries it once per burst and goes without packets when it does not
 * get it: it never waits. Everybody else (control thread, ethdev operations) waits for at
 * most one burst: "wanted" keeps a busily polling data thread from taking it over and over.
 */
#ifndef VVU_PMD_QUEUE_H
#define VVU_PMD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_spinlock.h>

#include "vhost-relay/vring/ring.h"

/* struct virtio_net_hdr_v1, always of this size with VERSION_1 (virtio 1.3, 5.1.6) */
#define VVU_NET_HEADER		12u
/* What of a frame is not payload: Ethernet header and two VLAN tags. */
#define VVU_FRAME_OVERHEAD	(RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)
/* The largest frame: it holds the largest IP packet, which TSO makes. */
#define VVU_MAX_FRAME		(UINT16_MAX + VVU_FRAME_OVERHEAD)
/* Buffers of one chain that the slow path copes with. */
#define VVU_CHAIN_IOV		256u

struct vvu_port;
struct vvu_queue;
struct vvu_variant;
struct vvu_zc;

/* Packets moved; see vvu_burst.h. */
typedef uint16_t (*vvu_burst_fn)(struct vvu_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts);

/* Per-queue counters; each event is counted in one of them. */
struct vvu_queue_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t calls;			/* doorbells written */
	uint64_t lock_misses;		/* bursts without the lock */
	uint64_t slow_chains;		/* not one plain descriptor */
	uint64_t ring_broken;		/* the frontend made no sense */
	uint64_t no_mbuf;		/* receive: bursts cut short, nothing is lost */
	uint64_t no_descriptor;		/* transmit: bursts cut short, nothing is lost */
	/* packets dropped */
	uint64_t truncated;		/* receive: shorter than an Ethernet header */
	uint64_t bad_header;		/* receive: header and frame do not go together */
	uint64_t bad_offload;		/* transmit: asks for what the frontend cannot take */
	uint64_t no_lro;		/* receive: several segments, not asked for */
	uint64_t bad_chain;		/* receive: writable or too many buffers */
	uint64_t oversize;		/* larger than the buffers it was for */
	uint64_t rarp;			/* receive: announcements made on behalf (SEND_RARP) */
	uint64_t lent;			/* receive: packets that were not copied */
	uint64_t lent_late; /* receive: of those, held too long: their bytes may change */
};

struct vvu_queue {
	/* ---- read at every burst ---- */
	rte_spinlock_t lock;
	uint32_t wanted;		/* how many wait for the lock */
	bool running;			/* started, with a ring and, for receive, a pool */
	bool scatter;			/* receive: packets of several mbufs are allowed */
	bool offload;			/* headers may say something; see vvu_burst.c */
	bool merge;			/* transmit: VIRTIO_NET_F_MRG_RXBUF was negotiated */
	bool fast_free;			/* transmit: RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE */
	bool rarp_due;
	bool slow_burst;		/* transmit: not all of the burst took the fast path */
	bool external;			/* transmit: of what did, not all had their own buffer */
	uint32_t room;			/* receive: bytes of one mbuf */
	bool uncached;			/* the frontend's memory is not cached here */
	uint32_t zc_min;		/* receive: frames of fewer bytes are not lent */
	struct vvu_zc *zc;		/* receive: frames on loan; NULL: all are copied */
	vvu_burst_fn burst;		/* for the ring's format and what was negotiated */
	uint64_t look_again;		/* receive: not before this time stamp; 0: now */
	uint64_t pause;			/* time stamp cycles per frame; vvu_rx_burst() */
	uint64_t pause_max;		/* and in all */
	struct vhr_ring *ring;
	struct rte_mempool *pool;
	uint64_t rearm;			/* receive: first 8 changing bytes of a fresh mbuf */
	/* the memory region of the last hit; size 0: none */
	uint64_t region_gpa;
	uint64_t region_size;
	uint8_t *region_va;
	/* ---- written at every burst ---- */
	struct vvu_queue_stats stats;

	/* ---- control ---- */
	struct vvu_port *port;
	const struct vvu_variant *variant;	/* what "burst" is */
	uint16_t queue_id;		/* ethdev's */
	bool rx;
	bool configured;		/* between queue set-up and release */
	bool lends;			/* receive: frames may be lent from it */
	bool deferred;			/* started by rte_eth_dev_..._queue_start() only */
	bool interrupt;			/* receive: the application waits for one */
	int interrupt_fd;		/* receive: what it waits on; -1: nothing */
	uint16_t nb_desc;
	uint64_t offloads;
	uint64_t features;		/* the ring's, for who has no lock; 0: no ring */
	uint8_t rarp_mac[6];
	struct iovec iov[VVU_CHAIN_IOV];
} __rte_cache_aligned;

static inline unsigned int
vvu_queue_rx_ring(unsigned int queue_id)
{
	return 2 * queue_id + 1;
}

static inline unsigned int
vvu_queue_tx_ring(unsigned int queue_id)
{
	return 2 * queue_id;
}

/*
 * For the data thread. True: the lock is taken and the ring may be used until
 * vvu_queue_leave().
 */
static __rte_always_inline bool
vvu_queue_enter(struct vvu_queue *q)
{
	if (unlikely(__atomic_load_n(&q->wanted, __ATOMIC_RELAXED) != 0 ||
		     rte_spinlock_trylock(&q->lock) == 0)) {
		q->stats.lock_misses++;
		return false;
	}
	if (likely(q->running && q->ring->ready))
		return true;
	rte_spinlock_unlock(&q->lock);
	return false;
}

/* The burst found the ring's contents senseless; the session tells the control thread. */
void vvu_queue_broken(struct vvu_queue *q);

static __rte_always_inline void
vvu_queue_leave(struct vvu_queue *q)
{
	if (unlikely(!q->ring->ready))
		vvu_queue_broken(q);
	rte_spinlock_unlock(&q->lock);
}

/* For everybody else. */
void vvu_queue_lock(struct vvu_queue *q);
void vvu_queue_unlock(struct vvu_queue *q);

/* The region cache, filled from the ring's memory table; NULL when not mapped in one piece. */
void *vvu_queue_translate_slow(struct vvu_queue *q, uint64_t gpa, uint32_t len);

/* The ring changed, or is there for the first time. Locked. */
void vvu_queue_ring_changed(struct vvu_queue *q);
/* Let the data thread use the ring (unless the port's link was set down), or not. */
void vvu_queue_run(struct vvu_queue *q, bool running);
/*
 * Attach to the session's ring, or detach (NULL). @window_flags: VHR_MAP_.... The queue does
 * not run.
 */
void vvu_queue_attach(struct vvu_queue *q, struct vhr_ring *ring, unsigned int window_flags);
void vvu_queue_reset_stats(struct vvu_queue *q);
/* The data room of @pool, or the buffer length of a split; 0 when there is none. */
uint32_t vvu_queue_pool_room(struct rte_mempool *pool);

struct rte_eth_dev;
struct rte_eth_rxconf;
struct rte_eth_txconf;
struct rte_eth_rxq_info;
struct rte_eth_txq_info;

/* ethdev operations */
int vvu_rx_queue_setup(struct rte_eth_dev *dev, uint16_t queue_id, uint16_t nb_desc,
		       unsigned int socket_id, const struct rte_eth_rxconf *conf,
		       struct rte_mempool *pool);
int vvu_tx_queue_setup(struct rte_eth_dev *dev, uint16_t queue_id, uint16_t nb_desc,
		       unsigned int socket_id, const struct rte_eth_txconf *conf);
void vvu_rx_queue_release(struct rte_eth_dev *dev, uint16_t queue_id);
void vvu_tx_queue_release(struct rte_eth_dev *dev, uint16_t queue_id);
int vvu_rx_queue_start(struct rte_eth_dev *dev, uint16_t queue_id);
int vvu_rx_queue_stop(struct rte_eth_dev *dev, uint16_t queue_id);
int vvu_tx_queue_start(struct rte_eth_dev *dev, uint16_t queue_id);
int vvu_tx_queue_stop(struct rte_eth_dev *dev, uint16_t queue_id);
void vvu_rxq_info_get(struct rte_eth_dev *dev, uint16_t queue_id, struct rte_eth_rxq_info *info);
void vvu_txq_info_get(struct rte_eth_dev *dev, uint16_t queue_id, struct rte_eth_txq_info *info);

#endif
