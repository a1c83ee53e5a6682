/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A split ring of 8 entries in memory of three regions: A and B are adjacent in guest
 * addresses and apart here, C is elsewhere. The test is the driver.
 */
#ifndef VRING_FIXTURE_H
#define VRING_FIXTURE_H

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vhost-relay/vring/split.h"

#define RING_SIZE	8u
#define REGION_SIZE	0x4000u
#define GPA_A		0x10000ull
#define GPA_B		(GPA_A + REGION_SIZE)
#define GPA_C		0x100000ull
/* Free for buffers and indirect tables in each region. */
#define BUFFERS		0x1000u

struct vring_fixture {
	struct vhr_memory memory;
	struct vhr_ring ring;
	struct vhr_chain chain;
	struct iovec iov[16];
	uint8_t *a, *b, *c;
};

int vring_setup(void **state);
int vring_teardown(void **state);

/* Write descriptor @i of the ring, or of the indirect table at @table. */
void vring_desc(struct vring_fixture *f, unsigned int i, uint64_t addr, uint32_t len,
		uint16_t flags, uint16_t next);
void vring_desc_at(void *table, unsigned int i, uint64_t addr, uint32_t len, uint16_t flags,
		   uint16_t next);
/* Make chain @head available. */
void vring_make_available(struct vring_fixture *f, uint16_t head);
void vring_set_avail_idx(struct vring_fixture *f, uint16_t idx);
uint16_t vring_used_idx(const struct vring_fixture *f);
/* Walk the chain that starts at descriptor @head. */
int vring_walk(struct vring_fixture *f, uint16_t head);

#endif
