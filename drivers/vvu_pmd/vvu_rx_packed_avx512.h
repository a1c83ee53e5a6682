/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Look at a packed ring with AVX-512: four descriptors, a cache line of the ring, are read,
 * checked and translated together. Four of which one is not plain are left to the scalar code.
 */
#ifndef VVU_PMD_RX_PACKED_AVX512_H
#define VVU_PMD_RX_PACKED_AVX512_H

#include <immintrin.h>

#include "vvu_rx_packed_four.h"

/* Lanes of four descriptors, by the width of the lane. */
#define ADDR_64		0x55
#define WORD_64		0xaa
#define LEN_32		0x4444
#define ID_16		0x40404040u

static __rte_always_inline __m512i
all64(uint64_t value)
{
	return _mm512_set1_epi64((long long)value);
}

static __rte_always_inline bool
gather_four(const struct vvu_queue *q, const struct vhr_ring *ring,
	    const struct vring_packed_desc *desc, uint64_t expected, uint32_t span,
	    uint8_t **header, uint32_t *frame_len, uint64_t *word)
{
	__m512i there, address, offset, len, at;

	/* As in the scalar code: addresses are read after the flags. */
	there = _mm512_loadu_si512(desc);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	address = _mm512_loadu_si512(desc);
	if (_mm512_mask_cmpneq_epi64_mask(WORD_64, _mm512_and_si512(there,
								  all64(VVU_PACKED_CHECKED)),
					  all64(expected)) != 0 ||
	    _mm512_mask_cmpge_epu16_mask(ID_16, there,
					 _mm512_set1_epi16((short)ring->size)) != 0 ||
	    _mm512_mask_cmpgt_epu32_mask(LEN_32,
					 _mm512_sub_epi32(there,
							  _mm512_set1_epi32(VVU_RX_LEN_MIN)),
					 _mm512_set1_epi32((int)span)) != 0)
		return false;
	/* The length of each in the lane of its address. */
	len = _mm512_maskz_shuffle_epi32(0x1111, there, _MM_PERM_CCCC);
	offset = _mm512_sub_epi64(address, all64(q->region_gpa));
	if (_mm512_mask_cmpge_epu64_mask(ADDR_64, offset, all64(q->region_size)) != 0 ||
	    _mm512_mask_cmpgt_epu64_mask(ADDR_64, len,
					 _mm512_sub_epi64(all64(q->region_size), offset)) != 0)
		return false;
	at = _mm512_add_epi64(offset, all64((uintptr_t)q->region_va));
	_mm256_storeu_si256((void *)header,
			    _mm512_castsi512_si256(_mm512_maskz_compress_epi64(ADDR_64, at)));
	at = _mm512_sub_epi32(there, _mm512_set1_epi32(VVU_NET_HEADER));
	_mm_storeu_si128((void *)frame_len,
			 _mm512_castsi512_si128(_mm512_maskz_compress_epi32(LEN_32, at)));
	at = _mm512_and_si512(there, all64((uint64_t)UINT16_MAX << VVU_PACKED_ID_SHIFT));
	_mm256_storeu_si256((void *)word,
			    _mm512_castsi512_si256(_mm512_maskz_compress_epi64(WORD_64, at)));
	return true;
}

/* A vvu_rx_packed_gather_fn. */
static __rte_always_inline uint16_t
vvu_rx_packed_gather_avx512(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t want,
			    uint32_t longest, struct vvu_rx_packed_batch *batch)
{
	return vvu_rx_packed_gather_fours(q, ring, want, longest, batch, gather_four);
}

#endif
