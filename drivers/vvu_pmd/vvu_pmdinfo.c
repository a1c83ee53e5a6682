/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What dpdk-pmdinfo.py shows of the file. DPDK's own build makes such a string of a driver's
 * registrations; it is JSON, so ids are decimal: vendor, device, any subsystem.
 */
#include <assert.h>

#include <rte_common.h>

#include "vvu-device/layout.h"

#include "vvu_devargs.h"

static_assert(VVU_PCI_VENDOR == 6900, "vendor below");
static_assert(VVU_PCI_DEVICE(43) == 4203, "first device below");
static_assert(VVU_PCI_DEVICE(24) == 4184 && VVU_PCI_DEVICE(53) == 4213 &&
	      VVU_PCI_DEVICE(61) == 4221, "other devices below");

static const char pmdinfo[] __rte_used =
	"PMD_INFO_STRING= {\"name\": \"net_vvu\", "
	"\"params\": \"" VVU_DEVARGS_HELP_VDEV "\", "
	"\"kmod\": \"* vfio-pci | uio_pci_generic\", "
	"\"pci_ids\": [[6900, 4203, 65535, 65535], [6900, 4184, 65535, 65535], "
	"[6900, 4213, 65535, 65535], [6900, 4221, 65535, 65535]]}";
