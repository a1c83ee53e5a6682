/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Look at a packed ring with AVX2: four descriptors, a cache line of the ring, are read,
 * checked and translated together. Four of which one is not plain are left to the scalar code.
 */
#ifndef VVU_PMD_RX_PACKED_AVX2_H
#define VVU_PMD_RX_PACKED_AVX2_H

#include <immintrin.h>

#include "vvu_rx_packed_four.h"

static __rte_always_inline __m256i
all64(uint64_t value)
{
	return _mm256_set1_epi64x((long long)value);
}

/* Quadwords of two registers come as 0, 2, 1, 3. */
static __rte_always_inline __m256i
sort64(__m256i value)
{
	return _mm256_permute4x64_epi64(value, 0xd8);
}

/* Comparisons are signed: what is compared is below 2^63, or has to be at least 0. */
static __rte_always_inline bool
gather_four(const struct vvu_queue *q, const struct vhr_ring *ring,
	    const struct vring_packed_desc *desc, uint64_t expected, uint32_t span,
	    uint8_t **header, uint32_t *frame_len, uint64_t *word)
{
	const __m256i *at = (const void *)desc;
	__m256i there, address, offset, len, id, good, bad;

	/* As in the scalar code: addresses are read after the flags. */
	there = _mm256_unpackhi_epi64(_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	address = _mm256_unpacklo_epi64(_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1));
	id = _mm256_and_si256(there, all64((uint64_t)UINT16_MAX << VVU_PACKED_ID_SHIFT));
	len = _mm256_and_si256(there, all64(UINT32_MAX));
	offset = _mm256_sub_epi64(address, all64(q->region_gpa));
	good = _mm256_cmpeq_epi64(_mm256_and_si256(there, all64(VVU_PACKED_CHECKED)),
				  all64(expected));
	good = _mm256_and_si256(good, _mm256_cmpgt_epi64(all64((uint64_t)ring->size
							       << VVU_PACKED_ID_SHIFT), id));
	bad = _mm256_cmpgt_epi64(all64(VVU_RX_LEN_MIN), len);
	bad = _mm256_or_si256(bad, _mm256_cmpgt_epi64(len,
						      all64((uint64_t)VVU_RX_LEN_MIN + span)));
	bad = _mm256_or_si256(bad, _mm256_cmpgt_epi64(all64(0), offset));
	bad = _mm256_or_si256(bad, _mm256_cmpgt_epi64(len, _mm256_sub_epi64(all64(q->region_size),
									    offset)));
	if (_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_andnot_si256(bad, good))) != 0xf)
		return false;
	_mm256_storeu_si256((void *)header,
			    sort64(_mm256_add_epi64(offset, all64((uintptr_t)q->region_va))));
	_mm256_storeu_si256((void *)word, sort64(id));
	len = _mm256_sub_epi64(len, all64(VVU_NET_HEADER));
	len = _mm256_permutevar8x32_epi32(len, _mm256_setr_epi32(0, 4, 2, 6, 0, 0, 0, 0));
	_mm_storeu_si128((void *)frame_len, _mm256_castsi256_si128(len));
	return true;
}

/* A vvu_rx_packed_gather_fn. */
static __rte_always_inline uint16_t
vvu_rx_packed_gather_avx2(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t want,
			  uint32_t longest, struct vvu_rx_packed_batch *batch)
{
	return vvu_rx_packed_gather_fours(q, ring, want, longest, batch, gather_four);
}

#endif
