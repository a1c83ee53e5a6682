/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_ethdev.h>

#include "send.h"

#define MS UINT64_C(1000000)
#define PROBE_NS (50 * MS)
#define FIN_NS (50 * MS)
/* After a pause (the process was not scheduled) do not catch up all at once. */
#define TOKENS_MAX 64

void send_start(struct sender *sender, uint64_t now_ns)
{
	sender->start_ns = now_ns;
	sender->refill_ns = now_ns;
	for (unsigned int i = 0; i < QUEUES_MAX; i++)
		sender->flows[i].progress_ns = now_ns;
}

void send_stop(struct sender *sender, uint64_t now_ns)
{
	if (!sender->stopped) {
		sender->stopped = true;
		sender->stop_ns = now_ns;
	}
}

static void refill(struct sender *sender, const struct options *options, uint64_t now_ns)
{
	if (!options->rate)
		return;
	sender->tokens += (double)(now_ns - sender->refill_ns) * (double)options->rate / 1e9;
	sender->refill_ns = now_ns;
	if (sender->tokens > TOKENS_MAX)
		sender->tokens = TOKENS_MAX;
}

/* How many frames may be built for @flow now. */
static unsigned int budget(const struct sender *sender, const struct send_flow *flow,
			   const struct options *options)
{
	uint64_t n = PORT_BURST - flow->pending;

	if (sender->stopped)
		return 0;
	if (options->rate)
		n = RTE_MIN(n, (uint64_t)sender->tokens);
	if (options->count)
		n = RTE_MIN(n, options->count - sender->built);
	if (options->window)
		n = RTE_MIN(n, options->window - RTE_MIN(options->window,
							 flow->next - flow->acked));
	return (unsigned int)n;
}

static unsigned int size_of(const struct options *options, uint64_t seq)
{
	/* 7:4:1, mixed rather than in rows. */
	static const uint16_t imix[] = { 64, 594, 64, 64, 594, 64, 1514, 64, 594, 64, 594, 64 };

	return options->size ? (unsigned int)options->size : imix[seq % RTE_DIM(imix)];
}

static bool build(struct send_flow *flow, const struct options *options, unsigned int index)
{
	unsigned int size = size_of(options, flow->next);
	struct rte_mbuf *mbuf = port_frame(options, size);
	struct frame *frame;

	if (!mbuf)
		return false;
	frame = rte_pktmbuf_mtod(mbuf, struct frame *);
	frame->type = FRAME_DATA;
	frame->flags = options->window ? FRAME_WINDOW : 0;
	frame->flow = rte_cpu_to_le_16((uint16_t)index);
	frame->seq = rte_cpu_to_le_64(flow->next);
	frame_finish(frame, size, options->seed);
	flow->mbufs[flow->pending++] = mbuf;
	flow->next++;
	return true;
}

/* Frames that the port does not accept stay, in order, for the next round. */
static unsigned int transmit(struct send_flow *flow, const struct options *options,
			     unsigned int index)
{
	uint32_t bytes[PORT_BURST];
	unsigned int sent;

	if (!flow->pending)
		return 0;
	for (unsigned int i = 0; i < flow->pending; i++)
		bytes[i] = flow->mbufs[i]->pkt_len;
	sent = rte_eth_tx_burst((uint16_t)options->port, (uint16_t)index, flow->mbufs,
				(uint16_t)flow->pending);
	for (unsigned int i = 0; i < sent; i++)
		flow->bytes += bytes[i];
	flow->sent += sent;
	flow->busy += sent < flow->pending;
	flow->pending -= sent;
	for (unsigned int i = 0; i < flow->pending; i++)
		flow->mbufs[i] = flow->mbufs[sent + i];
	return sent;
}

/*
 * A closed window that stays closed: frames or their acknowledgement were lost. Nothing is
 * sent on a guess, which could overrun a peer that is only slow: it is asked, and as a
 * queue keeps the order, what has not arrived before its answer is lost.
 */
static void probe(struct send_flow *flow, const struct options *options, unsigned int index,
		  uint64_t now_ns)
{
	if (!options->window || flow->pending || flow->next - flow->acked < options->window ||
	    now_ns - flow->progress_ns < PROBE_NS)
		return;
	if (port_control(options, FRAME_PROBE, index, flow->next, flow->next)) {
		flow->progress_ns = now_ns;
		flow->probes++;
	}
}

static void finish(struct send_flow *flow, const struct options *options, unsigned int index,
		   uint64_t now_ns)
{
	if (flow->pending || flow->finished || now_ns - flow->fin_ns < FIN_NS)
		return;
	if (port_control(options, FRAME_FIN, index, flow->next, flow->sent))
		flow->fin_ns = now_ns;
}

unsigned int send_round(struct sender *sender, const struct options *options, uint64_t now_ns)
{
	unsigned int total = 0;

	if ((options->count && sender->built == options->count) ||
	    now_ns - sender->start_ns >= options->duration_s * 1000 * MS)
		send_stop(sender, now_ns);
	refill(sender, options, now_ns);
	for (unsigned int i = 0; i < options->queues; i++) {
		struct send_flow *flow = &sender->flows[i];
		unsigned int n = budget(sender, flow, options);

		while (n-- && build(flow, options, i)) {
			sender->built++;
			sender->tokens -= 1;
		}
		total += transmit(flow, options, i);
		if (sender->stopped)
			finish(flow, options, i, now_ns);
		else
			probe(flow, options, i, now_ns);
	}
	return total;
}

void send_answered(struct sender *sender, const struct options *options,
		   const struct frame *frame, uint64_t now_ns)
{
	uint64_t acked = RTE_MAX(rte_le_to_cpu_64(frame->seq), rte_le_to_cpu_64(frame->arg));
	unsigned int index = rte_le_to_cpu_16(frame->flow);
	struct send_flow *flow;

	if (index >= options->queues)
		return;
	flow = &sender->flows[index];
	if (frame->type == FRAME_FIN_ACK) {
		flow->finished = sender->stopped;
	} else if (acked > flow->acked && acked <= flow->next) {
		flow->acked = acked;
		flow->progress_ns = now_ns;
	}
}

bool send_finished(const struct sender *sender, const struct options *options)
{
	for (unsigned int i = 0; i < options->queues; i++) {
		if (!sender->flows[i].finished)
			return false;
	}
	return true;
}

void send_free(struct sender *sender)
{
	for (unsigned int i = 0; i < QUEUES_MAX; i++)
		rte_pktmbuf_free_bulk(sender->flows[i].mbufs, sender->flows[i].pending);
}
