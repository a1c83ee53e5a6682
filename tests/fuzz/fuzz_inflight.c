/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is an inflight area and a ring beside it, as a frontend hands them over. The ring
 * starts; what the area says was under way is handed out once each, and given back, and the
 * next start finds nothing left. The area is exactly as long as it has to be: nothing outside
 * may be touched.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vhost-relay/vring/inflight.h"
#include "vhost-relay/vring/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RING_SIZE	8u
#define ENTRIES		16u	/* of the area: a ring may be smaller */
#define MEMORY_SIZE	1024u
#define IOV_MAX_HERE	16u

static void fill(uint8_t *to, size_t room, const uint8_t **data, size_t *size)
{
	size_t n = *size < room ? *size : room;

	memset(to, 0, room);
	memcpy(to, *data, n);
	*data += n;
	*size -= n;
}

static int start(struct vhr_ring *ring, void *area, uint16_t entries)
{
	int ret;

	ring->inflight = vhr_inflight_new(ring->packed, area, entries, RING_SIZE);
	if (ring->inflight == NULL)
		abort();
	if (!ring->packed)
		ring->used_idx = le16toh(ring->used->idx);
	ret = ring->packed ? vhr_inflight_packed_start(ring) : vhr_inflight_split_start(ring);
	if (ret < 0 && !ring->broken)
		abort();
	ring->avail_seen = ring->last_avail;
	return ret;
}

/* All that is left, each once; and then some that is new, if the ring makes sense. */
static void serve(struct vhr_ring *ring)
{
	unsigned int left = vhr_queue_left(ring), n = 0, i;
	struct vhr_taken taken[2 * RING_SIZE];
	struct iovec iov[IOV_MAX_HERE];
	bool seen[RING_SIZE] = { false };

	if (left > RING_SIZE)
		abort();
	while (n < 2 * RING_SIZE) {
		struct vhr_chain chain = { .iov = iov, .iov_max = IOV_MAX_HERE };
		int ret = vhr_queue_pop(ring, &taken[n], &chain);

		if (ret != 1 && ret != -E2BIG)
			break;
		if (taken[n].id >= RING_SIZE || seen[taken[n].id])
			abort();
		seen[taken[n++].id] = true;
	}
	if (n > RING_SIZE)
		abort();
	for (i = n; i-- > 0;)
		vhr_queue_push(ring, &taken[i], 0);
	vhr_queue_flush(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vhr_memory memory;
	uint8_t *ring_memory = aligned_alloc(64, MEMORY_SIZE), *area;
	uint16_t entries;
	uint64_t bytes;
	bool packed;

	if (ring_memory == NULL || size < 1) {
		free(ring_memory);
		return 0;
	}
	packed = data[0] & 1;
	entries = data[0] & 2 ? ENTRIES : RING_SIZE;
	bytes = vhr_inflight_stride(packed, entries);
	area = aligned_alloc(64, bytes);
	if (area == NULL)
		abort();
	data++;
	size--;
	fill(area, bytes, &data, &size);
	fill(ring_memory, MEMORY_SIZE, &data, &size);
	memory.num = 1;
	memory.region[0] = (struct vhr_region){
		.gpa = 0x1000, .size = MEMORY_SIZE, .va = ring_memory
	};
	struct vhr_ring ring = {
		.ready = true,
		.packed = packed,
		.indirect = true,
		.size = RING_SIZE,
		.avail_wrap = true,
		.used_wrap = true,
		.desc = (struct vring_desc *)ring_memory,
		.avail = (struct vring_avail *)(ring_memory + 128),
		.used = (struct vring_used *)(ring_memory + 256),
		.memory = &memory,
	};

	for (int life = 0; life < 2 && !ring.broken; life++) {
		int ret = start(&ring, area, entries);

		if (life == 1 && ret >= 0 && vhr_queue_left(&ring) != 0)
			abort();
		if (ret >= 0)
			serve(&ring);
		vhr_inflight_free(ring.inflight);
	}
	free(area);
	free(ring_memory);
	return 0;
}
