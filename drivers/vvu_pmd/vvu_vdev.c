/* SPDX-License-Identifier: BSD-3-Clause */
/* Ports on the embedded device: --vdev net_vvu0,socket=PATH */
#include <errno.h>

#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <ethdev_vdev.h>

#include "vvu_log.h"
#include "vvu_port.h"

RTE_LOG_REGISTER(vvu_pmd_logtype, pmd.net.vvu, NOTICE);

static int
vdev_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct vhu_reason reason = { .text = "" };
	struct vvu_devargs args;
	struct rte_eth_dev *dev;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		VVU_PMD_LOG(ERR, "%s: a port cannot be used by a secondary process", name);
		return -ENOTSUP;
	}
	ret = vvu_devargs_parse(rte_vdev_device_args(vdev), VVU_DEVARGS_VDEV, &args, &reason);
	if (ret != 0) {
		VVU_PMD_LOG(ERR, "%s: %s", name, reason.text);
		return ret;
	}
	if (vdev->device.numa_node == SOCKET_ID_ANY)
		vdev->device.numa_node = rte_socket_id();
	dev = rte_eth_vdev_allocate(vdev, sizeof(struct vvu_port));
	if (dev == NULL) {
		VVU_PMD_LOG(ERR, "%s: no port or no memory left", name);
		return -ENOMEM;
	}
	ret = vvu_port_create(dev, &args, NULL);
	if (ret != 0) {
		rte_eth_dev_release_port(dev);
		return ret;
	}
	rte_eth_dev_probing_finish(dev);
	return 0;
}

static int
vdev_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	/* Closed by the application already. */
	if (dev == NULL)
		return 0;
	if (dev->data->dev_started)
		rte_eth_dev_stop(dev->data->port_id);
	return rte_eth_dev_close(dev->data->port_id);
}

static struct rte_vdev_driver driver = {
	.probe = vdev_probe,
	.remove = vdev_remove,
};

RTE_PMD_REGISTER_VDEV(net_vvu, driver);
RTE_PMD_REGISTER_PARAM_STRING(net_vvu, VVU_DEVARGS_HELP_VDEV);
