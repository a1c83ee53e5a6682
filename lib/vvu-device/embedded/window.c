/* SPDX-License-Identifier: BSD-3-Clause */
#include "window.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Congruent with the file for huge pages up to this size */
#define WINDOW_ALIGN ((uint64_t)1 << 30)

int emb_window_init(struct emb_window *window, uint64_t length, int fault_fd)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t total, lead;
	uint8_t *raw;
	int err;

	memset(window, 0, sizeof(*window));
	length = (length + page - 1) / page * page;
	total = length + WINDOW_ALIGN;
	if (total < length || total > SIZE_MAX)
		return -ENOMEM;
	raw = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED)
		return -errno;
	lead = (WINDOW_ALIGN - (uintptr_t)raw % WINDOW_ALIGN) % WINDOW_ALIGN;
	if (lead > 0)
		munmap(raw, lead);
	if (WINDOW_ALIGN - lead > 0)
		munmap(raw + lead + length, WINDOW_ALIGN - lead);
	window->base = raw + lead;
	window->length = length;

	err = vvu_sigbus_register(window->base, length, fault_fd, &window->sigbus);
	if (err < 0)
		emb_window_fini(window);
	return err;
}

void emb_window_fini(struct emb_window *window)
{
	if (window->base == NULL)
		return;
	if (window->release == NULL)
		munmap(window->base, window->length);
	vvu_sigbus_unregister(window->sigbus);
	if (window->release != NULL)
		window->release(window->release_ctx, window->base, window->length);
	free(window->unmaps.span);
	free(window->maps.span);
	memset(window, 0, sizeof(*window));
}

static bool spans_add(struct emb_spans *spans, uint64_t start, uint64_t length)
{
	if (spans->count == spans->room) {
		size_t room = spans->room ? 2 * spans->room : 16;
		struct emb_span *span = realloc(spans->span, room * sizeof(*span));

		if (span == NULL)
			return false;
		spans->span = span;
		spans->room = room;
	}
	spans->span[spans->count++] = (struct emb_span){ .start = start, .length = length };
	return true;
}

static bool overlaps(const struct emb_span *span, uint64_t start, uint64_t length)
{
	return start < span->start + span->length && span->start < start + length;
}

static void hide(struct emb_window *window, uint64_t offset, uint64_t length)
{
	int rights = window->stale_zeros ? PROT_READ | PROT_WRITE : PROT_NONE;
	uint8_t *addr = window->base + offset;

	/* One call: there is no moment at which another mmap() could get the address. */
	if (mmap(addr, length, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		 -1, 0) == MAP_FAILED)
		mprotect(addr, length, PROT_NONE);
}

/* Hide what of [offset, offset + length) no mapping of this batch covers, from map @i on. */
static void hide_uncovered(struct emb_window *window, uint64_t offset, uint64_t length, size_t i)
{
	for (; i < window->maps.count; i++) {
		const struct emb_span *map = &window->maps.span[i];
		uint64_t end = offset + length;
		uint64_t map_end = map->start + map->length;

		if (!overlaps(map, offset, length))
			continue;
		if (map->start > offset)
			hide_uncovered(window, offset, map->start - offset, i + 1);
		if (map_end >= end)
			return;
		offset = map_end;
		length = end - map_end;
	}
	hide(window, offset, length);
}

void emb_window_begin(struct emb_window *window)
{
	window->batch = true;
	window->maps.count = 0;
	window->unmaps.count = 0;
}

void emb_window_commit(struct emb_window *window)
{
	for (size_t i = 0; i < window->unmaps.count; i++)
		hide_uncovered(window, window->unmaps.span[i].start,
			       window->unmaps.span[i].length, 0);
	window->batch = false;
	window->maps.count = 0;
	window->unmaps.count = 0;
}

/* What mappings of @fd must be multiples of; 0 when the fd tells nothing. */
static uint64_t file_page_size(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return 0;
	if (fs.f_type == HUGETLBFS_MAGIC)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

int emb_window_map(struct emb_window *window, uint64_t offset, uint64_t length, int fd,
		   uint64_t fd_offset)
{
	uint64_t page = file_page_size(fd);
	uint8_t *addr;

	if (page == 0 || length == 0 || offset % page || length % page || fd_offset % page)
		return -EINVAL;
	if (offset > window->length || length > window->length - offset)
		return -EINVAL;
	addr = window->base + offset;
	if (window->batch && !spans_add(&window->maps, offset, length))
		return -ENOMEM;
	if (mmap(addr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 (off_t)fd_offset) == MAP_FAILED) {
		int err = -errno;

		/* A failed MAP_FIXED may have removed what was there: no hole may stay. */
		hide(window, offset, length);
		if (window->batch)
			window->maps.count--;
		return err;
	}
	/* The frontend's memory is not part of this process's core dumps. */
	madvise(addr, length, MADV_DONTDUMP);
	return 0;
}

void emb_window_unmap(struct emb_window *window, uint64_t offset, uint64_t length)
{
	bool fresh = false;

	if (length == 0 || offset > window->length || length > window->length - offset)
		return;
	/* A mapping of this batch that is taken back goes at once, with all it covers. */
	for (size_t i = 0; i < window->maps.count;) {
		struct emb_span *map = &window->maps.span[i];

		if (overlaps(map, offset, length)) {
			*map = window->maps.span[--window->maps.count];
			fresh = true;
		} else {
			i++;
		}
	}
	if (window->batch && !fresh && spans_add(&window->unmaps, offset, length))
		return;
	hide(window, offset, length);
}
