/* SPDX-License-Identifier: BSD-3-Clause */
#include "bar.h"

static uint64_t page_align(uint64_t bytes)
{
	return (bytes + VVU_PAGE_SIZE - 1) / VVU_PAGE_SIZE * VVU_PAGE_SIZE;
}

static bool reachable(const struct vvu_range *range)
{
	return range->offset + range->length <= UINT64_C(1) << 32;
}

void emb_bars_init(struct emb_bars *bars, const struct vvu_bar_layout *layout)
{
	uint64_t end = EMB_VIRTIO_SIZE;

	bars->doorbell.length = layout->doorbell.length;
	bars->kick.length = layout->kick.length;
	if (reachable(&layout->doorbell) && reachable(&layout->kick)) {
		bars->doorbell.bar = VVU_BAR_WINDOW;
		bars->doorbell.offset = layout->doorbell.offset;
		bars->kick.bar = VVU_BAR_WINDOW;
		bars->kick.offset = layout->kick.offset;
	} else {
		bars->doorbell.bar = VVU_BAR_VIRTIO;
		bars->doorbell.offset = end;
		end += page_align(bars->doorbell.length);
		bars->kick.bar = VVU_BAR_VIRTIO;
		bars->kick.offset = end;
		end += page_align(bars->kick.length);
	}
	bars->virtio_size = EMB_VIRTIO_SIZE;
	while (bars->virtio_size < end)
		bars->virtio_size <<= 1;
}
