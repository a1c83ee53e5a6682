/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is 256 bytes of PCI configuration space and a few BAR sizes; the capability
 * walk must end, and what it accepts must lie inside its BAR.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vhost-relay/virtio/virtio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct cfg_bus {
	struct vhr_bus bus;
	uint8_t space[256];
	uint64_t bar[6];
};

static int cfg_read(struct vhr_bus *bus, uint32_t offset, void *buf, size_t len)
{
	struct cfg_bus *cfg = (struct cfg_bus *)bus;

	if (offset > sizeof(cfg->space) || len > sizeof(cfg->space) - offset)
		return -EINVAL;
	memcpy(buf, cfg->space + offset, len);
	return 0;
}

static uint64_t bar_size(struct vhr_bus *bus, unsigned int bar)
{
	if (bar > 5)
		abort();
	return ((struct cfg_bus *)bus)->bar[bar];
}

static const struct vhr_bus_ops cfg_ops = { .cfg_read = cfg_read, .bar_size = bar_size };

static void check(struct cfg_bus *cfg, const struct vhr_cap *cap)
{
	if (!cap->present)
		return;
	if (cap->bar > 5 || cap->length == 0 || cap->offset > cfg->bar[cap->bar] ||
	    cap->length > cfg->bar[cap->bar] - cap->offset)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cfg_bus cfg = { .bus = { .ops = &cfg_ops, .name = "fuzz" } };
	struct vhr_pci_caps caps;
	struct vhu_reason reason;

	if (size < 12)
		return 0;
	for (unsigned int i = 0; i < 6; i++)
		cfg.bar[i] = data[2 * i] % 2 ? 1ull << (12 + data[2 * i + 1] % 40) : 0;
	size -= 12;
	memcpy(cfg.space, data + 12, size < sizeof(cfg.space) ? size : sizeof(cfg.space));
	(void)vhr_pci_caps_read(&cfg.bus, &caps, &reason);
	check(&cfg, &caps.common);
	check(&cfg, &caps.notify);
	check(&cfg, &caps.isr);
	check(&cfg, &caps.device);
	check(&cfg, &caps.doorbell);
	check(&cfg, &caps.kick_vector);
	for (unsigned int i = 0; i < VHR_MAX_SHM; i++)
		check(&cfg, &caps.shm[i]);
	return 0;
}
