/* SPDX-License-Identifier: BSD-3-Clause */
/* All ethdev ports of the process, with one queue pair each and one pool for all. */
#ifndef NETLOAD_PORTS_H
#define NETLOAD_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "options.h"

#define PORTS_MAX	32u

extern struct rte_mempool *ports_pool;

/* Configure and start them; 0, or -errno after a message on stderr. */
int ports_open(const struct options *options);
void ports_close(void);
unsigned int ports_count(void);
bool ports_up(uint16_t port);
/* Name, driver and link of each, as a JSON object on standard output. */
void ports_print(void);

#endif
