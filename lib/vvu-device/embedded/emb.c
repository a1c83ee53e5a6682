/* SPDX-License-Identifier: BSD-3-Clause */
#include "embedded.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "emb_internal.h"
#include "vvu-device/host/eventfd.h"

/* Events taken from the kernel in one vvu_emb_run() */
#define EVENTS 64

#define BIT(n) (UINT64_C(1) << (n))

static void log_to_stderr(void *ctx, enum vvu_log_level level, const char *text)
{
	if (level <= VVU_LOG_WARNING)
		fprintf(stderr, "vvu: %s\n", text);
}

void emb_log(struct vvu_emb *emb, enum vvu_log_level level, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	emb->log(emb->log_ctx, level, text);
}

void emb_wake(struct vvu_emb *emb)
{
	vvu_eventfd_signal(emb->work.fd);
}

static void work_ready(struct vvu_emb *emb, struct emb_source *source, uint32_t events)
{
	unsigned int notified = emb->notified;

	vvu_eventfd_drain(source->fd);
	emb->notified = 0;
	if (!emb_is_live(emb))
		return;
	if (notified & BIT(VVU_RXQ))
		vvu_device_rxq_ready(emb->device);
	if ((notified & BIT(VVU_TXQ)) && emb_txq_run(emb, EMB_BURST)) {
		emb->notified |= BIT(VVU_TXQ);
		emb_wake(emb);
	}
}

static void fault_ready(struct vvu_emb *emb, struct emb_source *source, uint32_t events)
{
	char why[VHU_REASON_MAX];
	uint64_t offset;

	vvu_eventfd_drain(source->fd);
	if (!vvu_sigbus_take(emb->window.sigbus, &offset))
		return;
	snprintf(why, sizeof(why),
		 "window page at BAR offset 0x%llx cannot be read: its file was truncated",
		 (unsigned long long)offset);
	vvu_device_fault(emb->device, why);
}

static void kick_ready(struct vvu_emb *emb, struct emb_source *source, uint32_t events)
{
	if (!emb_kick_drain(&emb->kicks, source->index))
		return;
	emb->isr |= VVU_ISR_KICK;
	emb_kick_raise(&emb->kicks, source->index);
}

void emb_settle(struct vvu_emb *emb)
{
	if (emb->broken) {
		emb->broken = false;
		emb_socket_lost(emb, emb->broken_why.text);
	}
	emb_socket_update(emb);
}

int vvu_emb_poll_fd(const struct vvu_emb *emb)
{
	return emb->epoll_fd;
}

int vvu_emb_run(struct vvu_emb *emb)
{
	struct epoll_event event[EVENTS];
	int count = epoll_wait(emb->epoll_fd, event, EVENTS, 0);

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		struct emb_source *source = event[i].data.ptr;

		if (source->fd >= 0)
			source->ready(emb, source, event[i].events);
	}
	emb_settle(emb);
	return count;
}

static int watch_eventfd(struct vvu_emb *emb, struct emb_source *source)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err;

	if (fd < 0)
		return -errno;
	err = emb_source_watch(emb->epoll_fd, source, fd, EPOLLIN);
	if (err < 0)
		close(fd);
	return err;
}

static void close_eventfd(struct vvu_emb *emb, struct emb_source *source)
{
	int fd = source->fd;

	if (fd < 0)
		return;
	emb_source_drop(emb->epoll_fd, source);
	close(fd);
}

static int check_config(const struct vvu_emb_config *config, uint32_t virtio_id,
			unsigned int vectors, struct vhu_reason *reason)
{
	/* virtio 1.3, 4.1.2.1: PCI device ids 0x1040 to 0x107f */
	if (virtio_id > 0x3f) {
		vhu_reason_set(reason, "virtio_id: %u is not 1..63", virtio_id);
		return -EINVAL;
	}
	if (vectors > EMB_MSIX_MAX_VECTORS) {
		vhu_reason_set(reason, "vectors: %u, MSI-X has at most %u", vectors,
			       EMB_MSIX_MAX_VECTORS);
		return -EINVAL;
	}
	return 0;
}

static int create_resources(struct vvu_emb *emb, const struct vvu_emb_config *config,
			    unsigned int vectors, struct vhu_reason *reason)
{
	uint64_t window = emb->layout.memory.offset + emb->layout.memory.length;
	const struct vvu_range *log = &emb->layout.log;
	const struct vvu_range *inflight = &emb->layout.inflight;
	int err;

	if (window < log->offset + log->length)
		window = log->offset + log->length;
	if (window < inflight->offset + inflight->length)
		window = inflight->offset + inflight->length;

	emb->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = emb->epoll_fd < 0 ? -errno : 0;
	if (err == 0)
		err = watch_eventfd(emb, &emb->work);
	if (err == 0)
		err = watch_eventfd(emb, &emb->fault);
	if (err == 0)
		err = emb_msix_init(emb->msix, vectors);
	if (err == 0)
		err = emb_kicks_init(&emb->kicks, emb->max_vhost_queues, emb->epoll_fd, emb->msix,
				     kick_ready);
	if (err == 0)
		err = emb_doorbells_init(&emb->doorbells, VVU_NUM_DOORBELLS(emb->max_vhost_queues));
	if (err < 0) {
		vhu_reason_set(reason, "cannot create the function: %s", strerror(-err));
		return err;
	}
	err = emb_window_init(&emb->window, window, emb->fault.fd);
	if (err < 0) {
		vhu_reason_set(reason, "cannot reserve 0x%llx bytes of address space: %s",
			       (unsigned long long)window, strerror(-err));
		return err;
	}
	emb->window.stale_zeros = config->stale_zeros;
	emb->window.release = config->window_release;
	emb->window.release_ctx = config->window_ctx;
	return 0;
}

