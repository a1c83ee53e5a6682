/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which lines of DPDK's feature matrix a driver has, as far as it can be asked: by the table of
 * its operations, its flags and the capabilities it tells. The meaning of each line is in DPDK's
 * doc/guides/nics/features.rst.
 */
#include <stdio.h>

#include <ethdev_driver.h>

#include "pmd-exerciser.h"

#define ALL_OF(capa, wanted) (((capa) & (wanted)) == (wanted))

static void
line(const char *name, bool has)
{
	printf("; %s = %c", name, has ? 'Y' : 'N');
}

static void
operations(uint16_t port)
{
	const struct rte_eth_dev *dev = &rte_eth_devices[port];
	const struct eth_dev_ops *ops = dev->dev_ops;
	uint64_t id;
	uint32_t flags = dev->data->dev_flags;

	line("Link status", ops->link_update != NULL);
	line("Link status event", (flags & RTE_ETH_DEV_INTR_LSC) != 0);
	line("Removal event", (flags & RTE_ETH_DEV_INTR_RMV) != 0);
	line("Rx interrupt", ops->rx_queue_intr_enable != NULL &&
	     ops->rx_queue_intr_disable != NULL);
	line("Free Tx mbuf on demand", ops->tx_done_cleanup != NULL);
	line("Queue start/stop", ops->rx_queue_start != NULL && ops->rx_queue_stop != NULL &&
	     ops->tx_queue_start != NULL && ops->tx_queue_stop != NULL);
	line("Burst mode info", ops->rx_burst_mode_get != NULL && ops->tx_burst_mode_get != NULL);
	line("Power mgmt address monitor", ops->get_monitor_addr != NULL);
	line("MTU update", ops->mtu_set != NULL);
	line("Unicast MAC filter", ops->mac_addr_add != NULL);
	line("Multicast MAC filter", ops->set_mc_addr_list != NULL);
	line("RSS hash", ops->rss_hash_update != NULL);
	line("RSS reta update", ops->reta_update != NULL);
	line("VLAN filter", ops->vlan_filter_set != NULL);
	line("Flow control", ops->flow_ctrl_set != NULL);
	line("Packet type parsing", ops->dev_supported_ptypes_get != NULL);
	line("Rx descriptor status", dev->rx_descriptor_status != NULL);
	line("Tx descriptor status", dev->tx_descriptor_status != NULL);
	line("Basic stats", ops->stats_get != NULL && ops->stats_reset != NULL);
	line("Extended stats", ops->xstats_get != NULL && ops->xstats_get_names != NULL);
	line("Stats per queue",
	     rte_eth_xstats_get_id_by_name(port, "rx_q0_packets", &id) == 0 &&
	     rte_eth_xstats_get_id_by_name(port, "tx_q0_packets", &id) == 0);
	line("FW version", ops->fw_version_get != NULL);
	line("EEPROM dump", ops->get_eeprom != NULL);
	line("Module EEPROM dump", ops->get_module_eeprom != NULL);
	line("Registers dump", ops->get_reg != NULL);
	line("LED", ops->dev_led_on != NULL);
}

static void
offloads(const struct rte_eth_dev_info *info)
{
	uint64_t rx = info->rx_offload_capa, tx = info->tx_offload_capa;

	line("Runtime Rx queue setup",
	     (info->dev_capa & RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP) != 0);
	line("Runtime Tx queue setup",
	     (info->dev_capa & RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP) != 0);
	line("Fast mbuf free", (tx & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0);
	line("Scattered Rx", (rx & RTE_ETH_RX_OFFLOAD_SCATTER) != 0);
	line("Buffer split on Rx", (rx & RTE_ETH_RX_OFFLOAD_BUFFER_SPLIT) != 0);
	line("LRO", (rx & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0);
	line("TSO", (tx & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0);
	line("L3 checksum offload", ALL_OF(rx, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) &&
	     ALL_OF(tx, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM));
	line("L4 checksum offload",
	     ALL_OF(rx, RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM) &&
	     ALL_OF(tx, RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM));
	line("VLAN offload", (rx & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0 &&
	     (tx & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) != 0);
	line("QinQ offload", (tx & RTE_ETH_TX_OFFLOAD_QINQ_INSERT) != 0);
	line("MACsec offload", (tx & RTE_ETH_TX_OFFLOAD_MACSEC_INSERT) != 0);
	line("Timestamp offload", (rx & RTE_ETH_RX_OFFLOAD_TIMESTAMP) != 0);
	line("Inline crypto", (tx & RTE_ETH_TX_OFFLOAD_SECURITY) != 0);
	line("Lock-free Tx queue", (tx & RTE_ETH_TX_OFFLOAD_MT_LOCKFREE) != 0);
}

/* features PORT: "ok ; LINE = Y ; LINE = N ..." */
static int
do_features(const unsigned long *arg)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get((uint16_t)arg[0], &info);

	if (ret != 0)
		return ret;
	printf("ok ");
	operations((uint16_t)arg[0]);
	offloads(&info);
	printf("\n");
	return 0;
}

const struct command feature_commands[] = {
	{ "features", 1, do_features },
	{ NULL, 0, NULL },
};
