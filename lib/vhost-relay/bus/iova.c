/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "iova.h"

void
vhr_iova_init(struct vhr_iova *iova, uint64_t granule)
{
	memset(iova, 0, sizeof(*iova));
	iova->granule = granule;
}

int
vhr_iova_add_range(struct vhr_iova *iova, uint64_t first, uint64_t last)
{
	uint64_t mask = iova->granule - 1;

	if (first > last)
		return -EINVAL;
	if (first == 0)
		first = iova->granule;
	if (first > UINT64_MAX - mask)
		return -EINVAL;
	first = (first + mask) & ~mask;
	/* Down to the end of a whole granule; all ones already is one. */
	if (last != UINT64_MAX) {
		last = (last + 1) & ~mask;
		if (last == 0)
			return -EINVAL;
		last -= 1;
	}
	if (first > last)
		return -EINVAL;
	if (iova->num_ranges > 0 && first <= iova->range[iova->num_ranges - 1].last)
		return -EINVAL;
	if (iova->num_ranges == VHR_IOVA_MAX_RANGES)
		return -ENOSPC;
	iova->range[iova->num_ranges++] = (struct vhr_iova_range){ first, last };
	return 0;
}

/* Lowest place in @range that touches no allocation. */
static bool
place(const struct vhr_iova *iova, const struct vhr_iova_range *range, uint64_t size,
      uint64_t align, uint64_t *first)
{
	uint64_t start = range->first;
	unsigned int i;

	for (i = 0;; i++) {
		if (start > UINT64_MAX - (align - 1))
			return false;
		start = (start + align - 1) & ~(align - 1);
		if (start > range->last || size - 1 > range->last - start)
			return false;
		while (i < iova->num_used && iova->used[i].last < start)
			i++;
		if (i == iova->num_used || start + (size - 1) < iova->used[i].first) {
			*first = start;
			return true;
		}
		if (iova->used[i].last == UINT64_MAX)
			return false;
		start = iova->used[i].last + 1;
	}
}

int
vhr_iova_alloc(struct vhr_iova *iova, uint64_t size, uint64_t align, uint64_t *address)
{
	uint64_t mask = iova->granule - 1;
	uint64_t first = 0;
	unsigned int i;

	if (size == 0 || size > UINT64_MAX - mask || align < iova->granule ||
	    (align & (align - 1)) != 0)
		return -EINVAL;
	if (iova->num_used == VHR_IOVA_MAX_USED)
		return -ENOSPC;
	size = (size + mask) & ~mask;
	for (i = 0; i < iova->num_ranges; i++) {
		if (place(iova, &iova->range[i], size, align, &first))
			break;
	}
	if (i == iova->num_ranges)
		return -ENOSPC;
	for (i = iova->num_used; i > 0 && iova->used[i - 1].first > first; i--)
		iova->used[i] = iova->used[i - 1];
	iova->used[i] = (struct vhr_iova_range){ first, first + (size - 1) };
	iova->num_used++;
	*address = first;
	return 0;
}

void
vhr_iova_free(struct vhr_iova *iova, uint64_t address)
{
	unsigned int i;

	for (i = 0; i < iova->num_used; i++) {
		if (iova->used[i].first != address)
			continue;
		iova->num_used--;
		memmove(&iova->used[i], &iova->used[i + 1],
			(iova->num_used - i) * sizeof(iova->used[0]));
		return;
	}
}
