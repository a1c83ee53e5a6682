/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fields in memory that somebody else writes at any time: one access each, of exactly the
 * field's width, so that the compiler neither looks twice nor writes in pieces.
 */
#ifndef VHOST_RELAY_SHARED_H
#define VHOST_RELAY_SHARED_H

#include <endian.h>
#include <stdint.h>

#include <linux/types.h>

static inline uint16_t
load16(const __u16 *p, int order)
{
	return le16toh(__atomic_load_n(p, order));
}

static inline void
store16(__u16 *p, uint16_t value, int order)
{
	__atomic_store_n(p, htole16(value), order);
}

static inline uint64_t
load64(const __u64 *p, int order)
{
	return le64toh(__atomic_load_n(p, order));
}

static inline void
store64(__u64 *p, uint64_t value, int order)
{
	__atomic_store_n(p, htole64(value), order);
}

static inline uint8_t
load8(const uint8_t *p, int order)
{
	return __atomic_load_n(p, order);
}

static inline void
store8(uint8_t *p, uint8_t value, int order)
{
	__atomic_store_n(p, value, order);
}

#endif
