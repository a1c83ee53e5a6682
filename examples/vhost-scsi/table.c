/* SPDX-License-Identifier: BSD-3-Clause */
/* A queue's table of logical units. */
#include <errno.h>
#include <stdlib.h>

#include "device.h"

enum scsi_addressed scsi_address_parse(const uint8_t lun[8], struct scsi_address *at)
{
	at->target = lun[1];
	at->lun = lun[3];
	if (lun[4] | lun[5] | lun[6] | lun[7])
		return SCSI_AT_NOTHING;
	if (lun[0] == 0xc1)
		return lun[1] == 0x01 && !lun[2] && !lun[3] ? SCSI_AT_DEVICE : SCSI_AT_NOTHING;
	if (lun[0] != 0x01)
		return SCSI_AT_NOTHING;
	/* Flat space addressing is what the specification has; by number is as clear. */
	if (lun[2] == 0x40 || lun[2] == 0x00)
		return SCSI_AT_LUN;
	return lun[2] == 0xc1 && lun[3] == 0x01 ? SCSI_AT_REPORT_LUNS : SCSI_AT_NOTHING;
}

bool queue_has_target(const struct scsi_queue *q, uint8_t target)
{
	return q->target[target] != NULL;
}

struct queue_lun *queue_lun_find(const struct scsi_queue *q, struct scsi_address at)
{
	return q->target[at.target] ? q->target[at.target][at.lun] : NULL;
}

static int open_store_queue(struct scsi_queue *q, struct queue_lun *lun, struct store *store)
{
	int ret = store_queue_open(store, &lun->store);

	if (ret < 0)
		return ret;
	lun->fd = store_fd(lun->store);
	if (lun->fd >= 0)
		ret = target_queue_watch(q->queue, lun->fd);
	if (ret < 0)
		store_queue_close(lun->store);
	return ret;
}

int queue_lun_insert(struct scsi_queue *q, struct scsi_address at, struct scsi_path *path,
		     struct store *store)
{
	struct queue_lun *lun = calloc(1, sizeof(*lun));
	struct queue_lun **target = q->target[at.target];
	int ret;

	if (target == NULL)
		target = calloc(SCSI_LUNS, sizeof(struct queue_lun *));
	if (lun == NULL || target == NULL) {
		ret = -ENOMEM;
		goto fail;
	}
	lun->path = path;
	lun->fd = -1;
	/* The control queue has no use for the store. */
	ret = target_queue_index(q->queue) == VSCSI_CONTROLQ ? 0 : open_store_queue(q, lun, store);
	if (ret < 0)
		goto fail;
	lun->next = q->first;
	q->first = lun;
	q->target[at.target] = target;
	target[at.lun] = lun;
	return 0;

fail:
	free(lun);
	if (target != q->target[at.target])
		free(target);
	return ret;
}

struct queue_lun *queue_lun_hide(struct scsi_queue *q, struct scsi_address at)
{
	struct queue_lun *lun = queue_lun_find(q, at);
	bool empty = true;

	if (lun == NULL)
		return NULL;
	q->target[at.target][at.lun] = NULL;
	for (unsigned int i = 0; i < SCSI_LUNS; i++)
		empty &= q->target[at.target][i] == NULL;
	if (empty) {
		free(q->target[at.target]);
		q->target[at.target] = NULL;
	}
	return lun;
}

void queue_lun_close(struct scsi_queue *q, struct queue_lun *lun)
{
	struct queue_lun **link = &q->first;

	while (*link != lun)
		link = &(*link)->next;
	*link = lun->next;
	if (lun->store) {
		if (lun->fd >= 0)
			target_queue_unwatch(q->queue, lun->fd);
		store_queue_close(lun->store);
	}
	free(lun);
}
