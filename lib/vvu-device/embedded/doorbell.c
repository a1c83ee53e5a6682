/* SPDX-License-Identifier: BSD-3-Clause */
#include "doorbell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int emb_doorbells_init(struct emb_doorbells *doorbells, unsigned int count)
{
	int err;

	memset(doorbells, 0, sizeof(*doorbells));
	doorbells->signaler.nothing = -1;
	doorbells->bell = calloc(count, sizeof(*doorbells->bell));
	if (doorbells->bell == NULL)
		return -ENOMEM;
	err = vvu_signaler_init(&doorbells->signaler);
	if (err < 0)
		return err;
	for (unsigned int i = 0; i < count; i++) {
		err = pthread_mutex_init(&doorbells->bell[i].lock, NULL);
		if (err != 0)
			return -err;
		doorbells->bell[i].fd = -1;
		doorbells->count = i + 1;
	}
	return 0;
}

void emb_doorbells_fini(struct emb_doorbells *doorbells)
{
	for (unsigned int i = 0; i < doorbells->count; i++)
		pthread_mutex_destroy(&doorbells->bell[i].lock);
	/* A zeroed struct was never set up: its 0 is no descriptor of ours. */
	if (doorbells->bell != NULL)
		vvu_signaler_fini(&doorbells->signaler);
	free(doorbells->bell);
	memset(doorbells, 0, sizeof(*doorbells));
}

/* For where the signaler has to write; a peer can undo it, see signaler.h. */
static int make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int emb_doorbell_set(struct emb_doorbells *doorbells, unsigned int index, int fd)
{
	struct emb_doorbell *bell;
	int err;

	if (index >= doorbells->count)
		return -EINVAL;
	if (fd >= 0) {
		err = make_nonblocking(fd);
		if (err < 0)
			return err;
	}
	bell = &doorbells->bell[index];
	pthread_mutex_lock(&bell->lock);
	bell->fd = fd;
	pthread_mutex_unlock(&bell->lock);
	return 0;
}

void emb_doorbell_ring(struct emb_doorbells *doorbells, unsigned int index)
{
	struct emb_doorbell *bell;

	if (index >= doorbells->count)
		return;
	bell = &doorbells->bell[index];
	pthread_mutex_lock(&bell->lock);
	if (bell->fd >= 0)
		vvu_signaler_signal(&doorbells->signaler, bell->fd);
	pthread_mutex_unlock(&bell->lock);
}
