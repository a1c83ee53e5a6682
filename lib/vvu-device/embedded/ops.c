/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device asks of its host. None of these calls back into the device. */
#include <errno.h>

#include "emb_internal.h"

static void op_window_begin(void *host)
{
	struct vvu_emb *emb = host;

	emb_window_begin(&emb->window);
}

static void op_window_commit(void *host)
{
	struct vvu_emb *emb = host;

	emb_window_commit(&emb->window);
}

/* Offset in BAR 0 of a range inside a shmid; false when it leaves the shmid. */
static bool window_offset(struct vvu_emb *emb, const struct vvu_mapping *mapping, uint64_t *offset)
{
	const struct vvu_range *range = vvu_layout_shm(&emb->layout, mapping->shmid);

	if (range == NULL || mapping->offset > range->length ||
	    mapping->length > range->length - mapping->offset)
		return false;
	*offset = range->offset + mapping->offset;
	return true;
}

static int op_window_map(void *host, const struct vvu_mapping *mapping)
{
	struct vvu_emb *emb = host;
	uint64_t offset;

	if (!window_offset(emb, mapping, &offset))
		return -EINVAL;
	return emb_window_map(&emb->window, offset, mapping->length, mapping->fd,
			      mapping->fd_offset);
}

static void op_window_unmap(void *host, const struct vvu_mapping *mapping)
{
	struct vvu_emb *emb = host;
	uint64_t offset;

	if (window_offset(emb, mapping, &offset))
		emb_window_unmap(&emb->window, offset, mapping->length);
}

static int op_kick_set(void *host, unsigned int queue, int fd)
{
	struct vvu_emb *emb = host;

	return emb_kick_set(&emb->kicks, queue, fd);
}

static int op_doorbell_set(void *host, unsigned int index, int fd)
{
	struct vvu_emb *emb = host;

	return emb_doorbell_set(&emb->doorbells, index, fd);
}

static int op_rxq_put(void *host, const void *msg, size_t len)
{
	return emb_rxq_put(host, msg, len);
}

static int op_frontend_send(void *host, const void *msg, size_t len, const int *fds,
			    unsigned int nfds)
{
	struct vvu_emb *emb = host;

	return emb_socket_send(&emb->socket, msg, len, fds, nfds);
}

static void op_frontend_close(void *host)
{
	emb_socket_close(host);
}

static int op_channel_set(void *host, int fd)
{
	return emb_socket_channel(host, fd);
}

static int op_channel_send(void *host, const void *msg, size_t len)
{
	struct vvu_emb *emb = host;

	return emb_socket_channel_send(&emb->socket, msg, len);
}

static void op_config_changed(void *host)
{
	struct vvu_emb *emb = host;

	emb->common.generation++;
	emb_interrupt_config(emb);
}

static void op_needs_reset(void *host)
{
	emb_needs_reset(host);
}

static void op_log(void *host, enum vvu_log_level level, const char *text)
{
	emb_log(host, level, "%s", text);
}

/* No poll_changed: emb_settle() looks after each entry from outside. */
const struct vvu_host_ops emb_host_ops = {
	.window_begin = op_window_begin,
	.window_commit = op_window_commit,
	.window_map = op_window_map,
	.window_unmap = op_window_unmap,
	.kick_set = op_kick_set,
	.doorbell_set = op_doorbell_set,
	.rxq_put = op_rxq_put,
	.frontend_send = op_frontend_send,
	.frontend_close = op_frontend_close,
	.channel_set = op_channel_set,
	.channel_send = op_channel_send,
	.config_changed = op_config_changed,
	.needs_reset = op_needs_reset,
	.log = op_log,
};
