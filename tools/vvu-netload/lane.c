/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ether.h>

#include "job.h"

#define IMIX_LONGEST	1514u

/* Local addresses and the EtherType for experiments, as in frames of vvu-pkt. */
static const struct rte_ether_hdr header = {
	.dst_addr = { { 0x02, 0x76, 0x76, 0x75, 0x02, 0x01 } },
	.src_addr = { { 0x02, 0x76, 0x76, 0x75, 0x02, 0x02 } },
	.ether_type = RTE_BE16(0x88b5),
};

unsigned int lane_size(unsigned int size, uint64_t number)
{
	/* Mixed rather than in rows. */
	static const uint16_t imix[] = {
		64, 594, 64, 64, 594, 64, IMIX_LONGEST, 64, 594, 64, 594, 64,
	};

	return size ? size : imix[number % RTE_DIM(imix)];
}

struct rte_mbuf *lane_frame(unsigned int size)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(ports_pool), *last = mbuf;

	while (last) {
		uint16_t room = rte_pktmbuf_tailroom(last);

		last->data_len = (uint16_t)RTE_MIN(size, room);
		size -= last->data_len;
		mbuf->pkt_len += last->data_len;
		if (size == 0)
			return mbuf;
		last->next = rte_pktmbuf_alloc(ports_pool);
		last = last->next;
		mbuf->nb_segs++;
	}
	rte_pktmbuf_free(mbuf);
	return NULL;
}

uint16_t lane_fill(struct lane *lane, unsigned int size)
{
	uint16_t n = 0;

	lane->first = 0;
	if ((size ? size : IMIX_LONGEST) + RTE_PKTMBUF_HEADROOM <=
	    rte_pktmbuf_data_room_size(ports_pool)) {
		if (rte_pktmbuf_alloc_bulk(ports_pool, lane->mbuf, LANE_BURST))
			return 0;
		for (n = 0; n < LANE_BURST; n++) {
			uint16_t len = (uint16_t)lane_size(size, lane->built + n);

			lane->mbuf[n]->pkt_len = len;
			lane->mbuf[n]->data_len = len;
		}
	} else {
		while (n < LANE_BURST &&
		       (lane->mbuf[n] = lane_frame(lane_size(size, lane->built + n))))
			n++;
	}
	for (uint16_t i = 0; i < n; i++)
		*rte_pktmbuf_mtod(lane->mbuf[i], struct rte_ether_hdr *) = header;
	lane->built += n;
	lane->pending = n;
	return n;
}

uint16_t lane_send(struct lane *lane, uint64_t *now)
{
	uint64_t begun = rte_rdtsc();
	uint16_t sent = rte_eth_tx_burst(lane->port, 0, &lane->mbuf[lane->first], lane->pending);

	*now = rte_rdtsc();
	lane->first += sent;
	lane->pending -= sent;
	COUNT(tx_calls, 1);
	if (sent) {
		COUNT(tx_packets, sent);
		COUNT(tx_cycles, *now - begun);
	} else {
		COUNT(tx_full, 1);
	}
	return sent;
}

uint16_t lane_receive(struct lane *lane, struct rte_mbuf **mbuf, uint64_t *now)
{
	uint64_t begun = rte_rdtsc(), bytes = 0;
	uint16_t got = rte_eth_rx_burst(lane->port, 0, mbuf, LANE_BURST);

	*now = rte_rdtsc();
	COUNT(rx_calls, 1);
	if (got == 0) {
		COUNT(rx_empty, 1);
		return 0;
	}
	for (uint16_t i = 0; i < got; i++)
		bytes += mbuf[i]->pkt_len;
	COUNT(rx_packets, got);
	COUNT(rx_bytes, bytes);
	COUNT(rx_cycles, *now - begun);
	return got;
}

void lane_drop(struct lane *lane)
{
	rte_pktmbuf_free_bulk(&lane->mbuf[lane->first], lane->pending);
	lane->pending = 0;
}
