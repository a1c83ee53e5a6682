/* SPDX-License-Identifier: BSD-3-Clause */
/* Copy a frame: by its size, and by how the frontend's memory is mapped. */
#ifndef VVU_PMD_COPY_H
#define VVU_PMD_COPY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_memcpy.h>

/* Up to this size in line: the call costs as much as the bytes. */
#define VVU_COPY_INLINE 256u

/*
 * From here on the C library's widest vectors and its choice by processor pay; measured on
 * frames of 1518 and 9000 bytes. Below, with frames of many sizes, it took a tenth to a quarter
 * of the rate (glibc 2.36, AVX-512): what it does depends on the size and on how the two
 * addresses lie to each other, which no branch predictor learns.
 */
#define VVU_COPY_LIBRARY 1024u

/*
 * C libraries copy 2 KiB and more by "rep movsb" where the processor is good at it. It is so
 * for write-back and write-combining memory only; in a BAR that is mapped uncached it moves
 * byte by byte, each of them a transaction. In pieces of this size they use the widest vector
 * registers there are.
 */
#define VVU_COPY_PIECE 1024u

static inline void
vvu_copy_in_pieces(uint8_t *dst, const uint8_t *src, uint32_t len)
{
	uint32_t done;

	for (done = 0; len - done > VVU_COPY_PIECE; done += VVU_COPY_PIECE)
		memcpy(dst + done, src + done, VVU_COPY_PIECE);
	memcpy(dst + done, src + done, len - done);
}

/* @uncached: one of the two is memory that is not cached. */
static __rte_always_inline void
vvu_copy(uint8_t *dst, const uint8_t *src, uint32_t len, bool uncached)
{
	uint32_t done = 0;

	if (unlikely(len > VVU_COPY_INLINE)) {
		if (likely(len <= VVU_COPY_LIBRARY))
			rte_memcpy(dst, src, len);
		else if (unlikely(uncached))
			vvu_copy_in_pieces(dst, src, len);
		else
			memcpy(dst, src, len);
		return;
	}
	if (likely(len >= 64)) {
		/* The last 64 bytes overlap what is copied already. */
		do {
			rte_mov64(dst + done, src + done);
			done += 64;
		} while (done + 64 <= len);
		if (done != len)
			rte_mov64(dst + len - 64, src + len - 64);
	} else if (len >= 32) {
		rte_mov32(dst, src);
		rte_mov32(dst + len - 32, src + len - 32);
	} else if (len >= 16) {
		rte_mov16(dst, src);
		rte_mov16(dst + len - 16, src + len - 16);
	} else {
		for (; done < len; done++)
			dst[done] = src[done];
	}
}

#endif
