/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker_window.h"

uint64_t
worker_window_next(uint64_t window_ns, uint64_t waited_ns, uint64_t max_ns)
{
	if (waited_ns > max_ns)
		return window_ns / 2 < WORKER_WINDOW_FIRST_NS ? 0 : window_ns / 2;
	if (waited_ns <= window_ns)
		return window_ns;
	if (window_ns < WORKER_WINDOW_FIRST_NS / 2)
		window_ns = WORKER_WINDOW_FIRST_NS / 2;
	return window_ns < max_ns / 2 ? window_ns * 2 : max_ns;
}

uint64_t
worker_window_found(uint64_t window_ns, uint64_t waited_ns, uint64_t max_ns)
{
	if (waited_ns <= window_ns)
		return window_ns;
	window_ns = 2 * waited_ns < WORKER_WINDOW_FIRST_NS ? WORKER_WINDOW_FIRST_NS :
							     2 * waited_ns;
	return window_ns < max_ns ? window_ns : max_ns;
}
