/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-relay: from a virtio-vhost-user function to running vhost rings.
 *
 * A session drives one function (embedded, or a VM's PCI function) and serves one frontend
 * at a time, one after the other for as long as it is up. It negotiates, keeps the memory
 * table and the rings, and calls the device's callbacks; the device moves the data.
 *
 * Threads. The library starts none. All vhr_ calls and all callbacks of one session happen
 * in one thread at a time, the control thread; a caller with several locks around them.
 * Data threads touch only struct vhr_ring, under the lock the device itself provides by
 * the ring_lock callbacks; the session changes a ring, its memory table included, only
 * while it holds that lock.
 *
 * Errors are negative errno; vhr_last_error() tells the reason in words, naming message,
 * field and value. Nothing a frontend sends ends the session: a frontend that breaks a
 * rule is disconnected and the next one is served.
 */
#ifndef VHOST_RELAY_VHR_H
#define VHOST_RELAY_VHR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/bus.h"
#include "memory/memory.h"
#include "vring/ring.h"

#define VHR_API __attribute__((visibility("default")))

struct vhr_session;

/*
 * Callbacks of a device. All from the control thread, from within vhr_open() on; NULL ones
 * are skipped, and the protocol feature that needs one is not offered without it.
 */
struct vhr_ops {
	/*
	 * Exclude the data thread of ring @index, and let it in again. Never nested for one
	 * ring; for a new memory table all rings are locked in ascending order. Must not
	 * fail; bounded by one burst of the data thread.
	 */
	void (*ring_lock)(void *priv, unsigned int index);
	void (*ring_unlock)(void *priv, unsigned int index);
	/*
	 * The ring changed (ready, addresses, memory table, features): drop what was
	 * derived from it, and addresses in frontend memory that are still in use. Called
	 * with the ring locked. When ring->ready, look at the avail ring once: entries may
	 * have been made available, and kicked for, long before.
	 */
	void (*ring_changed)(void *priv, struct vhr_ring *ring);
	/* The ring became or ceased to be ready; not locked. For events and link state. */
	void (*ring_ready)(void *priv, unsigned int index, bool ready);
	/*
	 * The ring stops (GET_VRING_BASE, reset, disconnect): finish or drop everything
	 * taken from it. Called before the ring is locked for the stop. Where vhr_status() says
	 * that nobody is connected, the frontend is gone, and what is written to the ring now
	 * may be more than it knows of when it comes back. With config.inflight
	 * see vring/queue.h for what else belongs to "everything".
	 */
	void (*ring_stop)(void *priv, unsigned int index);
	/*
	 * Frontend memory is about to be taken away or to move (@begin; SET_MEM_TABLE and
	 * REM_MEM_REG): finish what uses addresses in it, I/O under way included, and take
	 * nothing new from any ring until the call with @begin false, which follows when all
	 * rings have the new table. No ring is locked in either call, between the two each is
	 * locked once; never nested. ADD_MEM_REG moves nothing and does not call this. Nor
	 * does a disconnect or a reset of the device: there ring_stop has come for every ring
	 * that ran.
	 */
	void (*memory_change)(void *priv, bool begin);
	/*
	 * Asked after ring_stop has come for every ring of a frontend that is gone, before the
	 * next one is let in: are addresses in the old one's memory still in use? While the
	 * answer is yes it is asked again every 10 ms, no frontend is served, and the window
	 * keeps what it shows (after a failure of the device itself, which is reset, it does
	 * not; but no other frontend's memory comes in its place).
	 */
	bool (*memory_in_use)(void *priv);
	/* A frontend is there / is gone. */
	void (*connected)(void *priv, bool connected);
	/* SET_FEATURES: a checked subset of what was offered. Non-zero refuses. */
	int (*set_features)(void *priv, uint64_t features);
	/* Configuration space; -EINVAL refuses. @flags: enum vhu_config_flags. */
	int (*get_config)(void *priv, uint32_t offset, uint32_t size, uint8_t *data);
	int (*set_config)(void *priv, uint32_t offset, uint32_t size, const uint8_t *data,
			  uint32_t flags);
	int (*set_mtu)(void *priv, uint16_t mtu);
	int (*send_rarp)(void *priv, const uint8_t mac[6]);
	/* SET_STATUS: the virtio device status byte of the frontend's driver. */
	void (*set_status)(void *priv, uint8_t status);
	/* RESET_DEVICE, or status 0. */
	void (*reset)(void *priv);
	/* Warnings and events in words; level as in enum vvu_log_level (0 is most severe). */
	void (*log)(void *priv, int level, const char *text);
};

struct vhr_config {
	const struct vhr_ops *ops;
	void *priv;
	/*
	 * Virtio features of the device that is served. VERSION_1 and bit 30 are added.
	 * -EINVAL at open for bits the session cannot carry (ACCESS_PLATFORM, LOG_ALL, and
	 * others named in the reason), and for RING_PACKED, which comes with @packed.
	 */
	uint64_t features;
	/*
	 * Protocol features to offer among MQ, REPLY_ACK, MTU, RARP, BACKEND_REQ, CONFIG,
	 * CONFIGURE_MEM_SLOTS, RESET_DEVICE, STATUS, GPA_ADDRESSES; 0 means all of those
	 * whose callback is there. INFLIGHT_SHMFD comes with @inflight.
	 */
	uint64_t protocol_features;
	unsigned int max_rings;		/* 1..VHU_MAX_VRINGS */
	unsigned int queue_num;		/* answer to GET_QUEUE_NUM: pairs for net, else rings */
	uint32_t max_ring_size;		/* 0 means VHR_RING_SIZE_MAX */
	/*
	 * Offer INFLIGHT_SHMFD, where the device has a shared memory region for it: requests
	 * under way survive a crash of this process. Only for devices that use vring/queue.h
	 * on every ring.
	 */
	bool inflight;
	/*
	 * Offer VIRTIO_F_RING_PACKED. Only for devices that serve both formats: with
	 * vring/queue.h, or going by "packed" of each ring.
	 */
	bool packed;
	enum vhr_layout layout;
	uint32_t virtio_id;		/* 0: any known id of the device */
};

struct vhr_status {
	bool up;			/* BACKEND_UP wanted */
	bool connected;
	uint32_t epoch;
	uint64_t features;		/* acknowledged */
	uint64_t protocol_features;
	uint8_t device_status;		/* SET_STATUS */
	unsigned int regions;
	unsigned int rings_started;
	unsigned int rings_ready;
	uint64_t connections;
	uint64_t messages;
	uint64_t refused;		/* messages that ended a connection or were NACKed */
	uint64_t last_message_ns;	/* time spent on the newest message */
	uint64_t max_message_ns;
};

/* Messages that took less than 2^i ns and not less than half of it are counted in element i. */
#define VHR_MESSAGE_TIMES 36u

/* What the function is; zeroes but for the first three while it is closed for a reset. */
struct vhr_device_info {
	uint16_t pci_vendor;
	uint16_t pci_device;
	uint8_t pci_revision;
	uint8_t uuid[16];
	uint32_t max_vhost_queues;	/* as the device says */
	uint32_t max_message_size;
	unsigned int vectors;		/* MSI-X, in use; 0: the device is polled */
	unsigned int kick_vectors;	/* of them for kicks; fewer than rings: some share one */
	void *window;			/* the frontend's memory, see struct vhr_region.offset */
	uint64_t window_size;
};

/* Registers as they are read, in the host's order; UINT32_MAX where there is none. */
#define VHR_COMMON_WORDS	14u	/* struct virtio_pci_common_cfg (virtio 1.3, 4.1.4.3) */
#define VHR_CONFIG_WORDS	8u	/* the device's configuration space */
struct vhr_registers {
	uint32_t common[VHR_COMMON_WORDS];
	uint32_t config[VHR_CONFIG_WORDS];
};

/*
 * Take over @bus (closed by vhr_close(), also when this fails) and bring its function up.
 * Not yet visible to a frontend. -EINVAL (config), or errors of vhr_vvu_open(); @reason.
 */
VHR_API int vhr_open(struct vhr_bus *bus, const struct vhr_config *config,
		     struct vhr_session **session, struct vhu_reason *reason);
/* Disconnects, resets the function, frees. NULL is fine. */
VHR_API void vhr_close(struct vhr_session *session);

/* Serve frontends from now on. 0 or -EIO. */
VHR_API int vhr_up(struct vhr_session *session);
/* Disconnect and serve none. */
VHR_API void vhr_down(struct vhr_session *session);

/*
 * Offer other features than those of struct vhr_config, by the same rules: to the frontends
 * that come from now on. One that is there keeps what it negotiated. 0, or -EINVAL with the
 * reason in vhr_last_error().
 */
VHR_API int vhr_offer_features(struct vhr_session *session, uint64_t features);

/* Readable when vhr_run() has something to do. Owned by the session. */
VHR_API int vhr_poll_fd(const struct vhr_session *session);
/*
 * Do what is due, a bounded amount. Returns the number of events handled; -EIO when the
 * device was given up after several attempts to reset it (vhr_up() tries again); -errno
 * when the embedded device's event mechanism itself failed.
 *
 * A device without interrupts is polled: vhr_poll_fd() then is readable every millisecond.
 */
VHR_API int vhr_run(struct vhr_session *session);

/* Ring @index < max_rings; valid until vhr_close(). */
VHR_API struct vhr_ring *vhr_ring(struct vhr_session *session, unsigned int index);
/* Window properties: VHR_MAP_.... */
VHR_API unsigned int vhr_window_flags(const struct vhr_session *session);
VHR_API struct vhr_bus *vhr_session_bus(struct vhr_session *session);

/*
 * Tell the frontend that the configuration space changed (BACKEND_CONFIG_CHANGE_MSG).
 * -ENOTCONN, -EOPNOTSUPP (CONFIG or BACKEND_REQ not negotiated, or no channel), -EAGAIN
 * (txq is full, or all rings are stopped: vhost-user, "Suspended device state").
 */
VHR_API int vhr_config_changed(struct vhr_session *session);

VHR_API void vhr_status(const struct vhr_session *session, struct vhr_status *status);
/* How long messages took: VHR_MESSAGE_TIMES counters, valid until vhr_close(). */
VHR_API const uint64_t *vhr_message_times(const struct vhr_session *session);
VHR_API void vhr_device_info(const struct vhr_session *session, struct vhr_device_info *info);
VHR_API void vhr_device_registers(struct vhr_session *session, struct vhr_registers *registers);
/* Why the last frontend was refused or lost, or the last call failed; "" when nothing. */
VHR_API const char *vhr_last_error(const struct vhr_session *session);

#endif
