/* SPDX-License-Identifier: BSD-3-Clause */
#include "pci_config.h"

#include <string.h>

#include "bytes.h"

/* Type 0 header */
#define PCI_VENDOR		0x00u
#define PCI_DEVICE		0x02u
#define PCI_COMMAND		0x04u
#define PCI_STATUS		0x06u
#define PCI_REVISION		0x08u
#define PCI_CLASS		0x0au
#define PCI_CACHE_LINE		0x0cu
#define PCI_BAR(n)		(0x10u + 4u * (n))
#define PCI_SUBSYSTEM_VENDOR	0x2cu
#define PCI_SUBSYSTEM		0x2eu
#define PCI_CAP_POINTER		0x34u
#define PCI_INTERRUPT_LINE	0x3cu
#define PCI_FIRST_CAP		0x40u

#define PCI_COMMAND_MEMORY	0x0002u
#define PCI_COMMAND_MASTER	0x0004u
#define PCI_COMMAND_PARITY	0x0040u
#define PCI_COMMAND_SERR	0x0100u
#define PCI_COMMAND_NO_INTX	0x0400u
#define PCI_STATUS_CAP_LIST	0x0010u

#define PCI_BAR_64		0x4u
#define PCI_BAR_PREFETCH	0x8u

#define PCI_CAP_ID_VENDOR	0x09u
#define PCI_CAP_ID_MSIX		0x11u

/* MSI-X capability (PCI 3.0, 6.8.2) */
#define MSIX_CONTROL		2u
#define MSIX_TABLE		4u
#define MSIX_PBA		8u
#define MSIX_LENGTH		12u
#define MSIX_CONTROL_MASK	0x4000u
#define MSIX_CONTROL_ENABLE	0x8000u

/* struct virtio_pci_cap (virtio 1.3, 4.1.4) */
#define VCAP_LEN		2u
#define VCAP_TYPE		3u
#define VCAP_BAR		4u
#define VCAP_ID			5u
#define VCAP_OFFSET		8u
#define VCAP_LENGTH		12u
#define VCAP_EXTRA		16u	/* multiplier, pci_cfg_data, or high halves */
#define VCAP_BYTES		16u
#define VCAP_BYTES_EXTRA	20u
#define VCAP_BYTES_64		24u

enum {
	CAP_COMMON = 1,
	CAP_NOTIFY = 2,
	CAP_ISR = 3,
	CAP_DEVICE = 4,
	CAP_PCI = 5,
};

static void put16(struct emb_pci *pci, unsigned int at, uint32_t value)
{
	emb_put_le(&pci->space[at], 2, value);
}

static void put32(struct emb_pci *pci, unsigned int at, uint64_t value)
{
	emb_put_le(&pci->space[at], 4, value);
}

/* All address bits below the size read as zero, whatever is written: sizing. */
static void set_bar(struct emb_pci *pci, unsigned int bar, uint64_t size, uint32_t flags)
{
	uint64_t mask = ~(size - 1);

	pci->bar_size[bar] = size;
	put32(pci, PCI_BAR(bar), flags);
	emb_put_le(&pci->writable[PCI_BAR(bar)], 4, mask & 0xfffffff0u);
	if (flags & PCI_BAR_64)
		emb_put_le(&pci->writable[PCI_BAR(bar + 1)], 4, mask >> 32);
}

/* Append a capability; the one before points to it. */
static unsigned int add_cap(struct emb_pci *pci, uint8_t id, unsigned int length)
{
	unsigned int at = pci->end;
	unsigned int last = pci->space[PCI_CAP_POINTER];

	if (at + length > EMB_PCI_CONFIG_SIZE)
		return 0;
	if (last == 0) {
		pci->space[PCI_CAP_POINTER] = at;
	} else {
		while (pci->space[last + 1] != 0)
			last = pci->space[last + 1];
		pci->space[last + 1] = at;
	}
	pci->space[at] = id;
	pci->end = at + (length + 3) / 4 * 4;
	return at;
}

