/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma_memory.h"

#define HUGE_PAGE	((size_t)2 << 20)
#define HUGE_FROM	((size_t)1 << 20)	/* less would waste more than it saves */
#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB	(21 << 26)	/* log2 of the size, at MAP_HUGE_SHIFT */
#endif

static void *
map_pages(size_t size, size_t page, int flags, size_t *mapped)
{
	void *va;

	if (size > SIZE_MAX - (page - 1))
		return MAP_FAILED;
	size = (size + page - 1) & ~(page - 1);
	va = mmap(NULL, size, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE | flags, -1, 0);
	*mapped = size;
	return va;
}

int
vhr_dma_block_new(struct vhr_dma_block **list, size_t size, struct vhr_dma_block **block)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct vhr_dma_block *new;

	if (size == 0)
		return -EINVAL;
	new = calloc(1, sizeof(*new));
	if (new == NULL)
		return -ENOMEM;
	new->va = MAP_FAILED;
	if (size >= HUGE_FROM) {
		new->align = HUGE_PAGE;
		new->va = map_pages(size, HUGE_PAGE, MAP_HUGETLB | MAP_HUGE_2MB, &new->size);
	}
	if (new->va == MAP_FAILED) {
		new->align = page;
		new->va = map_pages(size, page, 0, &new->size);
	}
	if (new->va == MAP_FAILED) {
		free(new);
		return -ENOMEM;
	}
	new->next = *list;
	*list = new;
	*block = new;
	return 0;
}

void
vhr_dma_block_delete(struct vhr_dma_block **list, struct vhr_dma_block *block)
{
	while (*list != NULL && *list != block)
		list = &(*list)->next;
	if (*list == NULL)
		return;
	*list = block->next;
	munmap(block->va, block->size);
	free(block);
}
