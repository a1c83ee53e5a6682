/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A frontend and its driver for tests of targets: connects to a target's socket, sets up memory
 * and split rings, puts requests in, and looks at what comes back. Everything waits for at most
 * FE_TIMEOUT_MS and then fails the test.
 */
#ifndef TEST_STORAGE_FRONTEND_H
#define TEST_STORAGE_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FE_TIMEOUT_MS	20000
#define FE_RINGS	4u
#define FE_RING_SIZE	256u		/* entries; a request takes what it needs of them */
#define FE_MEMORY_BYTES	(8u << 20)
#define FE_MEMORY_GPA	0x40000000ull
#define FE_DATA		(1u << 20)	/* offset of what tests may use freely */

struct fe_ring {
	uint8_t *base;		/* descriptors, avail, used */
	uint16_t next_desc;
	uint16_t avail;		/* made available so far */
	uint16_t used;		/* of which the driver has seen the completion */
	int kick_fd, call_fd;
};

struct frontend {
	int sock;
	int memory_fd;
	uint8_t *memory;
	bool reply_ack;
	struct fe_ring ring[FE_RINGS];
};

struct fe_piece {
	uint32_t offset;	/* in the memory */
	uint32_t bytes;
	bool writable;
};

/* Connect and negotiate: @features beside VERSION_1 and bit 30, all of MQ, REPLY_ACK, CONFIG,
 * BACKEND_REQ, RESET_DEVICE, STATUS and INFLIGHT_SHMFD; then set the memory table. */
void frontend_open(struct frontend *fe, const char *path, uint64_t features);
void frontend_close(struct frontend *fe);

/* Send; with @ack_wait wait for the acknowledgement and return it. */
void frontend_send(struct frontend *fe, uint32_t id, const void *payload, uint32_t size, int fd);
uint64_t frontend_ack(struct frontend *fe, uint32_t id);
uint64_t frontend_request(struct frontend *fe, uint32_t id, const void *payload, uint32_t size,
			  int fd);
/* Is there an answer within @ms? */
bool frontend_answered(struct frontend *fe, int ms);
/* Payload size of the next message, whose id has to be @id. */
uint32_t frontend_receive(struct frontend *fe, uint32_t id, void *payload, size_t room);
/* Wait until the target has closed the connection. */
void frontend_wait_closed(struct frontend *fe);

void frontend_set_memory(struct frontend *fe);
void frontend_start_ring(struct frontend *fe, unsigned int index);
/* With no kick descriptor: the target has to poll. */
void frontend_start_ring_polled(struct frontend *fe, unsigned int index);
/* Start with what is in the ring's memory already. */
void frontend_continue_ring(struct frontend *fe, unsigned int index, uint32_t base);
/* GET_VRING_BASE in two parts, since the answer may be long in coming. */
void frontend_ask_stop(struct frontend *fe, unsigned int index);
uint32_t frontend_await_stop(struct frontend *fe, unsigned int index);

/* Make a chain available; returns its head. No kick. */
uint16_t frontend_put(struct frontend *fe, unsigned int index, const struct fe_piece *pieces,
		      unsigned int num);
void frontend_kick(struct frontend *fe, unsigned int index);
/* A 16 byte readable and a 16 byte writable piece, and a kick. */
uint16_t frontend_put_simple(struct frontend *fe, unsigned int index);
uint16_t frontend_used_idx(const struct frontend *fe, unsigned int index);
/* Wait until @count requests in all have come back. */
void frontend_wait_used(struct frontend *fe, unsigned int index, uint16_t count);
void frontend_used(const struct frontend *fe, unsigned int index, uint16_t n, uint32_t *head,
		   uint32_t *bytes);

/* Wait until @condition(@arg). */
void wait_until(bool (*condition)(void *arg), void *arg);

#endif
