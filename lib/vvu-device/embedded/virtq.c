/* SPDX-License-Identifier: BSD-3-Clause */
#include "virtq.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "vvu-device/layout.h"

#define DESC_F_NEXT		1u
#define DESC_F_WRITE		2u
#define DESC_F_INDIRECT		4u
#define AVAIL_F_NO_INTERRUPT	1u

/* virtio 1.3, 2.7.5, 2.7.6, 2.7.8; all little-endian */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};

struct used_elem {
	uint32_t id;
	uint32_t len;
};

struct used {
	uint16_t flags;
	uint16_t idx;
	struct used_elem ring[];
};

static struct desc *desc_table(const struct emb_virtq *virtq)
{
	return emb_dma_translate(virtq->dma, virtq->desc, sizeof(struct desc) * virtq->size);
}

static struct avail *avail_ring(const struct emb_virtq *virtq)
{
	return emb_dma_translate(virtq->dma, virtq->avail,
				 sizeof(struct avail) + sizeof(uint16_t) * virtq->size);
}

static struct used *used_ring(const struct emb_virtq *virtq)
{
	return emb_dma_translate(virtq->dma, virtq->used,
				 sizeof(struct used) + sizeof(struct used_elem) * virtq->size);
}

static const char *name(const struct emb_virtq *virtq)
{
	return virtq->device_writes ? "rxq" : "txq";
}

void emb_virtq_reset(struct emb_virtq *virtq)
{
	virtq->enabled = false;
	virtq->broken = false;
	virtq->size = EMB_VIRTQ_SIZE;
	virtq->vector = VVU_NO_VECTOR;
	virtq->desc = 0;
	virtq->avail = 0;
	virtq->used = 0;
	virtq->next_avail = 0;
	virtq->next_used = 0;
}

int emb_virtq_enable(struct emb_virtq *virtq, struct vhu_reason *reason)
{
	virtq->enabled = true;
	if (virtq->desc % 16 || virtq->avail % 2 || virtq->used % 4) {
		vhu_reason_set(reason, "%s: misaligned ring, desc 0x%llx avail 0x%llx used 0x%llx",
			       name(virtq), (unsigned long long)virtq->desc,
			       (unsigned long long)virtq->avail, (unsigned long long)virtq->used);
	} else if (!desc_table(virtq) || !avail_ring(virtq) || !used_ring(virtq)) {
		vhu_reason_set(reason,
			       "%s: ring outside DMA memory, desc 0x%llx avail 0x%llx used 0x%llx",
			       name(virtq), (unsigned long long)virtq->desc,
			       (unsigned long long)virtq->avail, (unsigned long long)virtq->used);
	} else {
		return 0;
	}
	virtq->broken = true;
	return -EINVAL;
}

/* The driver's index, or -1 when the ring is out of reach. */
static int avail_idx(const struct emb_virtq *virtq)
{
	struct avail *avail = avail_ring(virtq);

	if (avail == NULL)
		return -1;
	return le16toh(__atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE));
}

unsigned int emb_virtq_available(const struct emb_virtq *virtq)
{
	int idx;
	uint16_t count;

	if (!virtq->enabled || virtq->broken)
		return 0;
	idx = avail_idx(virtq);
	if (idx < 0)
		return 0;
	count = (uint16_t)(idx - virtq->next_avail);
	return count > virtq->size ? virtq->size : count;
}

static int chain_walk(struct emb_virtq *virtq, uint16_t head, struct emb_chain *chain,
		      struct vhu_reason *reason)
{
	const struct desc *table = desc_table(virtq);
	uint16_t index = head;

