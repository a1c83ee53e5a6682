/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is a whole packed ring with its event areas, indirect tables and buffers, in memory
 * of two regions. Requests are popped and given back out of order; each iovec must lie inside
 * one region, and no more entries may be out than the ring has.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vhost-relay/vring/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_SIZE	7u
#define MEMORY_SIZE	2048u
#define IOV_MAX_HERE	16u
#define ROUNDS		64u

static bool inside(const struct vhr_memory *memory, const struct iovec *iov)
{
	const uint8_t *at = iov->iov_base;

	for (unsigned int i = 0; i < memory->num; i++) {
		const struct vhr_region *r = &memory->region[i];

		if (at >= r->va && iov->iov_len <= r->size &&
		    (uint64_t)(at - r->va) <= r->size - iov->iov_len)
			return true;
	}
	return false;
}

static void check_chain(const struct vhr_ring *ring, const struct vhr_chain *chain, bool whole)
{
	uint64_t sum = 0;

	if (chain->readable + chain->writable > IOV_MAX_HERE || ring->out > ring->size)
		abort();
	for (unsigned int i = 0; i < chain->readable + chain->writable; i++) {
		if (!inside(ring->memory, &chain->iov[i]))
			abort();
		sum += chain->iov[i].iov_len;
	}
	if (whole && sum != chain->readable_bytes + chain->writable_bytes)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vhr_memory memory;
	uint8_t *low = aligned_alloc(64, MEMORY_SIZE), *high = aligned_alloc(64, MEMORY_SIZE);
	struct vhr_taken taken[RING_SIZE];
	struct iovec iov[IOV_MAX_HERE];
	unsigned int held = 0;

	if (low == NULL || high == NULL || size < 2) {
		free(low);
		free(high);
		return 0;
	}
	memset(low, 0, MEMORY_SIZE);
	memset(high, 0, MEMORY_SIZE);
	const unsigned int flags = data[0], start = data[1];

	data += 2;
	size -= 2;
	memcpy(low, data, size < MEMORY_SIZE ? size : MEMORY_SIZE);
	if (size > MEMORY_SIZE)
		memcpy(high, data + MEMORY_SIZE,
		       size - MEMORY_SIZE < MEMORY_SIZE ? size - MEMORY_SIZE : MEMORY_SIZE);

	memory.num = 2;
	/* Adjacent in guest-physical space, apart here: a buffer may cross. */
	memory.region[0] = (struct vhr_region){ .gpa = 0x1000, .size = MEMORY_SIZE, .va = low };
	memory.region[1] = (struct vhr_region){
		.gpa = 0x1000 + MEMORY_SIZE, .size = MEMORY_SIZE, .va = high
	};
	struct vhr_ring ring = {
		.ready = true,
		.packed = true,
		.event_idx = flags & 1,
		.indirect = flags & 2,
		.size = RING_SIZE,
		.last_avail = start % RING_SIZE,
		.used_idx = start % RING_SIZE,
		.avail_wrap = flags & 4,
		.used_wrap = flags & 4,
		.packed_desc = (struct vring_packed_desc *)low,
		.driver_event = (struct vring_packed_desc_event *)(low + 16 * RING_SIZE),
		.device_event = (struct vring_packed_desc_event *)(low + 16 * RING_SIZE + 4),
		.memory = &memory,
	};

	for (unsigned int i = 0; i < ROUNDS && ring.ready; i++) {
		struct vhr_chain chain = { .iov = iov, .iov_max = IOV_MAX_HERE };
		int ret = held < RING_SIZE ? vhr_queue_pop(&ring, &taken[held], &chain) : 0;

		if (ret == 1 || ret == -E2BIG) {
			check_chain(&ring, &chain, ret == 1);
			if (taken[held].id >= RING_SIZE || taken[held].num == 0)
				abort();
			held++;
		}
		/* The newest first, now and then. */
		if (held != 0 && (ret <= 0 || (start >> (i % 8) & 1))) {
			vhr_queue_push(&ring, &taken[--held], i);
			vhr_queue_flush(&ring);
		} else if (ret == 0) {
			break;
		}
	}
	(void)vhr_queue_want_kicks(&ring, true);
	(void)vhr_queue_want_kicks(&ring, false);
	free(low);
	free(high);
	return 0;
}
