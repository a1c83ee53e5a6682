/* SPDX-License-Identifier: BSD-3-Clause */
#include "msix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bytes.h"
#include "vvu-device/host/eventfd.h"

/* Table entry: address 0, upper address 4, data 8, vector control 12 */
#define VECTOR_CONTROL		12u
#define VECTOR_CONTROL_MASK	0x1u

#define PAGE 4096u

static uint32_t round_up_power_of_two(uint32_t value)
{
	uint32_t power = PAGE;

	while (power < value)
		power <<= 1;
	return power;
}

int emb_msix_init(struct emb_msix *msix, unsigned int vectors)
{
	uint32_t table_size = vectors * EMB_MSIX_ENTRY_SIZE;
	uint32_t pba_size = (vectors + 63) / 64 * 8;

	memset(msix, 0, sizeof(*msix));
	/* Table and pending bits in pages of their own, as the standard recommends */
	msix->pba_offset = (table_size + PAGE - 1) / PAGE * PAGE;
	msix->bar_size = round_up_power_of_two(msix->pba_offset + pba_size);
	msix->table = calloc(vectors, EMB_MSIX_ENTRY_SIZE);
	msix->vector = calloc(vectors, sizeof(*msix->vector));
	if (msix->table == NULL || msix->vector == NULL)
		return -ENOMEM;
	msix->vectors = vectors;
	for (unsigned int i = 0; i < vectors; i++) {
		msix->table[i * EMB_MSIX_ENTRY_SIZE + VECTOR_CONTROL] = VECTOR_CONTROL_MASK;
		msix->vector[i].fd = -1;
	}
	return 0;
}

void emb_msix_fini(struct emb_msix *msix)
{
	for (unsigned int i = 0; i < msix->vectors; i++)
		if (msix->vector[i].fd >= 0)
			close(msix->vector[i].fd);
	free(msix->vector);
	free(msix->table);
	memset(msix, 0, sizeof(*msix));
}

static bool is_masked(const struct emb_msix *msix, unsigned int vector)
{
	return msix->function_mask ||
	       (msix->table[vector * EMB_MSIX_ENTRY_SIZE + VECTOR_CONTROL] & VECTOR_CONTROL_MASK);
}

static void deliver(struct emb_msix *msix, unsigned int vector)
{
	struct emb_msix_vector *v = &msix->vector[vector];

	v->pending = false;
	if (v->fd >= 0)
		vvu_eventfd_signal(v->fd);
	else
		v->signalled = true;
}

static void deliver_pending(struct emb_msix *msix, unsigned int vector)
{
	if (msix->enabled && msix->vector[vector].pending && !is_masked(msix, vector))
		deliver(msix, vector);
}

void emb_msix_notify(struct emb_msix *msix, unsigned int vector)
{
	if (!msix->enabled || vector >= msix->vectors)
		return;
	if (is_masked(msix, vector))
		msix->vector[vector].pending = true;
	else
		deliver(msix, vector);
}

void emb_msix_control(struct emb_msix *msix, bool enabled, bool function_mask)
{
	msix->enabled = enabled;
	msix->function_mask = function_mask;
	for (unsigned int i = 0; i < msix->vectors; i++)
		deliver_pending(msix, i);
}

int emb_msix_fd(struct emb_msix *msix, unsigned int vector)
{
	struct emb_msix_vector *v;

	if (vector >= msix->vectors)
		return -EINVAL;
	v = &msix->vector[vector];
	if (v->fd < 0) {
		v->fd = eventfd(v->signalled ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (v->fd < 0)
			return -errno;
		v->signalled = false;
	}
	return v->fd;
}

static uint8_t pending_byte(const struct emb_msix *msix, uint64_t index)
{
	uint8_t byte = 0;

	for (unsigned int bit = 0; bit < 8; bit++) {
		uint64_t vector = index * 8 + bit;

		if (vector < msix->vectors && msix->vector[vector].pending)
			byte |= 1u << bit;
	}
	return byte;
}

uint64_t emb_msix_read(const struct emb_msix *msix, uint64_t offset, unsigned int width)
{
	uint32_t table_size = msix->vectors * EMB_MSIX_ENTRY_SIZE;
	uint8_t bytes[8];

	for (unsigned int i = 0; i < width; i++) {
		uint64_t at = offset + i;

		if (at < table_size)
			bytes[i] = msix->table[at];
		else if (at >= msix->pba_offset)
			bytes[i] = pending_byte(msix, at - msix->pba_offset);
		else
			bytes[i] = 0;
	}
	return emb_get_le(bytes, width);
}

void emb_msix_write(struct emb_msix *msix, uint64_t offset, unsigned int width, uint64_t value)
{
	uint32_t table_size = msix->vectors * EMB_MSIX_ENTRY_SIZE;
	uint8_t bytes[8];

	/* Pending bits are read-only. */
	if (offset >= table_size || width > table_size - offset)
		return;
	emb_put_le(bytes, width, value);
	for (unsigned int i = 0; i < width; i++) {
		uint64_t at = offset + i;
		unsigned int field = at % EMB_MSIX_ENTRY_SIZE;

		if (field > VECTOR_CONTROL)
			continue;
		if (field == VECTOR_CONTROL)
			bytes[i] &= VECTOR_CONTROL_MASK;
		/* Messages are dword aligned: the two low address bits are zero. */
		if (field == 0)
			bytes[i] &= 0xfcu;
		msix->table[at] = bytes[i];
	}
	deliver_pending(msix, (unsigned int)(offset / EMB_MSIX_ENTRY_SIZE));
	deliver_pending(msix, (unsigned int)((offset + width - 1) / EMB_MSIX_ENTRY_SIZE));
}
