/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "packed_fixture.h"

void
packed_attach(struct packed_fixture *f)
{
	memset(&f->ring, 0, sizeof(f->ring));
	f->ring.ready = true;
	f->ring.started = true;
	f->ring.packed = true;
	f->ring.indirect = true;
	f->ring.kicks_wanted = true;
	f->ring.size = PACKED_SIZE;
	f->ring.avail_wrap = true;
	f->ring.used_wrap = true;
	f->ring.memory = &f->memory;
	f->ring.packed_desc = (struct vring_packed_desc *)(void *)f->va;
	f->ring.driver_event = (struct vring_packed_desc_event *)(void *)(f->va + DRIVER_EVENT);
	f->ring.device_event = (struct vring_packed_desc_event *)(void *)(f->va + DEVICE_EVENT);
	f->memory.num = 1;
	f->memory.region[0] = (struct vhr_region){
		.gpa = PACKED_GPA, .size = PACKED_MEMORY, .va = f->va
	};
	f->chain.iov = f->iov;
	f->chain.iov_max = sizeof(f->iov) / sizeof(f->iov[0]);
}

int
packed_setup(void **state)
{
	struct packed_fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->va = aligned_alloc(4096, PACKED_MEMORY);
	assert_non_null(f->va);
	memset(f->va, 0, PACKED_MEMORY);
	f->wrap = true;
	f->used_wrap = true;
	packed_attach(f);
	*state = f;
	return 0;
}

int
packed_teardown(void **state)
{
	struct packed_fixture *f = *state;

	free(f->va);
	free(f);
	return 0;
}

void
packed_put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

uint16_t
packed_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

void
packed_desc(uint8_t *at, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		at[i] = (uint8_t)(addr >> (8 * i));
	for (i = 0; i < 4; i++)
		at[8 + i] = (uint8_t)(len >> (8 * i));
	packed_put16(at + 12, id);
	packed_put16(at + 14, flags);
}

void
packed_put(struct packed_fixture *f, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	packed_desc(f->va + 16 * f->next, addr, len, id, flags | (f->wrap ? 0x80u : 0x8000u));
	if (++f->next == PACKED_SIZE) {
		f->next = 0;
		f->wrap = !f->wrap;
	}
}

void
packed_request(struct packed_fixture *f, uint16_t id)
{
	packed_put(f, PACKED_GPA + BUFFERS + id * 16u, 16, id, 0);
}

void
packed_list(struct packed_fixture *f, uint16_t id, unsigned int num)
{
	unsigned int i;

	/* Only the last id counts. */
	for (i = 0; i < num; i++)
		packed_put(f, PACKED_GPA + BUFFERS + (id + i) * 16u, 16,
			   i + 1 == num ? id : 0xeeee, i + 1 == num ? 0 : F_NEXT);
}

int
packed_used(struct packed_fixture *f, unsigned int num)
{
	const uint8_t *at = f->va + 16 * f->used;
	uint16_t flags = packed_get16(at + 14);

	if ((flags & 0x8080u) != (f->used_wrap ? 0x8080u : 0))
		return -1;
	f->used = (uint16_t)(f->used + num);
	if (f->used >= PACKED_SIZE) {
		f->used = (uint16_t)(f->used - PACKED_SIZE);
		f->used_wrap = !f->used_wrap;
	}
	return packed_get16(at + 12);
}
