/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory that one back-end is given: one memfd, sealed so that nobody can take pages away
 * under a mapping, with the rings and the buffers. It plays a guest's memory: addresses in
 * descriptors are guest-physical, and differ from the process's own.
 */
#ifndef FRONTEND_AREA_H
#define FRONTEND_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost-proto/codec.h"

#define AREA_GUEST_ADDR	0x40000000ull

struct area {
	int fd;
	uint8_t *base;
	size_t size;
	size_t taken;
};

/* @huge: of huge pages. What memfd_create(), ftruncate(), mmap() gave, with @reason. */
int area_create(struct area *area, size_t size, bool huge, struct vhu_reason *reason);
void area_destroy(struct area *area);

/* @size bytes, zero; @align is a power of two. NULL: there is no room. */
void *area_take(struct area *area, size_t size, size_t align);

static inline uint64_t area_guest_addr(const struct area *area, const void *at)
{
	return AREA_GUEST_ADDR + (uint64_t)((const uint8_t *)at - area->base);
}

#endif
