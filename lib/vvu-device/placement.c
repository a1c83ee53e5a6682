/* SPDX-License-Identifier: BSD-3-Clause */
#include "placement.h"

#include <errno.h>

/* 0 on success; the range [0, UINT64_MAX] cannot hold the result otherwise. */
static int align_up(uint64_t value, uint64_t align, uint64_t *result)
{
	if (__builtin_add_overflow(value, align - 1, result))
		return -ENOSPC;
	*result &= ~(align - 1);
	return 0;
}

static bool overlaps(const struct vvu_placed *placed, uint64_t offset, uint64_t length)
{
	return offset < placed->offset + placed->backing.length &&
	       placed->offset < offset + length;
}

/* Index of a placed[] that [offset, offset + length) touches, -1 when it is free. */
static int find_overlap(const struct vvu_placed *placed, unsigned int nplaced, uint64_t offset,
			uint64_t length)
{
	unsigned int i;

	for (i = 0; i < nplaced; i++)
		if (overlaps(&placed[i], offset, length))
			return (int)i;
	return -1;
}

static bool same_backing(const struct vvu_backing *a, const struct vvu_backing *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->fd_offset == b->fd_offset &&
	       a->length == b->length;
}

/* First fit at or above @start. */
static int fit_from(const struct vvu_placed *placed, unsigned int nplaced, uint64_t start,
		    uint64_t length, uint64_t align, uint64_t limit, uint64_t *offset)
{
	uint64_t at = start;
	int hit;

	for (;;) {
		if (align_up(at, align, &at) < 0 || at > limit || limit - at < length)
			return -ENOSPC;
		hit = find_overlap(placed, nplaced, at, length);
		if (hit < 0)
			break;
		at = placed[hit].offset + placed[hit].backing.length;
	}
	*offset = at;
	return 0;
}

int vvu_place_first_fit(const struct vvu_placed *placed, unsigned int nplaced, uint64_t length,
			uint64_t align, uint64_t limit, uint64_t *offset)
{
	return fit_from(placed, nplaced, 0, length, align, limit, offset);
}

/* Regions back to back from @start, as far as their alignment allows. */
static int lay_out(const struct vvu_wanted *wanted, unsigned int n, uint64_t start, uint64_t limit,
		   uint64_t *offset)
{
	uint64_t at = start;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (align_up(at, wanted[i].align, &at) < 0 || at > limit ||
		    limit - at < wanted[i].backing.length)
			return -ENOSPC;
		offset[i] = at;
		at += wanted[i].backing.length;
	}
	return 0;
}

static int place_unchanged(const struct vvu_placed *placed, unsigned int nplaced,
			   const struct vvu_wanted *wanted, unsigned int n,
			   struct vvu_placement *result)
{
	unsigned int i, in_force = 0;
	uint64_t end = 0;

	for (i = 0; i < n; i++)
		result->reuse[i] = -1;
	for (i = 0; i < nplaced; i++) {
		int order = placed[i].order;

		if (order < 0)
			continue;
		in_force++;
		if ((unsigned int)order >= n ||
		    !same_backing(&placed[i].backing, &wanted[order].backing))
			return -ENOENT;
		result->reuse[order] = (int)i;
	}
	if (in_force != n)
		return -ENOENT;
	for (i = 0; i < n; i++) {
		if (result->reuse[i] < 0)
			return -ENOENT;
		result->offset[i] = placed[result->reuse[i]].offset;
		/* Regions added one by one need not ascend, a table has to. */
		if (result->offset[i] < end)
			return -ENOENT;
		end = result->offset[i] + wanted[i].backing.length;
	}
	return 0;
}

/* Which regions of the draft's layout are there already, and is anything in their way? */
static void match_draft(const struct vvu_placed *placed, unsigned int nplaced,
			const struct vvu_wanted *wanted, unsigned int n,
			struct vvu_placement *result)
{
	unsigned int i, j;

	result->in_place = false;
	for (i = 0; i < n; i++) {
		result->reuse[i] = -1;
		for (j = 0; j < nplaced; j++) {
			if (!overlaps(&placed[j], result->offset[i], wanted[i].backing.length))
				continue;
			if (placed[j].offset == result->offset[i] &&
			    same_backing(&placed[j].backing, &wanted[i].backing))
				result->reuse[i] = (int)j;
			else
				result->in_place = true;
		}
	}
}

static int place_elsewhere(const struct vvu_placed *placed, unsigned int nplaced,
			   const struct vvu_wanted *wanted, unsigned int n, uint64_t limit,
			   struct vvu_placement *result)
{
	uint64_t start = 0, length;
	unsigned int i;
	int hit, ret;

	for (;;) {
		ret = lay_out(wanted, n, start, limit, result->offset);
		if (ret < 0)
			return ret;
		length = result->offset[n - 1] + wanted[n - 1].backing.length - result->offset[0];
		hit = find_overlap(placed, nplaced, result->offset[0], length);
		if (hit < 0)
			break;
		start = placed[hit].offset + placed[hit].backing.length;
	}
	for (i = 0; i < n; i++)
		result->reuse[i] = -1;
	return 0;
}

static int place_around(const struct vvu_placed *placed, unsigned int nplaced,
			const struct vvu_wanted *wanted, unsigned int n, uint64_t limit,
			struct vvu_placement *result)
{
	uint64_t end = 0;
	unsigned int i, j;
	int ret;

	for (i = 0; i < n; i++) {
		result->reuse[i] = -1;
		for (j = 0; j < nplaced; j++) {
			if (placed[j].offset < end ||
			    !same_backing(&placed[j].backing, &wanted[i].backing))
				continue;
			if (result->reuse[i] < 0 ||
			    placed[j].offset < placed[result->reuse[i]].offset)
				result->reuse[i] = (int)j;
		}
		if (result->reuse[i] >= 0) {
			result->offset[i] = placed[result->reuse[i]].offset;
		} else {
			ret = fit_from(placed, nplaced, end, wanted[i].backing.length,
				       wanted[i].align, limit, &result->offset[i]);
			if (ret < 0)
				return ret;
		}
		end = result->offset[i] + wanted[i].backing.length;
	}
	return 0;
}

static int choose(const struct vvu_placed *placed, unsigned int nplaced,
		  const struct vvu_wanted *wanted, unsigned int n, uint64_t limit, bool running,
		  struct vvu_placement *result)
{
	int ret;

	result->in_place = false;
	if (n == 0 || place_unchanged(placed, nplaced, wanted, n, result) == 0)
		return 0;
	ret = lay_out(wanted, n, 0, limit, result->offset);
	if (ret < 0)
		return ret;
	match_draft(placed, nplaced, wanted, n, result);
	if (!result->in_place || !running)
		return 0;
	result->in_place = false;
	if (place_elsewhere(placed, nplaced, wanted, n, limit, result) == 0)
		return 0;
	return place_around(placed, nplaced, wanted, n, limit, result);
}

int vvu_place_table(const struct vvu_placed *placed, unsigned int nplaced,
		    const struct vvu_wanted *wanted, unsigned int n, uint64_t limit, bool running,
		    struct vvu_placement *result)
{
	uint64_t end = 0;
	unsigned int i;
	int ret;

	ret = choose(placed, nplaced, wanted, n, limit, running, result);
	if (ret < 0)
		return ret;
	for (i = 0; i < n; i++) {
		result->gap[i] = result->offset[i] - end;
		end = result->offset[i] + wanted[i].backing.length;
	}
	return 0;
}
