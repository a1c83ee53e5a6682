/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports on PCI functions: -a BDF */
#include <errno.h>

#include <bus_pci_driver.h>
#include <ethdev_driver.h>
#include <ethdev_pci.h>
#include <rte_dev.h>
#include <rte_pause.h>

#include "vvu-device/layout.h"

#include "vvu_control.h"
#include "vvu_log.h"
#include "vvu_port.h"

/*
 * In EAL's interrupt thread: vfio-pci wants its function back, and asks until it has it. The
 * bus hands that on by itself; what the kernel says of functions with other drivers, only
 * where the application has started EAL's event monitor.
 */
static void
device_event(const char *name, enum rte_dev_event_type event, void *arg)
{
	struct vvu_port *port = arg;

	RTE_SET_USED(name);
	if (event != RTE_DEV_EVENT_REMOVE)
		return;
	__atomic_store_n(&port->removal_asked, true, __ATOMIC_RELEASE);
	vvu_control_events_due(port);
}

static int
watch(struct vvu_port *port)
{
	int ret = rte_dev_event_callback_register(port->pci->device.name, device_event, port);

	if (ret != 0)
		VVU_PMD_LOG(ERR, "%s: no watch for its removal: %s", port->name,
			    rte_strerror(-ret));
	else if (port->pci->kdrv == RTE_PCI_KDRV_VFIO)
		port->dev->data->dev_flags |= RTE_ETH_DEV_INTR_RMV;
	return ret;
}

void
vvu_pci_unwatch(struct vvu_port *port)
{
	/* Refused while the callback runs, which calls nobody that waits. */
	while (rte_dev_event_callback_unregister(port->pci->device.name, device_event, port) ==
	       -EAGAIN)
		rte_pause();
}

static int
pci_init(struct rte_eth_dev *dev)
{
	struct rte_pci_device *pci = RTE_ETH_DEV_TO_PCI(dev);
	const struct rte_devargs *devargs = pci->device.devargs;
	struct vhu_reason reason = { .text = "" };
	struct vvu_devargs args;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		VVU_PMD_LOG(ERR, "%s: a port cannot be used by a secondary process", pci->name);
		return -ENOTSUP;
	}
	ret = vvu_devargs_parse(devargs == NULL ? NULL : devargs->args, VVU_DEVARGS_PCI, &args,
				&reason);
	if (ret != 0) {
		VVU_PMD_LOG(ERR, "%s: %s", pci->name, reason.text);
		return ret;
	}
	ret = vvu_port_create(dev, &args, pci);
	if (ret != 0)
		return ret;
	ret = watch(dev->data->dev_private);
	if (ret != 0)
		vvu_port_destroy(dev->data->dev_private);
	return ret;
}

static int
pci_uninit(struct rte_eth_dev *dev)
{
	if (dev->data->dev_started)
		rte_eth_dev_stop(dev->data->port_id);
	vvu_port_destroy(dev->data->dev_private);
	return 0;
}

static int
pci_probe(struct rte_pci_driver *driver, struct rte_pci_device *pci)
{
	int ret;

	RTE_SET_USED(driver);
	ret = rte_eth_dev_pci_generic_probe(pci, sizeof(struct vvu_port), pci_init);
	/* An id that others use for something else: to the PCI bus, not ours is positive. */
	return ret == -ENODEV ? 1 : ret;
}

static int
pci_remove(struct rte_pci_device *pci)
{
	int ret = rte_eth_dev_pci_generic_remove(pci, pci_uninit);

	/* Closed by the application already. */
	return ret == -ENODEV ? 0 : ret;
}

/* The id of the draft, and those that other implementations of the device have used. */
static const struct rte_pci_id ids[] = {
	{ RTE_PCI_DEVICE(VVU_PCI_VENDOR, VVU_PCI_DEVICE(43)) },
	{ RTE_PCI_DEVICE(VVU_PCI_VENDOR, VVU_PCI_DEVICE(24)) },
	{ RTE_PCI_DEVICE(VVU_PCI_VENDOR, VVU_PCI_DEVICE(53)) },
	{ RTE_PCI_DEVICE(VVU_PCI_VENDOR, VVU_PCI_DEVICE(61)) },
	{ .vendor_id = 0 },
};

/* Only a function bound to a user-space driver: one with a kernel driver is left alone. */
static struct rte_pci_driver driver = {
	.id_table = ids,
	.drv_flags = RTE_PCI_DRV_NEED_MAPPING | RTE_PCI_DRV_INTR_LSC,
	.probe = pci_probe,
	.remove = pci_remove,
};

RTE_PMD_REGISTER_PCI(net_vvu, driver);
RTE_PMD_REGISTER_PCI_TABLE(net_vvu, ids);
RTE_PMD_REGISTER_KMOD_DEP(net_vvu, "* vfio-pci | uio_pci_generic");
RTE_PMD_REGISTER_PARAM_STRING(net_vvu, VVU_DEVARGS_HELP_PCI);
