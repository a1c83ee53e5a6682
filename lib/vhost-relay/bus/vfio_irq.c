/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "vfio_irq.h"

static void
close_fds(struct vhr_vfio_irq *irq, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		close(irq->fd[i]);
	free(irq->fd);
	irq->fd = NULL;
}

static int
open_fds(struct vhr_vfio_irq *irq, unsigned int count)
{
	unsigned int i;
	int error;

	irq->fd = calloc(count, sizeof(irq->fd[0]));
	if (irq->fd == NULL)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		irq->fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (irq->fd[i] < 0) {
			error = errno;
			close_fds(irq, i);
			return -error;
		}
	}
	return 0;
}

/* All vectors in one call: adding some later would disable MSI-X in between. */
static int
set_irqs(const struct vhr_vfio_irq *irq, int fd, unsigned int count)
{
	struct vfio_irq_set *set;
	size_t size = sizeof(*set) + count * sizeof(int32_t);
	int ret;

	set = calloc(1, size);
	if (set == NULL)
		return -ENOMEM;
	set->argsz = (uint32_t)size;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_MSIX_IRQ_INDEX;
	set->count = count;
	memcpy(set->data, irq->fd, count * sizeof(int32_t));
	ret = ioctl(fd, VFIO_DEVICE_SET_IRQS, set);
	if (ret < 0)
		ret = -errno;
	free(set);
	return ret;
}

/*
 * How many to try next after @count gave @ret, 0: no use. Some kernels tell how many there
 * are. Others say only that the CPUs of this machine have no interrupts for as many; then
 * half leaves some for whoever comes next.
 */
static unsigned int
fewer(unsigned int count, int ret)
{
	if (ret > 0)
		return (unsigned int)ret < count ? (unsigned int)ret : 0;
	return ret == -ENOSPC ? count / 2 : 0;
}

int
vhr_vfio_irq_enable(struct vhr_vfio_irq *irq, int fd, unsigned int wanted)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = VFIO_PCI_MSIX_IRQ_INDEX };
	unsigned int count, next;
	int ret;

	if (irq->vectors > 0)
		return -EBUSY;
	if (ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, &info) < 0)
		return errno == EINVAL ? -ENOTSUP : -errno;
	if ((info.flags & VFIO_IRQ_INFO_EVENTFD) == 0 || info.count == 0 || wanted == 0)
		return -ENOTSUP;
	count = wanted < info.count ? wanted : info.count;
	ret = open_fds(irq, count);
	if (ret < 0)
		return ret;
	while ((ret = set_irqs(irq, fd, count)) != 0) {
		next = fewer(count, ret);
		if (next == 0) {
			close_fds(irq, count);
			return ret < 0 ? ret : -ENOSPC;
		}
		while (count > next)
			close(irq->fd[--count]);
	}
	irq->vectors = count;
	return (int)count;
}

void
vhr_vfio_irq_disable(struct vhr_vfio_irq *irq, int fd)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
	};

	if (irq->vectors == 0)
		return;
	(void)ioctl(fd, VFIO_DEVICE_SET_IRQS, &set);
	close_fds(irq, irq->vectors);
	irq->vectors = 0;
}
