/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of vvu-hostile share; vvu-hostile.c says what the program is. */
#ifndef VVU_HOSTILE_H
#define VVU_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#include "vhost-relay/vvu/vvu.h"

#define HOSTILE_QUEUE_MAX	256u
#define HOSTILE_DATA_BYTES	65536u

/* A virtqueue whose every byte is ours to spoil; it checks nothing. */
struct hostile_queue {
	struct vhr_dma dma;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint8_t *data;			/* HOSTILE_DATA_BYTES */
	uint64_t data_iova;
	uint16_t size;
	uint16_t avail_idx;
};

struct hostile {
	struct vhr_bus *bus;
	bool embedded;
	struct vhr_virtio virtio;	/* handshake and reset alone; its queues are unused */
	struct hostile_queue queue[2];
	bool started;
	uint64_t seed;
	uint64_t brought_up;		/* times it was brought up for a mode */
	uint64_t broken;		/* times it asked for a reset */
	bool frontend;			/* one keeps connecting, and must be answered */
	struct vhu_reason reason;
};

/* One abuse; the device is up, or was when the round began. */
typedef void hostile_action(struct hostile *h);

/* hostile_driver.c */
uint64_t hostile_random(struct hostile *h);
/* 0 .. @limit - 1 */
uint64_t hostile_below(struct hostile *h, uint64_t limit);
/* Of any magnitude: small numbers, powers of two, their neighbours, all ones. */
uint64_t hostile_number(struct hostile *h);
/* Up to DRIVER_OK and BACKEND_UP, rxq filled. 0 or -errno with h->reason. */
int hostile_start(struct hostile *h);
/* Reset, and give the memory back. */
void hostile_stop(struct hostile *h);
/* Let an embedded device do its work; wait for one that has its own thread. */
void hostile_pump(struct hostile *h);
/* Fill rxq with good buffers. */
void hostile_fill_rxq(struct hostile *h);
void hostile_post(struct hostile_queue *queue, uint16_t head);
void hostile_notify(struct hostile *h, unsigned int queue);
/* Writes and reads of what may not be there: the answer does not matter. */
void hostile_write(struct hostile *h, unsigned int bar, uint64_t offset, unsigned int width,
		   uint64_t value);
uint64_t hostile_read(struct hostile *h, unsigned int bar, uint64_t offset, unsigned int width);
void hostile_common(struct hostile *h, uint32_t offset, unsigned int width, uint64_t value);

/* hostile_recover.c: does an honest driver get a working device? 0 or -errno. */
int hostile_recover(struct hostile *h);

/* hostile_queues.c */
hostile_action hostile_txq, hostile_rings;
/* hostile_registers.c */
hostile_action hostile_config, hostile_status, hostile_doorbell, hostile_kick, hostile_msix,
	hostile_pci;

#endif
