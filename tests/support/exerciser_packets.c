/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets in shapes that testpmd does not make: many segments, memory that is not a pool's. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "pmd-exerciser.h"

#define BURST 32
/* How long a packet is offered: a burst that does not get its queue's lock takes none. */
#define SEND_MS 300
#define EXTERNAL_BYTES 4096

static unsigned int freed;

uint16_t
send_packet(uint16_t port, uint16_t queue, struct rte_mbuf *mbuf)
{
	uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * SEND_MS;
	bool late;

	do {
		late = rte_rdtsc() >= end;
		if (rte_eth_tx_burst(port, queue, &mbuf, 1) == 1)
			return 1;
		sched_yield();
	} while (!late);
	rte_pktmbuf_free(mbuf);
	return 0;
}

/* recv PORT QUEUE: what is there, thrown away; "ok N" packets */
static int
do_recv(const unsigned long *arg)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int i, total = 0;
	uint16_t n;

	while ((n = rte_eth_rx_burst((uint16_t)arg[0], (uint16_t)arg[1], pkts, BURST)) > 0) {
		total += n;
		for (i = 0; i < n; i++)
			rte_pktmbuf_free(pkts[i]);
	}
	printf("ok %u\n", total);
	return 0;
}

static void
free_external(void *addr, void *opaque)
{
	freed++;
	free(opaque);
}

/* A segment in memory that has nothing to do with the pool. */
static int
attach_external(struct rte_mbuf *mbuf)
{
	uint16_t length = EXTERNAL_BYTES;
	void *memory = malloc(length);
	struct rte_mbuf_ext_shared_info *shared;

	if (memory == NULL)
		return -ENOMEM;
	shared = rte_pktmbuf_ext_shinfo_init_helper(memory, &length, free_external, memory);
	rte_pktmbuf_attach_extbuf(mbuf, memory, RTE_BAD_IOVA, length, shared);
	mbuf->data_off = 0;
	return 0;
}

static struct rte_mbuf *
segment(unsigned int bytes, bool external, unsigned int *at)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	char *data;
	unsigned int i;

	if (mbuf == NULL)
		return NULL;
	if (external && attach_external(mbuf) != 0) {
		rte_pktmbuf_free(mbuf);
		return NULL;
	}
	data = rte_pktmbuf_append(mbuf, (uint16_t)bytes);
	if (data == NULL) {
		rte_pktmbuf_free(mbuf);
		return NULL;
	}
	for (i = 0; i < bytes; i++)
		data[i] = (char)((*at)++ * 7 & 0xff);
	return mbuf;
}

/*
 * send PORT SEGMENTS BYTES EXTERNAL: a packet of so many segments of so many bytes, every second
 * of them external if wanted. Byte i of the frame is 7 i. "ok SENT FREED": external segments
 * that were freed so far.
 */
static int
do_send(const unsigned long *arg)
{
	struct rte_mbuf *head = NULL, *part;
	unsigned int at = 0;
	unsigned long i;
	uint16_t sent;

	for (i = 0; i < arg[1]; i++) {
		part = segment((unsigned int)arg[2], arg[3] != 0 && i % 2 == 0, &at);
		if (part == NULL || (head != NULL && rte_pktmbuf_chain(head, part) != 0)) {
			rte_pktmbuf_free(part);
			rte_pktmbuf_free(head);
			return -ENOMEM;
		}
		if (head == NULL)
			head = part;
	}
	sent = send_packet((uint16_t)arg[0], 0, head);
	printf("ok %u %u\n", sent, freed);
	return 0;
}

/* buffers: mbufs that are in the pool */
static int
do_buffers(const unsigned long *arg)
{
	printf("ok %u\n", rte_mempool_avail_count(pool));
	return 0;
}

const struct command packet_commands[] = {
	{ "recv", 2, do_recv },
	{ "send", 4, do_send },
	{ "buffers", 0, do_buffers },
	{ NULL, 0, NULL },
};
