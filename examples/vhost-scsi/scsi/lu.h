/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A logical unit: a store with the state that SCSI gives it, and the paths over which
 * initiators reach it.
 *
 * A path is an I_T_L nexus: one device (the nexus, one initiator) and one logical unit. Several
 * devices of the process may have a path to the same logical unit; then its reservations and
 * unit attentions are between them.
 *
 * Threads. Commands run in the thread that started them (task.h); whatever they share is under
 * lock. Paths are added and removed, and the size changed, from any thread.
 */
#ifndef VHOST_SCSI_LU_H
#define VHOST_SCSI_LU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "storage/store/store.h"
#include "scsi.h"

#define SCSI_PATHS_MAX		64u	/* per logical unit: a bit each */
#define SCSI_SERIAL_MAX		36u
#define SCSI_NEXUS_NAME_MAX	128u

struct scsi_task;
struct scsi_tmf;

/* Unit attentions, the one that is reported first at the top (SAM-5, 5.14). */
enum scsi_ua {
	SCSI_UA_POWER_ON,
	SCSI_UA_RESET,
	SCSI_UA_NEXUS_LOSS,
	SCSI_UA_RESERVATIONS_PREEMPTED,
	SCSI_UA_RESERVATIONS_RELEASED,
	SCSI_UA_REGISTRATIONS_PREEMPTED,
	SCSI_UA_COMMANDS_CLEARED,
	SCSI_UA_MODE_CHANGED,
	SCSI_UA_CAPACITY_CHANGED,
	SCSI_UA_LUNS_CHANGED,
	SCSI_NUM_UA
};

struct scsi_path {
	struct scsi_lu *lu;
	char nexus[SCSI_NEXUS_NAME_MAX];	/* of the device: the initiator's name */
	unsigned int index;			/* in lu->path */
	_Atomic uint32_t ua;			/* pending, bits of enum scsi_ua */
	/* Commands; whoever counts down to 0 does not touch path or lu any more. */
	_Atomic unsigned int tasks;
	/* ---- lu->lock ---- */
	bool registered;			/* persistent reservations */
	uint64_t key;
};

/* SPC-4, 7.5: what of the mode pages can be changed */
struct scsi_mode {
	_Atomic bool wce;	/* caching: writes are done when the cache has them */
	_Atomic bool d_sense;	/* control: descriptor format */
};

/* SPC-4, 5.9: persistent reservations; SPC-2, 5.5: the older kind */
struct scsi_reservations {
	uint32_t generation;
	unsigned int type;		/* 0: none; else enum scsi_pr_type */
	struct scsi_path *holder;	/* of a type that has one */
	struct scsi_path *reserved;	/* by RESERVE */
};

struct scsi_limits {
	uint32_t transfer;		/* blocks, all of these */
	uint32_t compare_and_write;	/* at most 255 */
	uint32_t write_same;
	uint32_t unmap;			/* 0: not thin provisioned */
	uint32_t unmap_descriptors;
	uint32_t unmap_granularity;
};

struct scsi_lu {
	const struct store *store;	/* the commands use queues of it */
	struct store_info info;		/* as it was at the start */
	unsigned int block_shift;
	_Atomic uint64_t blocks;
	struct scsi_limits limits;
	char vendor[9], product[17], revision[5];
	char serial[SCSI_SERIAL_MAX + 1];
	uint8_t naa[8];

	struct scsi_mode mode;
	_Atomic bool stopped;		/* START STOP UNIT */
	_Atomic bool guarded;		/* some reservation is there */

	pthread_mutex_t lock;
	struct scsi_path *path[SCSI_PATHS_MAX];
	struct scsi_reservations pr;
	TAILQ_HEAD(, scsi_task) tasks;	/* all that were started */
	TAILQ_HEAD(, scsi_task) claims;	/* those that use blocks; oldest first */
	unsigned int exclusive;		/* claims that bear no overlap */
	unsigned int waiting;		/* claims that wait for others */
	uint64_t sequence;
	struct scsi_tmf *tmfs;		/* that wait for tasks */
};

struct scsi_lu_config {
	const struct store *store;
	const char *serial;		/* 1..36 printable; what identifies it */
	const char *vendor, *product, *revision;	/* NULL: the defaults */
};

/* -ENOMEM, -EINVAL with @reason: a text too long or not printable, a store without blocks. */
int scsi_lu_create(const struct scsi_lu_config *config, struct scsi_lu **lu,
		   struct vhu_reason *reason);
/* Without paths. Leaves the store alone. */
void scsi_lu_destroy(struct scsi_lu *lu);

/* -ENOSPC: SCSI_PATHS_MAX are there; -ENOMEM. Power on is pending on it. */
int scsi_path_add(struct scsi_lu *lu, const char *nexus, struct scsi_path **path);
/*
 * Waits for its tasks, which other threads complete, then forgets it, its registration and
 * reservation included.
 */
void scsi_path_remove(struct scsi_path *path);

/* The initiator began anew: what it reserved with RESERVE is free, and power on is pending. */
void scsi_path_reset(struct scsi_path *path);

/* A unit attention for one path; for all of a logical unit but @except (may be NULL). */
void scsi_ua_set(struct scsi_path *path, enum scsi_ua ua);
void scsi_ua_set_others(struct scsi_lu *lu, const struct scsi_path *except, enum scsi_ua ua);
/* Take the first that is pending: its code. ASC_NONE: there is none. */
enum scsi_asc scsi_ua_take(struct scsi_path *path);

/* The store's size has changed: take it over and tell all paths. */
void scsi_lu_resized(struct scsi_lu *lu);
/* What LOGICAL UNIT RESET resets; lock held. */
void scsi_lu_reset(struct scsi_lu *lu);

static inline uint32_t scsi_block_bytes(const struct scsi_lu *lu)
{
	return lu->info.block_bytes;
}

#endif
