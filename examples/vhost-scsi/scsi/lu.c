/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lu.h"
#include "task.h"

/* What a command may ask for, whatever the store could do: bounds time and memory. */
#define TRANSFER_MAX_BYTES	(16u << 20)
#define COMPARE_MAX_BYTES	(64u << 10)
#define WRITE_SAME_MAX_BYTES	(2ull << 20)
#define UNMAP_MAX_BYTES		(512ull << 20)
#define UNMAP_DESCRIPTORS	256u

static const enum scsi_asc ua_codes[SCSI_NUM_UA] = {
	[SCSI_UA_POWER_ON] = ASC_POWER_ON,
	[SCSI_UA_RESET] = ASC_DEVICE_RESET,
	[SCSI_UA_NEXUS_LOSS] = ASC_NEXUS_LOSS,
	[SCSI_UA_RESERVATIONS_PREEMPTED] = ASC_RESERVATIONS_PREEMPTED,
	[SCSI_UA_RESERVATIONS_RELEASED] = ASC_RESERVATIONS_RELEASED,
	[SCSI_UA_REGISTRATIONS_PREEMPTED] = ASC_REGISTRATIONS_PREEMPTED,
	[SCSI_UA_COMMANDS_CLEARED] = ASC_COMMANDS_CLEARED,
	[SCSI_UA_MODE_CHANGED] = ASC_MODE_CHANGED,
	[SCSI_UA_CAPACITY_CHANGED] = ASC_CAPACITY_CHANGED,
	[SCSI_UA_LUNS_CHANGED] = ASC_LUNS_CHANGED,
};

static uint32_t min_blocks(const struct scsi_lu *lu, uint64_t bytes, uint64_t limit_bytes)
{
	if (bytes > limit_bytes)
		bytes = limit_bytes;
	bytes >>= lu->block_shift;
	return bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}

static void set_limits(struct scsi_lu *lu)
{
	const struct store_info *info = &lu->info;
	struct scsi_limits *limits = &lu->limits;

	limits->transfer = min_blocks(lu, info->max_transfer_bytes, TRANSFER_MAX_BYTES);
	limits->compare_and_write = min_blocks(lu, info->max_transfer_bytes, COMPARE_MAX_BYTES);
	if (limits->compare_and_write > 255)
		limits->compare_and_write = 255;
	limits->write_same = min_blocks(lu, UINT64_MAX, WRITE_SAME_MAX_BYTES);
	if (info->max_discard_bytes >> lu->block_shift && !info->read_only) {
		limits->unmap = min_blocks(lu, UINT64_MAX, UNMAP_MAX_BYTES);
		limits->unmap_descriptors = UNMAP_DESCRIPTORS;
		limits->unmap_granularity = info->discard_granularity_bytes >> lu->block_shift;
	}
}

static int set_text(char *to, size_t max, const char *from, const char *what,
		    struct vhu_reason *reason)
{
	size_t length = strlen(from);

	if (length > max) {
		vhu_reason_set(reason, "%s \"%s\" is longer than %zu characters", what, from, max);
		return -EINVAL;
	}
	for (size_t i = 0; i < length; i++) {
		if (from[i] < 0x20 || from[i] > 0x7e) {
			vhu_reason_set(reason, "%s has a character that is not printable ASCII",
				       what);
			return -EINVAL;
		}
	}
	memcpy(to, from, length + 1);
	return 0;
}

