/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI configuration space: a type 0 header, base address registers, and the capability
 * list through which a driver finds everything else (virtio 1.3, 4.1.4).
 *
 * The list has 192 bytes and all capabilities together would need 208. The one that gives
 * way is the PCI configuration access window, the only one that offers nothing new: it is
 * shown when the log or the inflight capability is not (their feature being withheld).
 */
#ifndef VVU_EMBEDDED_PCI_CONFIG_H
#define VVU_EMBEDDED_PCI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bar.h"
#include "vvu-device/layout.h"

#define EMB_PCI_CONFIG_SIZE	256u
#define EMB_PCI_BARS		6u

/* What a write to configuration space asks for besides storing bytes */
#define EMB_PCI_MSIX_CONTROL	0x1u	/* Message Control may have changed */
#define EMB_PCI_WINDOW_DATA	0x2u	/* pci_cfg_data was written */

struct emb_pci_params {
	uint32_t virtio_id;
	unsigned int vectors;
	uint32_t pba_offset;
	uint32_t msix_bar_size;
	const struct vvu_bar_layout *layout;
	const struct emb_bars *bars;
	bool log;		/* show VVU_SHMID_LOG */
	bool inflight;		/* show VVU_SHMID_INFLIGHT */
};

struct emb_pci {
	uint8_t space[EMB_PCI_CONFIG_SIZE];
	uint8_t writable[EMB_PCI_CONFIG_SIZE];	/* bits the driver can change */
	uint64_t bar_size[EMB_PCI_BARS];
	unsigned int msix;	/* offset of the MSI-X capability */
	unsigned int window;	/* of the configuration access capability, 0: none */
	unsigned int end;	/* of the last capability */
};

/* What pci_cfg_data stands for (virtio 1.3, 4.1.4.9). */
struct emb_pci_window {
	unsigned int bar;
	uint64_t offset;
	unsigned int width;
	unsigned int data;	/* offset of pci_cfg_data in configuration space */
};

void emb_pci_init(struct emb_pci *pci, const struct emb_pci_params *params);
/* [offset, offset + len) is inside configuration space. Returns EMB_PCI_... */
unsigned int emb_pci_write(struct emb_pci *pci, uint32_t offset, const void *buf, size_t len);

bool emb_pci_msix_enabled(const struct emb_pci *pci);
bool emb_pci_msix_masked(const struct emb_pci *pci);
/* Does [offset, offset + len) touch pci_cfg_data, and is the window set to a legal access? */
bool emb_pci_window_hit(const struct emb_pci *pci, uint32_t offset, size_t len,
			struct emb_pci_window *window);

#endif
