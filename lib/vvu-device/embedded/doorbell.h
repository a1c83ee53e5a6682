/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doorbells: an eventfd of the frontend behind each. Any thread may ring while the
 * device's thread swaps the eventfd; each ring reaches the old one or the new one, and
 * none reaches the old one after the swap returned.
 */
#ifndef VVU_EMBEDDED_DOORBELL_H
#define VVU_EMBEDDED_DOORBELL_H

#include <pthread.h>

#include "vvu-device/host/signaler.h"

struct emb_doorbell {
	pthread_mutex_t lock;
	int fd;			/* -1: rings are ignored */
};

struct emb_doorbells {
	struct emb_doorbell *bell;
	unsigned int count;
	struct vvu_signaler signaler;
};

/* -ENOMEM, or open()'s. emb_doorbells_fini() is legal after a failure, and on a zeroed struct. */
int emb_doorbells_init(struct emb_doorbells *doorbells, unsigned int count);
void emb_doorbells_fini(struct emb_doorbells *doorbells);

/* @fd stays the caller's, and valid until replaced; -1 removes. -EINVAL, or fcntl()'s. */
int emb_doorbell_set(struct emb_doorbells *doorbells, unsigned int index, int fd);
/* Any thread. An index that does not exist is ignored. */
void emb_doorbell_ring(struct emb_doorbells *doorbells, unsigned int index);

#endif
