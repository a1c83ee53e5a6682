/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device side of a split virtqueue (virtio 1.3, 2.7), for rxq and txq: one chain at a
 * time, copied in or out whole. The driver is not trusted: each index and descriptor is
 * read once, checked, then used. A queue that breaks a rule is broken until reset.
 */
#ifndef VVU_EMBEDDED_VIRTQ_H
#define VVU_EMBEDDED_VIRTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dma.h"
#include "vhost-proto/codec.h"

#define EMB_VIRTQ_SIZE 256u	/* largest, and the size after reset */

struct emb_virtq {
	const struct emb_dma *dma;
	bool device_writes;	/* rxq: all buffers are for the device to write */
	bool enabled;
	bool broken;
	uint16_t size;
	uint16_t vector;	/* MSI-X, VVU_NO_VECTOR for none */
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
	uint16_t next_avail;
	uint16_t next_used;
};

struct emb_chain {
	uint16_t head;
	unsigned int count;
	uint64_t bytes;
	struct {
		uint64_t iova;
		uint32_t length;
	} piece[EMB_VIRTQ_SIZE];
};

void emb_virtq_reset(struct emb_virtq *virtq);
/*
 * The driver enables the queue: are the ring addresses as aligned as virtio 1.3, 2.7
 * demands, and all of the rings in memory the device reaches? 0, or -EINVAL with @reason
 * and the queue broken.
 */
int emb_virtq_enable(struct emb_virtq *virtq, struct vhu_reason *reason);
/* Chains the driver has made available; bounded by the queue size, 0 when broken. */
unsigned int emb_virtq_available(const struct emb_virtq *virtq);
/*
 * Look at the next chain without taking it. 1 with @chain checked and all of it in memory
 * the device reaches, 0 when there is none, -EPROTO when the queue is (now) broken, with
 * @reason when it just became so.
 */
int emb_virtq_peek(struct emb_virtq *virtq, struct emb_chain *chain, struct vhu_reason *reason);
/*
 * Give the chain last peeked back with @written bytes. Returns whether the driver wants to
 * be interrupted, or -EPROTO.
 */
int emb_virtq_complete(struct emb_virtq *virtq, const struct emb_chain *chain, uint32_t written,
		       struct vhu_reason *reason);

/* Copy the first @length (<= chain->bytes) bytes. -EFAULT when the memory went away. */
int emb_chain_read(const struct emb_virtq *virtq, const struct emb_chain *chain, void *buf,
		   size_t length);
int emb_chain_write(const struct emb_virtq *virtq, const struct emb_chain *chain, const void *buf,
		    size_t length);

#endif