	if (table == NULL) {
		vhu_reason_set(reason, "%s: descriptors outside DMA memory", name(virtq));
		return -EPROTO;
	}
	chain->head = head;
	chain->count = 0;
	chain->bytes = 0;
	for (;;) {
		struct desc desc;
		uint64_t addr;
		uint32_t len;
		uint16_t flags;

		if (index >= virtq->size) {
			vhu_reason_set(reason, "%s: descriptor index %u, queue size %u",
				       name(virtq), index, virtq->size);
			return -EPROTO;
		}
		if (chain->count == virtq->size) {
			vhu_reason_set(reason, "%s: chain from %u longer than queue size %u",
				       name(virtq), head, virtq->size);
			return -EPROTO;
		}
		memcpy(&desc, &table[index], sizeof(desc));
		addr = le64toh(desc.addr);
		len = le32toh(desc.len);
		flags = le16toh(desc.flags);
		if (flags & DESC_F_INDIRECT) {
			vhu_reason_set(reason, "%s: descriptor %u is indirect, not negotiated",
				       name(virtq), index);
			return -EPROTO;
		}
		if (!!(flags & DESC_F_WRITE) != virtq->device_writes) {
			vhu_reason_set(reason, "%s: descriptor %u is device-%s", name(virtq), index,
				       flags & DESC_F_WRITE ? "writable" : "readable");
			return -EPROTO;
		}
		if (len == 0 || !emb_dma_covers(virtq->dma, addr, len)) {
			vhu_reason_set(reason, "%s: descriptor %u, %u bytes at 0x%llx: %s",
				       name(virtq), index, len, (unsigned long long)addr,
				       len == 0 ? "empty" : "outside DMA memory");
			return -EPROTO;
		}
		chain->piece[chain->count].iova = addr;
		chain->piece[chain->count].length = len;
		chain->count++;
		chain->bytes += len;
		if (!(flags & DESC_F_NEXT))
			return 0;
		index = le16toh(desc.next);
	}
}

int emb_virtq_peek(struct emb_virtq *virtq, struct emb_chain *chain, struct vhu_reason *reason)
{
	struct avail *avail;
	uint16_t count, head;
	int idx, err;

	if (!virtq->enabled)
		return 0;
	if (virtq->broken)
		return -EPROTO;
	idx = avail_idx(virtq);
	avail = avail_ring(virtq);
	if (idx < 0 || avail == NULL) {
		vhu_reason_set(reason, "%s: available ring outside DMA memory", name(virtq));
		virtq->broken = true;
		return -EPROTO;
	}
	count = (uint16_t)(idx - virtq->next_avail);
	if (count == 0)
		return 0;
	if (count > virtq->size) {
		vhu_reason_set(reason, "%s: available index %u jumped from %u, queue size %u",
			       name(virtq), (unsigned int)idx, virtq->next_avail, virtq->size);
		virtq->broken = true;
		return -EPROTO;
	}
	head = le16toh(__atomic_load_n(&avail->ring[virtq->next_avail % virtq->size],
				       __ATOMIC_RELAXED));
	err = chain_walk(virtq, head, chain, reason);
	if (err < 0) {
		virtq->broken = true;
		return err;
	}
	return 1;
}

int emb_virtq_complete(struct emb_virtq *virtq, const struct emb_chain *chain, uint32_t written,
		       struct vhu_reason *reason)
{
	struct used *used = used_ring(virtq);
	struct avail *avail = avail_ring(virtq);
	struct used_elem *elem;

	if (used == NULL || avail == NULL) {
		vhu_reason_set(reason, "%s: rings left DMA memory", name(virtq));
		virtq->broken = true;
		return -EPROTO;
	}
	elem = &used->ring[virtq->next_used % virtq->size];
	elem->id = htole32(chain->head);
	elem->len = htole32(written);
	virtq->next_avail++;
	virtq->next_used++;
	/*
	 * virtio 1.3, 2.7.7.2: the flags are looked at after the index was written, or a
	 * driver that clears the flag and then looks at the index would wait for ever.
	 */
	__atomic_store_n(&used->idx, htole16(virtq->next_used), __ATOMIC_SEQ_CST);
	return !(le16toh(__atomic_load_n(&avail->flags, __ATOMIC_SEQ_CST)) & AVAIL_F_NO_INTERRUPT);
}

int emb_chain_read(const struct emb_virtq *virtq, const struct emb_chain *chain, void *buf,
		   size_t length)
{
	uint8_t *to = buf;

	for (unsigned int i = 0; i < chain->count && length > 0; i++) {
		size_t piece = chain->piece[i].length < length ? chain->piece[i].length : length;
		int err = emb_dma_read(virtq->dma, chain->piece[i].iova, to, piece);

		if (err < 0)
			return err;
		to += piece;
		length -= piece;
	}
	return 0;
}

int emb_chain_write(const struct emb_virtq *virtq, const struct emb_chain *chain, const void *buf,
		    size_t length)
{
	const uint8_t *from = buf;

	for (unsigned int i = 0; i < chain->count && length > 0; i++) {
		size_t piece = chain->piece[i].length < length ? chain->piece[i].length : length;
		int err = emb_dma_write(virtq->dma, chain->piece[i].iova, from, piece);

		if (err < 0)
			return err;
		from += piece;
		length -= piece;
	}
	return 0;
}
