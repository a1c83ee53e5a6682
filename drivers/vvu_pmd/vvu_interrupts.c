/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_interrupts.h>

#include "vhost-relay/vring/queue.h"
#include "vhost-relay/vring/split.h"

#include "vvu_interrupts.h"
#include "vvu_log.h"
#include "vvu_port.h"

/* Fails only when the counter is full, and then it is readable. */
static void
wake(const struct vvu_queue *q)
{
	uint64_t one = 1;

	if (q->interrupt_fd >= 0 && write(q->interrupt_fd, &one, sizeof(one)) < 0)
		VVU_PMD_LOG(DEBUG, "port %u rx queue %u is signalled already", q->port->port_id,
			    q->queue_id);
}

/*
 * Ask for kicks. True: a packet is there already, and no kick may come for it. The burst does
 * not tell the ring how far it has looked, so that is done first.
 */
static bool
arm(struct vvu_queue *q)
{
	if (!q->ring->packed)
		vhr_split_available(q->ring);
	return vhr_queue_want_kicks(q->ring, true) || q->rarp_due;
}

void
vvu_interrupts_update(struct vvu_queue *q)
{
	if (q->ring == NULL || !q->ring->ready)
		return;
	if (!q->interrupt || !q->running)
		vhr_queue_want_kicks(q->ring, false);
	else if (arm(q))
		wake(q);
	if (unlikely(!q->ring->ready))
		vvu_queue_broken(q);
}

int
vvu_rx_intr_enable(struct rte_eth_dev *dev, uint16_t queue_id)
{
	struct vvu_queue *q = dev->data->rx_queues[queue_id];
	int ret = 0;

	vvu_queue_lock(q);
	if (q->interrupt_fd < 0) {
		ret = -ENOTSUP;
	} else {
		q->interrupt = true;
		vvu_interrupts_update(q);
	}
	vvu_queue_unlock(q);
	return ret;
}

int
vvu_rx_intr_disable(struct rte_eth_dev *dev, uint16_t queue_id)
{
	struct vvu_queue *q = dev->data->rx_queues[queue_id];

	vvu_queue_lock(q);
	q->interrupt = false;
	vvu_interrupts_update(q);
	vvu_queue_unlock(q);
	return 0;
}

static void
set_fd(struct vvu_queue *q, int fd)
{
	int old;

	vvu_queue_lock(q);
	old = q->interrupt_fd;
	q->interrupt_fd = fd;
	q->interrupt = false;
	vvu_queue_unlock(q);
	if (old >= 0)
		close(old);
}

void
vvu_interrupts_release(struct rte_eth_dev *dev)
{
	struct vvu_port *port = dev->data->dev_private;
	unsigned int i;

	if (port->intr_handle != NULL) {
		/* Also takes the eventfds out of the epoll instances they were put into. */
		rte_intr_free_epoll_fd(port->intr_handle);
		rte_intr_vec_list_free(port->intr_handle);
		rte_intr_instance_free(port->intr_handle);
		port->intr_handle = NULL;
		dev->intr_handle = port->bus_intr_handle;
	}
	for (i = 0; i < port->args.queues; i++)
		set_fd(&port->queues[vvu_queue_rx_ring(i)], -1);
}

static int
own_fd(const struct vvu_port *port, unsigned int queue_id)
{
	const struct vhr_ring *ring = port->queues[vvu_queue_rx_ring(queue_id)].ring;
	int fd;

	if (ring == NULL || ring->kick_fd < 0) {
		VVU_PMD_LOG(ERR, "%s: rx queue %u: the device has no vector for its kicks: no "
			    "receive interrupts", port->name, queue_id);
		return -ENOTSUP;
	}
	fd = fcntl(ring->kick_fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		return fd;
	VVU_PMD_LOG(ERR, "%s: rx queue %u: no file descriptor for its interrupt: %s", port->name,
		    queue_id, rte_strerror(errno));
	return -errno;
}

static int
add_queue(struct vvu_port *port, unsigned int queue_id)
{
	int fd = own_fd(port, queue_id);

	if (fd < 0)
		return fd;
	set_fd(&port->queues[vvu_queue_rx_ring(queue_id)], fd);
	if (rte_intr_efds_index_set(port->intr_handle, queue_id, fd) != 0 ||
	    rte_intr_vec_list_index_set(port->intr_handle, queue_id,
					RTE_INTR_VEC_RXTX_OFFSET + queue_id) != 0)
		return -rte_errno;
	return 0;
}

static int
add_queues(struct vvu_port *port, unsigned int num)
{
	struct rte_intr_handle *handle = port->intr_handle;
	unsigned int i;
	int ret;

	if (rte_intr_type_set(handle, RTE_INTR_HANDLE_VDEV) != 0 ||
	    rte_intr_efd_counter_size_set(handle, 0) != 0 ||
	    rte_intr_vec_list_alloc(handle, port->name, num) != 0 ||
	    rte_intr_nb_efd_set(handle, num) != 0 ||
	    rte_intr_max_intr_set(handle, RTE_INTR_VEC_RXTX_OFFSET + num) != 0)
		return -rte_errno;
	for (i = 0; i < num; i++) {
		ret = add_queue(port, i);
		if (ret != 0)
			return ret;
	}
	return 0;
}

int
vvu_interrupts_configure(struct rte_eth_dev *dev)
{
	struct vvu_port *port = dev->data->dev_private;
	int ret;

	vvu_interrupts_release(dev);
	if (!dev->data->dev_conf.intr_conf.rxq || dev->data->nb_rx_queues == 0)
		return 0;
	port->intr_handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (port->intr_handle == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&port->lock);
	ret = add_queues(port, dev->data->nb_rx_queues);
	pthread_mutex_unlock(&port->lock);
	if (ret != 0) {
		vvu_interrupts_release(dev);
		return ret;
	}
	port->bus_intr_handle = dev->intr_handle;
	dev->intr_handle = port->intr_handle;
	return 0;
}
