/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A simulated kernel with one VFIO group: the linker puts functions of sim_vfio.c in place
 * of open(), ioctl() and the sysfs look-ups. A function's regions are parts of a memfd.
 */
#ifndef TESTS_SIM_VFIO_H
#define TESTS_SIM_VFIO_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vfio.h>

#define SIM_REGION_STRIDE	0x100000ull	/* from region to region in the memfd */
#define SIM_BAR0_SIZE		0x40000ull
#define SIM_ADDRESS		"0000:00:05.0"

struct sim_vfio {
	const char *driver;
	bool no_group;
	bool viable;
	unsigned long types;		/* bit per IOMMU type that the container has */
	unsigned long fail_request;	/* this ioctl fails with fail_errno */
	int fail_errno;
	int fail_open_errno;		/* of /dev/vfio/GROUP */
	unsigned int kernel_vectors;	/* what SET_IRQS can really have */
	bool no_number;			/* it answers -ENOSPC instead of that number */
	uint32_t irq_count;
	uint32_t device_flags;

	int device;			/* memfd behind every device fd */
	unsigned int opens;		/* of the group */
	unsigned int devices;
	unsigned int resets;
	unsigned long type_set;
	unsigned int maps;		/* DMA mappings alive */
	uint64_t mapped_size;
	struct vfio_iommu_type1_dma_map last_map;
	unsigned int irqs;		/* enabled */
	int32_t irq_fd[64];
};

extern struct sim_vfio sim;

#endif
