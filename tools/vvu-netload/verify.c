/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_cycles.h>

#include "vvu-pkt/frame.h"
#include "job.h"
#include "json_out.h"
#include "verify.h"

#define SEED	1

struct verify verify;

void verify_clear(void)
{
	memset(&verify, 0, sizeof(verify));
}

/* The form in one piece is a copy: where the frame is it may be in several. */
static union {
	struct frame frame;
	uint8_t bytes[FRAME_SIZE_MAX];
} whole;

static const struct rte_ether_hdr addresses = {
	.dst_addr = { { 0x02, 0x76, 0x76, 0x75, 0x02, 0x03 } },
	.src_addr = { { 0x02, 0x76, 0x76, 0x75, 0x02, 0x04 } },
	.ether_type = RTE_BE16(FRAME_ETHER_TYPE),
};

static struct rte_mbuf *build(const struct lane *lane, unsigned int size)
{
	struct rte_mbuf *mbuf = lane_frame(size);
	unsigned int at = 0;

	if (!mbuf)
		return NULL;
	whole.frame = (struct frame){
		.ether = addresses,
		.type = FRAME_DATA,
		.flow = rte_cpu_to_le_16(lane->port),
		.seq = rte_cpu_to_le_64(lane->built),
	};
	frame_finish(&whole.frame, size, SEED);
	for (struct rte_mbuf *piece = mbuf; piece; at += piece->data_len, piece = piece->next)
		memcpy(rte_pktmbuf_mtod(piece, void *), whole.bytes + at, piece->data_len);
	return mbuf;
}

static void fill(struct job *job, struct lane *lane)
{
	lane->first = 0;
	while (lane->pending < LANE_BURST && lane->built < job->count) {
		lane->mbuf[lane->pending] = build(lane, lane_size(job->size, lane->built));
		if (!lane->mbuf[lane->pending])
			break;
		lane->pending++;
		lane->built++;
	}
}

static void account(struct verify_flow *flow, uint64_t number, uint16_t port)
{
	uint64_t bit = UINT64_C(1) << (number % 64), *word = &flow->seen[number / 64];

	if (*word & bit) {
		flow->duplicated++;
		return;
	}
	*word |= bit;
	flow->by_port[port]++;
	if (number < flow->next)
		flow->reordered++;
	else
		flow->next = number + 1;
	__atomic_store_n(&flow->received, flow->received + 1, __ATOMIC_RELAXED);
}

static void check(const struct rte_mbuf *mbuf, uint16_t port)
{
	const struct frame *frame;

	/* Longer than any is not one of ours, and the copy has no room for it. */
	frame = mbuf->pkt_len <= sizeof(whole) ?
		rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, whole.bytes) : NULL;
	if (!frame || !frame_intact(frame, mbuf->pkt_len) || frame->type != FRAME_DATA ||
	    memcmp(&frame->ether, &addresses, sizeof(addresses)) != 0 ||
	    rte_le_to_cpu_16(frame->flow) >= PORTS_MAX ||
	    rte_le_to_cpu_64(frame->seq) >= VERIFY_MAX) {
		verify.corrupted++;
		return;
	}
	account(&verify.flow[rte_le_to_cpu_16(frame->flow)], rte_le_to_cpu_64(frame->seq), port);
}

void verify_exchange(struct job *job)
{
	bool send = job->mode != JOB_RECEIVE_CHECKED, receive = job->mode != JOB_SEND_CHECKED;
	struct rte_mbuf *mbuf[LANE_BURST];
	uint64_t now;

	while (!job_stopped()) {
		for (unsigned int i = 0; i < job->lanes; i++) {
			struct lane *lane = &job->lane[i];
			uint16_t got = receive ? lane_receive(lane, mbuf, &now) : 0;

			for (uint16_t k = 0; k < got; k++)
				check(mbuf[k], lane->port);
			rte_pktmbuf_free_bulk(mbuf, got);
			if (send && !lane->pending)
				fill(job, lane);
			if (lane->pending)
				verify.sent[lane->port] += lane_send(lane, &now);
		}
	}
}

static void print_flow(unsigned int i)
{
	const struct verify_flow *flow = &verify.flow[i];

	json_open(NULL, '{');
	json_u64("flow", i);
	json_u64("sent", verify.sent[i]);
	json_u64("received", flow->received);
	json_u64("next", flow->next);
	json_u64("duplicated", flow->duplicated);
	json_u64("reordered", flow->reordered);
	json_open("ports", '[');
	for (unsigned int port = 0; port < PORTS_MAX; port++) {
		if (flow->by_port[port])
			json_u64(NULL, port);
	}
	json_close();
	json_close();
}

void verify_print(void)
{
	json_u64("corrupted", verify.corrupted);
	json_open("flows", '[');
	for (unsigned int i = 0; i < PORTS_MAX; i++) {
		if (verify.sent[i] || verify.flow[i].received)
			print_flow(i);
	}
	json_close();
}
