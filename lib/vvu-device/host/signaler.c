/* SPDX-License-Identifier: BSD-3-Clause */
#include "signaler.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "eventfd.h"

/* Completions the context has room for, and how many may wait before they are reaped. */
#define CONTEXT_EVENTS	64
#define REAP_EVERY	16u

int vvu_signaler_init(struct vvu_signaler *signaler)
{
	aio_context_t context = 0;

	memset(signaler, 0, sizeof(*signaler));
	signaler->nothing = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (signaler->nothing < 0)
		return -errno;
	if (syscall(SYS_io_setup, CONTEXT_EVENTS, &context) == 0)
		signaler->context = context;
	return 0;
}

void vvu_signaler_fini(struct vvu_signaler *signaler)
{
	if (signaler->context != 0)
		syscall(SYS_io_destroy, signaler->context);
	if (signaler->nothing >= 0)
		close(signaler->nothing);
	signaler->context = 0;
	signaler->nothing = -1;
}

static void reap(struct vvu_signaler *signaler)
{
	struct io_event events[CONTEXT_EVENTS];
	struct timespec now = { 0, 0 };

	atomic_store_explicit(&signaler->unreaped, 0, memory_order_relaxed);
	syscall(SYS_io_getevents, signaler->context, 0L, (long)CONTEXT_EVENTS, events, &now);
}

static bool submit(struct vvu_signaler *signaler, int fd)
{
	struct iocb read_nothing = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)signaler->nothing,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)fd,
	};
	struct iocb *list[] = { &read_nothing };

	return syscall(SYS_io_submit, signaler->context, 1L, list) == 1;
}

void vvu_signaler_signal(struct vvu_signaler *signaler, int fd)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };

	if (signaler->context != 0) {
		if (atomic_fetch_add_explicit(&signaler->unreaped, 1, memory_order_relaxed) >=
		    REAP_EVERY)
			reap(signaler);
		if (submit(signaler, fd))
			return;
		/* Full of other threads' completions. */
		reap(signaler);
		if (submit(signaler, fd))
			return;
	}
	/* Not writable: the counter is full, so it is signalled already. */
	if (poll(&writable, 1, 0) == 1 && (writable.revents & POLLOUT))
		vvu_eventfd_signal(fd);
}