static int create_device(struct vvu_emb *emb, const struct vvu_emb_config *config,
			 struct vhu_reason *reason)
{
	struct vvu_device_config device_config = {
		.max_vhost_queues = emb->max_vhost_queues,
		.layout = emb->layout,
		.protocol_features = config->protocol_features,
		.align_window = config->align_window,
	};

	memcpy(device_config.uuid, config->uuid, sizeof(device_config.uuid));
	return vvu_device_create(&device_config, &emb_host_ops, emb, &emb->device, reason);
}

static void create_config_space(struct vvu_emb *emb, const struct vvu_emb_config *config,
				uint32_t virtio_id)
{
	uint64_t passed = vhu_protocol_features_passed();

	if (config->protocol_features != 0)
		passed &= config->protocol_features;
	emb_pci_init(&emb->pci, &(struct emb_pci_params){
					.virtio_id = virtio_id,
					.vectors = emb->msix->vectors,
					.pba_offset = emb->msix->pba_offset,
					.msix_bar_size = emb->msix->bar_size,
					.layout = &emb->layout,
					.bars = &emb->bars,
					.log = passed & BIT(VHU_PROTOCOL_F_LOG_SHMFD),
					.inflight = passed & BIT(VHU_PROTOCOL_F_INFLIGHT_SHMFD),
				});
}

int vvu_emb_create(const struct vvu_emb_config *config, struct vvu_emb **out,
		   struct vhu_reason *reason)
{
	uint32_t virtio_id = config->virtio_id ? config->virtio_id : VVU_VIRTIO_ID;
	uint32_t queues = config->max_vhost_queues ? config->max_vhost_queues : VHU_MAX_VRINGS;
	unsigned int vectors = config->vectors ? config->vectors : 3 + queues;
	uint64_t bar_size = config->bar_size ? config->bar_size : VVU_BAR_SIZE_DEFAULT;
	struct vvu_emb *emb;
	int err;

	emb = calloc(1, sizeof(*emb));
	if (emb == NULL)
		return -ENOMEM;
	emb->msix = calloc(1, sizeof(*emb->msix));
	if (emb->msix == NULL) {
		free(emb);
		return -ENOMEM;
	}
	emb->epoll_fd = -1;
	emb->max_vhost_queues = queues;
	emb->log = config->log ? config->log : log_to_stderr;
	emb->log_ctx = config->log_ctx;
	emb_source_init(&emb->work, 0, work_ready);
	emb_source_init(&emb->fault, 0, fault_ready);
	emb_socket_prepare(&emb->socket);
	for (unsigned int i = 0; i < VVU_NUM_VIRTQUEUES; i++) {
		emb->virtq[i].dma = &emb->dma;
		emb->virtq[i].device_writes = i == VVU_RXQ;
	}

	err = vvu_layout_init(&emb->layout, bar_size, queues, config->page_per_vq, reason);
	if (err == 0)
		err = check_config(config, virtio_id, vectors, reason);
	if (err == 0)
		err = create_resources(emb, config, vectors, reason);
	if (err == 0) {
		emb_bars_init(&emb->bars, &emb->layout);
		emb_common_init(&emb->common, emb->virtq, vectors);
		create_config_space(emb, config, virtio_id);
		err = create_device(emb, config, reason);
	}
	/* Last, so that no frontend finds a socket that nobody will serve. */
	if (err == 0)
		err = emb_socket_init(emb, config, reason);
	if (err < 0) {
		vvu_emb_destroy(emb);
		return err;
	}
	emb_settle(emb);
	*out = emb;
	return 0;
}

void vvu_emb_destroy(struct vvu_emb *emb)
{
	if (emb == NULL)
		return;
	/* Gives its resources back through the ops: first. */
	vvu_device_destroy(emb->device);
	emb_socket_fini(emb);
	emb_kicks_fini(&emb->kicks);
	emb_doorbells_fini(&emb->doorbells);
	emb_window_fini(&emb->window);
	emb_msix_fini(emb->msix);
	close_eventfd(emb, &emb->fault);
	close_eventfd(emb, &emb->work);
	if (emb->epoll_fd >= 0)
		close(emb->epoll_fd);
	free(emb->msix);
	free(emb);
}
