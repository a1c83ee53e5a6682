/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include <time.h>

#include <rte_hash_crc.h>

#include "frame.h"

/* SplitMix64: a full-period generator whose state can start anywhere. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void fill(uint8_t *payload, unsigned int length, uint64_t seed)
{
	unsigned int i;

	for (i = 0; i + 8 <= length; i += 8) {
		uint64_t word = rte_cpu_to_le_64(next_random(&seed));

		memcpy(&payload[i], &word, 8);
	}
	for (; i < length; i++)
		payload[i] = (uint8_t)next_random(&seed);
}

/* CRC-32C. rte_hash_crc() wants its data aligned, and after an Ethernet header it is not. */
static uint32_t crc_of(const void *data, size_t length, uint32_t crc)
{
	const uint8_t *byte = data;
	uint64_t word;

	for (; length >= sizeof(word); length -= sizeof(word), byte += sizeof(word)) {
		memcpy(&word, byte, sizeof(word));
		crc = rte_hash_crc_8byte(rte_le_to_cpu_64(word), crc);
	}
	for (; length; length--)
		crc = rte_hash_crc_1byte(*byte++, crc);
	return crc;
}

/* Of a copy of the header: the frame itself may be in memory that is only read. */
static uint32_t checksum(const struct frame *frame, unsigned int payload)
{
	struct frame header = *frame;
	uint32_t crc;

	header.crc = 0;
	crc = crc_of((const uint8_t *)&header + sizeof(header.ether),
		     sizeof(header) - sizeof(header.ether), 0xffffffff);
	return crc_of(frame + 1, payload, crc);
}

void frame_finish(struct frame *frame, unsigned int size, uint64_t seed)
{
	unsigned int payload = size - (unsigned int)sizeof(*frame);

	frame->magic = rte_cpu_to_le_32(FRAME_MAGIC);
	frame->payload = rte_cpu_to_le_16((uint16_t)payload);
	fill((uint8_t *)(frame + 1), payload,
	     seed ^ (uint64_t)rte_le_to_cpu_16(frame->flow) << 48 ^ rte_le_to_cpu_64(frame->seq));
	frame->crc = rte_cpu_to_le_32(checksum(frame, payload));
}

int frame_intact(const struct frame *frame, unsigned int size)
{
	unsigned int payload;

	if (size < sizeof(*frame) || frame->magic != rte_cpu_to_le_32(FRAME_MAGIC))
		return 0;
	payload = rte_le_to_cpu_16(frame->payload);
	return payload == size - sizeof(*frame) && frame->type < FRAME_TYPES &&
		frame->crc == rte_cpu_to_le_32(checksum(frame, payload));
}

uint64_t frame_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
