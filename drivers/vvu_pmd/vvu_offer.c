/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a port offers to frontends: what its options allow, and of the offloads only what the
 * application has asked ethdev for. A frontend that is offered none sends and gets complete
 * frames of one segment, as an application expects that has never heard of offloads.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "vvu_header.h"
#include "vvu_port.h"

#define RX_CHECKSUMS	(RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define TX_CHECKSUMS	(RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)

static bool
cuts_udp(const struct vvu_devargs *args)
{
	return args->csum && (args->ufo || args->uso);
}

uint64_t
vvu_port_rx_offloads(const struct vvu_devargs *args)
{
	uint64_t offloads = 0;

	if (args->csum)
		offloads |= RX_CHECKSUMS;
	if (args->csum && (args->tso || cuts_udp(args)))
		offloads |= RTE_ETH_RX_OFFLOAD_TCP_LRO;
	return offloads;
}

/* Checksums in every case: for a frontend that does not take open ones they are computed. */
uint64_t
vvu_port_tx_offloads(const struct vvu_devargs *args)
{
	uint64_t offloads = TX_CHECKSUMS;

	if (args->csum && args->tso)
		offloads |= RTE_ETH_TX_OFFLOAD_TCP_TSO;
	if (cuts_udp(args))
		offloads |= RTE_ETH_TX_OFFLOAD_UDP_TSO;
	return offloads;
}

/* What the frontend may leave to us (virtio 1.3, 5.1.3.1: all others need CSUM). */
static uint64_t
host_features(const struct vvu_devargs *args, uint64_t asked)
{
	uint64_t features = 0;

	if ((asked & (RX_CHECKSUMS | RTE_ETH_RX_OFFLOAD_TCP_LRO)) != 0)
		features |= VVU_F(VIRTIO_NET_F_CSUM);
	if ((asked & RTE_ETH_RX_OFFLOAD_TCP_LRO) == 0)
		return features;
	if (args->tso)
		features |= VVU_F(VIRTIO_NET_F_HOST_TSO4) | VVU_F(VIRTIO_NET_F_HOST_TSO6) |
			    VVU_F(VIRTIO_NET_F_HOST_ECN);
	if (args->ufo)
		features |= VVU_F(VIRTIO_NET_F_HOST_UFO);
	if (args->uso)
		features |= VVU_F(VVU_NET_F_HOST_USO);
	return features;
}

/* What we may leave to the frontend. */
static uint64_t
guest_features(const struct vvu_devargs *args, uint64_t asked)
{
	uint64_t features = 0;

	if ((asked & (TX_CHECKSUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_UDP_TSO)) != 0)
		features |= VVU_F(VIRTIO_NET_F_GUEST_CSUM);
	if ((asked & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0)
		features |= VVU_F(VIRTIO_NET_F_GUEST_TSO4) | VVU_F(VIRTIO_NET_F_GUEST_TSO6) |
			    VVU_F(VIRTIO_NET_F_GUEST_ECN);
	if ((asked & RTE_ETH_TX_OFFLOAD_UDP_TSO) == 0)
		return features;
	if (args->ufo)
		features |= VVU_F(VIRTIO_NET_F_GUEST_UFO);
	if (args->uso)
		features |= VVU_F(VVU_NET_F_GUEST_USO4) | VVU_F(VVU_NET_F_GUEST_USO6);
	return features;
}

uint64_t
vvu_port_features(const struct vvu_port *port)
{
	const struct rte_eth_conf *conf = &port->dev->data->dev_conf;
	const struct vvu_devargs *args = &port->args;
	/*
	 * The control queue stays with the frontend's VMM (vhost-user: rings of it are not
	 * passed on); VMMs offer it to the guest only when the back-end does not mind.
	 */
	uint64_t features = VVU_F(VIRTIO_NET_F_CTRL_VQ) | VVU_F(VIRTIO_NET_F_CTRL_RX) |
			    VVU_F(VIRTIO_NET_F_GUEST_ANNOUNCE);

	if (args->queues > 1)
		features |= VVU_F(VIRTIO_NET_F_MQ);
	if (args->mrg_rxbuf)
		features |= VVU_F(VIRTIO_NET_F_MRG_RXBUF);
	if (args->indirect)
		features |= VVU_F(VIRTIO_RING_F_INDIRECT_DESC);
	if (args->event_idx)
		features |= VVU_F(VIRTIO_RING_F_EVENT_IDX);
	/*
	 * Both directions take and give back strictly in the order of the available ring, but
	 * for a frame that the application holds.
	 */
	if (args->in_order && !args->zero_copy)
		features |= VVU_F(VIRTIO_F_IN_ORDER);
	if (args->mtu != 0)
		features |= VVU_F(VIRTIO_NET_F_MTU);
	if (args->speed_mbps != 0)
		features |= VVU_F(VIRTIO_NET_F_SPEED_DUPLEX);
	if (args->csum)
		features |= host_features(args, conf->rxmode.offloads) |
			    guest_features(args, conf->txmode.offloads);
	return features;
}
