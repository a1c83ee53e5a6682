/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MSI-X (PCI 3.0, 6.8.2): table and pending bits in a BAR of their own, and one eventfd
 * per vector in place of the message that a vector would send. The eventfds are made when
 * first asked for, so that a device with many vectors does not cost as many descriptors.
 */
#ifndef VVU_EMBEDDED_MSIX_H
#define VVU_EMBEDDED_MSIX_H

#include <stdbool.h>
#include <stdint.h>

#define EMB_MSIX_ENTRY_SIZE	16u
#define EMB_MSIX_MAX_VECTORS	2048u

struct emb_msix_vector {
	int fd;			/* -1 until somebody asked for it */
	bool signalled;		/* while there is no fd */
	bool pending;
};

struct emb_msix {
	unsigned int vectors;
	uint32_t pba_offset;
	uint32_t bar_size;
	bool enabled;
	bool function_mask;
	uint8_t *table;		/* as on the bus */
	struct emb_msix_vector *vector;
};

/* -ENOMEM. emb_msix_fini() is legal after a failure, and on a zeroed struct. */
int emb_msix_init(struct emb_msix *msix, unsigned int vectors);
void emb_msix_fini(struct emb_msix *msix);

/* Message Control was written. */
void emb_msix_control(struct emb_msix *msix, bool enabled, bool function_mask);
/* Raise @vector: at once, or when it is unmasked. Nothing while MSI-X is disabled. */
void emb_msix_notify(struct emb_msix *msix, unsigned int vector);
/* The eventfd of @vector; -EINVAL, or what eventfd() gave. */
int emb_msix_fd(struct emb_msix *msix, unsigned int vector);

/* The BAR; [offset, offset + width) is inside it. */
uint64_t emb_msix_read(const struct emb_msix *msix, uint64_t offset, unsigned int width);
void emb_msix_write(struct emb_msix *msix, uint64_t offset, unsigned int width, uint64_t value);

#endif
