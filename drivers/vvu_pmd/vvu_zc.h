/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames lent to the application where the frontend put them: which are out, in what order
 * they were taken, and how they come back. Knows neither DPDK nor the ring's format.
 *
 * struct vvu_zc belongs to one ring between its start and its stop. Its owner holds the
 * ring's lock and calls everything but vvu_zc_give_back(), which any thread may call at any
 * time without a lock. After vvu_zc_abandon() frames that are still out come back to nobody:
 * the last one frees the struct. So no return can ever meet a ring that it does not belong to.
 *
 * Order. Entries are used in the order in which they were taken as long as that does not keep
 * many of them back: the used index then says exactly what was used, which is where a frontend
 * resumes that lost its back-end. One frame that is held long would stop the ring; so once
 * half the ring waits behind it, what has come back is used in another order.
 */
#ifndef VVU_PMD_ZC_H
#define VVU_PMD_ZC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes for the caller's own description of a frame. */
#define VVU_ZC_PRIV_BYTES	24u
#define VVU_ZC_CACHE_LINE	64u

/* ---- the window's addresses ---- */

/*
 * How many rings have frames in the window, and what is left of it when the device has gone.
 * One reference is the port's, one that of each struct vvu_zc.
 */
struct vvu_zc_window {
	atomic_uint references;
	/* set once, before the port's reference goes; NULL: the device has the range itself */
	void *base;
	size_t length;
};

/* NULL: no memory. The port's reference. */
struct vvu_zc_window *vvu_zc_window_new(void);
/* The last one unmaps what vvu_zc_window_keep() was given. */
void vvu_zc_window_put(struct vvu_zc_window *window);
/* The device has gone, this is its address range. For struct vvu_emb_config. */
void vvu_zc_window_keep(void *window, void *base, size_t length);
/* Does any ring, running or abandoned, have a reference? */
bool vvu_zc_window_in_use(const struct vvu_zc_window *window);

/* ---- one ring ---- */

/* A frame by the number of its chain: head descriptor, or buffer id of a packed ring. */
struct vvu_zc_slot {
	_Alignas(8) uint8_t priv[VVU_ZC_PRIV_BYTES];
	uint32_t id;		/* never changes */
	uint32_t next;		/* of the returned ones: id + 1, 0 is the end */
};

/* An entry of the ring that was taken and is not yet used. */
struct vvu_zc_entry {
	uint16_t id;
	uint16_t num;		/* descriptors, for a packed ring */
};

struct vvu_zc {
	/* ---- the owner's ---- */
	uint32_t size;		/* of the ring */
	uint32_t mask;		/* of queue[], a power of two above */
	uint32_t first;		/* oldest entry, free running */
	uint32_t last;		/* one after the newest */
	uint32_t out;		/* frames lent and not known to be back */
	uint32_t held;		/* descriptors of the ring that are out with them */
	uint32_t most;		/* of those at a time */
	bool copying;		/* of the last packets none was lent */
	struct vvu_zc_window *window;
	struct vvu_zc_entry *queue;
	struct vvu_zc_entry *spare;	/* as long */
	uint16_t *lent;		/* by id: descriptors that are out with the frame; 0: none */
	/* ---- everybody's ---- */
	_Alignas(VVU_ZC_CACHE_LINE) atomic_uint returned;	/* list: id + 1, 0 is empty */
	atomic_uint left;	/* after vvu_zc_abandon(): frames that are still out */
	_Alignas(VVU_ZC_CACHE_LINE) struct vvu_zc_slot slot[];
};

/*
 * For a ring of @size (1 to 32768) entries, at most @most descriptors out at a time; takes a
 * reference to @window. NULL: no memory.
 */
struct vvu_zc *vvu_zc_new(uint32_t size, uint32_t most, struct vvu_zc_window *window);

/* Nothing that was taken is still to be used. */
static inline bool
vvu_zc_is_idle(const struct vvu_zc *zc)
{
	return zc->first == zc->last;
}

