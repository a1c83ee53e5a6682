/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is a whole split ring with its indirect tables and buffers, in memory of two
 * regions. Every chain is walked; each iovec must lie inside one region.
 */
#include <stdlib.h>
#include <string.h>

#include "vhost-relay/vring/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_SIZE	8u
#define MEMORY_SIZE	2048u
#define IOV_MAX_HERE	64u

/* vhr_ring_break() and vhr_ring_call() of a ring without a session raise no doorbell. */

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vhr_memory memory;
	uint8_t *low = aligned_alloc(64, MEMORY_SIZE), *high = aligned_alloc(64, MEMORY_SIZE);
	struct iovec iov[IOV_MAX_HERE];

	if (low == NULL || high == NULL || size < 2) {
		free(low);
		free(high);
		return 0;
	}
	memset(low, 0, MEMORY_SIZE);
	memset(high, 0, MEMORY_SIZE);
	const unsigned int flags = data[0];

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
		.event_idx = flags & 1,
		.indirect = flags & 2,
		.size = RING_SIZE,
		.last_avail = (flags & 4) ? 0xfffe : 0,
		.desc = (struct vring_desc *)low,
		.avail = (struct vring_avail *)(low + 16 * RING_SIZE),
		.used = (struct vring_used *)(low + 256),
		.memory = &memory,
	};
	uint16_t available = vhr_split_available(&ring);

	if (available > RING_SIZE)
		abort();
	for (uint16_t i = 0; i < available && ring.ready; i++) {
		struct vhr_chain chain = { .iov = iov, .iov_max = IOV_MAX_HERE };
		uint64_t sum = 0;

		if (vhr_split_head(&ring, i, &chain.head) != 0 ||
		    vhr_split_walk(&ring, &chain) != 0)
			continue;
		if (chain.readable + chain.writable > IOV_MAX_HERE)
			abort();
		for (unsigned int j = 0; j < chain.readable + chain.writable; j++) {
			if (!inside(&memory, &iov[j]))
				abort();
			sum += iov[j].iov_len;
		}
		if (sum != chain.readable_bytes + chain.writable_bytes)
			abort();
		vhr_split_put_used(&ring, 0, chain.head, 0);
		vhr_split_publish(&ring, 1);
		(void)vhr_split_should_call(&ring);
	}
	(void)vhr_split_want_kicks(&ring, true);
	(void)vhr_split_want_kicks(&ring, false);
	free(low);
	free(high);
	return 0;
}
