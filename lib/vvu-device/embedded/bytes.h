/* SPDX-License-Identifier: BSD-3-Clause */
/* Registers are little-endian bytes on the bus and numbers of the host's order in calls. */
#ifndef VVU_EMBEDDED_BYTES_H
#define VVU_EMBEDDED_BYTES_H

#include <stdint.h>

static inline uint64_t emb_get_le(const uint8_t *bytes, unsigned int width)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < width; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

static inline void emb_put_le(uint8_t *bytes, unsigned int width, uint64_t value)
{
	for (unsigned int i = 0; i < width; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t emb_all_ones(unsigned int width)
{
	return width >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

#endif
