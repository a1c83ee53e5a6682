/* SPDX-License-Identifier: BSD-3-Clause */
#include "dma.h"

#include <errno.h>
#include <string.h>

static const struct emb_dma_range *range_of(const struct emb_dma *dma, uint64_t iova)
{
	for (unsigned int i = 0; i < dma->count; i++) {
		const struct emb_dma_range *range = &dma->range[i];

		if (iova >= range->iova && iova - range->iova < range->length)
			return range;
	}
	return NULL;
}

int emb_dma_add(struct emb_dma *dma, uint64_t iova, void *addr, uint64_t length)
{
	if (length == 0 || addr == NULL || iova + (length - 1) < iova)
		return -EINVAL;
	/* What is aligned for the device has to be aligned for this host. */
	if (((uintptr_t)addr ^ iova) % 16)
		return -EINVAL;
	for (unsigned int i = 0; i < dma->count; i++) {
		const struct emb_dma_range *range = &dma->range[i];

		if (iova <= range->iova + (range->length - 1) && range->iova <= iova + (length - 1))
			return -EEXIST;
	}
	if (dma->count == EMB_DMA_RANGES)
		return -ENOSPC;
	dma->range[dma->count++] = (struct emb_dma_range){
		.iova = iova,
		.length = length,
		.addr = addr,
	};
	return 0;
}

int emb_dma_remove(struct emb_dma *dma, uint64_t iova, uint64_t length)
{
	for (unsigned int i = 0; i < dma->count; i++) {
		if (dma->range[i].iova != iova || dma->range[i].length != length)
			continue;
		dma->range[i] = dma->range[--dma->count];
		return 0;
	}
	return -EINVAL;
}

void *emb_dma_translate(const struct emb_dma *dma, uint64_t iova, uint64_t length)
{
	const struct emb_dma_range *range = range_of(dma, iova);

	if (range == NULL || length > range->length - (iova - range->iova))
		return NULL;
	return range->addr + (iova - range->iova);
}

/* The address at @iova and, in @length, how much of the wanted length its range holds. */
static uint8_t *piece_at(const struct emb_dma *dma, uint64_t iova, uint64_t *length)
{
	const struct emb_dma_range *range = range_of(dma, iova);
	uint64_t left;

	if (range == NULL)
		return NULL;
	left = range->length - (iova - range->iova);
	if (*length > left)
		*length = left;
	return range->addr + (iova - range->iova);
}

bool emb_dma_covers(const struct emb_dma *dma, uint64_t iova, uint64_t length)
{
	while (length > 0) {
		uint64_t piece = length;

		if (piece_at(dma, iova, &piece) == NULL)
			return false;
		iova += piece;
		length -= piece;
	}
	return true;
}

int emb_dma_read(const struct emb_dma *dma, uint64_t iova, void *buf, size_t length)
{
	uint8_t *to = buf;

	while (length > 0) {
		uint64_t piece = length;
		const uint8_t *from = piece_at(dma, iova, &piece);

		if (from == NULL)
			return -EFAULT;
		memcpy(to, from, piece);
		to += piece;
		iova += piece;
		length -= piece;
	}
	return 0;
}

int emb_dma_write(const struct emb_dma *dma, uint64_t iova, const void *buf, size_t length)
{
	const uint8_t *from = buf;

	while (length > 0) {
		uint64_t piece = length;
		uint8_t *to = piece_at(dma, iova, &piece);

		if (to == NULL)
			return -EFAULT;
		memcpy(to, from, piece);
		from += piece;
		iova += piece;
		length -= piece;
	}
	return 0;
}
