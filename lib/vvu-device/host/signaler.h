/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signalling an eventfd that somebody else shares, without ever blocking.
 *
 * O_NONBLOCK belongs to the open file description: a frontend can clear it, fill the
 * counter, and a thread that writes the eventfd sleeps until somebody reads it. eventfd has
 * no per-call flag for writes. But the completion of an asynchronous read signals an
 * eventfd from inside the kernel, which adds without waiting; so that is what is done, with
 * a read of nothing.
 */
#ifndef VVU_HOST_SIGNALER_H
#define VVU_HOST_SIGNALER_H

#include <stdatomic.h>
#include <stdbool.h>

struct vvu_signaler {
	unsigned long context;		/* aio_context_t; 0: this system has none */
	int nothing;			/* a file to read nothing from */
	atomic_uint unreaped;
};

/* 0, or -errno of open(). Without asynchronous I/O (an emulator, aio-max-nr reached) it works
 * by polling before each write, which a frontend can still race. */
int vvu_signaler_init(struct vvu_signaler *signaler);
void vvu_signaler_fini(struct vvu_signaler *signaler);

/* Any thread. @fd must be an eventfd. */
void vvu_signaler_signal(struct vvu_signaler *signaler, int fd);

#endif
