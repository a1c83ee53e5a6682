/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where regions go in a shared-memory range. Pure functions of their arguments: no state,
 * no allocation, any thread.
 *
 * A driver finds region i of a SET_MEM_TABLE at
 *   start_i = sum over j < i of (mmap_offset_j + size_j), data at start_i + mmap_offset_i
 * so a table's regions ascend in the window, and mmap_offset_i as sent to the driver is the
 * gap in front of region i.
 */
#ifndef VVU_DEVICE_PLACEMENT_H
#define VVU_DEVICE_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost-proto/wire.h"

/* What a stretch of window shows. */
struct vvu_backing {
	uint64_t dev;
	uint64_t ino;
	uint64_t fd_offset;
	uint64_t length;
};

/* A stretch of window that is mapped now. */
struct vvu_placed {
	uint64_t offset;
	struct vvu_backing backing;
	/* Place in the table that is in force, -1 when it only waits to be released. */
	int order;
};

/* A region that wants a place. */
struct vvu_wanted {
	struct vvu_backing backing;
	uint64_t align; /* power of two, of the offset */
};

struct vvu_placement {
	uint64_t offset[VHU_MAX_TABLE_REGIONS];
	uint64_t gap[VHU_MAX_TABLE_REGIONS]; /* mmap_offset for the driver */
	int reuse[VHU_MAX_TABLE_REGIONS]; /* index into placed[], -1: map it */
	/* Some placed[] have to go before the new ones can be mapped. */
	bool in_place;
};

/*
 * Lowest offset where @length bytes fit below @limit beside placed[]; placed[] is in any
 * order. -ENOSPC.
 */
int vvu_place_first_fit(const struct vvu_placed *placed, unsigned int nplaced, uint64_t length,
			uint64_t align, uint64_t limit, uint64_t *offset);

/*
 * Place a whole table of @n <= VHU_MAX_TABLE_REGIONS regions. In order of preference:
 *   1. where it already is, if it is the table in force (back-ends that see an unchanged
 *      table keep their pointers);
 *   2. the draft's layout, region i at the sum of the sizes before it, if nothing else is
 *      mapped there; a region that is mapped just there is reused;
 *   3. with @running: as a whole in the first free stretch that holds it;
 *   4. with @running: regions that can stay where they are do, the others go to free
 *      stretches behind their predecessor;
 *   5. without @running: the draft's layout in place of what is there.
 * -ENOSPC when none of these fits below @limit.
 */
int vvu_place_table(const struct vvu_placed *placed, unsigned int nplaced,
		    const struct vvu_wanted *wanted, unsigned int n, uint64_t limit, bool running,
		    struct vvu_placement *result);

#endif
