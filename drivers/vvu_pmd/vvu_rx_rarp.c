/* SPDX-License-Identifier: BSD-3-Clause */
#include <ethdev_driver.h>
#include <rte_arp.h>
#include <rte_mbuf.h>

#include "vvu_port.h"
#include "vvu_rx.h"

/*
 * SEND_RARP: announce the frontend's address to whoever is behind this port, on behalf of
 * a guest that cannot (vhost-user: VHOST_USER_SEND_RARP).
 */
uint16_t
vvu_rx_rarp(struct vvu_queue *q, struct rte_mbuf **pkts)
{
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;
	struct rte_mbuf *m;

	if (q->room < RTE_ETHER_MIN_LEN)
		return 0;
	m = rte_pktmbuf_alloc(q->pool);
	if (m == NULL) {
		q->stats.no_mbuf++;
		return 0;
	}
	/* Padded to what a wire would carry, without the frame check sequence. */
	m->data_len = RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN;
	m->pkt_len = m->data_len;
	m->port = q->port->port_id;
	eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	memset(eth, 0, m->data_len);
	memset(&eth->dst_addr, 0xff, RTE_ETHER_ADDR_LEN);
	memcpy(&eth->src_addr, q->rarp_mac, RTE_ETHER_ADDR_LEN);
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_RARP);
	arp = (struct rte_arp_hdr *)(eth + 1);
	arp->arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = RTE_ETHER_ADDR_LEN;
	arp->arp_plen = sizeof(rte_be32_t);
	arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REVREQUEST);
	memcpy(&arp->arp_data.arp_sha, q->rarp_mac, RTE_ETHER_ADDR_LEN);
	memcpy(&arp->arp_data.arp_tha, q->rarp_mac, RTE_ETHER_ADDR_LEN);
	q->rarp_due = false;
	q->stats.rarp++;
	pkts[0] = m;
	return 1;
}
