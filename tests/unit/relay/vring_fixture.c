/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "vring_fixture.h"

static uint8_t *
add_region(struct vring_fixture *f, uint64_t gpa)
{
	uint8_t *va = aligned_alloc(4096, REGION_SIZE);

	assert_non_null(va);
	memset(va, 0, REGION_SIZE);
	f->memory.region[f->memory.num++] = (struct vhr_region){
		.gpa = gpa,
		.size = REGION_SIZE,
		.uva = gpa + 0x7f0000000000ull,
		.va = va,
	};
	return va;
}

int
vring_setup(void **state)
{
	struct vring_fixture *f = calloc(1, sizeof(*f));
	struct vhr_ring *ring;

	assert_non_null(f);
	f->a = add_region(f, GPA_A);
	f->b = add_region(f, GPA_B);
	f->c = add_region(f, GPA_C);
	ring = &f->ring;
	ring->ready = true;
	ring->started = true;
	ring->enabled = true;
	ring->size = RING_SIZE;
	ring->memory = &f->memory;
	ring->indirect = true;
	ring->kicks_wanted = true;
	ring->desc = (struct vring_desc *)(void *)f->a;
	ring->avail = (struct vring_avail *)(void *)(f->a + 0x200);
	ring->used = (struct vring_used *)(void *)(f->a + 0x400);
	f->chain.iov = f->iov;
	f->chain.iov_max = sizeof(f->iov) / sizeof(f->iov[0]);
	*state = f;
	return 0;
}

int
vring_teardown(void **state)
{
	struct vring_fixture *f = *state;

	free(f->a);
	free(f->b);
	free(f->c);
	free(f);
	return 0;
}

void
vring_desc_at(void *table, unsigned int i, uint64_t addr, uint32_t len, uint16_t flags,
	      uint16_t next)
{
	struct vring_desc desc = {
		.addr = htole64(addr),
		.len = htole32(len),
		.flags = htole16(flags),
		.next = htole16(next),
	};

	memcpy((uint8_t *)table + i * sizeof(desc), &desc, sizeof(desc));
}

void
vring_desc(struct vring_fixture *f, unsigned int i, uint64_t addr, uint32_t len, uint16_t flags,
	   uint16_t next)
{
	vring_desc_at(f->ring.desc, i, addr, len, flags, next);
}

void
vring_set_avail_idx(struct vring_fixture *f, uint16_t idx)
{
	f->ring.avail->idx = htole16(idx);
}

void
vring_make_available(struct vring_fixture *f, uint16_t head)
{
	uint16_t idx = le16toh(f->ring.avail->idx);

	f->ring.avail->ring[idx % RING_SIZE] = htole16(head);
	vring_set_avail_idx(f, (uint16_t)(idx + 1));
}

uint16_t
vring_used_idx(const struct vring_fixture *f)
{
	return le16toh(f->ring.used->idx);
}

int
vring_walk(struct vring_fixture *f, uint16_t head)
{
	f->chain.head = head;
	return vhr_split_walk(&f->ring, &f->chain);
}
