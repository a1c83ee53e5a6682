/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lies where in the BARs besides the window, and register access to all of it.
 */
#ifndef VVU_EMBEDDED_BAR_H
#define VVU_EMBEDDED_BAR_H

#include <stdbool.h>
#include <stdint.h>

#include "vvu-device/layout.h"

/* BAR 4 begins with virtio's own registers, a page each. */
#define EMB_COMMON_OFFSET	0x0000u
#define EMB_COMMON_SIZE		64u	/* virtio 1.3, 4.1.4.3, up to admin_queue_num */
#define EMB_ISR_OFFSET		0x1000u
#define EMB_ISR_SIZE		1u
#define EMB_DEVICE_OFFSET	0x2000u
#define EMB_NOTIFY_OFFSET	0x3000u
#define EMB_NOTIFY_MULTIPLIER	4u
#define EMB_VIRTIO_SIZE		0x4000u

struct emb_region {
	unsigned int bar;
	uint64_t offset;
	uint64_t length;
};

struct emb_bars {
	struct emb_region doorbell;
	struct emb_region kick;
	uint64_t virtio_size;	/* of BAR 4 */
};

/*
 * Doorbells and kick-vector registers are in BAR 0 as @layout says, where the 32-bit
 * offset of their capabilities reaches them; in a larger BAR 0 it does not, and they are
 * in BAR 4, in pages of their own too.
 */
void emb_bars_init(struct emb_bars *bars, const struct vvu_bar_layout *layout);

#endif
