/* SPDX-License-Identifier: BSD-3-Clause */
/* Building and changing a memory set. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "memory.h"

static bool
overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/*
 * A region in itself. An end at exactly 2^64 counts as a wrap: no address space of a
 * frontend reaches it, and every end then fits 64 bits.
 */
static int
check_region(const char *name, unsigned int i, const struct vhu_mem_region *region,
	     struct vhu_reason *reason)
{
	if (region->size == 0) {
		vhu_reason_set(reason, "%s: region %u: size 0", name, i);
		return -EINVAL;
	}
	if (region->guest_addr > UINT64_MAX - region->size) {
		vhu_reason_set(reason,
			       "%s: region %u: guest address 0x%" PRIx64 " + size 0x%" PRIx64
			       " exceeds 64 bits", name, i, region->guest_addr, region->size);
		return -EINVAL;
	}
	if (region->user_addr > UINT64_MAX - region->size) {
		vhu_reason_set(reason,
			       "%s: region %u: user address 0x%" PRIx64 " + size 0x%" PRIx64
			       " exceeds 64 bits", name, i, region->user_addr, region->size);
		return -EINVAL;
	}
	return 0;
}

/* The checked @region, shown at @offset of the window, joins the set at its place. */
static int
insert(struct vhr_memory *memory, const char *name, unsigned int i,
       const struct vhu_mem_region *region, uint64_t offset, void *window, uint64_t window_size,
       struct vhu_reason *reason)
{
	unsigned int at = memory->num, j;

	if (offset > window_size || region->size > window_size - offset) {
		vhu_reason_set(reason,
			       "%s: region %u: window offset 0x%" PRIx64 " + size 0x%" PRIx64
			       " leaves the window of 0x%" PRIx64 " bytes", name, i, offset,
			       region->size, window_size);
		return -ERANGE;
	}
	for (j = 0; j < memory->num; j++) {
		const struct vhr_region *other = &memory->region[j];
		const char *what = NULL;
		uint64_t value = 0;

		if (overlap(region->guest_addr, region->size, other->gpa, other->size)) {
			what = "guest address";
			value = region->guest_addr;
		} else if (overlap(region->user_addr, region->size, other->uva, other->size)) {
			what = "user address";
			value = region->user_addr;
		} else if (overlap(offset, region->size, other->offset, other->size)) {
			what = "window offset";
			value = offset;
		}
		if (what != NULL) {
			vhu_reason_set(reason,
				       "%s: region %u: %s 0x%" PRIx64 " + size 0x%" PRIx64
				       " overlaps the region at guest address 0x%" PRIx64, name, i,
				       what, value, region->size, other->gpa);
			return -EINVAL;
		}
		if (at == memory->num && region->guest_addr < other->gpa)
			at = j;
	}
	memmove(&memory->region[at + 1], &memory->region[at],
		(memory->num - at) * sizeof(memory->region[0]));
	memory->region[at] = (struct vhr_region){
		.gpa = region->guest_addr,
		.size = region->size,
		.uva = region->user_addr,
		.va = (uint8_t *)window + offset,
		.offset = offset,
		.uses = 1,
	};
	memory->num++;
	return 0;
}

/*
 * Where the data of a region is, and in *start where the next region starts. False when
 * the sum leaves 64 bits.
 */
static bool
place(enum vhr_layout layout, const struct vhu_mem_region *region, uint64_t *start,
      uint64_t *offset)
{
	*offset = *start;
	switch (layout) {
	case VHR_LAYOUT_SUM:
		if (__builtin_add_overflow(*start, region->mmap_offset, offset))
			return false;
		break;
	case VHR_LAYOUT_DRAFT:
		break;
	case VHR_LAYOUT_OFFSET:
		*offset = region->mmap_offset;
		return true;
	}
	return !__builtin_add_overflow(*offset, region->size, start);
}

int
vhr_memory_from_table(struct vhr_memory *memory, const struct vhu_mem_table *table,
		      enum vhr_layout layout, void *window, uint64_t window_size,
		      struct vhu_reason *reason)
{
	static const char name[] = "SET_MEM_TABLE";
	uint64_t start = 0, offset;
	uint32_t i;
	int ret;

	memory->num = 0;
	if (table->nregions > VHU_MAX_TABLE_REGIONS) {
		vhu_reason_set(reason, "%s: nregions %u, at most %u", name, table->nregions,
			       VHU_MAX_TABLE_REGIONS);
		return -EINVAL;
	}
	for (i = 0; i < table->nregions; i++) {
		const struct vhu_mem_region *region = &table->region[i];

		ret = check_region(name, i, region, reason);
		if (ret < 0)
			return ret;
		if (!place(layout, region, &start, &offset)) {
			vhu_reason_set(reason,
				       "%s: region %u: mmap_offset 0x%" PRIx64 " + size 0x%" PRIx64
				       " leaves the window", name, i, region->mmap_offset,
				       region->size);
			return -ERANGE;
		}
		ret = insert(memory, name, i, region, offset, window, window_size, reason);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static struct vhr_region *
find_same(struct vhr_memory *memory, const struct vhu_mem_region *region)
{
	unsigned int i;

	/* mmap_offset is no part of the match (vhost-user, REM_MEM_REG). */
	for (i = 0; i < memory->num; i++) {
		struct vhr_region *r = &memory->region[i];

		if (r->gpa == region->guest_addr && r->size == region->size &&
		    r->uva == region->user_addr)
			return r;
	}
	return NULL;
}

int
vhr_memory_add(struct vhr_memory *memory, const struct vhu_mem_region *region, void *window,
	       uint64_t window_size, struct vhu_reason *reason)
{
	static const char name[] = "ADD_MEM_REG";
	struct vhr_region *same;
	int ret;

	ret = check_region(name, memory->num, region, reason);
	if (ret < 0)
		return ret;
	same = find_same(memory, region);
	if (same != NULL && same->offset == region->mmap_offset && same->uses < UINT_MAX) {
		same->uses++;
		return 0;
	}
	if (memory->num == VHR_MAX_REGIONS) {
		vhu_reason_set(reason, "%s: all %u slots are in use", name, VHR_MAX_REGIONS);
		return -ENOSPC;
	}
	return insert(memory, name, memory->num, region, region->mmap_offset, window, window_size,
		      reason);
}

int
vhr_memory_remove(struct vhr_memory *memory, const struct vhu_mem_region *region,
		  struct vhu_reason *reason)
{
	struct vhr_region *r = find_same(memory, region);

	if (r == NULL) {
		vhu_reason_set(reason,
			       "REM_MEM_REG: no region with guest address 0x%" PRIx64
			       ", user address 0x%" PRIx64 " and size 0x%" PRIx64,
			       region->guest_addr, region->user_addr, region->size);
		return -ENOENT;
	}
	if (--r->uses > 0)
		return 0;
	memory->num--;
	memmove(r, r + 1, (size_t)(&memory->region[memory->num] - r) * sizeof(*r));
	return 0;
}
