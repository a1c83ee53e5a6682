/* SPDX-License-Identifier: BSD-3-Clause */
/* In place of bus_vfio.c where <linux/vfio.h> is missing or VFIO was not wanted. */
#include <errno.h>

#include "bus.h"

int
vhr_bus_vfio_open(const char *address, struct vhr_bus **bus, struct vhu_reason *reason)
{
	vhu_reason_set(reason, "%.32s: built without VFIO", address != NULL ? address : "");
	return -ENOTSUP;
}
