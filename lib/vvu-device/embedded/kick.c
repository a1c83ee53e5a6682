/* SPDX-License-Identifier: BSD-3-Clause */
#include "kick.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bytes.h"
#include "vvu-device/host/eventfd.h"
#include "vvu-device/layout.h"

int emb_kicks_init(struct emb_kicks *kicks, unsigned int count, int epoll_fd,
		   struct emb_msix *msix,
		   void (*ready)(struct vvu_emb *, struct emb_source *, uint32_t))
{
	memset(kicks, 0, sizeof(*kicks));
	kicks->kick = calloc(count, sizeof(*kicks->kick));
	if (kicks->kick == NULL)
		return -ENOMEM;
	kicks->count = count;
	kicks->epoll_fd = epoll_fd;
	kicks->msix = msix;
	for (unsigned int i = 0; i < count; i++)
		emb_source_init(&kicks->kick[i].source, i, ready);
	emb_kicks_reset(kicks);
	return 0;
}

void emb_kicks_fini(struct emb_kicks *kicks)
{
	for (unsigned int i = 0; i < kicks->count; i++)
		emb_kick_set(kicks, i, -1);
	free(kicks->kick);
	memset(kicks, 0, sizeof(*kicks));
}

void emb_kicks_reset(struct emb_kicks *kicks)
{
	kicks->select = 0;
	for (unsigned int i = 0; i < kicks->count; i++) {
		kicks->kick[i].vector = VVU_NO_VECTOR;
		kicks->kick[i].pending = false;
	}
}

bool emb_kick_drain(struct emb_kicks *kicks, unsigned int queue)
{
	struct emb_source *source = &kicks->kick[queue].source;
	int held;

	if (source->fd < 0)
		return false;
	held = vvu_eventfd_drain(source->fd);
	if (held < 0) {
		/* Readable for ever but never read: one more round is one too many. */
		emb_kick_set(kicks, queue, -1);
		return false;
	}
	return held > 0;
}

void emb_kick_raise(struct emb_kicks *kicks, unsigned int queue)
{
	struct emb_kick *kick = &kicks->kick[queue];

	if (kick->vector == VVU_NO_VECTOR || !kicks->msix->enabled) {
		kick->pending = true;
		return;
	}
	kick->pending = false;
	emb_msix_notify(kicks->msix, kick->vector);
}

void emb_kicks_flush(struct emb_kicks *kicks)
{
	for (unsigned int i = 0; i < kicks->count; i++)
		if (kicks->kick[i].pending)
			emb_kick_raise(kicks, i);
}

int emb_kick_set(struct emb_kicks *kicks, unsigned int queue, int fd)
{
	struct emb_kick *kick;
	struct emb_source *source;
	int copy = -1, old, err;

	if (queue >= kicks->count)
		return -EINVAL;
	kick = &kicks->kick[queue];
	source = &kick->source;
	if (fd >= 0) {
		/*
		 * A number of our own: epoll knows a descriptor by its number and its file
		 * together, and the same eventfd may be given for several queues.
		 */
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (copy < 0)
			return -errno;
	}
	old = source->fd;
	if (old >= 0) {
		if (vvu_eventfd_drain(old) > 0)
			kick->pending = true;
		emb_source_drop(kicks->epoll_fd, source);
		close(old);
	}
	if (fd < 0) {
		kick->pending = false;
		return 0;
	}
	err = emb_source_watch(kicks->epoll_fd, source, copy, EPOLLIN);
	if (err < 0) {
		close(copy);
		return err;
	}
	if (kick->pending)
		emb_kick_raise(kicks, queue);
	return 0;
}

uint64_t emb_kick_read(const struct emb_kicks *kicks, uint64_t offset, unsigned int width)
{
	uint16_t vector = VVU_NO_VECTOR;

	if (kicks->select < kicks->count)
		vector = kicks->kick[kicks->select].vector;
	if (width == 4 && offset == VVU_KICK_SELECT)
		return kicks->select | (uint32_t)vector << 16;
	if (width == 2 && offset == VVU_KICK_SELECT)
		return kicks->select;
	if (width == 2 && offset == VVU_KICK_VECTOR)
		return vector;
	return emb_all_ones(width);
}

static void bind_vector(struct emb_kicks *kicks, uint16_t vector)
{
	struct emb_kick *kick;

	if (kicks->select >= kicks->count)
		return;
	kick = &kicks->kick[kicks->select];
	kick->vector = vector < kicks->msix->vectors ? vector : VVU_NO_VECTOR;
	if (kick->pending)
		emb_kick_raise(kicks, kicks->select);
}

void emb_kick_write(struct emb_kicks *kicks, uint64_t offset, unsigned int width, uint64_t value)
{
	if (width == 4 && offset == VVU_KICK_SELECT) {
		kicks->select = (uint16_t)value;
		bind_vector(kicks, (uint16_t)(value >> 16));
	} else if (width == 2 && offset == VVU_KICK_SELECT) {
		kicks->select = (uint16_t)value;
	} else if (width == 2 && offset == VVU_KICK_VECTOR) {
		bind_vector(kicks, (uint16_t)value);
	}
}
