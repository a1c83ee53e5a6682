/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames that are numbered and have a checksum (vvu-pkt's), and what became of each. A flow is
 * the port of the sender that a frame was sent on.
 */
#ifndef NETLOAD_VERIFY_H
#define NETLOAD_VERIFY_H

#include <stdint.h>

#include "ports.h"

/* Frames of one flow at most. */
#define VERIFY_MAX	(1u << 16)

struct verify_flow {
	uint64_t received;		/* each frame once */
	uint64_t next;			/* highest number + 1 */
	uint64_t duplicated, reordered;
	uint64_t by_port[PORTS_MAX];	/* where they arrived */
	uint64_t seen[VERIFY_MAX / 64];
};

struct verify {
	struct verify_flow flow[PORTS_MAX];
	uint64_t sent[PORTS_MAX];
	uint64_t corrupted;		/* not as any was sent */
};

extern struct verify verify;

void verify_clear(void);
/* A JSON member "flows", and "corrupted", on standard output. */
void verify_print(void);

#endif
