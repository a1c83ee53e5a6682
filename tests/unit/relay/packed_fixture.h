/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packed ring of 6 entries (no power of two), its event areas and buffers in one region. The
 * test is the driver; descriptors are written byte by byte as virtio 1.3, 2.8.13 has them.
 */
#ifndef PACKED_FIXTURE_H
#define PACKED_FIXTURE_H

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vhost-relay/vring/queue.h"

#define PACKED_SIZE	6u
#define PACKED_MEMORY	0x4000u
#define PACKED_GPA	0x10000ull
#define DRIVER_EVENT	0x100u
#define DEVICE_EVENT	0x104u
#define BUFFERS		0x1000u

#define F_NEXT		1u
#define F_WRITE		2u
#define F_INDIRECT	4u

struct packed_fixture {
	struct vhr_memory memory;
	uint8_t *va;
	struct vhr_ring ring;
	struct vhr_chain chain;
	struct iovec iov[16];
	/* The driver's */
	uint16_t next;
	bool wrap;
	uint16_t used;
	bool used_wrap;
};

int packed_setup(void **state);
int packed_teardown(void **state);
/* A ring in @va, as a process that starts finds it: positions 0, wrap counters 1. */
void packed_attach(struct packed_fixture *f);

/* Descriptor at @at of any table. */
void packed_desc(uint8_t *at, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags);
/* The next descriptor of the ring, made available in this lap. */
void packed_put(struct packed_fixture *f, uint64_t addr, uint32_t len, uint16_t id,
		uint16_t flags);
/* One buffer of 16 readable bytes at BUFFERS + id * 16. */
void packed_request(struct packed_fixture *f, uint16_t id);
/* A list of @num such buffers. */
void packed_list(struct packed_fixture *f, uint16_t id, unsigned int num);
/* Id of the next used descriptor, which is passed over with the @num entries of its list. */
int packed_used(struct packed_fixture *f, unsigned int num);
uint16_t packed_get16(const uint8_t *at);
void packed_put16(uint8_t *at, uint16_t value);

#endif
