/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_common.h>

#include "vvu_numa.h"

#define SAMPLES		32u
#define MAX_NODES	64

int
vvu_numa_node(void *va, uint64_t size)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t step = RTE_ALIGN_FLOOR(size / SAMPLES, page);
	unsigned int i, num, votes[MAX_NODES] = { 0 };
	void *pages[SAMPLES];
	int status[SAMPLES], best = -1;

	if (size < page)
		return -1;
	num = step == 0 ? (unsigned int)(size / page) : SAMPLES;
	num = RTE_MIN(num, SAMPLES);
	for (i = 0; i < num; i++) {
		pages[i] = (uint8_t *)va + i * (step == 0 ? page : step);
		status[i] = -ENOENT;
	}
	/* Without nodes it moves nothing and tells where they are; it touches no page. */
	if (syscall(SYS_move_pages, 0, (unsigned long)num, pages, NULL, status, 0) < 0)
		return -1;
	for (i = 0; i < num; i++) {
		if (status[i] >= 0 && status[i] < MAX_NODES)
			votes[status[i]]++;
	}
	for (i = 0; i < MAX_NODES; i++) {
		if (votes[i] != 0 && (best < 0 || votes[i] > votes[best]))
			best = (int)i;
	}
	return best;
}
