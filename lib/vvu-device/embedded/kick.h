/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kick vectors: which MSI-X vector the frontend's kick of each vhost queue raises, the
 * two registers by which the driver says so, and the eventfds that are watched.
 */
#ifndef VVU_EMBEDDED_KICK_H
#define VVU_EMBEDDED_KICK_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "msix.h"

struct emb_kick {
	struct emb_source source;	/* our duplicate of the frontend's eventfd */
	uint16_t vector;
	bool pending;			/* came while no vector could carry it */
};

struct emb_kicks {
	struct emb_kick *kick;
	unsigned int count;
	uint16_t select;
	int epoll_fd;
	struct emb_msix *msix;
};

/* @ready is called when a kick's eventfd is readable, source->index being the queue. */
int emb_kicks_init(struct emb_kicks *kicks, unsigned int count, int epoll_fd,
		   struct emb_msix *msix,
		   void (*ready)(struct vvu_emb *, struct emb_source *, uint32_t));
void emb_kicks_fini(struct emb_kicks *kicks);
/* Device reset: vectors, selection and pending kicks are forgotten; eventfds stay. */
void emb_kicks_reset(struct emb_kicks *kicks);

/*
 * Watch @fd, an eventfd that stays the caller's; -1 stops. A kick that the old eventfd
 * still held goes over to the new one. 0 or -errno (-EINVAL: no such queue).
 */
int emb_kick_set(struct emb_kicks *kicks, unsigned int queue, int fd);
/* Empty the queue's eventfd. True when it held a kick. */
bool emb_kick_drain(struct emb_kicks *kicks, unsigned int queue);
/* Raise the queue's vector, or remember it until there is one. */
void emb_kick_raise(struct emb_kicks *kicks, unsigned int queue);
/* MSI-X was enabled: raise what waited for it. */
void emb_kicks_flush(struct emb_kicks *kicks);

/*
 * The registers. 16-bit accesses to either and 32-bit accesses to both count; other
 * widths read as ones and are ignored. A selection out of range reads as VVU_NO_VECTOR
 * and ignores writes; a vector that does not exist reads back as VVU_NO_VECTOR.
 */
uint64_t emb_kick_read(const struct emb_kicks *kicks, uint64_t offset, unsigned int width);
void emb_kick_write(struct emb_kicks *kicks, uint64_t offset, unsigned int width, uint64_t value);

#endif
