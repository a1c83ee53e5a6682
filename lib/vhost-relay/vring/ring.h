/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One vhost ring, as the session makes it and a datapath uses it.
 *
 * Ownership and threads. The session owns the struct and changes it only between the ring
 * lock's two callbacks (struct vhr_ops in vhr.h). A datapath takes the same lock, looks at
 * "ready", and may then use every field until it unlocks; it owns last_avail, used_idx and
 * what split.h and queue.h keep there.
 * All shared-memory fields are little-endian (VERSION_1).
 */
#ifndef VHOST_RELAY_RING_H
#define VHOST_RELAY_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#include "../memory/memory.h"

struct vhr_session;
struct vhr_inflight;

#define VHR_RING_SIZE_MAX 32768u

struct vhr_ring {
	/* ---- read at every burst ---- */
	bool ready;		/* started, enabled, translated, not broken */
	bool event_idx;		/* VIRTIO_RING_F_EVENT_IDX */
	bool indirect;		/* VIRTIO_RING_F_INDIRECT_DESC */
	bool packed;		/* VIRTIO_F_RING_PACKED: the format of the three parts */
	bool avail_wrap;	/* packed: wrap counter of last_avail */
	bool used_wrap;		/* packed: wrap counter of used_idx */
	uint16_t size;		/* entries; a power of two for the split ring */
	uint16_t last_avail;	/* next avail entry to take; split: free running */
	uint16_t used_idx;	/* next used entry to write; split: free running */
	uint16_t out;		/* packed: entries taken and not used */
	uint16_t avail_seen;	/* split: avail idx at the last vhr_split_available() */
	uint16_t pushed;	/* used entries that the driver was not called for (queue.h);
				 * split: nor can it see them */
	uint16_t signalled_used;	/* split: used_idx at the last look at used_event */
	bool signalled_valid;
	bool kicks_wanted;	/* what the frontend was last told */
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *packed_desc;
	};
	union {
		struct vring_avail *avail;
		struct vring_packed_desc_event *driver_event;	/* which calls it wants */
	};
	union {
		struct vring_used *used;
		struct vring_packed_desc_event *device_event;	/* which kicks we want */
	};
	const struct vhr_memory *memory;
	unsigned int region_hint;	/* where the last buffer was: vhr_memory_gpa_hint() */
	struct vhr_inflight *inflight;	/* record of requests under way; NULL: none is kept */
	uint64_t features;	/* acknowledged by SET_FEATURES */

	/* ---- control ---- */
	struct vhr_session *session;
	unsigned int index;
	bool started;		/* between SET_VRING_KICK and GET_VRING_BASE */
	bool enabled;
	bool call_none;		/* SET_VRING_CALL said that nobody listens */
	bool broken;
	/*
	 * Eventfd to wait on, the session's, the same for all frontends until the device
	 * itself is reset; rings may share one. -1: there is no vector, poll.
	 */
	int kick_fd;
	bool kick_none;		/* SET_VRING_KICK said to poll */
	struct vhu_vring_addr addr;	/* as sent */
	bool addr_set;
	uint64_t calls;		/* doorbells written */
	struct vhu_reason broken_reason;
};

/*
 * Raise the call doorbell, unless nobody listens. For use after vhr_split_should_call() or
 * vhr_packed_should_call().
 * From the datapath, ring lock held.
 */
void vhr_ring_call(struct vhr_ring *ring);

/*
 * A peer's structure makes no sense: the ring is not ready until it is set up anew; the
 * err doorbell is raised; other rings go on. The first reason stays. Ring lock held.
 */
__attribute__((format(printf, 2, 3)))
void vhr_ring_break(struct vhr_ring *ring, const char *fmt, ...);

#endif
