/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The embedded function as its parts see it, and what they ask of each other. Parts that
 * need no more than their own struct have a header of their own.
 */
#ifndef VVU_EMBEDDED_EMB_INTERNAL_H
#define VVU_EMBEDDED_EMB_INTERNAL_H

#include "bar.h"
#include "common_cfg.h"
#include "dma.h"
#include "doorbell.h"
#include "embedded.h"
#include "event.h"
#include "kick.h"
#include "msix.h"
#include "pci_config.h"
#include "socket.h"
#include "virtq.h"
#include "window.h"

/* Bits of the ISR (virtio 1.3, 4.1.4.5); VVU_ISR_KICK is the third */
#define EMB_ISR_QUEUE	0x1u
#define EMB_ISR_CONFIG	0x2u

/* Messages handled in one vvu_emb_run() per direction */
#define EMB_BURST	64u

struct vvu_emb {
	struct vvu_device *device;
	uint32_t max_vhost_queues;
	struct vvu_bar_layout layout;
	struct emb_bars bars;
	struct emb_pci pci;
	struct emb_common common;
	struct emb_virtq virtq[VVU_NUM_VIRTQUEUES];
	struct emb_dma dma;
	struct emb_msix *msix;
	struct emb_kicks kicks;
	struct emb_doorbells doorbells;
	struct emb_window window;
	struct emb_socket socket;
	uint8_t isr;

	int epoll_fd;
	struct emb_source work;		/* eventfd: something below is due */
	unsigned int notified;		/* bit per virtqueue that was notified */
	bool broken;			/* a virtqueue broke: disconnect the frontend */
	struct vhu_reason broken_why;
	struct emb_source fault;	/* eventfd: the SIGBUS handler replaced a page */

	void (*log)(void *ctx, enum vvu_log_level level, const char *text);
	void *log_ctx;
	uint8_t message[VHU_MAX_MESSAGE + 1];
};

__attribute__((format(printf, 3, 4)))
void emb_log(struct vvu_emb *emb, enum vvu_log_level level, const char *fmt, ...);
/* Make the poll fd readable: there is work that no descriptor tells of. */
void emb_wake(struct vvu_emb *emb);
/*
 * Do what could not be done under a call of the device: disconnect for a broken queue,
 * follow changes of what it wants to accept and read. At the end of every entry point.
 */
void emb_settle(struct vvu_emb *emb);

/* function.c */
void emb_reset(struct vvu_emb *emb);
void emb_interrupt_queue(struct vvu_emb *emb, unsigned int queue);
void emb_interrupt_config(struct vvu_emb *emb);
void emb_needs_reset(struct vvu_emb *emb);
/* DEVICE_NEEDS_RESET, and the frontend has to go: nothing will answer it any more. */
void emb_break(struct vvu_emb *emb, const struct vhu_reason *why);
/* DRIVER_OK is set and DEVICE_NEEDS_RESET is not. */
bool emb_is_live(const struct vvu_emb *emb);

/* messages.c */
int emb_rxq_put(struct vvu_emb *emb, const void *msg, size_t len);
/* Hand at most @limit txq messages to the device; true when there are more. */
bool emb_txq_run(struct vvu_emb *emb, unsigned int limit);

/* registers.c: [offset, offset + width) is inside the BAR */
uint64_t emb_register_read(struct vvu_emb *emb, unsigned int bar, uint64_t offset,
			   unsigned int width);
void emb_register_write(struct vvu_emb *emb, unsigned int bar, uint64_t offset,
			unsigned int width, uint64_t value);
/* Rings a doorbell when the access is one. Any thread. */
bool emb_register_doorbell(struct vvu_emb *emb, unsigned int bar, uint64_t offset,
			   unsigned int width);

/* ops.c */
extern const struct vvu_host_ops emb_host_ops;

#endif
