/* SPDX-License-Identifier: BSD-3-Clause */
#include "vvu_queue.h"

void *
vvu_queue_translate_slow(struct vvu_queue *q, uint64_t gpa, uint32_t len)
{
	const struct vhr_region *region = vhr_memory_find(q->ring->memory, gpa);

	if (region == NULL)
		return NULL;
	q->region_gpa = region->gpa;
	q->region_size = region->size;
	q->region_va = region->va;
	if (len > region->size - (gpa - region->gpa))
		return NULL;
	return region->va + (gpa - region->gpa);
}
