/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include <rte_ethdev.h>

#include "receive.h"

static bool test_and_set(struct receive_flow *flow, uint64_t seq)
{
	uint64_t *word = &flow->history[seq % RECEIVE_HISTORY / 64];
	uint64_t bit = UINT64_C(1) << (seq % 64);
	bool was = *word & bit;

	*word |= bit;
	return was;
}

/* Forget what falls out of the history as @seq becomes the highest. */
static void advance(struct receive_flow *flow, uint64_t seq)
{
	uint64_t n = seq - flow->next + 1;

	if (n > RECEIVE_HISTORY) {
		flow->next = seq + 1 - RECEIVE_HISTORY;
		n = RECEIVE_HISTORY;
	}
	for (; n; n--, flow->next++)
		flow->history[flow->next % RECEIVE_HISTORY / 64] &=
			~(UINT64_C(1) << (flow->next % 64));
}

static void account(struct receive_flow *flow, const struct frame *frame, unsigned int size,
		    uint64_t now_ns)
{
	uint64_t seq = rte_le_to_cpu_64(frame->seq);
	uint64_t sent_ns = rte_le_to_cpu_64(frame->time_ns);
	uint64_t latency_ns = now_ns > sent_ns ? now_ns - sent_ns : 0;
	bool late = seq < flow->next;

	if (late && flow->next - seq > RECEIVE_HISTORY) {
		flow->stale++;
		return;
	}
	if (!late)
		advance(flow, seq);
	if (test_and_set(flow, seq)) {
		flow->duplicated++;
		return;
	}
	flow->reordered += late;
	if (!flow->received || latency_ns < flow->latency_min_ns)
		flow->latency_min_ns = latency_ns;
	flow->latency_max_ns = RTE_MAX(flow->latency_max_ns, latency_ns);
	flow->latency_sum_ns += latency_ns;
	flow->received++;
	flow->bytes += size;
}

static struct receive_flow *flow_of(struct receiver *receiver, const struct frame *frame)
{
	unsigned int index = rte_le_to_cpu_16(frame->flow);
	struct receive_flow *flow;

	if (index >= receiver->nb_flows)
		return NULL;
	flow = &receiver->flows[index];
	if (!flow->history)
		flow->history = calloc(RECEIVE_HISTORY / 64, sizeof(uint64_t));
	if (!flow->history) {
		receiver->no_memory = true;
		return NULL;
	}
	return flow;
}

static void take_data(struct receiver *receiver, struct receive_flow *flow,
		      const struct frame *frame, unsigned int size, unsigned int queue,
		      uint64_t now_ns)
{
	if (!receiver->first_ns)
		receiver->first_ns = now_ns;
	receiver->last_ns = now_ns;
	receiver->by_queue[queue]++;
	account(flow, frame, size, now_ns);
	if (frame->flags & FRAME_WINDOW)
		flow->ack_due = true;
}

/* An intact frame of the peer. */
static void take(struct receiver *receiver, struct sender *sender, const struct options *options,
		 const struct frame *frame, unsigned int size, unsigned int queue, uint64_t now_ns)
{
	unsigned int flows = rte_le_to_cpu_16(frame->flows);
	struct receive_flow *flow;

	if (!receiver->nb_flows && flows <= QUEUES_MAX)
		receiver->nb_flows = flows;
	receiver->latest_ns = now_ns;
	switch (frame->type) {
	case FRAME_HELLO:
		receiver->hellos |= UINT64_C(1) << rte_le_to_cpu_16(frame->flow) % 64;
		receiver->heard |= receiver->nb_flows &&
			(unsigned int)__builtin_popcountll(receiver->hellos) >= receiver->nb_flows;
		receiver->was_heard |= rte_le_to_cpu_64(frame->arg) & FRAME_HEARD;
		receiver->hello_due |= !!(rte_le_to_cpu_64(frame->arg) & FRAME_ANSWER);
		return;
	case FRAME_ACK:
	case FRAME_FIN_ACK:
		send_answered(sender, options, frame, now_ns);
		return;
	}
	/*
	 * Only a peer that has heard us sends more than HELLO. Whether its other flows reach us
	 * this one does not tell: a switch may not have seen all of its queues yet.
	 */
	receiver->was_heard = true;
	flow = flow_of(receiver, frame);
	if (!flow || !options->receive)
		return;
	if (frame->type == FRAME_DATA) {
		take_data(receiver, flow, frame, size, queue, now_ns);
	} else if (frame->type == FRAME_PROBE) {
		flow->probed = rte_le_to_cpu_64(frame->arg);
		flow->ack_due = true;
	} else {
		flow->expected = rte_le_to_cpu_64(frame->arg);
		flow->fin = true;
		flow->fin_ack_due = true;
		receiver->last_fin_ns = now_ns;
	}
}

