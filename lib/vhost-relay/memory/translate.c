/* SPDX-License-Identifier: BSD-3-Clause */
/* From an address of the frontend to one of ours, never without a length. */
#include "memory.h"

const struct vhr_region *
vhr_memory_find(const struct vhr_memory *memory, uint64_t gpa)
{
	unsigned int low = 0, high = memory->num;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;
		const struct vhr_region *r = &memory->region[mid];

		if (gpa < r->gpa)
			high = mid;
		else if (gpa - r->gpa >= r->size)
			low = mid + 1;
		else
			return r;
	}
	return NULL;
}

void *
vhr_memory_gpa_find(const struct vhr_memory *memory, unsigned int *hint, uint64_t gpa,
		    uint64_t *len)
{
	const struct vhr_region *r = vhr_memory_find(memory, gpa);
	uint64_t inside;

	if (r == NULL)
		return NULL;
	*hint = (unsigned int)(r - memory->region);
	inside = gpa - r->gpa;
	if (*len > r->size - inside)
		*len = r->size - inside;
	return r->va + inside;
}

void *
vhr_memory_gpa(const struct vhr_memory *memory, uint64_t gpa, uint64_t *len)
{
	unsigned int hint;

	return vhr_memory_gpa_find(memory, &hint, gpa, len);
}

void *
vhr_memory_gpa_range(const struct vhr_memory *memory, uint64_t gpa, uint64_t len)
{
	uint64_t contiguous = len;
	void *va = vhr_memory_gpa(memory, gpa, &contiguous);

	return contiguous == len ? va : NULL;
}

void *
vhr_memory_uva(const struct vhr_memory *memory, uint64_t uva, uint64_t len)
{
	unsigned int i;

	/* Sorted by gpa only; this is for ring addresses, not for the datapath. */
	for (i = 0; i < memory->num; i++) {
		const struct vhr_region *r = &memory->region[i];
		uint64_t inside;

		if (uva < r->uva || uva - r->uva >= r->size)
			continue;
		inside = uva - r->uva;
		return len <= r->size - inside ? r->va + inside : NULL;
	}
	return NULL;
}
