/* SPDX-License-Identifier: BSD-3-Clause */
/* MSI-X of a VFIO device as eventfds. Threads: one at a time per device. */
#ifndef VHOST_RELAY_BUS_VFIO_IRQ_H
#define VHOST_RELAY_BUS_VFIO_IRQ_H

struct vhr_vfio_irq {
	unsigned int vectors;	/* enabled */
	int *fd;		/* one eventfd per vector */
};

/*
 * Enable up to @wanted vectors on the device @fd. Their number, -ENOTSUP when the device
 * has no MSI-X, or what eventfd() and ioctl() gave. Fewer where the machine has no more: then
 * not always as many as it has.
 */
int vhr_vfio_irq_enable(struct vhr_vfio_irq *irq, int fd, unsigned int wanted);
void vhr_vfio_irq_disable(struct vhr_vfio_irq *irq, int fd);

#endif