static void check(struct receiver *receiver, struct sender *sender,
		  const struct options *options, const struct rte_mbuf *mbuf, unsigned int queue,
		  uint64_t now_ns)
{
	uint8_t copy[FRAME_SIZE_MAX] __rte_aligned(2);
	const struct frame *frame;

	if (mbuf->pkt_len < RTE_ETHER_HDR_LEN || mbuf->pkt_len > sizeof(copy)) {
		receiver->foreign++;
		return;
	}
	/* In place, unless the frame is spread over several buffers. */
	frame = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, copy);
	if (!frame || frame->ether.ether_type != RTE_BE16(FRAME_ETHER_TYPE) ||
	    !rte_is_same_ether_addr(&frame->ether.dst_addr, &options->own_mac) ||
	    !rte_is_same_ether_addr(&frame->ether.src_addr, &options->peer_mac))
		receiver->foreign++;
	else if (!frame_intact(frame, mbuf->pkt_len))
		receiver->corrupted++;
	else
		take(receiver, sender, options, frame, mbuf->pkt_len, queue, now_ns);
}

/* What the port does not accept now stays due. */
static void answer(struct receiver *receiver, const struct options *options)
{
	if (receiver->hello_due) {
		port_hello(options, receiver->heard ? FRAME_HEARD : 0);
		receiver->hello_due = false;
	}
	for (unsigned int i = 0; i < receiver->nb_flows; i++) {
		struct receive_flow *flow = &receiver->flows[i];

		if (flow->ack_due &&
		    port_control(options, FRAME_ACK, i, flow->next, flow->probed)) {
			flow->ack_due = false;
			flow->probed = 0;
		}
		if (flow->fin_ack_due && port_control(options, FRAME_FIN_ACK, i, 0, 0))
			flow->fin_ack_due = false;
	}
}

unsigned int receive_round(struct receiver *receiver, struct sender *sender,
			   const struct options *options)
{
	struct rte_mbuf *mbufs[PORT_BURST];
	unsigned int total = 0;

	for (uint16_t q = 0; q < options->queues; q++) {
		uint16_t n = rte_eth_rx_burst((uint16_t)options->port, q, mbufs, PORT_BURST);
		uint64_t now_ns = n ? frame_clock_ns() : 0;

		for (uint16_t i = 0; i < n; i++)
			check(receiver, sender, options, mbufs[i], q, now_ns);
		rte_pktmbuf_free_bulk(mbufs, n);
		total += n;
	}
	answer(receiver, options);
	return total;
}

bool receive_finished(const struct receiver *receiver)
{
	for (unsigned int i = 0; i < receiver->nb_flows; i++) {
		if (!receiver->flows[i].fin)
			return false;
	}
	return receiver->nb_flows > 0;
}

/* Before FIN only what is missing between frames that did arrive. */
uint64_t receive_lost(const struct receive_flow *flow)
{
	uint64_t expected = flow->fin ? flow->expected : flow->next;

	return expected > flow->received ? expected - flow->received : 0;
}

void receive_free(struct receiver *receiver)
{
	for (unsigned int i = 0; i < QUEUES_MAX; i++)
		free(receiver->flows[i].history);
}
