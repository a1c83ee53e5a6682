/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-scsi device: a target of the runtime whose requests are SCSI commands, and its logical
 * units, 256 targets with 256 each.
 *
 * Every queue has a table of its own of the logical units, which nobody but its worker touches:
 * no lock is taken to find one. The thread that adds or removes a logical unit changes the
 * tables by calls into the workers.
 */
#ifndef VHOST_SCSI_DEVICE_H
#define VHOST_SCSI_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "scsi/lu.h"
#include "storage/target/target.h"
#include "wire.h"

#define SCSI_TARGETS		256u
#define SCSI_LUNS		256u	/* of a target */
#define SCSI_DEVICE_LUNS	256u	/* of a device: what REPORT LUNS has room for */
#define SCSI_QUEUES_MAX		256u	/* all of a device */
#define SCSI_EVENTS		16u	/* that wait for a buffer */
#define SCSI_CDB_SIZE_MAX	260u	/* SPC-4, 4.2.3: the longest CDB there is */
#define SCSI_SENSE_SIZE_MAX	4096u

struct unit;

struct scsi_address {
	uint8_t target, lun;
};

/* A logical unit of the device; of the one thread at a time that adds and removes. */
struct scsi_lun {
	struct scsi_address at;
	struct unit *unit;
	struct scsi_path *path;
	struct scsi_lun *next;
};

/* The same, in the table of a queue; of the queue's worker. */
struct queue_lun {
	struct scsi_path *path;
	struct store_queue *store;	/* NULL: of the control queue */
	int fd;				/* watched; -1 */
	unsigned int under_way;
	bool kick_due;			/* a command ended since its last kick */
	struct queue_lun *next;		/* all of the queue */
};

struct scsi_queue {
	struct scsi_device *device;
	struct target_queue *queue;
	struct queue_lun **target[SCSI_TARGETS];	/* NULL: no such target; SCSI_LUNS each */
	struct queue_lun *first;
	unsigned int busy_rounds;
	/* What became of requests; written by the worker alone */
	_Atomic uint64_t commands, check_conditions, failures;
};

struct scsi_event {
	uint32_t event, reason;
	struct scsi_address at;
};

struct scsi_device {
	struct target *target;
	char name[SCSI_NEXUS_NAME_MAX];
	unsigned int queues;		/* all of them */
	struct scsi_queue **queue;	/* by index; set when they are mapped */

	/* Written by the control thread, while nothing is under way. */
	_Atomic uint32_t sense_size, cdb_size;
	_Atomic uint64_t features;

	pthread_mutex_t lock;		/* of the list, and of the events */
	struct scsi_lun *luns;
	unsigned int num_luns;
	struct scsi_event event[SCSI_EVENTS];
	unsigned int num_events;
	bool events_missed;
	atomic_bool event_due;		/* some wait, or were missed */
};

/*
 * Keys of @description: "luns", an array of what scsi_lun_add() takes. @config has all but ops,
 * priv and features; its queues are the request queues. -EINVAL: something in @description; or
 * what a store or the target said.
 */
int scsi_device_create(struct worker_pool *pool, struct target_config *config,
		       const json_t *description, struct scsi_device **device,
		       struct vhu_reason *reason);
/* Waits for what is under way. */
void scsi_device_destroy(struct scsi_device *device);
json_t *scsi_device_describe(struct scsi_device *device);

/* ---- luns.c; one thread at a time, but for the list ---- */

/*
 * Add a logical unit: a text "[T:L=]STORE", or an object with "store" (text or object), and
 * optionally "target", "lun", "read-only", "serial", "vendor", "product", "revision", and "share":
 * devices whose logical units share a name have the same one, with the store of the first.
 * Without an address it is the first free one of target 0. -EINVAL, -EEXIST, -ENOSPC, or what the
 * store said; @reason.
 */
int scsi_lun_add(struct scsi_device *device, const json_t *description, struct vhu_reason *reason);
/* Waits for its commands. -ENOENT with @reason. */
int scsi_lun_remove(struct scsi_device *device, struct scsi_address at,
		    struct vhu_reason *reason);
/* -ENOENT, -errno of store_resize(); @reason. */
int scsi_lun_resize(struct scsi_device *device, struct scsi_address at, uint64_t size_bytes,
		    struct vhu_reason *reason);
/* A new array. Any thread. */
json_t *scsi_lun_list(struct scsi_device *device);
void scsi_luns_remove_all(struct scsi_device *device);

/* ---- table.c; worker of the queue ---- */

/* NULL: there is none. */
struct queue_lun *queue_lun_find(const struct scsi_queue *q, struct scsi_address at);
bool queue_has_target(const struct scsi_queue *q, uint8_t target);
int queue_lun_insert(struct scsi_queue *q, struct scsi_address at, struct scsi_path *path,
		     struct store *store);
/* No new command finds it: the one that was there, or NULL. Then, without commands: close it. */
struct queue_lun *queue_lun_hide(struct scsi_queue *q, struct scsi_address at);
void queue_lun_close(struct scsi_queue *q, struct queue_lun *lun);

/* How the eight bytes of a LUN field address something (5.6.6.1) */
enum scsi_addressed {
	SCSI_AT_NOTHING,	/* no format that there is */
	SCSI_AT_LUN,
	SCSI_AT_REPORT_LUNS,	/* the well known one, of a target */
	SCSI_AT_DEVICE,		/* the well known one of all targets */
};
enum scsi_addressed scsi_address_parse(const uint8_t lun[8], struct scsi_address *at);

/* ---- the queues ---- */

/* Bytes of a request's private part. */
extern const size_t scsi_request_bytes;
extern const size_t scsi_control_bytes;

/* request.c */
void scsi_request_start(struct target_request *request);
unsigned int scsi_request_poll(struct target_queue *queue);
void scsi_request_hurry(struct target_queue *queue);
/* control.c */
void scsi_control_start(struct target_request *request);
/* events.c: from the event queue's worker, and any other thread */
unsigned int scsi_events_poll(struct target_queue *queue);
void scsi_event_tell(struct scsi_device *device, const struct scsi_event *event);
void scsi_events_reset(struct scsi_device *device);

/* config.c: control thread */
int scsi_get_config(void *priv, uint32_t offset, uint32_t size, uint8_t *data);
int scsi_set_config(void *priv, uint32_t offset, uint32_t size, const uint8_t *data,
		    uint32_t flags);
void scsi_config_reset(struct scsi_device *device);

/* Fields of requests */
static inline uint32_t vscsi_get32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static inline uint64_t vscsi_get64(const uint8_t *at)
{
	return (uint64_t)vscsi_get32(at) | (uint64_t)vscsi_get32(at + 4) << 32;
}

static inline void vscsi_put32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
	at[2] = (uint8_t)(value >> 16);
	at[3] = (uint8_t)(value >> 24);
}

#endif