/* SPC-4, 7.8.6.6.5: NAA locally assigned, so 60 bits that follow from the serial number. */
static void set_naa(struct scsi_lu *lu)
{
	uint64_t hash = 0xcbf29ce484222325;	/* FNV-1a */

	for (const char *c = lu->serial; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 0x100000001b3;
	scsi_put64(lu->naa, 0x3ull << 60 | hash >> 4);
}

static int set_config(struct scsi_lu *lu, const struct scsi_lu_config *config,
		      struct vhu_reason *reason)
{
	const struct store_info *info = &lu->info;
	int ret;

	if (info->block_bytes < 512 || info->block_bytes & (info->block_bytes - 1) ||
	    info->size_bytes < info->block_bytes || info->max_transfer_bytes < info->block_bytes) {
		vhu_reason_set(reason, "the store has no blocks: %ju bytes in blocks of %u",
			       (uintmax_t)info->size_bytes, info->block_bytes);
		return -EINVAL;
	}
	if (!config->serial[0]) {
		vhu_reason_set(reason, "the serial number is empty");
		return -EINVAL;
	}
	ret = set_text(lu->serial, SCSI_SERIAL_MAX, config->serial, "serial", reason);
	if (!ret)
		ret = set_text(lu->vendor, 8, config->vendor ? config->vendor : "VHOST", "vendor",
			       reason);
	if (!ret)
		ret = set_text(lu->product, 16, config->product ? config->product : "DISK",
			       "product", reason);
	if (!ret)
		ret = set_text(lu->revision, 4, config->revision ? config->revision : "1",
			       "revision", reason);
	return ret;
}

int scsi_lu_create(const struct scsi_lu_config *config, struct scsi_lu **out,
		   struct vhu_reason *reason)
{
	struct scsi_lu *lu = calloc(1, sizeof(*lu));
	int ret;

	if (lu == NULL)
		return -ENOMEM;
	lu->store = config->store;
	lu->info = config->store->info;
	lu->info.size_bytes = store_size(config->store);
	ret = set_config(lu, config, reason);
	if (ret) {
		free(lu);
		return ret;
	}
	lu->block_shift = (unsigned int)__builtin_ctz(lu->info.block_bytes);
	lu->blocks = lu->info.size_bytes >> lu->block_shift;
	set_limits(lu);
	set_naa(lu);
	lu->mode.wce = lu->info.volatile_cache;
	pthread_mutex_init(&lu->lock, NULL);
	TAILQ_INIT(&lu->tasks);
	TAILQ_INIT(&lu->claims);
	*out = lu;
	return 0;
}

void scsi_lu_destroy(struct scsi_lu *lu)
{
	if (lu == NULL)
		return;
	pthread_mutex_destroy(&lu->lock);
	free(lu);
}

int scsi_path_add(struct scsi_lu *lu, const char *nexus, struct scsi_path **out)
{
	struct scsi_path *path = calloc(1, sizeof(*path));
	unsigned int i;

	if (path == NULL)
		return -ENOMEM;
	path->lu = lu;
	path->ua = 1u << SCSI_UA_POWER_ON;
	snprintf(path->nexus, sizeof(path->nexus), "%s", nexus);
	pthread_mutex_lock(&lu->lock);
	for (i = 0; i < SCSI_PATHS_MAX && lu->path[i]; i++)
		;
	if (i < SCSI_PATHS_MAX) {
		path->index = i;
		lu->path[i] = path;
	}
	pthread_mutex_unlock(&lu->lock);
	if (i == SCSI_PATHS_MAX) {
		free(path);
		return -ENOSPC;
	}
	*out = path;
	return 0;
}

void scsi_path_remove(struct scsi_path *path)
{
	struct scsi_lu *lu = path->lu;
	struct scsi_reservations *pr = &lu->pr;
	const struct timespec pause = { .tv_nsec = 1000000 };
	bool last = true;

	/* Rare, and so it is not made known by each command that ends. */
	while (atomic_load_explicit(&path->tasks, memory_order_acquire))
		nanosleep(&pause, NULL);
	pthread_mutex_lock(&lu->lock);
	lu->path[path->index] = NULL;
	for (unsigned int i = 0; i < SCSI_PATHS_MAX; i++)
		last &= !(lu->path[i] && lu->path[i]->registered);
	if (pr->reserved == path)
		pr->reserved = NULL;
	/* All registrants hold a reservation of such a type: it goes with the last one. */
	if (pr->holder == path || (pr->type && pr->holder == NULL && last)) {
		pr->holder = NULL;
		pr->type = 0;
	}
	lu->guarded = pr->type || pr->reserved;
	pthread_mutex_unlock(&lu->lock);
	free(path);
}

void scsi_path_reset(struct scsi_path *path)
{
	struct scsi_lu *lu = path->lu;

	pthread_mutex_lock(&lu->lock);
	if (lu->pr.reserved == path) {
		lu->pr.reserved = NULL;
		lu->guarded = lu->pr.type != 0;
	}
	path->ua = 1u << SCSI_UA_POWER_ON;
	pthread_mutex_unlock(&lu->lock);
}

void scsi_ua_set(struct scsi_path *path, enum scsi_ua ua)
{
	atomic_fetch_or(&path->ua, 1u << ua);
}

void scsi_ua_set_others(struct scsi_lu *lu, const struct scsi_path *except, enum scsi_ua ua)
{
	for (unsigned int i = 0; i < SCSI_PATHS_MAX; i++) {
		if (lu->path[i] && lu->path[i] != except)
			scsi_ua_set(lu->path[i], ua);
	}
}

enum scsi_asc scsi_ua_take(struct scsi_path *path)
{
	uint32_t pending = atomic_load_explicit(&path->ua, memory_order_relaxed), left;
	unsigned int first;

	do {
		if (pending == 0)
			return ASC_NONE;
		first = (unsigned int)__builtin_ctz(pending);
		left = pending & ~(1u << first);
	} while (!atomic_compare_exchange_weak(&path->ua, &pending, left));
	return ua_codes[first];
}

void scsi_lu_resized(struct scsi_lu *lu)
{
	pthread_mutex_lock(&lu->lock);
	lu->blocks = store_size(lu->store) >> lu->block_shift;
	scsi_ua_set_others(lu, NULL, SCSI_UA_CAPACITY_CHANGED);
	pthread_mutex_unlock(&lu->lock);
}

void scsi_lu_reset(struct scsi_lu *lu)
{
	lu->mode.wce = lu->info.volatile_cache;
	lu->mode.d_sense = false;
	lu->stopped = false;
	lu->pr.reserved = NULL;	/* persistent ones persist */
	lu->guarded = lu->pr.type != 0;
}
