/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a message with descriptors becomes for the driver: stretches of shared memory
 * (resources.c keeps them, window.c, slots.c and area.c place them), kick vectors and doorbells
 * (notify.c).
 *
 * The order that all of it keeps: a resource exists before the message that grants it is
 * visible on rxq, and it goes only after the driver has answered the message that takes it
 * away.
 *
 * Handlers of messages get the descriptors of the message in fds[]. They set an entry to
 * -1 when they keep the descriptor; the caller closes the others. They edit the fields of
 * @msg that mean nothing to the driver. 0, or -errno with @reason: the frontend is to be
 * disconnected.
 */
#ifndef VVU_DEVICE_RESOURCES_H
#define VVU_DEVICE_RESOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "fd_check.h"
#include "internal.h"
#include "placement.h"

/* ---- mappings (resources.c) ---- */

/*
 * Fill @where and the file's identity for [@offset, @offset + @length) of @fd, which must
 * lie inside the file.
 */
int vvu_map_describe(struct vvu_map *map, uint8_t shmid, int fd, const struct vvu_file *file,
		     uint64_t offset, uint64_t length);
/* Map and remember; -ENOSPC when the list is full, or what the host said. */
int vvu_map_add(struct vvu_device *device, const struct vvu_map *map, const char *what,
		struct vhu_reason *reason);
/* Unmap maps[@index] and forget it. */
void vvu_map_remove(struct vvu_device *device, unsigned int index);
/* maps[] of @shmid as placement sees them; @index tells which is which. Returns how many. */
unsigned int vvu_maps_placed(const struct vvu_device *device, uint8_t shmid,
			     struct vvu_placed *placed, unsigned int *index);
/* The driver answered message @seq: what it or an earlier one replaced can go. */
void vvu_maps_release(struct vvu_device *device, uint64_t seq);
void vvu_maps_release_all(struct vvu_device *device);
/* Bytes of @shmid that are mapped. */
uint64_t vvu_maps_used(const struct vvu_device *device, uint8_t shmid);

void vvu_window_begin(struct vvu_device *device);
void vvu_window_commit(struct vvu_device *device);

/* ---- VVU_SHMID_MEMORY (window.c, slots.c) ---- */

unsigned int vvu_window_regions(const struct vvu_device *device);
/* Most regions the window can hold: the cap of the GET_MAX_MEM_SLOTS reply. */
uint64_t vvu_window_slots(const struct vvu_device *device);

int vvu_window_set_table(struct vvu_device *device, struct vhu_msg *msg, int *fds,
			 unsigned int nfds, struct vhu_reason *reason);
int vvu_window_add(struct vvu_device *device, struct vhu_msg *msg, int *fds, unsigned int nfds,
		   struct vhu_reason *reason);
int vvu_window_remove(struct vvu_device *device, struct vhu_msg *msg, int *fds,
		      unsigned int nfds, struct vhu_reason *reason);
/* The driver refused message @seq, an ADD_MEM_REG or REM_MEM_REG: it did not happen. */
void vvu_window_add_refused(struct vvu_device *device, uint64_t seq);
void vvu_window_remove_refused(struct vvu_device *device, uint64_t seq);

/* ---- VVU_SHMID_LOG and VVU_SHMID_INFLIGHT (area.c) ---- */

int vvu_area_set_log(struct vvu_device *device, struct vhu_msg *msg, int *fds,
		     unsigned int nfds, struct vhu_reason *reason);
int vvu_area_set_inflight(struct vvu_device *device, struct vhu_msg *msg, int *fds,
			  unsigned int nfds, struct vhu_reason *reason);
/*
 * The driver's reply to GET_INFLIGHT_FD, message @seq: create the area it asks for. *@fd is
 * the file for the frontend, the caller's to close, -1 when the driver asks for none.
 */
int vvu_area_create_inflight(struct vvu_device *device, struct vhu_msg *reply, uint64_t seq,
			     int *fd, struct vhu_reason *reason);

/* ---- kick vectors and doorbells (notify.c) ---- */

int vvu_notify_set_kick(struct vvu_device *device, struct vhu_msg *msg, int *fds,
			unsigned int nfds, struct vhu_reason *reason);
int vvu_notify_set_call(struct vvu_device *device, struct vhu_msg *msg, int *fds,
			unsigned int nfds, struct vhu_reason *reason);
int vvu_notify_set_err(struct vvu_device *device, struct vhu_msg *msg, int *fds,
		       unsigned int nfds, struct vhu_reason *reason);
int vvu_notify_set_log(struct vvu_device *device, struct vhu_msg *msg, int *fds,
		       unsigned int nfds, struct vhu_reason *reason);
/*
 * The driver answered GET_VRING_BASE of @queue, message @seq, and the frontend has the
 * answer: unless SET_VRING_KICK came in between, the ring is stopped and its kick ends. The
 * call stays: vhost-user takes it away only by SET_VRING_CALL.
 */
void vvu_notify_ring_stopped(struct vvu_device *device, unsigned int queue, uint64_t seq);
/* The driver answered message @seq; a RESET_DEVICE up to there has stopped its rings. */
void vvu_notify_answered(struct vvu_device *device, uint64_t seq);
bool vvu_notify_any_running(const struct vvu_device *device);
void vvu_notify_disarm_all(struct vvu_device *device);

#endif
