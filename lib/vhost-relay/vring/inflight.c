/* SPDX-License-Identifier: BSD-3-Clause */
/* What the records of both ring formats have in common. */
#include <stdlib.h>

#include "inflight.h"

uint64_t
vhr_inflight_stride(bool packed, uint16_t entries)
{
	uint64_t header = packed ? sizeof(struct vhr_inflight_packed) :
				   sizeof(struct vhr_inflight_split);
	uint64_t entry = packed ? sizeof(struct vhr_inflight_packed_desc) :
				  sizeof(struct vhr_inflight_split_desc);
	uint64_t bytes = header + entries * entry;

	return (bytes + VHR_INFLIGHT_ALIGN - 1) & ~(uint64_t)(VHR_INFLIGHT_ALIGN - 1);
}

struct vhr_inflight *
vhr_inflight_new(bool packed, void *area, uint16_t entries, uint16_t size)
{
	struct vhr_inflight *inflight = calloc(1, sizeof(*inflight));

	if (inflight == NULL)
		return NULL;
	inflight->area = area;
	inflight->entries = entries;
	inflight->resubmit = calloc(size, sizeof(*inflight->resubmit));
	inflight->busy = calloc(size, sizeof(*inflight->busy));
	if (packed) {
		inflight->entry = calloc(entries, sizeof(*inflight->entry));
		inflight->head_of = calloc(size, sizeof(*inflight->head_of));
	} else {
		inflight->batch = calloc(size, sizeof(*inflight->batch));
	}
	if (inflight->resubmit != NULL && inflight->busy != NULL &&
	    (packed ? inflight->entry != NULL && inflight->head_of != NULL :
		      inflight->batch != NULL))
		return inflight;
	vhr_inflight_free(inflight);
	return NULL;
}

void
vhr_inflight_free(struct vhr_inflight *inflight)
{
	if (inflight == NULL)
		return;
	free(inflight->resubmit);
	free(inflight->busy);
	free(inflight->batch);
	free(inflight->entry);
	free(inflight->head_of);
	free(inflight);
}

static int
by_counter(const void *a, const void *b)
{
	const struct vhr_resubmit *x = a, *y = b;

	if (x->counter != y->counter)
		return x->counter < y->counter ? -1 : 1;
	return x->head < y->head ? -1 : x->head > y->head;
}

void
vhr_inflight_sort(struct vhr_inflight *inflight)
{
	unsigned int n = inflight->resubmit_num;

	if (n == 0)
		return;
	qsort(inflight->resubmit, n, sizeof(*inflight->resubmit), by_counter);
	inflight->counter = inflight->resubmit[n - 1].counter + 1;
}
