/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI function in memory, to be scripted by a test: its configuration space is raw
 * bytes that the test writes itself, its common configuration a small model with switches
 * for what a bad device does, and its side of the two virtqueues is played by the test.
 * Written from the specification alone; shares no code with lib/vvu-device.
 */
#ifndef TESTS_FAKE_BUS_H
#define TESTS_FAKE_BUS_H

#include "vhost-relay/bus/bus.h"

#define FAKE_BARS	6
#define FAKE_VECTORS	16
#define FAKE_WRITES	64
#define FAKE_IOVA	0x4000000000ull	/* address of the first DMA memory */

/* Where fake_bus_modern() puts things */
#define FAKE_WINDOW_BAR		0
#define FAKE_VIRTIO_BAR		4
#define FAKE_COMMON		0x0
#define FAKE_ISR		0x1000
#define FAKE_DEVICE		0x2000
#define FAKE_NOTIFY		0x3000
#define FAKE_WINDOW_SIZE	0x10000
#define FAKE_DOORBELL		0x10000
#define FAKE_KICK		0x12000

struct fake_queue {
	uint16_t size_max;	/* what queue_size reads first */
	uint16_t size;
	uint16_t vector;
	uint16_t enable;
	uint16_t notify_off;
	uint64_t desc, avail, used;	/* as written */
	uint16_t avail_seen;		/* the test's side of the rings */
	uint16_t used_idx;
	unsigned int notified;
};

struct fake_write {
	unsigned int bar;
	uint64_t offset;
	unsigned int width;
	uint64_t value;
};

struct fake_bus {
	struct vhr_bus bus;

	uint8_t cfg[256];
	bool cfg_broken;		/* reads fail */
	uint64_t bar_size[FAKE_BARS];

	/* common configuration */
	uint64_t features;		/* offered */
	uint64_t driver_features;
	uint8_t status;
	uint8_t generation;
	uint16_t num_queues;
	uint16_t config_vector;
	struct fake_queue queue[2];
	uint16_t queue_select;
	uint32_t device_select, driver_select;

	uint8_t device_cfg[0x1000];
	uint64_t device_cfg_length;

	/* kick vectors */
	uint16_t kick_select;
	uint16_t kick[256];

	/* switches */
	int reset_reads;		/* status reads before a reset is over; -1: never */
	bool refuse_features;
	bool refuse_vectors;		/* every vector reads back as 0xffff */
	uint16_t vectors_accepted;	/* those from here on do too; 0: no limit */
	unsigned int generation_moves;	/* reads of config_generation that change it */
	int irq_result;			/* < 0: irq_enable() fails with it */
	bool no_map;

	/* what was seen */
	uint8_t status_log[32];
	unsigned int num_status;
	struct fake_write write[FAKE_WRITES];	/* doorbells and kick registers */
	unsigned int num_writes;
	unsigned int resets;
	unsigned int vectors;		/* enabled */
	unsigned int dma_live;		/* allocations */

	uint8_t *window;
	void *dma[16];
	uint64_t dma_iova[16];
	size_t dma_size[16];
	int irq_fd[FAKE_VECTORS];
};

/* An empty function: no capability, no BAR. Freed by bus.ops->close(). */
struct fake_bus *fake_bus_new(void);

/* Append bytes to the capability list; returns their position. The next byte is set. */
uint8_t fake_cap_add(struct fake_bus *fake, const uint8_t *bytes, size_t len);
/* Virtio capability of 16, 20 (@extra: multiplier) or 24 bytes (high halves are set). */
uint8_t fake_virtio_cap(struct fake_bus *fake, uint8_t type, uint8_t len, uint8_t bar, uint8_t id,
			uint64_t offset, uint64_t length, uint32_t extra);
void fake_msix_cap(struct fake_bus *fake, unsigned int vectors);
/* Common, notify, isr and device configuration in FAKE_VIRTIO_BAR. */
void fake_virtio_caps(struct fake_bus *fake);
/* All of a virtio-vhost-user function as the device contract has it, @queues queues. */
struct fake_bus *fake_bus_modern(uint32_t queues);

void fake_le32(uint8_t *bytes, uint32_t value);
uint32_t fake_get_le32(const uint8_t *bytes);

/* Memory that the device would reach at @iova; NULL when the driver gave it no such. */
void *fake_dma(struct fake_bus *fake, uint64_t iova, size_t len);
/*
 * The device's side: next available buffer (its id, -1 without one), its descriptor, and
 * the used ring. fake_used_raw() writes an entry and an index step as told.
 */
int fake_avail(struct fake_bus *fake, unsigned int queue);
void *fake_buffer(struct fake_bus *fake, unsigned int queue, uint16_t id, uint32_t *len,
		  uint16_t *flags);
void fake_used_raw(struct fake_bus *fake, unsigned int queue, uint32_t id, uint32_t len,
		   uint16_t step);
void fake_used_flags(struct fake_bus *fake, unsigned int queue, uint16_t flags);
uint16_t fake_avail_flags(struct fake_bus *fake, unsigned int queue);
/* Deliver a message on the rxq: 0, or -1 when the driver posted no buffer. */
int fake_rxq_put(struct fake_bus *fake, const void *msg, uint32_t len);
/* Take a message from the txq and complete it: its length, -1 without one. */
int fake_txq_get(struct fake_bus *fake, void *buf, size_t cap);

#endif
