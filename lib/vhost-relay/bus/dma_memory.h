/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process's side of DMA memory: zeroed anonymous pages, shared so that a fork() does
 * not replace those the device knows, and a list of all of them so that closing a bus
 * frees what its user did not.
 *
 * Threads: as the bus.
 */
#ifndef VHOST_RELAY_BUS_DMA_MEMORY_H
#define VHOST_RELAY_BUS_DMA_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "bus.h"

struct vhr_dma_block {
	struct vhr_dma_block *next;
	void *va;
	size_t size;		/* bytes mapped */
	size_t align;		/* page size of the memory: what an IOMMU mapping should use */
	uint64_t iova;		/* the bus's */
};

/*
 * The block is first in *@list. Huge pages from 1 MiB on, where there are any. -EINVAL
 * (size 0), -ENOMEM.
 */
int vhr_dma_block_new(struct vhr_dma_block **list, size_t size, struct vhr_dma_block **block);
/* Take @block off *@list and free it. */
void vhr_dma_block_delete(struct vhr_dma_block **list, struct vhr_dma_block *block);

#endif
