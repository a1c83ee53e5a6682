/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shared-memory part of BAR 0 as address space: one reservation without access rights
 * for all shmids, laid over with the frontend's files. An address in it means the same
 * BAR offset as long as the device lives, and nothing else of the process ever gets there.
 */
#ifndef VVU_EMBEDDED_WINDOW_H
#define VVU_EMBEDDED_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vvu-device/host/sigbus.h"

struct emb_span {
	uint64_t start;		/* from the start of BAR 0 */
	uint64_t length;
};

struct emb_spans {
	struct emb_span *span;
	size_t count, room;
};

struct emb_window {
	uint8_t *base;		/* BAR offset 0; aligned for the largest usual huge page */
	uint64_t length;
	struct vvu_sigbus_range *sigbus;
	/*
	 * Where something was mapped and no longer is, there are zeros, not a fault, for
	 * programs that may still hold addresses there. What is written to them is nobody's.
	 */
	bool stale_zeros;
	/*
	 * fini gives the address range away, in which no file is mapped any more, instead of
	 * unmapping it. NULL: it unmaps it.
	 */
	void (*release)(void *ctx, void *base, size_t length);
	void *release_ctx;
	bool batch;
	struct emb_spans unmaps;	/* put off until commit */
	struct emb_spans maps;		/* made since begin */
};

/* -ENOMEM, or what mmap() and sigaction() gave. fini is legal on a zeroed struct. */
int emb_window_init(struct emb_window *window, uint64_t length, int fault_fd);
void emb_window_fini(struct emb_window *window);

/*
 * Between begin and commit a range that is unmapped and mapped anew changes from the old
 * file to the new one with nothing between, for threads that touch it at that moment.
 */
void emb_window_begin(struct emb_window *window);
void emb_window_commit(struct emb_window *window);
/*
 * -EINVAL: outside the window, or not a multiple of the file's page size (the huge page's,
 * on hugetlbfs); or what mmap() gave.
 */
int emb_window_map(struct emb_window *window, uint64_t offset, uint64_t length, int fd,
		   uint64_t fd_offset);
void emb_window_unmap(struct emb_window *window, uint64_t offset, uint64_t length);

#endif
