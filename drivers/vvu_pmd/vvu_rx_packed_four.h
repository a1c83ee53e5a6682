/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive from a packed ring, four descriptors at a time where all four are plain. */
#ifndef VVU_PMD_RX_PACKED_FOUR_H
#define VVU_PMD_RX_PACKED_FOUR_H

#include "vvu_rx_packed.h"

#define VVU_AT_ONCE 4

/* What the scalar code does for one, or false with nothing done. */
typedef bool (*vvu_gather_four_fn)(const struct vvu_queue *q, const struct vhr_ring *ring,
				   const struct vring_packed_desc *desc, uint64_t expected,
				   uint32_t span, uint8_t **header, uint32_t *frame_len,
				   uint64_t *word);

static __rte_always_inline uint16_t
vvu_rx_packed_gather_fours(struct vvu_queue *q, const struct vhr_ring *ring, uint16_t want,
			   uint32_t longest, struct vvu_rx_packed_batch *batch,
			   const vvu_gather_four_fn gather_four)
{
	const struct vring_packed_desc *desc = &ring->packed_desc[ring->last_avail];
	const uint64_t expected = vvu_packed_expected(ring, 0);
	const uint32_t span = longest - RTE_ETHER_HDR_LEN;
	uint16_t i;

	for (i = 0; i + VVU_AT_ONCE <= want; i += VVU_AT_ONCE) {
		if (unlikely(!gather_four(q, ring, &desc[i], expected, span,
					  &batch->header[i], &batch->frame_len[i],
					  &batch->word[i])))
			break;
		vvu_rx_prefetch(batch->header[i]);
		vvu_rx_prefetch(batch->header[i + 1]);
		vvu_rx_prefetch(batch->header[i + 2]);
		vvu_rx_prefetch(batch->header[i + 3]);
	}
	return vvu_rx_packed_gather_from(q, ring, i, want, longest, batch);
}

#endif
