/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The set of frontend memory regions as this side sees them, and translation with length.
 *
 * A struct vhr_memory is immutable once rings use it: a changed table is a new struct, put
 * in place under every ring's lock. Plain data, no locking of its own.
 */
#ifndef VHOST_RELAY_MEMORY_H
#define VHOST_RELAY_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "vhost-proto/codec.h"

#define VHR_MAX_REGIONS	256u	/* what GET_MAX_MEM_SLOTS answers at most */

struct vhr_region {
	uint64_t gpa;		/* frontend's guest-physical address */
	uint64_t size;		/* bytes, never 0 */
	uint64_t uva;		/* frontend's user address */
	uint8_t *va;		/* here */
	uint64_t offset;	/* of va in the window */
	unsigned int uses;	/* how often it was added, and has to be removed */
};

struct vhr_memory {
	unsigned int num;
	struct vhr_region region[VHR_MAX_REGIONS];	/* sorted by gpa, no overlap */
};

/* How a device places the regions of a table in its window. */
enum vhr_layout {
	VHR_LAYOUT_SUM,		/* start_i = sum over j < i of (mmap_offset_j + size_j), data at
				 * start_i + mmap_offset_i: ours and the published QEMU devices */
	VHR_LAYOUT_DRAFT,	/* sum of the sizes, mmap_offset ignored */
	VHR_LAYOUT_OFFSET,	/* data at mmap_offset_i */
};

/*
 * Build @memory from SET_MEM_TABLE. -EINVAL: a size of 0, a wrap or an overlap in gpa or
 * uva; -ERANGE: a region leaves the window of @window_size bytes. @reason names region,
 * field and value. @memory is undefined on failure.
 */
int vhr_memory_from_table(struct vhr_memory *memory, const struct vhu_mem_table *table,
			  enum vhr_layout layout, void *window, uint64_t window_size,
			  struct vhu_reason *reason);
/*
 * ADD_MEM_REG: data at window offset region->mmap_offset. Also -ENOSPC. Adding a region
 * again that is there makes it stay until it is removed as often: QEMU before 8.0 does both
 * once for every queue pair.
 */
int vhr_memory_add(struct vhr_memory *memory, const struct vhu_mem_region *region, void *window,
		   uint64_t window_size, struct vhu_reason *reason);
/* REM_MEM_REG: gpa, uva and size must match a region; -ENOENT. */
int vhr_memory_remove(struct vhr_memory *memory, const struct vhu_mem_region *region,
		      struct vhu_reason *reason);

/* Region that holds gpa, or NULL. */
const struct vhr_region *vhr_memory_find(const struct vhr_memory *memory, uint64_t gpa);
/*
 * Address of @gpa; *len is cut to what is contiguous from there in one region. NULL when
 * not mapped.
 */
void *vhr_memory_gpa(const struct vhr_memory *memory, uint64_t gpa, uint64_t *len);

/* The same, and *hint becomes the number of the region that holds gpa, for the next one. */
void *vhr_memory_gpa_find(const struct vhr_memory *memory, unsigned int *hint, uint64_t gpa,
			  uint64_t *len);
/*
 * Address of [gpa, gpa + len) where all of it is in region number @hint, else NULL, which says
 * nothing. Any number is right, also one that came from an earlier table.
 */
static inline void *
vhr_memory_gpa_hint(const struct vhr_memory *memory, unsigned int hint, uint64_t gpa, uint64_t len)
{
	const struct vhr_region *r = &memory->region[hint];
	uint64_t inside;

	if (hint >= memory->num)
		return NULL;
	inside = gpa - r->gpa;
	return inside < r->size && len <= r->size - inside ? r->va + inside : NULL;
}

/* Address of a whole [addr, addr + len) range by frontend user address, or by gpa. */
void *vhr_memory_uva(const struct vhr_memory *memory, uint64_t uva, uint64_t len);
void *vhr_memory_gpa_range(const struct vhr_memory *memory, uint64_t gpa, uint64_t len);

#endif
