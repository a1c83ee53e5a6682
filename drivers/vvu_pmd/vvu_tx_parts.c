/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copy a packet into several buffers of the frontend (VIRTIO_NET_F_MRG_RXBUF), or out of several
 * mbufs. For rings of either format, whose variants have found plain buffers for it.
 */
#include "vvu_tx.h"

void
vvu_tx_fill_parts(struct vvu_queue *q, const struct rte_mbuf *m, const struct vvu_tx_parts *parts)
{
	uint8_t *to = parts->at[0] + VVU_NET_HEADER;
	uint32_t room = parts->len[0] - VVU_NET_HEADER;
	const uint8_t *from = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t data = m->data_len, left = m->pkt_len, len;
	uint16_t i = 0;

	q->stats.packets++;
	q->stats.bytes += left;
	while (left > 0) {
		if (room == 0) {
			i++;
			to = parts->at[i];
			room = parts->len[i];
			continue;
		}
		if (data == 0) {
			m = m->next;
			from = rte_pktmbuf_mtod(m, const uint8_t *);
			data = m->data_len;
			continue;
		}
		len = RTE_MIN(room, data);
		vvu_copy(to, from, len, q->uncached);
		to += len;
		room -= len;
		from += len;
		data -= len;
		left -= len;
	}
	vvu_tx_header_renew(parts->at[0], parts->num);
}