static unsigned int add_virtio_cap(struct emb_pci *pci, unsigned int type, unsigned int bytes,
				   unsigned int bar, uint64_t offset, uint64_t length)
{
	unsigned int at = add_cap(pci, PCI_CAP_ID_VENDOR, bytes);

	if (at == 0)
		return 0;
	pci->space[at + VCAP_LEN] = bytes;
	pci->space[at + VCAP_TYPE] = type;
	pci->space[at + VCAP_BAR] = bar;
	put32(pci, at + VCAP_OFFSET, offset);
	put32(pci, at + VCAP_LENGTH, length);
	return at;
}

/* virtio 1.3, 4.1.4: offset and length above 4 GiB in struct virtio_pci_cap64 */
static void add_shm_cap(struct emb_pci *pci, uint8_t shmid, const struct vvu_range *range)
{
	unsigned int at = add_virtio_cap(pci, VVU_CAP_SHARED_MEMORY, VCAP_BYTES_64,
					 VVU_BAR_WINDOW, range->offset, range->length);

	if (at == 0)
		return;
	pci->space[at + VCAP_ID] = shmid;
	put32(pci, at + VCAP_EXTRA, range->offset >> 32);
	put32(pci, at + VCAP_EXTRA + 4, range->length >> 32);
}

void emb_pci_init(struct emb_pci *pci, const struct emb_pci_params *params)
{
	const struct emb_bars *bars = params->bars;
	const struct vvu_bar_layout *layout = params->layout;
	unsigned int at;

	memset(pci, 0, sizeof(*pci));
	pci->end = PCI_FIRST_CAP;

	put16(pci, PCI_VENDOR, VVU_PCI_VENDOR);
	put16(pci, PCI_DEVICE, VVU_PCI_DEVICE(params->virtio_id));
	put16(pci, PCI_STATUS, PCI_STATUS_CAP_LIST);
	pci->space[PCI_REVISION] = VVU_PCI_REVISION;
	put16(pci, PCI_CLASS, VVU_PCI_CLASS);
	put16(pci, PCI_SUBSYSTEM_VENDOR, VVU_PCI_VENDOR);
	/* 0x40 or higher (virtio 1.3, 4.1.2.1) */
	put16(pci, PCI_SUBSYSTEM, VVU_PCI_DEVICE(params->virtio_id));
	emb_put_le(&pci->writable[PCI_COMMAND], 2,
		   PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
			   PCI_COMMAND_SERR | PCI_COMMAND_NO_INTX);
	pci->writable[PCI_CACHE_LINE] = 0xff;
	pci->writable[PCI_INTERRUPT_LINE] = 0xff;

	set_bar(pci, VVU_BAR_WINDOW, layout->bar_size, PCI_BAR_64 | PCI_BAR_PREFETCH);
	set_bar(pci, VVU_BAR_MSIX, params->msix_bar_size, 0);
	set_bar(pci, VVU_BAR_VIRTIO, bars->virtio_size, 0);

	at = add_cap(pci, PCI_CAP_ID_MSIX, MSIX_LENGTH);
	pci->msix = at;
	put16(pci, at + MSIX_CONTROL, params->vectors - 1);
	emb_put_le(&pci->writable[at + MSIX_CONTROL], 2, MSIX_CONTROL_MASK | MSIX_CONTROL_ENABLE);
	put32(pci, at + MSIX_TABLE, VVU_BAR_MSIX);
	put32(pci, at + MSIX_PBA, params->pba_offset | VVU_BAR_MSIX);

	add_virtio_cap(pci, CAP_COMMON, VCAP_BYTES, VVU_BAR_VIRTIO, EMB_COMMON_OFFSET,
		       EMB_COMMON_SIZE);
	at = add_virtio_cap(pci, CAP_NOTIFY, VCAP_BYTES_EXTRA, VVU_BAR_VIRTIO, EMB_NOTIFY_OFFSET,
			    VVU_NUM_VIRTQUEUES * EMB_NOTIFY_MULTIPLIER);
	put32(pci, at + VCAP_EXTRA, EMB_NOTIFY_MULTIPLIER);
	add_virtio_cap(pci, CAP_ISR, VCAP_BYTES, VVU_BAR_VIRTIO, EMB_ISR_OFFSET, EMB_ISR_SIZE);
	add_virtio_cap(pci, CAP_DEVICE, VCAP_BYTES, VVU_BAR_VIRTIO, EMB_DEVICE_OFFSET,
		       VVU_CONFIG_SIZE);

	at = add_virtio_cap(pci, VVU_CAP_DOORBELL, VCAP_BYTES_EXTRA, bars->doorbell.bar,
			    bars->doorbell.offset, bars->doorbell.length);
	put32(pci, at + VCAP_EXTRA, layout->doorbell_multiplier);
	add_virtio_cap(pci, VVU_CAP_KICK_VECTOR, VCAP_BYTES, bars->kick.bar, bars->kick.offset,
		       VVU_KICK_REGION_SIZE);

	add_shm_cap(pci, VVU_SHMID_MEMORY, &layout->memory);
	if (params->log)
		add_shm_cap(pci, VVU_SHMID_LOG, &layout->log);
	if (params->inflight)
		add_shm_cap(pci, VVU_SHMID_INFLIGHT, &layout->inflight);

	at = add_virtio_cap(pci, CAP_PCI, VCAP_BYTES_EXTRA, 0, 0, 0);
	pci->window = at;
	if (at != 0) {
		pci->writable[at + VCAP_BAR] = 0xff;
		memset(&pci->writable[at + VCAP_OFFSET], 0xff, 12);
	}
}

