/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the device can reach of the driver's memory: the ranges an IOMMU would let it
 * through. Every address found in a virtqueue goes through here, with its length.
 */
#ifndef VVU_EMBEDDED_DMA_H
#define VVU_EMBEDDED_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMB_DMA_RANGES 16u

struct emb_dma_range {
	uint64_t iova;
	uint64_t length;
	uint8_t *addr;
};

struct emb_dma {
	struct emb_dma_range range[EMB_DMA_RANGES];
	unsigned int count;
};

/*
 * -EINVAL (no length, no address, wraps, @iova and @addr differ modulo 16), -EEXIST
 * (overlap), -ENOSPC.
 */
int emb_dma_add(struct emb_dma *dma, uint64_t iova, void *addr, uint64_t length);
/* Only a whole range as it was added; -EINVAL otherwise. */
int emb_dma_remove(struct emb_dma *dma, uint64_t iova, uint64_t length);

/* The address of [iova, iova + length) when one range holds all of it, else NULL. */
void *emb_dma_translate(const struct emb_dma *dma, uint64_t iova, uint64_t length);
/* Is all of [iova, iova + length) known, if need be through several adjacent ranges? */
bool emb_dma_covers(const struct emb_dma *dma, uint64_t iova, uint64_t length);
/* Copy from or to @iova across adjacent ranges. -EFAULT when a part is not known. */
int emb_dma_read(const struct emb_dma *dma, uint64_t iova, void *buf, size_t length);
int emb_dma_write(const struct emb_dma *dma, uint64_t iova, const void *buf, size_t length);

#endif
