/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long an adaptive worker polls before it sleeps: its window, from 0 to a maximum. Polling is
 * worth its CPU time where it finds something. So each time that the worker had slept and there is
 * work again, it looks back at how long it was without:
 *
 *   longer than the maximum   no window would have been enough: half of it, or none at all where
 *                             that is less than WORKER_WINDOW_FIRST_NS
 *   longer than the window    a larger one would have saved the sleep: twice as much, at least
 *                             WORKER_WINDOW_FIRST_NS, at most the maximum
 *
 * A wait that ended within the window says that it is right.
 */
#ifndef STORAGE_WORKER_WINDOW_H
#define STORAGE_WORKER_WINDOW_H

#include <stdint.h>

/* The smallest window but none: less than it takes to sleep and wake up. */
#define WORKER_WINDOW_FIRST_NS	4000u

/* After @window_ns comes this, when there was nothing to do for @waited_ns. */
uint64_t worker_window_next(uint64_t window_ns, uint64_t waited_ns, uint64_t max_ns);

#endif
