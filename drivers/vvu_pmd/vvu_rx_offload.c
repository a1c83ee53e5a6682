/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_ethdev.h>

#include "vvu_header.h"
#include "vvu_rx.h"

static void
strip_vlan(struct rte_mbuf *m)
{
	if (m->data_len < RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN || rte_vlan_strip(m) != 0)
		return;
	if (m->l2_len != 0)
		m->l2_len -= RTE_VLAN_HLEN;
}

int
vvu_rx_offload(struct vvu_queue *q, const struct virtio_net_hdr_v1 *header, struct rte_mbuf *m)
{
	int ret = 0;

	m->tx_offload = 0;
	if ((header->flags | header->gso_type) != 0)
		ret = vvu_header_receive(header, q->ring->features, q->offloads, m);
	if (ret == -EMSGSIZE)
		q->stats.no_lro++;
	else if (ret != 0)
		q->stats.bad_header++;
	else if ((q->offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0)
		strip_vlan(m);
	return ret;
}