/* How many more entries may be taken: a driver that offers more uses some of them twice. */
static inline uint32_t
vvu_zc_room(const struct vvu_zc *zc)
{
	return zc->size - (zc->last - zc->first);
}

static inline bool
vvu_zc_is_lent(const struct vvu_zc *zc, uint16_t id)
{
	return zc->lent[id] != 0;
}

/*
 * May the frame of the entry @id be lent, with @num (1 to 65535) descriptors of the ring? Not
 * while it is out: then the driver made it available twice.
 */
static inline bool
vvu_zc_may_lend(const struct vvu_zc *zc, uint16_t id, uint16_t num)
{
	return zc->held + num <= zc->most && !vvu_zc_is_lent(zc, id);
}

/* It goes out. */
static inline void
vvu_zc_lend(struct vvu_zc *zc, uint16_t id, uint16_t num)
{
	zc->lent[id] = num;
	zc->held += num;
	zc->out++;
}

/* An entry of the ring was taken, lent or not; @num descriptors. */
static inline void
vvu_zc_push(struct vvu_zc *zc, uint16_t id, uint16_t num)
{
	zc->queue[zc->last++ & zc->mask] = (struct vvu_zc_entry){ .id = id, .num = num };
}

/* Note what has come back. */
void vvu_zc_collect(struct vvu_zc *zc);

/*
 * The next entry to be used, or false: those that come next are out. Owner's, after
 * vvu_zc_collect().
 */
static inline bool
vvu_zc_next_used(struct vvu_zc *zc, struct vvu_zc_entry *entry)
{
	if (zc->first == zc->last)
		return false;
	*entry = zc->queue[zc->first & zc->mask];
	if (zc->lent[entry->id])
		return false;
	zc->first++;
	return true;
}

/* So many entries wait behind one that is out that order is given up: vvu_zc_reorder(). */
static inline bool
vvu_zc_is_blocked(const struct vvu_zc *zc)
{
	return zc->last - zc->first > zc->size / 2 && zc->last - zc->first > zc->out;
}

/*
 * Move what is out behind what can be used, both in their order, so that vvu_zc_next_used()
 * gives the latter. Costs as much as entries wait.
 */
void vvu_zc_reorder(struct vvu_zc *zc);

/*
 * The ring stops: every entry is to be used now, also those whose frames are out. From here on
 * vvu_zc_next_used() gives all of them; vvu_zc_abandon() is what has to follow.
 */
void vvu_zc_force(struct vvu_zc *zc);
/* Let go of it. Returns how many frames are still out. NULL is fine. */
uint32_t vvu_zc_abandon(struct vvu_zc *zc);

/* The application has done with the frame. Any thread. */
void vvu_zc_give_back(struct vvu_zc_slot *slot);

/* The ring that a frame is of; as long as the frame is out. */
static inline struct vvu_zc *
vvu_zc_of(struct vvu_zc_slot *slot)
{
	return (struct vvu_zc *)((uint8_t *)(slot - slot->id) - offsetof(struct vvu_zc, slot));
}

/* Several of one ring at once, for the price of one: gathered by vvu_zc_chain_add(). */
struct vvu_zc_chain {
	struct vvu_zc *zc;	/* of all; NULL: there is none yet */
	struct vvu_zc_slot *oldest;
	uint32_t newest;	/* id + 1 */
	uint32_t count;
};

/* @zc is vvu_zc_of(@slot), and the chain's unless it is empty. */
static inline void
vvu_zc_chain_add(struct vvu_zc_chain *chain, struct vvu_zc *zc, struct vvu_zc_slot *slot)
{
	if (chain->count++ == 0) {
		chain->zc = zc;
		chain->oldest = slot;
	}
	slot->next = chain->newest;
	chain->newest = slot->id + 1;
}

/* Give all of them back and empty the chain. */
void vvu_zc_chain_give_back(struct vvu_zc_chain *chain);

#endif
