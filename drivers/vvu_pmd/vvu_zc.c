/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <sys/mman.h>

#include "vvu_zc.h"

/* In "returned": the ring has been let go of. No id + 1 is as large. */
#define ABANDONED UINT32_MAX

struct vvu_zc_window *
vvu_zc_window_new(void)
{
	struct vvu_zc_window *window = calloc(1, sizeof(*window));

	if (window != NULL)
		atomic_init(&window->references, 1);
	return window;
}

void
vvu_zc_window_put(struct vvu_zc_window *window)
{
	if (atomic_fetch_sub_explicit(&window->references, 1, memory_order_acq_rel) != 1)
		return;
	if (window->base != NULL)
		munmap(window->base, window->length);
	free(window);
}

void
vvu_zc_window_keep(void *arg, void *base, size_t length)
{
	struct vvu_zc_window *window = arg;

	window->base = base;
	window->length = length;
}

bool
vvu_zc_window_in_use(const struct vvu_zc_window *window)
{
	return atomic_load_explicit(&window->references, memory_order_acquire) != 1;
}

struct vvu_zc *
vvu_zc_new(uint32_t size, uint32_t most, struct vvu_zc_window *window)
{
	uint32_t entries = 1, i;
	size_t slots, queue, lent;
	struct vvu_zc *zc;

	while (entries < size)
		entries *= 2;
	slots = sizeof(*zc) + size * sizeof(zc->slot[0]);
	queue = entries * sizeof(zc->queue[0]);
	lent = size * sizeof(zc->lent[0]);
	/* aligned_alloc() wants a multiple of the alignment. */
	zc = aligned_alloc(VVU_ZC_CACHE_LINE,
			   (slots + 2 * queue + lent + VVU_ZC_CACHE_LINE - 1) /
			   VVU_ZC_CACHE_LINE * VVU_ZC_CACHE_LINE);
	if (zc == NULL)
		return NULL;
	*zc = (struct vvu_zc){
		.size = size,
		.mask = entries - 1,
		.most = most < size ? most : size,
		.copying = true,
		.window = window,
		.queue = (struct vvu_zc_entry *)((uint8_t *)zc + slots),
		.spare = (struct vvu_zc_entry *)((uint8_t *)zc + slots + queue),
		.lent = (uint16_t *)((uint8_t *)zc + slots + 2 * queue),
	};
	for (i = 0; i < size; i++) {
		zc->slot[i] = (struct vvu_zc_slot){ .id = i };
		zc->lent[i] = 0;
	}
	atomic_init(&zc->returned, 0);
	atomic_init(&zc->left, 0);
	atomic_fetch_add_explicit(&window->references, 1, memory_order_relaxed);
	return zc;
}

static void
zc_free(struct vvu_zc *zc)
{
	vvu_zc_window_put(zc->window);
	free(zc);
}

/* Frames of the list are back. Returns how many. */
static uint32_t
mark_returned(struct vvu_zc *zc, uint32_t list)
{
	uint32_t n = 0;

	while (list != 0) {
		zc->held -= zc->lent[list - 1];
		zc->lent[list - 1] = 0;
		list = zc->slot[list - 1].next;
		n++;
	}
	return n;
}

void
vvu_zc_collect(struct vvu_zc *zc)
{
	uint32_t list;

	if (zc->out == 0 || atomic_load_explicit(&zc->returned, memory_order_relaxed) == 0)
		return;
	/* What the application read of the frames, it read before the driver gets them again. */
	list = atomic_exchange_explicit(&zc->returned, 0, memory_order_acquire);
	zc->out -= mark_returned(zc, list);
}

void
vvu_zc_reorder(struct vvu_zc *zc)
{
	uint32_t at, to = zc->first, held = 0, k;
	struct vvu_zc_entry entry;

	for (at = zc->first; at != zc->last; at++) {
		entry = zc->queue[at & zc->mask];
		if (zc->lent[entry.id])
			zc->spare[held++] = entry;
		else
			zc->queue[to++ & zc->mask] = entry;
	}
	for (k = 0; k < held; k++)
		zc->queue[to++ & zc->mask] = zc->spare[k];
}

void
vvu_zc_force(struct vvu_zc *zc)
{
	uint32_t i;

	for (i = 0; i < zc->size; i++)
		zc->lent[i] = 0;
}

uint32_t
vvu_zc_abandon(struct vvu_zc *zc)
{
	uint32_t list, back, out;

	if (zc == NULL)
		return 0;
	out = zc->out;
	/*
	 * One more than are out, for ourselves: whoever takes the last one frees. It is there
	 * before "returned" sends anybody to it.
	 */
	atomic_store_explicit(&zc->left, out + 1, memory_order_relaxed);
	list = atomic_exchange_explicit(&zc->returned, ABANDONED, memory_order_acq_rel);
	back = mark_returned(zc, list);
	out -= back;
	if (atomic_fetch_sub_explicit(&zc->left, back + 1, memory_order_acq_rel) == back + 1)
		zc_free(zc);
	return out;
}

void
vvu_zc_chain_give_back(struct vvu_zc_chain *chain)
{
	struct vvu_zc *zc = chain->zc;
	unsigned int head;

	if (chain->count == 0)
		return;
	/* Acquired: where it says ABANDONED, "left" has been set. */
	head = atomic_load_explicit(&zc->returned, memory_order_acquire);
	do {
		if (head == ABANDONED) {
			if (atomic_fetch_sub_explicit(&zc->left, chain->count,
						      memory_order_acq_rel) == chain->count)
				zc_free(zc);
			break;
		}
		chain->oldest->next = head;
	} while (!atomic_compare_exchange_weak_explicit(&zc->returned, &head, chain->newest,
							memory_order_release,
							memory_order_acquire));
	*chain = (struct vvu_zc_chain){ .count = 0 };
}

void
vvu_zc_give_back(struct vvu_zc_slot *slot)
{
	struct vvu_zc_chain chain = { .count = 0 };

	vvu_zc_chain_add(&chain, vvu_zc_of(slot), slot);
	vvu_zc_chain_give_back(&chain);
}