static bool touches(uint32_t offset, size_t len, unsigned int at, unsigned int bytes)
{
	return offset < at + bytes && at < offset + len;
}

unsigned int emb_pci_write(struct emb_pci *pci, uint32_t offset, const void *buf, size_t len)
{
	const uint8_t *bytes = buf;
	unsigned int effect = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t *byte = &pci->space[offset + i];
		uint8_t writable = pci->writable[offset + i];

		*byte = (uint8_t)((*byte & ~writable) | (bytes[i] & writable));
	}
	if (touches(offset, len, pci->msix + MSIX_CONTROL, 2))
		effect |= EMB_PCI_MSIX_CONTROL;
	if (pci->window != 0 && touches(offset, len, pci->window + VCAP_EXTRA, 4))
		effect |= EMB_PCI_WINDOW_DATA;
	return effect;
}

bool emb_pci_msix_enabled(const struct emb_pci *pci)
{
	return emb_get_le(&pci->space[pci->msix + MSIX_CONTROL], 2) & MSIX_CONTROL_ENABLE;
}

bool emb_pci_msix_masked(const struct emb_pci *pci)
{
	return emb_get_le(&pci->space[pci->msix + MSIX_CONTROL], 2) & MSIX_CONTROL_MASK;
}

bool emb_pci_window_hit(const struct emb_pci *pci, uint32_t offset, size_t len,
			struct emb_pci_window *window)
{
	uint64_t width;

	if (pci->window == 0 || !touches(offset, len, pci->window + VCAP_EXTRA, 4))
		return false;
	width = emb_get_le(&pci->space[pci->window + VCAP_LENGTH], 4);
	window->bar = pci->space[pci->window + VCAP_BAR];
	window->offset = emb_get_le(&pci->space[pci->window + VCAP_OFFSET], 4);
	window->width = (unsigned int)width;
	window->data = pci->window + VCAP_EXTRA;
	/* virtio 1.3, 4.1.4.9.2: 1, 2 or 4, and the offset a multiple of it */
	return (width == 1 || width == 2 || width == 4) && window->offset % width == 0;
}
