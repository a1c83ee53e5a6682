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
#ifndef VVU_EMBEDDED_SIGNALER_H
#define VVU_EMBEDDED_SIGNALER_H

#include <stdatomic.h>
#include <stdbool.h>

struct emb_signaler {
	unsigned long context;		/* aio_context_t; 0: this system has none */
	int nothing;			/* a file to read nothing from */
	atomic_uint unreaped;
};

/* 0, or -errno of open(). Without asynchronous I/O (an emulator, aio-max-nr reached) it works
 * by polling before each write, which a frontend can still race. */
int emb_signaler_init(struct emb_signaler *signaler);
void emb_signaler_fini(struct emb_signaler *signaler);

/* Any thread. @fd must be an eventfd. */
void emb_signaler_signal(struct emb_signaler *signaler, int fd);

#endif
