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
 *
 * But how long it was without work includes the time in which it woke up, which alone may be
 * longer than the maximum. So one wait in WORKER_WINDOW_PROBE polls for the maximum; work that
 * is found so makes a window that would have found it with as much to spare.
 */
#ifndef STORAGE_WORKER_WINDOW_H
#define STORAGE_WORKER_WINDOW_H

#include <stdint.h>

/* The smallest window but none: less than it takes to sleep and wake up. */
#define WORKER_WINDOW_FIRST_NS	4000u

#define WORKER_WINDOW_PROBE	16u

/* After @window_ns comes this, when there was nothing to do for @waited_ns. */
uint64_t worker_window_next(uint64_t window_ns, uint64_t waited_ns, uint64_t max_ns);
/* The same when polling found it, by a window that may have been longer than @window_ns. */
uint64_t worker_window_found(uint64_t window_ns, uint64_t waited_ns, uint64_t max_ns);

#endif
