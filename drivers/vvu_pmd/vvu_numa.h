/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the frontend's memory is. */
#ifndef VVU_PMD_NUMA_H
#define VVU_PMD_NUMA_H

#include <stdint.h>

/*
 * The NUMA node that most of the sampled pages of [va, va + size) are on; -1 where the kernel
 * does not tell: none of them has been touched, or they are a device's.
 */
int vvu_numa_node(void *va, uint64_t size);

#endif
