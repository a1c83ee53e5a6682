/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The smallest driver that brings an embedded function up, by configuration space and BAR
 * accesses alone: the tests must not know more of the device than a driver does. It trusts
 * the device and fails the test on anything unexpected.
 */
#ifndef TEST_EMBEDDED_MINI_DRIVER_H
#define TEST_EMBEDDED_MINI_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vvu-device/embedded/embedded.h"

#define MINI_IOVA	0x100000000ull
#define MINI_DMA_BYTES	(2u << 20)
#define MINI_QUEUE_SIZE	16u
#define MINI_BUFFERS	8u
#define MINI_BUFFER_SIZE 4096u
#define MINI_QUEUES	16u		/* max_vhost_queues of mini_create() */
#define MINI_VEC_CONFIG	0u
#define MINI_VEC_RXQ	1u
#define MINI_VEC_TXQ	2u
#define MINI_VEC_KICK	3u		/* first for kicks */

struct mini_cap {
	bool present;
	unsigned int at;	/* in configuration space */
	uint8_t length;
	uint8_t bar;
	uint64_t offset;
	uint64_t size;
	uint32_t extra;		/* le32 at +16 where there is one */
};

struct mini_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct mini_queue {
	uint64_t iova;		/* of the rings: desc, avail +0x1000, used +0x2000 */
	struct mini_desc *desc;
	uint16_t *avail;	/* flags, idx, ring */
	uint8_t *used;
	uint16_t next_used;
	uint64_t buffers;	/* iova of MINI_BUFFERS buffers */
	bool busy[MINI_BUFFERS];
};

struct mini_driver {
	struct vvu_emb *emb;
	char path[108];
	char log[4096];		/* everything the device logged, one line each */
	struct mini_cap cap[9];	/* by cfg_type, 8 excepted */
	struct mini_cap shm[4];	/* by shmid */
	struct mini_cap msix;
	uint8_t *dma;
	struct mini_queue queue[2];
};

/* A path for a socket that no other test uses. */
void mini_path(char path[108]);
/* 64 MiB BAR 0, MINI_QUEUES vhost queues, server on a fresh path. */
struct vvu_emb_config mini_config(struct mini_driver *mini);
void mini_create(struct mini_driver *mini);
void mini_create_with(struct mini_driver *mini, const struct vvu_emb_config *config);
void mini_destroy(struct mini_driver *mini);

/* Handshake, MSI-X, queues with rxq buffers posted, DRIVER_OK. */
void mini_start(struct mini_driver *mini);
void mini_reset(struct mini_driver *mini);
/* The pieces of it */
void mini_find_caps(struct mini_driver *mini);
void mini_features_ok(struct mini_driver *mini);
void mini_enable_msix(struct mini_driver *mini);
void mini_setup_queue(struct mini_driver *mini, unsigned int index, uint16_t vector);
void mini_post_rxq(struct mini_driver *mini, unsigned int buffers);

uint64_t mini_read(struct mini_driver *mini, const struct mini_cap *cap, uint64_t offset,
		   unsigned int width);
void mini_write(struct mini_driver *mini, const struct mini_cap *cap, uint64_t offset,
		unsigned int width, uint64_t value);
uint64_t mini_common(struct mini_driver *mini, uint64_t offset, unsigned int width);
void mini_set_common(struct mini_driver *mini, uint64_t offset, unsigned int width,
		     uint64_t value);
uint32_t mini_cfg(struct mini_driver *mini, uint32_t offset, unsigned int width);
void mini_set_cfg(struct mini_driver *mini, uint32_t offset, unsigned int width, uint32_t value);

uint32_t mini_status(struct mini_driver *mini);	/* of device configuration */
void mini_backend_up(struct mini_driver *mini, bool up);
uint8_t mini_device_status(struct mini_driver *mini);
/* Bind kick of @queue to @vector; returns what reads back. */
uint16_t mini_bind_kick(struct mini_driver *mini, uint16_t queue, uint16_t vector);
void mini_ring(struct mini_driver *mini, unsigned int doorbell);

/* vvu_emb_run() until there is nothing to do. */
void mini_run(struct mini_driver *mini);
/* Run until the poll fd is readable, at most @ms; then as mini_run(). */
void mini_wait(struct mini_driver *mini, int ms);

void mini_notify(struct mini_driver *mini, unsigned int queue);
/* Make descriptor chain @head available without a notification. */
void mini_make_available(struct mini_driver *mini, unsigned int queue, uint16_t head);
/* Number of used entries not yet seen by the driver. */
unsigned int mini_used(struct mini_driver *mini, unsigned int queue);
/* Next message from rxq into @buf; 0 when none. The buffer is posted again. */
size_t mini_receive(struct mini_driver *mini, void *buf, size_t cap);
/* Put a message on txq; @notify and run. */
void mini_send(struct mini_driver *mini, const void *msg, size_t len, bool notify);

/* Count of an eventfd since the last call, 0 when not signalled. */
uint64_t mini_eventfd(int fd);
uint64_t mini_irq(struct mini_driver *mini, unsigned int vector);

#endif
